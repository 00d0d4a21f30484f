# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs put into /run/netns: further names of a namespace, and files that are not namespaces.

A namespace is its device and inode, not its name: `ip netns attach`, Docker and symbolic links give it further ones.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge
from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, RESOLVERS, Host

MARK = {"owner": "lab", "prune": True}
STEPS: list[dict[str, Any]] = [
    {"module": "netns", "options": {"namespaces": [{"name": "red"}, {"name": "blue"}], **MARK}},
    {
        "module": "veth",
        "options": {
            "pairs": [
                {
                    "name": "eth0",
                    "namespace": "red",
                    "addresses": ["192.0.2.1/24"],
                    "peer": {"name": "eth0", "namespace": "blue", "addresses": ["192.0.2.2/24"]},
                },
                {"name": "eth1", "namespace": "red", "addresses": ["10.1.0.1/24"], "peer": {"name": "red1"}},
            ],
            **MARK,
        },
    },
    {"module": "link", "options": {"links": [{"name": "lo", "namespace": "red", "enabled": True}], **MARK}},
    {"module": "nat_masquerade", "options": {"rules": [{"source": "10.1.0.0/24"}], **MARK}},
]
EMPTY: list[dict[str, Any]] = [
    {"module": step["module"], "options": {next(iter(step["options"])): [], **MARK}} for step in reversed(STEPS)
]


@pytest.fixture(name="lab")
def fixture_lab(host: Host, run_module: Run) -> Host:
    assert run_module("sequence", steps=STEPS).changed
    assert host.pings("192.0.2.2", "red")
    return host


def attach_host(host: Host, name: str) -> None:
    (NAMESPACES / name).touch()
    host.run("mount", "--bind", "/proc/self/ns/net", str(NAMESPACES / name))


def link_host(_host: Host, name: str) -> None:
    (NAMESPACES / name).symlink_to("/proc/self/ns/net")


def attach_red(host: Host, name: str) -> None:
    (NAMESPACES / name).touch()
    host.run("mount", "--bind", str(NAMESPACES / "red"), str(NAMESPACES / name))


def link_red(_host: Host, name: str) -> None:
    (NAMESPACES / name).symlink_to(NAMESPACES / "red")


def dangling_link(_host: Host, name: str) -> None:
    (NAMESPACES / name).symlink_to("/nowhere/at/all")


def loop_of_links(_host: Host, name: str) -> None:
    (NAMESPACES / name).symlink_to(name)


def named_pipe(_host: Host, name: str) -> None:
    os.mkfifo(NAMESPACES / name)


def unix_socket(_host: Host, name: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(NAMESPACES / name))


def directory(_host: Host, name: str) -> None:
    (NAMESPACES / name).mkdir()


FURTHER_NAMES = [attach_host, link_host, attach_red, link_red]
NOT_NAMESPACES = [dangling_link, loop_of_links, named_pipe, unix_socket, directory]


@pytest.mark.parametrize("name", ["alias", "zebra"])
@pytest.mark.parametrize("put", [*FURTHER_NAMES, *NOT_NAMESPACES], ids=lambda put: put.__name__)
def test_what_is_not_declared_is_ignored(
    lab: Host, run_module: Run, put: Callable[[Host, str], None], name: str
) -> None:
    put(lab, name)
    before = snapshot.take()
    for check in (True, False):
        result = run_module("sequence", steps=STEPS, _check=check)
        assert (result.failed, result.changed, result.warnings) == (False, False, []), result.message
    snapshot.assert_unchanged(before)
    assert lab.pings("192.0.2.2", "red")
    namespaces = run_module("topology_info").returned["namespaces"]
    named = sorted(found["name"] for found in namespaces if found.get("name") and not found.get("stale"))
    assert named == ["blue", "red"], "each namespace is reported once"

    removed = run_module("sequence", steps=EMPTY)
    assert not removed.failed, removed.message
    assert os.path.lexists(NAMESPACES / name)
    assert not (NAMESPACES / "red").exists()


@pytest.mark.parametrize("put", [attach_host, link_host], ids=lambda put: put.__name__)
@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("netns", {"name": "default"}),
        ("veth", {"name": "a", "namespace": "default", "peer": {"name": "b"}}),
        ("link", {"name": "lo", "namespace": "default", "enabled": True}),
        ("route", {"namespace": "default", "destination": "198.51.100.0/24", "device": "lo"}),
        ("nat_masquerade", {"source": "10.1.0.0/24", "namespace": "default"}),
    ],
)
def test_the_hosts_own_namespace_is_not_used_by_a_name(
    host: Host, run_module: Run, put: Callable[[Host, str], None], module: str, options: dict[str, Any]
) -> None:
    NAMESPACES.mkdir(exist_ok=True)
    put(host, "default")
    before = snapshot.take()
    for check in (True, False):
        result = run_module(module, _check=check, **options)
        assert result.failed
        assert "default is a name of the host's own network namespace; choose another name" in result.message
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("put", FURTHER_NAMES, ids=lambda put: put.__name__)
def test_a_further_name_is_not_removed(lab: Host, run_module: Run, put: Callable[[Host, str], None]) -> None:
    put(lab, "alias")
    before = snapshot.take()
    result = run_module("netns", name="alias", state="absent")
    assert not result.changed
    assert "left alone" in result.warnings[0]
    snapshot.assert_unchanged(before)


def test_a_removed_namespace_that_has_another_name_has_no_owner_there(lab: Host, run_module: Run) -> None:
    """The next run would take it for its own, and remove the name that somebody else has given."""
    attach_red(lab, "alias")
    assert run_module("sequence", steps=EMPTY).changed
    again = run_module("sequence", steps=EMPTY)
    assert (again.failed, again.changed) == (False, False)
    assert lab.namespaces() == ["alias"]
    assert "ifalias" not in lab.links("alias")["lo"]


def test_a_declared_name_comes_before_others_of_its_namespace(lab: Host, run_module: Run) -> None:
    attach_red(lab, "alias")
    (NAMESPACES / "another").symlink_to(NAMESPACES / "red")
    result = run_module("netns", namespaces=[{"name": "red"}, {"name": "blue"}], **MARK)
    assert not result.changed
    both = run_module("netns", namespaces=[{"name": "alias"}, {"name": "red"}, {"name": "blue"}])
    assert both.failed
    assert "red is another name of the namespace alias" in both.message


@pytest.mark.parametrize("put", [dangling_link, loop_of_links, named_pipe, unix_socket], ids=lambda put: put.__name__)
def test_a_file_in_the_place_of_a_declared_namespace_is_replaced(
    host: Host, run_module: Run, put: Callable[[Host, str], None]
) -> None:
    NAMESPACES.mkdir(exist_ok=True)
    put(host, "red")
    assert converge(host, run_module, "netns", name="red").changed
    assert host.pings("127.0.0.1", "red")
    converge(host, run_module, "netns", name="red", state="absent")
    put(host, "red")
    converge(host, run_module, "netns", name="red", state="absent")
    assert not os.path.lexists(NAMESPACES / "red")


def test_a_directory_in_the_place_of_a_declared_namespace_is_refused(host: Host, run_module: Run) -> None:
    NAMESPACES.mkdir(exist_ok=True)
    directory(host, "red")
    for state in ("present", "absent"):
        for check in (True, False):
            result = run_module("netns", name="red", state=state, _check=check)
            assert result.failed
            assert "name: /run/netns/red is a directory; remove it (`rmdir /run/netns/red`)" in result.message
    assert (NAMESPACES / "red").is_dir()


@pytest.mark.parametrize("put", [dangling_link, loop_of_links, named_pipe], ids=lambda put: put.__name__)
def test_a_replaced_file_is_restored_by_a_rollback(
    host: Host, run_module: Run, put: Callable[[Host, str], None]
) -> None:
    NAMESPACES.mkdir(exist_ok=True)
    put(host, "red")
    (RESOLVERS / "red").write_text("not a directory", encoding="ascii")
    before = snapshot.take()
    result = run_module("netns", name="red", nameservers=["192.0.2.53"])
    assert result.failed
    assert result.message.endswith("the host is unchanged.")
    snapshot.assert_unchanged(before)

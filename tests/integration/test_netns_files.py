# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in namespaces: the file of hosts and the name service switch, as getent(1) sees them inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste
from ansible_collections.netns.fabric.tests.helpers.host import RESOLVERS, Host

HOSTS, NSSWITCH = Path("/etc/hosts"), Path("/etc/nsswitch.conf")
FOREIGN = "127.0.0.1 localhost\n192.0.2.9 printer\n"
BOTH = [{"name": "red"}, {"name": "blue"}]


@pytest.fixture(autouse=True)
def files_of_the_host(host: Host) -> Iterator[None]:  # which has an /etc of its own
    """Give the host files that every Debian has, and restore them."""
    saved = {path: path.read_bytes() if path.exists() else None for path in (HOSTS, NSSWITCH)}
    HOSTS.write_text("127.0.0.1 localhost\n127.0.1.1 box\n", encoding="ascii")
    NSSWITCH.write_text("hosts: files dns\n", encoding="ascii")
    yield
    for path, content in saved.items():
        path.unlink()
        if content is not None:
            path.write_bytes(content)


def nothing() -> None:
    """The host as it is when it has just been started."""


def resolve(host: Host, namespace: str, name: str) -> list[str]:
    """Return the addresses that programs in a namespace find for a name."""
    done = host.in_namespace(namespace, "getent", "ahosts", name, check=False)
    return list(dict.fromkeys(line.split()[0] for line in done.stdout.splitlines()))


def test_namespaces_find_each_other_and_what_the_host_knows(host: Host, run_module: Run) -> None:
    names = {"red": "10.1.0.1", "blue": ["10.1.0.2", "fd00::2"]}
    converge_and_paste(host, run_module, nothing, "netns", namespaces=BOTH, hosts=names, owner="lab")
    for namespace in ("red", "blue"):
        assert resolve(host, namespace, "red") == ["10.1.0.1"]
        assert sorted(resolve(host, namespace, "blue")) == ["10.1.0.2", "fd00::2"]
        assert resolve(host, namespace, "box") == ["127.0.1.1"]
    assert not (RESOLVERS / "red" / "nsswitch.conf").exists()
    # Exactly the names that are given, with the present lines of the host.
    HOSTS.write_text("127.0.0.1 localhost\n127.0.1.1 renamed\n", encoding="ascii")
    converge(host, run_module, "netns", namespaces=BOTH, hosts={"blue": "10.1.0.3"}, owner="lab")
    assert resolve(host, "red", "red") == []
    assert resolve(host, "red", "blue") == ["10.1.0.3"]
    assert resolve(host, "red", "renamed") == ["127.0.1.1"]
    converge(host, run_module, "netns", namespaces=BOTH, hosts={}, owner="lab")
    assert list(RESOLVERS.iterdir()) == []


def test_omitted_leaves_the_names(host: Host, run_module: Run) -> None:
    run_module("netns", name="red", hosts={"red": "10.1.0.1"})
    assert not run_module("netns", name="red").changed
    assert resolve(host, "red", "red") == ["10.1.0.1"]


def test_a_file_of_somebody_else_keeps_its_lines(host: Host, run_module: Run) -> None:
    path = RESOLVERS / "red" / "hosts"

    def prepare() -> None:
        path.parent.mkdir(parents=True)
        path.write_text(FOREIGN, encoding="ascii")

    converge_and_paste(host, run_module, prepare, "netns", name="red", hosts={"red": "10.1.0.1"}, owner="lab")
    assert resolve(host, "red", "printer") == ["192.0.2.9"]
    assert resolve(host, "red", "red") == ["10.1.0.1"]
    assert resolve(host, "red", "box") == []
    # Another owner has a block of its own.
    converge(host, run_module, "netns", name="red", hosts={"two": "10.1.0.7"}, owner="other")
    converge(host, run_module, "netns", name="red", hosts={}, owner="lab")
    assert resolve(host, "red", "two") == ["10.1.0.7"]
    assert resolve(host, "red", "red") == []
    converge(host, run_module, "netns", name="red", hosts={}, owner="other")
    assert path.read_text(encoding="ascii") == FOREIGN


def test_who_gives_up_a_namespace_takes_the_names_along(host: Host, run_module: Run) -> None:
    for owner in ("lab", "two"):
        run_module("netns", namespaces=[{"name": "red"}], hosts={owner: "10.1.0.1"}, owner=owner)
    converge(host, run_module, "netns", namespaces=[], owner="lab", prune=True)
    assert resolve(host, "red", "lab") == []
    assert resolve(host, "red", "two") == ["10.1.0.1"]


def test_a_namespace_of_somebody_else_keeps_no_names_of_the_owner(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        host.run("ip", "netns", "add", "red")
        host.run("ip", "-n", "red", "link", "add", "br0", "type", "bridge")
        run_module("netns", name="red", hosts={"red": "10.1.0.1"}, owner="lab")

    converge_and_paste(host, run_module, prepare, "netns", name="red", state="absent", owner="lab")
    assert host.namespaces() == ["red"]
    assert list(RESOLVERS.iterdir()) == []


def test_nothing_is_left_of_a_namespace(host: Host, run_module: Run) -> None:
    NSSWITCH.write_text("hosts: resolve files\n", encoding="ascii")

    def prepare() -> None:
        names = {"red": "10.1.0.1"}
        run_module("netns", namespaces=BOTH, hosts=names, nameservers=None, owner="lab")

    converge_and_paste(host, run_module, prepare, "netns", namespaces=[], owner="lab", prune=True)
    assert list(RESOLVERS.iterdir()) == []


def test_a_switch_that_goes_round_the_files(host: Host, run_module: Run) -> None:
    # Without systemd-resolved, whose module would answer for the host's network, the lookup ends here as well.
    NSSWITCH.write_text("passwd: files\nhosts: resolve [UNAVAIL=return] files dns\n", encoding="ascii")
    names = {"red": "10.1.0.1"}
    converge_and_paste(host, run_module, nothing, "netns", name="red", hosts=names)
    assert resolve(host, "red", "red") == ["10.1.0.1"]
    (RESOLVERS / "red" / "nsswitch.conf").unlink()
    assert resolve(host, "red", "red") == []
    converge(host, run_module, "netns", name="red", hosts=names)
    assert resolve(host, "red", "red") == ["10.1.0.1"]
    NSSWITCH.write_text("passwd: files\nhosts: files dns\n", encoding="ascii")
    converge(host, run_module, "netns", name="red", hosts=names)
    assert [path.name for path in (RESOLVERS / "red").iterdir()] == ["hosts"]


def test_wrong_names_are_reported_with_the_entries(run_module: Run) -> None:
    result = run_module(
        "netns",
        namespaces=[{"name": "a/b"}],
        hosts={"a b": "10.1.0.1", "web": ["10.1.0.1/24"]},
        _check=True,
    )
    assert result.failed
    for part in ("hosts.a b: it is not a host name", "hosts.web[0]: '10.1.0.1/24'", "a/b"):
        assert part in result.message

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How links leave a namespace that is given up: as they were found, under a name that is free, or with the namespace.

A tap stands for a physical device: it can be moved, and the kernel does not create it where it is needed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH

MARK = {"owner": "lab", "prune": True}
MAC, DECLARED_MAC = "02:00:00:00:00:01", "02:00:00:00:00:99"
#: What is declared of the device while it is in the namespace.
DECLARED = {"name": "d0", "mtu": 1400, "mac": DECLARED_MAC, "addresses": ["192.0.2.1/24"], "enabled": True}
#: The same, with another name in the namespace.
RENAMED = {**DECLARED, "name": "lan0", "nic": "d0", "namespace": "red"}


def steps(links: list[dict[str, Any]], namespaces: list[str], **mark: Any) -> list[dict[str, Any]]:
    return [
        {"module": "netns", "options": {"namespaces": [{"name": name} for name in namespaces], **mark}},
        {"module": "link", "options": {"links": links, **mark}},
    ]


def device(host: Host, state: str, alias: str = "") -> dict[str, Any]:
    shell(host, f"tuntap add d0 mode tap\nlink set d0 {state} mtu 1300 address {MAC}")
    if alias:
        host.run("ip", "link", "set", "d0", "alias", alias)
    return read_device(host)


def read_device(host: Host, name: str = "d0") -> dict[str, Any]:
    """Return what a device on the host is, but for what the kernel changes."""
    link = host.links()[name]
    return {key: link.get(key) for key in ("mtu", "address", "ifalias", "addr_info", "altnames")} | {
        "up": "UP" in link["flags"]
    }


def converge_sequence(run_module: Run, calls: list[dict[str, Any]]) -> list[str]:
    """Run a sequence in check mode and then for real, which check mode has predicted; return the warnings."""
    before = snapshot.take()
    checked = run_module("sequence", steps=calls, _check=True)
    snapshot.assert_unchanged(before)
    applied = run_module("sequence", steps=calls)
    assert not applied.failed, applied.message
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    assert [line for line in checked.warnings if not line.startswith("Check mode")] == applied.warnings
    again = run_module("sequence", steps=calls)
    assert (again.failed, again.changed) == (False, False), again.message
    return applied.warnings


# As it was found


@pytest.mark.parametrize("alias", ["", "the uplink", "netns.fabric:web"])
@pytest.mark.parametrize("state", ["up", "down"])
@pytest.mark.parametrize("way", ["absent", "prune", "namespace", "teardown"])
def test_a_device_returns_as_it_was_read_device(host: Host, run_module: Run, way: str, state: str, alias: str) -> None:
    before = device(host, state, alias)
    host.run("ip", "link", "property", "add", "dev", "d0", "altname", "enp0s31f6")
    before["altnames"] = ["enp0s31f6"]
    down = list(reversed(steps([], [], **MARK)))
    assert converge_sequence(run_module, steps([{**DECLARED, "namespace": "red"}], ["red"], owner="lab")) == []
    link = host.links("red")["d0"]
    assert (link["mtu"], link["address"], "UP" in link["flags"]) == (1400, DECLARED_MAC, True)
    if way == "absent":
        converge(host, run_module, "link", name="d0", namespace="red", state="absent", owner="lab")
    elif way == "prune":
        converge(host, run_module, "link", links=[], **MARK)
    elif way == "namespace":
        converge(host, run_module, "netns", name="red", state="absent", owner="lab")
    else:
        warned = ["red/d0: red/d0 is also owned by web; it stays, and lab no longer owns it"]
        assert converge_sequence(run_module, down) == (warned if alias == "netns.fabric:web" else [])
    if alias == "netns.fabric:web" and way in ("absent", "prune"):
        # Its other owner still owns it, and so it stays in its place.
        assert host.links("red")["d0"]["ifalias"].startswith("netns.fabric:web was host")
        return
    if alias == "netns.fabric:web":
        before["ifalias"] = None
    assert read_device(host) == before


def test_a_device_without_an_owner_returns_as_it_was_read_device(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        device(host, "up")
        shell(host, "netns add red")

    before = device(host, "up")
    host.clear()
    converge_and_paste(host, run_module, prepare, "link", **DECLARED, namespace="red")

    def prepare_moved() -> None:
        prepare()
        assert run_module("link", **DECLARED, namespace="red").changed

    host.clear()
    converge_and_paste(host, run_module, prepare_moved, "link", name="d0", namespace="red", state="absent")
    assert read_device(host) == before


def test_a_device_that_is_declared_on_the_host_again(host: Host, run_module: Run) -> None:
    before = device(host, "up")
    shell(host, "netns add red")
    converge(host, run_module, "link", links=[{**DECLARED, "namespace": "red"}], **MARK)
    converge(host, run_module, "link", links=[{"name": "d0", "mtu": 1450}], **MARK)
    assert read_device(host) == {**before, "mtu": 1450, "ifalias": "netns.fabric:lab was mtu 1300"}
    converge(host, run_module, "link", links=[], **MARK)
    assert read_device(host) == before


def test_a_second_change_keeps_the_original(host: Host, run_module: Run) -> None:
    before = device(host, "down")
    shell(host, "netns add red\nnetns add blue")
    for place, mtu in (("red", 1400), ("red", 1401), ("blue", 1402)):
        converge(host, run_module, "link", links=[{**DECLARED, "namespace": place, "mtu": mtu}], **MARK)
    converge(host, run_module, "link", links=[], **MARK)
    assert read_device(host) == before


def test_a_link_of_the_host_gets_its_mtu_and_mac_back(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        device(host, "up")
        run_module("link", name="d0", mtu=1400, mac=DECLARED_MAC, owner="lab")
        assert host.links()["d0"]["ifalias"] == f"netns.fabric:lab was mtu 1300 mac {MAC}"

    before = device(host, "up")
    host.clear()
    converge_and_paste(host, run_module, prepare, "link", links=[], **MARK)
    assert read_device(host) == before


def test_a_link_that_was_down_is_down_again(host: Host, run_module: Run) -> None:
    shell(host, "link add down0 type ifb\nlink add up0 type ifb\nlink set up0 up")
    links = [{"name": "down0", "enabled": True}, {"name": "up0", "enabled": False}]
    converge(host, run_module, "link", links=links, **MARK)
    # What somebody does with it later does not count.
    shell(host, "link set down0 down")
    converge(host, run_module, "link", links=links, **MARK)
    assert read_device(host, "down0")["up"]
    converge(host, run_module, "link", links=[], **MARK)
    found = {name: read_device(host, name) for name in ("down0", "up0")}
    assert {name: (each["up"], each["ifalias"]) for name, each in found.items()} == {
        "down0": (False, None),
        "up0": (True, None),
    }


def test_a_device_that_somebody_moves_to_the_host_returns_to_what_it_was(host: Host, run_module: Run) -> None:
    """So does the kernel, when somebody deletes the namespace of a physical device."""
    before = device(host, "up")
    shell(host, "netns add red")
    for remove in ({"links": [], **MARK}, {"name": "d0", "namespace": "red", "state": "absent", "owner": "lab"}):
        converge(host, run_module, "link", links=[{**DECLARED, "namespace": "red"}], **MARK)
        shell(host, "-n red link set d0 netns 1")
        converge(host, run_module, "link", links=[{**DECLARED, "namespace": "red"}], **MARK)
        shell(host, "-n red link set d0 netns 1\nnetns del red")
        converge(host, run_module, "link", **remove)
        assert read_device(host) == before
        shell(host, "netns add red")


def test_a_run_that_is_killed_while_it_moves_a_device_loses_nothing(host: Host, run_module: Run) -> None:
    """The record is written first: whatever else was done by then, the original is known."""
    program = """
import json, os, sys
from ansible_collections.netns.fabric.plugins.module_utils._entry import sequence
from ansible_collections.netns.fabric.plugins.module_utils._kernel import handlers, operations
moment, calls = json.loads(sys.argv[1])
count = 0
def dying(handler):
    def execute(handles, operation, batch):
        global count
        batch.send()
        if count == moment:
            os._exit(9)
        count += 1
        handler(handles, operation, batch)
    return execute
for kind, handler in handlers.HANDLERS.items():
    handlers.HANDLERS[kind] = dying(handler)
sequence.converge(calls, check_mode=False)
"""
    calls = steps([RENAMED], ["red"], **MARK)
    status, moment = 9, 0
    while status == 9:
        before = device(host, "up")
        killed = subprocess.run(
            [sys.executable, "-c", program, json.dumps([moment, calls])],
            env={"PYTHONPATH": str(COLLECTIONS_PATH)},
            check=False,
            timeout=60,
        )
        status, moment = killed.returncode, moment + 1
        assert not run_module("sequence", steps=list(reversed(steps([], [], **MARK)))).failed
        assert read_device(host) == before, f"killed before operation {moment - 1}"
        host.clear()
    assert status == 0
    assert moment > 8


# Another name inside


def test_a_device_has_another_name_in_its_namespace(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        device(host, "up")
        shell(host, "link property add dev d0 altname enp0s31f6\nnetns add red")

    def prepare_moved() -> None:
        prepare()
        assert run_module("link", links=[RENAMED], **MARK).changed

    converge_and_paste(host, run_module, prepare, "link", links=[{**RENAMED, "nic": "enp0s31f6"}], **MARK)
    host.clear()
    converge_and_paste(host, run_module, prepare_moved, "link", links=[], **MARK)
    host.clear()
    prepare()
    before = read_device(host)
    ways: list[tuple[str, dict[str, Any]]] = [
        ("link", {"name": "lan0", "nic": "d0", "namespace": "red", "state": "absent", "owner": "lab"}),
        ("link", {"links": [{"name": "d0", **{key: before[key] for key in ("mtu",)}}], **MARK}),
        ("netns", {"name": "red", "state": "absent"}),
    ]
    for module, options in ways:
        converge(host, run_module, "link", links=[RENAMED], **MARK)
        link = host.links("red")["lan0"]
        assert (link["mtu"], link["altnames"]) == (1400, ["enp0s31f6"])
        assert "d0" not in host.links()
        converge(host, run_module, module, **options)
        run_module("link", links=[], **MARK)
        assert read_device(host) == before, options


def test_the_name_inside_changes_and_a_device_that_the_kernel_returns_moves_again(host: Host, run_module: Run) -> None:
    before = device(host, "up")
    shell(host, "netns add red")
    without = {key: value for key, value in RENAMED.items() if key != "nic"}
    for links in (RENAMED, {**RENAMED, "name": "wan0"}, {**without, "name": "d0"}, RENAMED):
        converge(host, run_module, "link", links=[links], **MARK)
        assert {name for name in host.links("red") if name != "lo"} == {links["name"]}
    # As the kernel does where somebody deletes the namespace of a physical device: the name inside is kept.
    for state in ("up", "down"):
        shell(host, f"-n red link set lan0 netns 1\nlink set lan0 {state}")
        converge(host, run_module, "link", links=[RENAMED], **MARK)
    shell(host, "-n red link set lan0 netns 1\nnetns del red")
    converge(host, run_module, "link", links=[], **MARK)
    assert read_device(host) == before


def test_wrong_names_are_refused(host: Host, run_module: Run) -> None:
    device(host, "up")
    shell(host, "tuntap add d1 mode tap\nnetns add red\n-n red link add wan0 type ifb")
    assert run_module("link", links=[RENAMED], **MARK).changed
    for changes, message in (
        ({"nic": "d1"}, "nic: red/lan0 is d0 of the host, and not d1; give it back or delete it "),
        ({"nic": "d7", "name": "x0"}, "nic: there is no link d7 in the namespace red, nor on the host"),
        ({"nic": "d1", "name": "wan0"}, "nic: red/wan0 is another link, and not d1"),
        ({"namespace": None}, "nic: is for a link that moves into a namespace; give `namespace`"),
        ({"kind": "ifb"}, "nic: is for a link that exists, and one with `kind` is created"),
        ({"name": "a-name-that-is-too-long"}, "name: 'a-name-that-is-too-long'"),
    ):
        before = snapshot.take()
        result = run_module("link", **{**RENAMED, **changes})
        assert message in result.message
        snapshot.assert_unchanged(before)


# What was created inside, and what cannot leave


NO_NAMESPACES = [{"name": name, "state": "absent"} for name in ("red", "blue")]
INSIDE = """
    netns add red
    netns add blue
    -n red tuntap add lo1 mode tap
    -n blue tuntap add lo1 mode tap
    -n red link add taken type vxlan id 7 dstport 4789
    tuntap add taken mode tap
    -n red link add br0 type bridge
    -n red link add if0 type ifb
"""


@pytest.mark.parametrize("owner", ["lab", None])
@pytest.mark.parametrize("way", ["teardown", "namespaces", "links"])
def test_what_was_created_inside_stays_in_its_namespace(
    host: Host, run_module: Run, way: str, owner: str | None
) -> None:
    shell(host, INSIDE)
    links: list[dict[str, Any]] = [
        {"name": "lo1", "namespace": "red", "addresses": ["192.0.2.1/24"], "mtu": 1400},
        {"name": "lo1", "namespace": "blue", "addresses": ["192.0.2.2/24"], "mtu": 1400},
        {"name": "taken", "namespace": "red", "addresses": ["192.0.2.3/24"], "mac": MAC},
        {"name": "br0", "namespace": "red", "addresses": ["192.0.2.4/24"]},
        {"name": "if0", "namespace": "red"},
    ]
    mark = {"owner": owner} if owner else {}
    shell(host, "-n red link set lo alias netns.fabric:lab\n-n blue link set lo alias netns.fabric:lab")
    assert run_module("link", links=links, **mark).changed
    before = set(host.links())
    gone = [{"state": "absent", **link} for link in links]
    if way == "links":
        converge(host, run_module, "link", links=gone, **mark)
        assert {"lo1", "taken", "br0", "if0"} <= set(host.links("red"))
        assert not any(link["addr_info"] for name, link in host.links("red").items() if name != "lo")
        assert not any("ifalias" in link for name, link in host.links("red").items() if name != "lo")
        assert host.links("red")["lo1"]["mtu"] == (1500 if owner else 1400)
    elif way == "namespaces":
        converge(
            host,
            run_module,
            "netns",
            namespaces=[{"name": name, "state": "absent"} for name in ("red", "blue")],
            **mark,
        )
    else:
        calls = [
            {"module": "link", "options": {"links": [] if owner else gone, **(MARK if owner else {})}},
            {"module": "netns", "options": {"namespaces": NO_NAMESPACES, **mark}},
        ]
        assert converge_sequence(run_module, calls) == []
    assert host.namespaces() == ([] if way != "links" else ["blue", "red"])
    assert set(host.links()) == before


def test_a_link_that_came_from_the_host_returns_from_a_namespace_that_a_process_keeps(
    host: Host, run_module: Run
) -> None:
    before = device(host, "up")
    shell(host, "netns add red\n-n red tuntap add d1 mode tap")
    converge(host, run_module, "link", **DECLARED, namespace="red")
    host.start("sleep", "60", namespace="red")
    converge(host, run_module, "netns", name="red", state="absent", force=True)
    assert read_device(host) == before
    assert "d1" not in host.links()


# Names that are taken


def test_names_that_are_taken_on_the_host(host: Host, run_module: Run) -> None:
    """Two devices return to a host that has another one of their name, and one with an alternative name of theirs."""
    shell(host, "netns add red\nnetns add blue")
    for place in ("red", "blue"):
        shell(host, f"tuntap add d0 mode tap\nlink set d0 up mtu 1300\nlink property add dev d0 altname alt-{place}")
        assert run_module("link", name="d0", namespace=place, owner="lab", mtu=1400).changed
    shell(host, "tuntap add d0 mode tap\ntuntap add other mode tap")
    shell(host, "link property add dev other altname alt-red\nlink property add dev other altname d0-1")
    before = read_device(host)
    warnings = converge_sequence(run_module, list(reversed(steps([], [], **MARK))))
    assert "the host has another link d0; blue/d0 returns to it as d0-2" in "\n".join(warnings)
    assert "the host has another link d0; red/d0 returns to it as d0-3" in "\n".join(warnings)
    assert "another link of the host has the name alt-red; red/d0 loses that alternative name" in "\n".join(warnings)
    assert read_device(host) == before
    assert read_device(host, "d0-2")["mtu"] == read_device(host, "d0-3")["mtu"] == 1300
    assert read_device(host, "d0-2")["up"]
    assert read_device(host, "d0-2")["altnames"] == ["alt-blue"]
    assert read_device(host, "d0-3")["altnames"] is None


def test_a_name_of_the_greatest_length_that_is_taken(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\ntuntap add d23456789012345 mode tap")
    converge(host, run_module, "link", name="d23456789012345", namespace="red")
    shell(host, "tuntap add d23456789012345 mode tap")
    converge(host, run_module, "netns", name="red", state="absent")
    assert "d234567890123-1" in host.links()


# Where nothing was recorded


def test_a_device_whose_origin_is_not_recorded_stays_in_its_namespace(host: Host, run_module: Run) -> None:
    """A virtual link of which nothing says that it was on the host is the namespace's."""
    device(host, "up")
    shell(host, "netns add red\nlink set d0 netns red")
    converge(host, run_module, "link", **DECLARED, namespace="red", owner="lab")
    converge(host, run_module, "link", links=[], **MARK)
    assert host.links("red")["d0"]["mtu"] == 1300
    assert "d0" not in host.links()

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alternative names of links (ip-link(8), altname): no new link can have them, and existing links are found by them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

#: Longer than the name of a link can be.
LONG = "enp0s31f6np0-of-the-first-card"
NIC = f"""
    netns add red
    tuntap add eth7 mode tap
    link set eth7 up
    link property add dev eth7 altname int_br
    link property add dev eth7 altname red_tap
    link property add dev eth7 altname {LONG}
    -n red tuntap add eth8 mode tap
    -n red link property add dev eth8 altname eth0
"""


@pytest.mark.parametrize(
    ("module", "options", "reason"),
    [
        ("ovs_bridge", {"name": "int_br"}, "name: int_br is an alternative name of eth7 in the host"),
        (
            "veth",
            {"name": "eth1", "namespace": "red", "peer": {"name": "red_tap"}},
            "peer.name: red_tap is an alternative name of eth7 in the host",
        ),
        (
            "veth",
            {"name": "eth0", "namespace": "red", "peer": {"name": "tap"}},
            "name: eth0 is an alternative name of eth8 in red",
        ),
        (
            "ovs_port",
            {"name": "int_br", "bridge": "br9", "type": "internal"},
            "int_br is an alternative name of eth7 in",
        ),
        ("ovs_port", {"name": "int_br", "bridge": "br9"}, "int_br is an alternative name of eth7; write eth7"),
        (
            "nat_masquerade",
            {"source": "10.1.0.0/24", "out_interface": "int_br"},
            "out_interface: int_br is an alternative name of eth7; write eth7",
        ),
    ],
)
def test_the_alternative_name_of_another_link_is_refused(
    host: Host, run_module: Run, module: str, options: dict[str, Any], reason: str
) -> None:
    shell(host, NIC)
    assert run_module("ovs_bridge", name="br9").changed
    before = snapshot.take()
    for check in (True, False):
        result = run_module(module, **options, _check=check)
        assert result.failed
        assert reason in result.message
        if "in the host" in reason or "in red" in reason:
            assert "choose another name, or remove that one (`ip " in result.message
    snapshot.assert_unchanged(before)


def test_the_cure_in_the_message_cures(host: Host, run_module: Run) -> None:
    shell(host, NIC)
    message = run_module("veth", name="eth0", namespace="red", peer={"name": "red_tap"}).message
    for line in message.splitlines():
        host.run("bash", "-c", line.split("`")[1])
    converge(host, run_module, "veth", name="eth0", namespace="red", peer={"name": "red_tap"})


def test_a_pair_whose_own_end_has_the_declared_name_as_an_alternative_one(host: Host, run_module: Run) -> None:
    """Somebody has renamed the end, and kept its old name."""
    shell(host, "netns add red")
    options = {"name": "eth0", "namespace": "red", "peer": {"name": "tap"}}
    converge(host, run_module, "veth", **options)
    shell(host, "link set tap down\nlink set tap name tap9\nlink property add dev tap9 altname tap")
    before = snapshot.take()
    for check in (True, False):
        assert "tap is an alternative name of tap9" in run_module("veth", **options, _check=check).message
    snapshot.assert_unchanged(before)
    result = run_module("veth", name="tap", state="absent")
    assert (result.changed, result.warnings) == (
        False,
        ["tap: tap is an alternative name of host/tap9, which is left alone"],
    )


@pytest.mark.parametrize("name", ["int_br", LONG])
def test_a_link_is_configured_by_its_alternative_name(host: Host, run_module: Run, name: str) -> None:
    options = {
        "name": name,
        "mtu": 1400,
        "mac": "02:00:00:00:00:07",
        "addresses": ["192.0.2.1/24", "2001:db8::1/64"],
        "enabled": True,
        "owner": "lab",
    }
    converge_and_paste(host, run_module, lambda: shell(host, NIC), "link", **options)
    link = host.links()["eth7"]
    assert (link["mtu"], link["address"]) == (1400, "02:00:00:00:00:07")
    converge(host, run_module, "link", links=[{"name": "eth7"}], owner="lab", prune=True)
    result = run_module("link", links=[{"name": name}], owner="lab", prune=True)
    assert (result.failed, result.changed) == (False, False)
    converge(host, run_module, "link", name=name, state="absent", addresses=["192.0.2.1/24"], owner="lab")
    assert host.links()["eth7"]["mtu"] == 1500


@pytest.mark.parametrize("name", ["int_br", LONG])
def test_a_link_is_moved_by_its_alternative_name(host: Host, run_module: Run, name: str) -> None:
    options = {"name": name, "namespace": "red", "addresses": ["192.0.2.1/24"]}
    converge_and_paste(host, run_module, lambda: shell(host, NIC), "link", **options)
    assert host.links("red")["eth7"]["altnames"] == ["int_br", "red_tap", LONG]
    route = {"namespace": "red", "destination": "198.51.100.0/24", "device": name}
    converge(host, run_module, "route", **route, gateway="192.0.2.2")
    converge(host, run_module, "route", **route, gateway="192.0.2.2", state="absent")
    converge(host, run_module, "route", **route)
    converge(host, run_module, "link", name=name, namespace="red", state="absent")
    assert "eth7" in host.links()


def test_one_link_by_two_names(host: Host, run_module: Run) -> None:
    shell(host, NIC)
    for check in (True, False):
        result = run_module("link", links=[{"name": "eth7"}, {"name": LONG}], _check=check)
        assert result.failed
        assert "wants the same link, host/eth7" in result.message


@pytest.mark.parametrize("taken", ["eth7", "int_br"])
def test_a_move_to_where_a_name_of_the_link_is_taken(host: Host, run_module: Run, taken: str) -> None:
    shell(host, NIC)
    shell(host, f"-n red link property add dev eth8 altname {taken}")
    before = snapshot.take()
    for check in (True, False):
        result = run_module("link", name=LONG, namespace="red", _check=check)
        assert result.failed
        assert f"namespace: {taken} is an alternative name of eth8 in red" in result.message
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize(
    ("module", "options"),
    [("link", {"name": LONG, "enabled": True}), ("route", {"destination": "10.0.0.0/8", "device": LONG})],
)
def test_a_name_that_only_an_alternative_name_can_have(
    host: Host, run_module: Run, module: str, options: dict[str, Any]
) -> None:
    """Check mode does not assume that an earlier task creates such a link: none can."""
    before = snapshot.take()
    for check in (True, False):
        result = run_module(module, **options, _check=check)
        assert result.failed
        assert "30 characters long, and Linux takes at most 15 for an interface name" in result.message
        assert "no link has it as an alternative name" in result.message
    snapshot.assert_unchanged(before)

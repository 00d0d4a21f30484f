# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What joins and leaves a bond or a VRF, and VLANs on links that are down: the kernel takes links down on its own.

Few kernels without modules have these kinds: tests/vm/test_integration.py runs this file on one that has them.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.kinds import is_missing
from ansible_collections.netns.fabric.tests.helpers.refusals import refuse_deletions

Variables = dict[str, Any]

STAGE = """
    netns add red
    link add name base0 netns red type veth peer name base1
    link add name more0 netns red type veth peer name more1
    link set base1 up
    link set more1 up
    addr add 192.0.2.254/24 dev base1
    -n red link set lo up
    -n red link set base0 up
    -n red link set more0 up
    -n red addr add 192.0.2.1/24 dev base0
    -n red addr add 2001:db8::1/64 dev base0 nodad
    -n red route add 203.0.113.0/24 via 192.0.2.254
    -n red route add 2001:db8:1::/64 via 2001:db8::254
"""


def need(kind: str) -> None:
    if is_missing(kind):
        pytest.skip(f"the kernel of this machine lacks the kind {kind}")


def red(name: str, **options: Any) -> Variables:
    return {"name": name, "namespace": "red", **options}


# Members of a bond


def test_links_that_are_up_join_a_bond_and_leave_it(host: Host, run_module: Run) -> None:
    need("bond")
    bond = red("bond0", kind="bond", bond={"mode": "active-backup", "miimon": 100}, addresses=["192.0.2.9/24"])
    joined = [red("base0", master="bond0", addresses=[]), red("more0", master="bond0"), bond]
    converge_and_paste(host, run_module, lambda: shell(host, STAGE), "link", links=joined, owner="lab")
    assert {name for name, link in host.links("red").items() if link.get("master") == "bond0"} == {"base0", "more0"}
    assert host.pings("192.0.2.254", "red")
    left = [red("base0", master=""), red("more0", master=""), bond]
    converge(host, run_module, "link", links=left, owner="lab")
    links = host.links("red")
    assert links["base0"]["address"] != links["more0"]["address"]
    assert all("UP" in links[name]["flags"] for name in ("base0", "more0"))


def test_members_of_a_bond_that_is_deleted_are_as_they_were_found(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bond brings up what joins it, and the kernel takes down what it loses."""
    need("bond")
    need("dummy")
    members = ("base0", "more0", "nic0", "nic1")
    links = [red("bond0", kind="bond"), *(red(name, master="bond0") for name in members)]
    nics = "\n-n red link add name nic0 type dummy\n-n red link add name nic1 type dummy\n-n red link set nic0 up"
    shell(host, STAGE + nics)
    converge(host, run_module, "link", links=links, owner="lab")
    joined = {name: link for name, link in host.links("red").items() if name != "lo"}
    assert all("UP" in joined[name]["flags"] and joined[name]["master"] == "bond0" for name in members)
    doomed = {"links": [], "owner": "lab", "prune": True}
    refuse_deletions(monkeypatch, LinkResource(), doomed, before=0)
    for name, link in joined.items():
        now = host.links("red")[name]
        assert [now.get(key) for key in ("master", "address")] == [link.get(key) for key in ("master", "address")]
        assert "UP" in now["flags"]
    converge(host, run_module, "link", **doomed)
    links_now = host.links("red")
    assert "bond0" not in links_now
    assert {name for name in members if "UP" in links_now[name]["flags"]} == {"base0", "more0", "nic0"}
    assert "2001:db8::1" in {each["local"] for each in links_now["base0"]["addr_info"]}
    assert host.pings("192.0.2.254", "red")


def test_a_topology_leaves_the_members_of_its_bonds_as_they_were_found(host: Host, run_module: Run) -> None:
    need("bond")
    need("dummy")
    # One that was never up shows another qdisc than one that is down again (dev_activate of the kernel).
    once_up = "link set nic0 up\nlink set nic1 up\nlink set nic1 down"
    shell(host, f"link add name nic0 type dummy\nlink add name nic1 type dummy\n{once_up}")
    before = snapshot.take()
    nics = [{"name": name, "master": "bond0"} for name in ("nic0", "nic1")]
    variables = {"name": "lab", "host": {"interfaces": [{"name": "bond0", "kind": "bond"}, *nics]}}
    converge(host, run_module, "sequence", steps=steps(variables))
    converge(host, run_module, "sequence", steps=steps({**variables, "state": "absent"}))
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("mode", ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-alb"])
def test_members_of_a_bond_that_gets_another_mode_stay_its_members(host: Host, run_module: Run, mode: str) -> None:
    need("bond")
    shell(host, STAGE)
    links = [
        red("bond0", kind="bond", bond={"mode": "balance-tlb", "miimon": 100}, addresses=["192.0.2.9/24"]),
        red("base0", master="bond0"),
        red("more0", master="bond0"),
    ]
    converge(host, run_module, "link", links=links, owner="lab")
    again = [red("bond0", kind="bond", bond={"mode": mode})]
    converge(host, run_module, "link", links=again, owner="lab")
    assert {name for name, link in host.links("red").items() if link.get("master") == "bond0"} == {"base0", "more0"}
    assert all("UP" in host.links("red")[name]["flags"] for name in ("base0", "more0", "bond0"))


# Members of a VRF


def test_a_link_with_addresses_joins_a_vrf_and_leaves_it(host: Host, run_module: Run) -> None:
    need("vrf")
    vrf = red("blue0", kind="vrf", vrf={"table": 10})
    converge_and_paste(
        host, run_module, lambda: shell(host, STAGE), "link", links=[red("base0", master="blue0"), vrf], owner="lab"
    )
    in_table = {route["dst"] for route in host.json("ip", "-n", "red", "-json", "route", "show", "table", "10")}
    assert "192.0.2.0/24" in in_table
    route = {"namespace": "red", "destination": "198.18.0.0/15", "gateway": "192.0.2.254"}
    assert "gateway: 192.0.2.254 is reached in the VRF blue0 only" in run_module("route", **route).message
    converge(host, run_module, "route", routes=[{**route, "device": "base0"}, {**route, "vrf": "blue0"}])
    converge(host, run_module, "link", links=[red("base0", master=""), vrf], owner="lab")
    addresses = {each["local"] for each in host.links("red")["base0"]["addr_info"] if each["scope"] == "global"}
    assert addresses == {"192.0.2.1", "2001:db8::1"}
    assert host.pings("192.0.2.254", "red")


def tenants(**more: Any) -> Variables:
    """Return a router with a static route by its link, which `more` may make a member of a VRF."""
    return {
        "name": "lab",
        "bridges": [{"name": "core"}],
        "namespaces": [
            {
                "name": "router",
                "interfaces": [
                    {"name": "blue0", "kind": "vrf", "vrf": {"table": 10}},
                    {"name": "eth0", "bridge": "core", "addresses": ["10.1.0.1/24", "2001:db8::1/64"], **more},
                ],
                "routes": [
                    {"destination": destination, **by, **({"vrf": "blue0"} if more.get("master") else {})}
                    for destination, by in (
                        ("203.0.113.0/24", {"gateway": "10.1.0.2"}),
                        ("2001:db8:1::/64", {"gateway": "2001:db8::2"}),
                        ("198.51.100.0/24", {"device": "eth0"}),
                    )
                ],
            },
            {"name": "pc", "interfaces": [{"name": "eth0", "bridge": "core", "addresses": ["10.1.0.2/24"]}]},
        ],
    }


def test_an_interface_with_routes_joins_a_vrf_and_leaves_it(host: Host, run_module: Run) -> None:
    """The kernel deletes the routes by it, which later steps of the run add again, as check mode predicts."""
    need("vrf")
    before = snapshot.take()
    for variables in (tenants(), tenants(master="blue0"), tenants(master="")):
        converge(host, run_module, "sequence", steps=steps(variables))
    assert host.pings("10.1.0.2", "router")
    converge(host, run_module, "sequence", steps=steps({**tenants(), "state": "absent"}))
    snapshot.assert_unchanged(before)


# VLANs


def test_vlans_of_links_that_the_call_brings_up(host: Host, run_module: Run) -> None:
    need("vlan")
    need("dummy")
    links = [
        {"name": "d0.10.20", "enabled": True, "kind": "vlan", "parent": {"name": "d0.10"}, "vlan": {"id": 20}},
        {
            "name": "d0.10",
            "enabled": True,
            "kind": "vlan",
            "parent": {"name": "d0"},
            "vlan": {"id": 10, "protocol": "802.1ad"},
        },
        {"name": "d0", "enabled": True, "kind": "dummy"},
        {
            "name": "v0.5",
            "enabled": True,
            "kind": "vlan",
            "parent": {"name": "v0"},
            "vlan": {"id": 5},
            "addresses": ["192.0.2.5/24"],
        },
        {"name": "v0", "enabled": True},
    ]
    converge_and_paste(
        host,
        run_module,
        lambda: shell(host, "link add name v0 type veth peer name v1\nlink set v1 up"),
        "link",
        links=links,
        owner="lab",
    )
    assert all("UP" in host.links()[name]["flags"] for name in ("d0", "d0.10", "d0.10.20", "v0.5"))
    # The kernel takes them down with what they are on, and up again.
    shell(host, "link set d0 down\nlink set v0 down")
    converge(host, run_module, "link", links=links, owner="lab")
    assert all("UP" in host.links()[name]["flags"] for name in ("d0", "d0.10", "d0.10.20", "v0.5"))


def test_a_vlan_that_is_to_be_up_on_a_link_that_is_down_is_refused(host: Host, run_module: Run) -> None:
    need("vlan")
    shell(host, "link add name v0 type veth peer name v1")
    before = snapshot.take()
    vlan = {"name": "v0.5", "kind": "vlan", "parent": {"name": "v0"}, "vlan": {"id": 5}}
    for links, check in (
        ([vlan], False),
        *(([vlan, {"name": "v0", "enabled": False}], check) for check in (True, False)),
    ):
        result = run_module("link", links=links, _check=check)
        assert "links[0] (v0.5): parent: v0 is down" in result.message
    snapshot.assert_unchanged(before)
    loose = {**vlan, "vlan": {"id": 5, "loose_binding": True}}
    for links in ([{**vlan, "enabled": False}], [{**loose, "enabled": True}]):
        converge(host, run_module, "link", links=links)
    assert "UP" in host.links()["v0.5"]["flags"]


def test_a_vlan_has_the_mac_address_of_what_it_is_on(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("vlan")
    shell(host, "netns add red\nlink add name v0 type veth peer name v1\nlink set v0 up\nlink set v1 up")
    vlan = {"name": "k0", "kind": "vlan", "vlan": {"id": 5}}
    for parent in ("v0", "v1"):
        converge(host, run_module, "link", links=[{**vlan, "parent": {"name": parent}}], owner="lab")
        assert host.links()["k0"]["address"] == host.links()[parent]["address"]
    converge(host, run_module, "link", links=[{**vlan, "vlan": {"id": 6}, "parent": {"name": "v1"}}], owner="lab")
    shell(host, "link set v1 address 02:00:00:00:00:77")
    assert host.links()["k0"]["address"] == "02:00:00:00:00:77"
    own = {"name": "k1", "kind": "vlan", "vlan": {"id": 7}, "parent": {"name": "v1"}, "mac": "02:00:00:00:00:78"}
    last = red("last0", kind="bridge")
    converge(host, run_module, "link", links=[own, last], owner="lab")
    absent = [{"name": name, "state": "absent"} for name in ("k0", "k1")]
    refuse_deletions(monkeypatch, LinkResource(), {"links": [*absent, {**last, "state": "absent"}], "owner": "lab"})
    shell(host, "link set v1 address 02:00:00:00:00:79")
    addresses = [host.links()[name]["address"] for name in ("k0", "k1")]
    assert addresses == ["02:00:00:00:00:79", "02:00:00:00:00:78"]

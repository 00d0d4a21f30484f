# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that a link's kind bounds: hardware addresses, those of outer packets, and addresses with a peer."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.kinds import is_missing
from ansible_collections.netns.fabric.tests.helpers.refusals import refuse_each

Options = dict[str, Any]

STAGE = "netns add red\nlink add name base0 type veth peer name base1\nlink set base0 up\nlink set base1 up\n"
MAC, OTHER_MAC = "02:00:00:00:00:77", "02:00:00:00:00:78"


# Hardware addresses


@pytest.mark.parametrize("kind", ["gre", "ipvlan", "tun", "wireguard"])
def test_a_kind_without_a_hardware_address_that_could_be_set(host: Host, run_module: Run, kind: str) -> None:
    shell(host, STAGE)
    parent = {"parent": {"name": "base0"}} if kind == "ipvlan" else {}
    before = snapshot.take()
    for check in (True, False):
        result = run_module("link", links=[{"name": "k0", "kind": kind, "mac": MAC, **parent}], _check=check)
        assert (
            f"links[0] (k0): mac: a link of the kind {kind} has no hardware address of its own that could be set; "
            "leave it out"
        ) in result.message
    snapshot.assert_unchanged(before)


def test_a_hardware_address_that_is_set_as_the_link_is_created(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare() -> None:
        created = {"name": "ifb0", "kind": "ifb", "mac": MAC, "mtu": 1400, "addresses": ["192.0.2.1/24"]}
        assert run_module("link", links=[created], owner="lab").changed

    changed = {"name": "ifb0", "kind": "ifb", "mac": OTHER_MAC}
    converge_and_paste(host, run_module, prepare, "link", links=[changed], owner="lab")
    link = host.links()["ifb0"]
    assert (link["address"], link["mtu"]) == (OTHER_MAC, 1400)
    back = {"links": [{**changed, "mac": MAC}], "owner": "lab"}
    assert refuse_each(monkeypatch, "the_handler", LinkResource(), back)


def test_a_hardware_address_of_a_link_that_another_program_has_created(host: Host, run_module: Run) -> None:
    shell(host, f"link add name ifb0 address {MAC} type ifb\ntuntap add dev tun0 mode tun")
    for check in (True, False):
        result = run_module("link", links=[{"name": name, "mac": OTHER_MAC} for name in ("ifb0", "tun0")], _check=check)
        assert "links[0] (ifb0): mac: the kernel sets that of a link of the kind ifb only as it is created" in (
            result.message
        )
        assert "links[1] (tun0): mac: a link of the kind tun has no hardware address" in result.message
    assert not run_module("link", name="ifb0", mac=MAC).changed


def test_a_tap_device_that_is_re_created_keeps_its_hardware_address_and_its_mtu(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        created = {"name": "tap0", "kind": "tap", "mac": MAC, "mtu": 1400}
        assert run_module("link", links=[created], owner="lab").changed

    changed = {"name": "tap0", "kind": "tap", "tap": {"multi_queue": True}}
    converge_and_paste(host, run_module, prepare, "link", links=[changed], owner="lab")
    link = host.links()["tap0"]
    assert (link["address"], link["mtu"]) == (MAC, 1400)


# Outer packets


@pytest.mark.parametrize(
    ("former", "wanted", "recreates"),
    [
        ({"remote": "192.0.2.1"}, {"remote": "192.0.2.2"}, False),
        ({"remote": "192.0.2.1", "local": "192.0.2.3"}, {"remote": "2001:db8::1"}, True),
        ({"remote": "2001:db8::1"}, {"remote": "192.0.2.1", "local": "192.0.2.3"}, True),
        ({}, {"remote": "2001:db8::1"}, True),
        ({}, {"remote": "192.0.2.1"}, False),
        ({"remote": "2001:db8::1"}, {"local": "2001:db8::2"}, False),
        ({"local": "2001:db8::2"}, {"local": "192.0.2.3"}, True),
        ({"remote": "192.0.2.1"}, {"remote": "ff05::1"}, True),
    ],
)
def test_the_version_of_the_outer_packets_of_a_vxlan(
    host: Host, run_module: Run, former: Options, wanted: Options, recreates: bool
) -> None:
    def entry(options: Options) -> Options:
        return {"name": "vx0", "kind": "vxlan", "vxlan": {"id": 5, "dstport": 4789, **options}}

    def prepare() -> None:
        shell(host, STAGE)
        created = {**entry(former), "parent": {"name": "base0"}, "mac": MAC}
        assert run_module("link", links=[created], owner="lab").changed

    result = converge_and_paste(host, run_module, prepare, "link", links=[entry(wanted)], owner="lab")
    assert ("recreated: true" in result.diff[0]["after"]) == recreates
    assert host.links()["vx0"]["linkinfo"]["info_data"]["link"] == "base0"


def test_the_version_of_the_outer_packets_of_a_geneve_tunnel(host: Host, run_module: Run) -> None:
    if is_missing("geneve"):
        pytest.skip("the kernel of this machine lacks the kind geneve")
    link: Options = {"name": "ge0", "kind": "geneve"}
    for remote, recreates in (("192.0.2.1", False), ("192.0.2.2", False), ("2001:db8::1", True), ("192.0.2.1", True)):
        wanted = {**link, "geneve": {"id": 5, "remote": remote}}
        result = converge(host, run_module, "link", links=[wanted], owner="lab")
        assert ("recreated: true" in result.diff[0]["after"]) == recreates


# Addresses with a peer


PEERS = ["192.0.2.1 peer 192.0.2.2/32", "2001:db8::1 peer 2001:db8::2/128"]


def addresses_of(host: Host, link: str) -> set[str]:
    found = [each for each in host.links()[link]["addr_info"] if each["scope"] == "global"]
    return {f"{each['local']} peer {each['address']}" if "address" in each else each["local"] for each in found}


def test_addresses_with_a_peer_stay_on_a_link_that_is_given_back(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, STAGE)
        assert run_module("link", name="base0", addresses=["203.0.113.1/24"]).changed
        shell(host, "\n".join(f"addr add {address} dev base0 nodad" for address in PEERS))

    given_back = {"name": "base0", "addresses": ["203.0.113.1/24"], "state": "absent"}
    converge_and_paste(host, run_module, prepare, "link", **given_back)
    assert addresses_of(host, "base0") == {"192.0.2.1 peer 192.0.2.2", "2001:db8::1 peer 2001:db8::2"}


def test_addresses_with_a_peer_stay_on_a_link_that_is_re_created(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = {"name": "mv0", "kind": "macvlan", "parent": {"name": "base0"}, "mac": MAC}

    def prepare() -> None:
        shell(host, STAGE)
        assert run_module("link", links=[{**link, "addresses": ["203.0.113.1/24"]}], owner="lab").changed
        shell(host, "\n".join(f"addr add {address} dev mv0 nodad" for address in PEERS))

    changed = {**link, "parent": {"name": "base1"}}
    result = converge_and_paste(host, run_module, prepare, "link", links=[changed], owner="lab")
    assert "addresses" not in result.diff[0]["after"]
    assert len(addresses_of(host, "mv0")) == 3
    assert refuse_each(monkeypatch, "the_handler", LinkResource(), {"links": [link], "owner": "lab"})
    # A list is exact all the same.
    converge(host, run_module, "link", name="mv0", addresses=["203.0.113.1/24"])
    assert addresses_of(host, "mv0") == {"203.0.113.1"}

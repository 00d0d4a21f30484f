# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters of links, parameters that a namespace cannot have, and IPv6 that is off."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.generated.converge import converge as build
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

RED = "netns add red\n-n red link set lo up"
PAIR = RED + "\nlink add name eth0 netns red type veth peer name red0"


def parameter(host: Host, namespace: str | None, key: str) -> str:
    command = ["sysctl", "-n", key]
    return (host.in_namespace(namespace, *command) if namespace else host.run(*command)).stdout.strip()


def assert_refused(run_module: Run, module: str, message: str, **params: Any) -> None:
    """Check mode and a real run refuse the call with the same message, and write nothing."""
    before = snapshot.take()
    checked = run_module(module, _check=True, **params)
    applied = run_module(module, **params)
    assert checked.failed
    assert message in checked.message
    assert applied.message == checked.message
    snapshot.assert_unchanged(before)


# Parameters of a link


def test_parameters_of_both_ends_of_a_new_pair(host: Host, run_module: Run) -> None:
    """They are set before the addresses: IPv6 is on by the time that the link gets one."""
    host_end = {"name": "red0", "sysctls": {"ipv4.conf.proxy_arp": True, "ipv4.neigh.gc_stale_time": 90}}
    options = {
        "name": "eth0.10",
        "namespace": "red",
        "addresses": ["2001:db8::1/64"],
        "sysctls": {"ipv6.conf.disable_ipv6": 0, "ipv4.conf.rp_filter": 2, "ipv6.conf.mtu": None},
        "peer": host_end,
    }
    prepare = RED + "\n!ip netns exec red sysctl -qw net.ipv6.conf.default.disable_ipv6=1"
    converge_and_paste(host, run_module, lambda: shell(host, prepare), "veth", **options)
    assert parameter(host, "red", "net.ipv4.conf.eth0/10.rp_filter") == "2"
    assert parameter(host, None, "net.ipv4.conf.red0.proxy_arp") == "1"
    assert parameter(host, None, "net.ipv4.neigh.red0.gc_stale_time") == "90"


def test_parameters_of_an_existing_link(host: Host, run_module: Run) -> None:
    options = {"name": "eth0", "namespace": "red", "sysctls": {"ipv4.conf.rp_filter": "0x2", "ipv6.conf.accept_ra": 0}}
    for module in ("link", "veth"):
        host.clear()
        result = converge_and_paste(host, run_module, lambda: shell(host, PAIR), module, **options)
        assert result.commands == [
            "ip netns exec red sysctl -w net.ipv4.conf.eth0.rp_filter=0x2",
            "ip netns exec red sysctl -w net.ipv6.conf.eth0.accept_ra=0",
        ]


def test_parameters_follow_a_link_into_its_namespace(host: Host, run_module: Run) -> None:
    """A move resets them to the defaults of the namespace."""
    shell(host, RED + "\n!ip tuntap add nic0 mode tap")
    shell(host, "!sysctl -qw net.ipv4.conf.nic0.rp_filter=2")
    converge(host, run_module, "link", name="nic0", namespace="red", sysctls={"ipv4.conf.rp_filter": 2})
    assert parameter(host, "red", "net.ipv4.conf.nic0.rp_filter") == "2"


def test_a_re_created_pair_has_its_parameters_again(host: Host, run_module: Run) -> None:
    shell(host, RED)
    options = {
        "name": "eth0",
        "namespace": "red",
        "sysctls": {"ipv4.conf.rp_filter": 2},
        "peer": {"name": "red0"},
    }
    converge(host, run_module, "veth", **options)
    shell(host, "link del red0")
    converge(host, run_module, "veth", **options)
    assert parameter(host, "red", "net.ipv4.conf.eth0.rp_filter") == "2"


def test_a_failed_call_restores_the_parameters(host: Host, run_module: Run) -> None:
    shell(host, PAIR + "\n!ip tuntap add tap0 mode tap")
    before = snapshot.take()
    pairs = [
        {"name": "eth0", "namespace": "red", "sysctls": {"ipv4.conf.rp_filter": 2}, "peer": {"name": "red0"}},
        {"name": "eth1", "namespace": "red", "mtu": 65535, "peer": {"name": "alias0", "mtu": 65535}},
    ]
    shell(host, "link property add dev tap0 altname alias0")
    result = run_module("veth", pairs=pairs)
    shell(host, "link property del dev tap0 altname alias0")
    assert result.failed
    assert parameter(host, "red", "net.ipv4.conf.eth0.rp_filter") != "2"
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("net.ipv4.conf.eth0.rp_filter", 1, "write TREE.NAME without the link, such as ipv4.conf.rp_filter"),
        ("ipv4.conf.no_such", 1, "no such parameter"),
        ("ipv4.conf.mc_forwarding", 1, "the kernel refuses the value '1'"),
        ("ipv6.conf.addr_gen_mode", 99, "the kernel refuses the value '99': Invalid argument"),
    ],
)
@pytest.mark.parametrize("prepare", ["", RED, PAIR])
def test_parameters_that_cannot_be(
    host: Host, run_module: Run, key: str, value: int, message: str, prepare: str
) -> None:
    shell(host, prepare)
    options = {"name": "eth0", "namespace": "red", "sysctls": {key: value}, "peer": {"name": "red0"}}
    checked = run_module("veth", _check=True, **options)
    assert checked.failed
    assert message in checked.message
    if prepare:
        assert_refused(run_module, "veth", message, **options)


# Parameters of a link, among those of its namespace


def topology(**interface: Any) -> dict[str, Any]:
    eth0 = {"name": "eth0", "bridge": "br", "peer": "red0", "addresses": ["10.0.0.1/24"], **interface}
    sysctls = {"net.ipv4.ip_forward": 1, "net.ipv4.conf.eth0.rp_filter": 2, "net.ipv4.conf.lo.rp_filter": 2}
    return {
        "name": "lab",
        "verify": False,
        "bridges": [{"name": "br", "addresses": ["10.0.0.254/24"], "sysctls": {"ipv4.conf.proxy_arp": 1}}],
        "namespaces": [{"name": "red", "sysctls": sysctls, "interfaces": [eth0]}],
        "links": [],
        "nat": [],
    }


def test_a_topology_sets_and_heals_them(host: Host) -> None:
    """The first run builds the link and sets its parameters; so does the run after the link was deleted."""
    build(topology())
    assert build(topology()) == []
    for damage in ("link del red0", "!ip netns exec red sysctl -qw net.ipv4.conf.eth0.rp_filter=0", "netns del red"):
        shell(host, damage)
        build(topology())
        assert parameter(host, "red", "net.ipv4.conf.eth0.rp_filter") == "2"
        assert parameter(host, None, "net.ipv4.conf.br.proxy_arp") == "1"
        assert build(topology()) == []


def test_a_parameter_of_a_missing_link_does_not_keep_the_namespace_from_being_created(
    host: Host, run_module: Run
) -> None:
    sysctls = {"net.ipv4.conf.eth0.rp_filter": 2}
    result = converge(host, run_module, "netns", name="red", sysctls=sysctls)
    assert "there is no link for net.ipv4.conf.eth0.rp_filter yet" in "".join(result.warnings)
    shell(host, "link add name eth0 netns red type veth peer name red0")
    converge(host, run_module, "netns", name="red", sysctls=sysctls)
    assert parameter(host, "red", "net.ipv4.conf.eth0.rp_filter") == "2"


# What a namespace cannot have


@pytest.mark.parametrize("prepare", ["", RED])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("net.core.rmem_max", 1234567),
        ("net.ipv4.ip_local_port_range", "60000 5"),
        ("net.ipv4.ip_forward", "nonsense"),
        ("net.core.netdev_budget", 1234),
    ],
)
def test_what_the_kernel_refuses_in_a_namespace(
    host: Host, run_module: Run, prepare: str, key: str, value: object
) -> None:
    """Some parameters are missing in a namespace, some are read-only there, and each has a range of its own."""
    shell(host, prepare)
    assert_refused(run_module, "netns", f"red: sysctls.{key}: the kernel ", name="red", sysctls={key: value})


# IPv6 that is off

OFF = "!ip netns exec red sysctl -qw net.ipv6.conf.{}.disable_ipv6=1"


@pytest.mark.parametrize("scope", ["all", "default"])
def test_no_ipv6_address_for_a_new_link(host: Host, run_module: Run, scope: str) -> None:
    shell(host, RED + "\n" + OFF.format(scope))
    options = {"name": "eth0", "namespace": "red", "addresses": ["fd00::1/64"], "peer": {"name": "red0"}}
    assert_refused(run_module, "veth", "eth0: addresses: IPv6 is off", **options)
    options["peer"] = {"name": "eth0", "addresses": ["fd00::2/64"]}
    assert "peer.addresses" not in run_module("veth", **options).message


@pytest.mark.parametrize("scope", ["all", "eth0"])
@pytest.mark.parametrize("module", ["link", "veth"])
def test_no_ipv6_address_for_an_existing_link(host: Host, run_module: Run, scope: str, module: str) -> None:
    shell(host, PAIR + "\n" + OFF.format(scope))
    options = {"name": "eth0", "namespace": "red", "addresses": ["fd00::1/64"]}
    assert_refused(run_module, module, "eth0: addresses: IPv6 is off (net.ipv6.conf.eth0.disable_ipv6 = 1)", **options)
    converge(host, run_module, module, **options, sysctls={"ipv6.conf.disable_ipv6": 0})


def test_no_ipv6_address_for_a_link_with_a_small_mtu(host: Host, run_module: Run) -> None:
    shell(host, PAIR + "\n-n red link set eth0 mtu 1000")
    options = {"name": "eth0", "namespace": "red", "addresses": ["fd00::1/64"]}
    assert_refused(run_module, "link", "the MTU of eth0 is 1000, and IPv6 needs 1280", **options)
    converge(host, run_module, "link", **options, mtu=1280, sysctls={"ipv6.conf.accept_ra": 0})


def test_no_ipv6_route_by_a_link_without_ipv6(host: Host, run_module: Run) -> None:
    shell(host, PAIR + "\n-n red link set eth0 up\n" + OFF.format("eth0"))
    entry = {"namespace": "red", "destination": "fd01::/64", "device": "eth0"}
    assert_refused(run_module, "route", "fd01::/64: device: IPv6 is off", **entry)
    checked = run_module("route", namespace="blue", destination="fd01::/64", device="eth0", _check=True)
    assert not checked.failed
    shell(host, OFF.format("all"))
    entry = {"namespace": "red", "destination": "fd01::/64", "gateway": "fd00::9"}
    assert_refused(run_module, "route", "fd01::/64: destination: IPv6 is off", **entry)


def test_check_mode_of_a_sequence_knows_what_its_steps_turn_on(host: Host, run_module: Run) -> None:
    shell(host, PAIR + "\n-n red link set eth0 up\n" + OFF.format("all"))
    steps = [
        {"module": "netns", "options": {"name": "red", "sysctls": {"net.ipv6.conf.all.disable_ipv6": 0}}},
        {"module": "link", "options": {"name": "eth0", "namespace": "red", "addresses": ["fd00::1/64"]}},
        {"module": "route", "options": {"namespace": "red", "destination": "fd01::/64", "device": "eth0"}},
    ]
    converge(host, run_module, "sequence", steps=steps)


def test_what_was_tried_for_one_new_namespace_is_not_taken_for_the_value_of_another(
    host: Host, run_module: Run
) -> None:
    """Values are tried in the namespace by which the values of a new one are known."""
    host.run("sysctl", "-w", "net.ipv4.ip_forward=0")
    steps = [
        {
            "module": "netns",
            "options": {"namespaces": [{"name": "red", "sysctls": {"net.ipv4.ip_forward": 1}}, {"name": "blue"}]},
        },
        {"module": "nat_masquerade", "options": {"rules": [{"source": "192.0.2.0/24", "namespace": "blue"}]}},
    ]
    checked = run_module("sequence", steps=steps, _check=True)
    applied = run_module("sequence", steps=steps)
    assert not applied.failed, applied.message
    assert checked.commands == applied.commands
    assert "ip netns exec blue sysctl -w net.ipv4.ip_forward=1" in applied.commands

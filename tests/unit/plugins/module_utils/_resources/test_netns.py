# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns import Actual, Namespace, NamespaceResource

RESOURCE = NamespaceResource()
RESOLV_CONF = "/etc/netns/red/resolv.conf"


def loopback(**attributes: Any) -> Link:
    return Link(1, "lo", loopback=True, **{"up": True, "mtu": 65536, **attributes})


def state(
    name: str = "red", *links: Link, lo: Link | None = None, addresses: tuple[Address, ...] = ()
) -> NamespaceState:
    return NamespaceState(name, (lo or loopback(), *links), addresses)


def actual(
    *namespaces: NamespaceState,
    stale: tuple[str, ...] = (),
    sysctls: Mapping[tuple[NamespaceName, str], str | None] | None = None,
    refused: Mapping[tuple[str, str], str] | None = None,
    **rest: Any,
) -> Actual:
    by_name = {each.name: each for each in namespaces}
    kernel = KernelState(by_name, frozenset(stale), sysctls=sysctls or {}, refused_sysctls=refused or {})
    return Actual(kernel, **rest)


def desired(name: str = "red", **options: Any) -> Namespace:
    defaults: Mapping[str, Any] = {"name": name, "state": "present", "force": False}
    return RESOURCE.desired(Entry(name), {**defaults, **options})


def plan(there: Actual, *wanted: Namespace, owner: str | None = None, prune: bool = False) -> Plan:
    return RESOURCE.plan(there, Call(wanted, owner=owner, prune=prune))


PHYSICAL = Link(2, "eth1")
VETH = Link(3, "v0", "veth")
SYSCTL: Mapping[tuple[NamespaceName, str], str | None] = {("red", "net.ipv4.ip_forward"): "0"}


# Present


def test_files_with_the_same_text_are_copied_by_the_commands() -> None:
    call = Call(tuple(desired(name) for name in ("red", "blue")), options={"hosts": ("10.1.0.1 red",)})
    commands = RESOURCE.plan(actual(), call).commands
    assert [line for line in commands if "hosts" in line] == [
        "printf %s '# BEGIN netns.fabric:\n10.1.0.1 red\n# END netns.fabric:\n' > /etc/netns/red/hosts",
        "cp /etc/netns/red/hosts /etc/netns/blue/hosts",
    ]


def test_a_new_namespace() -> None:
    planned = plan(actual(sysctls=SYSCTL), desired(sysctls={"net.ipv4.ip_forward": True}), owner="lab")
    assert planned.commands == [
        "ip netns add red",
        "ip -n red link set dev lo alias netns.fabric:lab",
        "ip netns exec red sysctl -w net.ipv4.ip_forward=1",
        "ip -n red link set dev lo up",
    ]
    assert planned.changes[0].before is None
    assert planned.changes[0].after == {
        "alias": "netns.fabric:lab",
        "loopback": "up",
        "sysctls.net.ipv4.ip_forward": "1",
    }


def test_a_stale_file_makes_room() -> None:
    planned = plan(actual(stale=("red",)), desired())
    assert planned.commands == ["rm -f /run/netns/red", "ip netns add red", "ip -n red link set dev lo up"]
    assert planned.changes[0].before == {"stale file": "/run/netns/red"}


def test_an_existing_one_is_as_wanted() -> None:
    assert not plan(actual(state()), desired()).changed


@pytest.mark.parametrize(
    ("there", "owner", "commands"),
    [
        # Bare: what a killed run has left.
        (state(lo=loopback(up=False)), None, ["ip -n red link set dev lo up"]),
        (
            state(lo=loopback(up=False)),
            "lab",
            ["ip -n red link set dev lo alias netns.fabric:lab", "ip -n red link set dev lo up"],
        ),
        (state("red", Link(9, "sit0", "sit"), lo=loopback(up=False)), None, ["ip -n red link set dev lo up"]),
        # Somebody has put something into it: used, never owned.
        (state("red", VETH, lo=loopback(up=False)), "lab", []),
        (state(addresses=(Address(1, ip_interface("10.0.0.1/32")),), lo=loopback(up=False)), "lab", []),
        # Ours.
        (
            state("red", VETH, lo=loopback(up=False, alias="netns.fabric:lab")),
            "lab",
            ["ip -n red link set dev lo up"],
        ),
        (state(lo=loopback(alias="netns.fabric:one")), "two", ["ip -n red link set dev lo alias netns.fabric:one,two"]),
        (state("red", VETH, lo=loopback(alias="netns.fabric:one")), "two", []),
    ],
)
def test_the_loopback_of_an_existing_one(there: NamespaceState, owner: str | None, commands: list[str]) -> None:
    assert plan(actual(there), desired(), owner=owner).commands == commands


# Kernel parameters


@pytest.mark.parametrize(
    ("current", "value", "changed"),
    [
        ("0", 0, False),
        ("0", False, False),
        ("1", True, False),
        ("16", "0x10", False),
        ("8", "010", False),
        ("4096 87380 6291456", "4096  87380 6291456", False),
        ("cubic", "cubic", False),
        ("cubic", "reno", True),
        ("0", 1, True),
        ("-1", "-1", False),
    ],
)
def test_values_are_compared_as_the_kernel_reads_them(current: str, value: object, changed: bool) -> None:
    key = "net.ipv4.some_parameter"
    there = actual(state(), sysctls={("red", key): current})
    assert plan(there, desired(sysctls={key: value})).changed is changed


def test_null_leaves_a_parameter_alone() -> None:
    assert desired(sysctls={"net.ipv4.ip_forward": None}).sysctls == {}


def test_parameters_that_set_others_come_first_and_the_others_again() -> None:
    keys = ["net.ipv4.conf.eth0.forwarding", "net.ipv6.conf.x.y", "net.ipv4.conf.all.forwarding", "net.ipv4.ip_forward"]
    wanted = desired(sysctls=dict.fromkeys(keys, 1))
    assert list(wanted.sysctls) == [keys[3], keys[2], keys[0], keys[1]]
    links = (Link(2, "eth0", "veth"), Link(3, "x", "veth"))
    there = actual(state("red", *links), sysctls={("red", key): "0" if key == keys[3] else "1" for key in keys})
    planned = plan(there, wanted)
    # ip_forward sets the forwarding of all links of its version; those of the other version have nothing to fear.
    assert [command.split()[-1] for command in planned.commands] == [f"{key}=1" for key in (keys[3], keys[2], keys[0])]
    assert planned.changes[0].after == {f"sysctls.{keys[3]}": "1"}


def test_a_value_that_the_kernel_refuses() -> None:
    """Found out in a namespace of its own before anything is written, in check mode as well."""
    there = actual(
        sysctls={("red", "net.core.rmem_max"): "212992"},
        refused={("net.core.rmem_max", "1"): "only the host's own namespace may set it"},
    )
    with pytest.raises(InvalidEntries, match=r"sysctls.net.core.rmem_max: .*only the host's own namespace may set it"):
        plan(there, desired(sysctls={"net.core.rmem_max": 1}))


@pytest.mark.parametrize("exists", [True, False])
def test_a_parameter_of_a_link_that_does_not_exist_waits_for_it(exists: bool) -> None:
    sysctls = {"net.ipv4.conf.eth0/10.rp_filter": 0, "net.ipv4.conf.lo.rp_filter": 0, "net.ipv4.ip_forward": 1}
    there = actual(*([state()] if exists else []), sysctls={("red", key): "2" for key in sysctls})
    planned = plan(there, desired(sysctls=sysctls))
    assert [line for line in planned.commands if "sysctl" in line] == [
        "ip netns exec red sysctl -w net.ipv4.ip_forward=1",
        "ip netns exec red sysctl -w net.ipv4.conf.lo.rp_filter=0",
    ]
    (warning,) = planned.warnings
    assert "no link for net.ipv4.conf.eth0/10.rp_filter yet" in warning


def test_a_parameter_of_a_link_that_exists_is_healed() -> None:
    key = "net.ipv4.conf.eth0/10.rp_filter"
    there = actual(state("red", Link(2, "eth0.10", "vlan")), sysctls={("red", key): "2"})
    planned = plan(there, desired(sysctls={key: 0}))
    assert planned.commands == [f"ip netns exec red sysctl -w {key}=0"]
    assert planned.warnings == ()


@pytest.mark.parametrize("exists", [True, False])
def test_a_parameter_that_the_kernel_does_not_have(exists: bool) -> None:
    there = actual(*([state()] if exists else []), sysctls={("red", "net.ipv4.no_such"): None})
    with pytest.raises(FabricError, match="no such parameter"):
        plan(there, desired(sysctls={"net.ipv4.no_such": 1}))


@pytest.mark.parametrize(
    "key",
    [
        "kernel.hostname",
        "net..x",
        "net.//.b",
        "net./.b",
        "net.a\0",
        "net.netfilter.nf_hooks_lwtunnel",
        "net.x.",
        "net.a b",
        "vm.swappiness",
        "net.ipv4.conf.eth0.10.rp_filter",
    ],
)
def test_names_that_are_none(key: str) -> None:
    with pytest.raises(InvalidEntries, match="sysctls"):
        desired(sysctls={key: 1})


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}])
def test_values_that_are_none(value: object) -> None:
    with pytest.raises(InvalidEntries, match="several numbers as one string"):
        desired(sysctls={"net.ipv4.tcp_rmem": value})


# Absent


def test_a_namespace_goes() -> None:
    planned = plan(actual(state("red", VETH)), desired(state="absent"))
    assert planned.commands == ["ip netns del red"]
    assert planned.changes[0].before == {"links": ["v0"]}
    assert planned.changes[0].after is None


def test_what_is_not_there_is_absent() -> None:
    assert not plan(actual(), desired(state="absent")).changed


def test_a_stale_file_goes_as_well() -> None:
    assert plan(actual(stale=("red",)), desired(state="absent")).commands == ["rm -f /run/netns/red"]


def test_a_resolvers_file_without_its_namespace_goes() -> None:
    planned = plan(actual(files={RESOLV_CONF: "# netns.fabric:\n"}), desired(state="absent"))
    assert planned.commands[0] == f"rm -f {RESOLV_CONF}"


def test_a_physical_device_returns_to_the_host() -> None:
    """One without a kind; the kernel does the same, but to its first namespace, and later."""
    planned = plan(actual(state("red", PHYSICAL, VETH)), desired(state="absent"))
    assert planned.commands == ["ip -n red link set dev eth1 netns $$", "ip netns del red"]
    assert "what red/eth1 was on the host is not recorded" in planned.warnings[0]


def test_processes_inside_are_listed() -> None:
    there = actual(state("red", VETH), processes={"red": [(42, "sleep 9"), (43, "[kthread]")]})
    with pytest.raises(FabricError) as caught:
        plan(there, desired(state="absent"))
    assert str(caught.value).startswith("red: force: the namespace is in use by these processes")
    assert str(caught.value).splitlines()[1:] == ["  pid 42: sleep 9", "  pid 43: [kthread]"]


def test_force_takes_the_links_away_one_of_each_pair() -> None:
    links = (
        Link(3, "a", "veth", peer=End("red", 4)),
        Link(4, "b", "veth", peer=End("red", 3)),
        Link(5, "c", "veth", peer=End("blue", 3)),
        Link(6, "d", "veth", peer=End(None, 2, known=False)),
        Link(7, "t", "tun"),
        Link(8, "sit0", "sit"),
        PHYSICAL,
    )
    there = actual(state("red", *links), processes={"red": [(42, "sleep")]})
    planned = plan(there, desired(state="absent", force=True))
    (removal,) = planned.changes[-1].operations
    assert removal == op.RemoveNamespace("red", links=("a", "c", "d", "t"))
    assert planned.commands[0] == "ip -n red link set dev eth1 netns $$"


@pytest.mark.parametrize(
    ("lo", "links", "gone", "warned"),
    [
        ("netns.fabric:lab", (VETH,), True, False),
        ("", (), True, False),  # bare: left by a killed run
        ("", (VETH,), False, True),
        ("netns.fabric:lab2", (VETH,), False, True),
        ("netns.fabric:lab2", (), False, True),
        ("the lab's", (), False, True),
    ],
)
def test_an_owner_removes_its_own(lo: str, links: tuple[Link, ...], gone: bool, warned: bool) -> None:
    planned = plan(actual(state("red", *links, lo=loopback(alias=lo))), desired(state="absent"), owner="lab")
    assert (planned.commands == ["ip netns del red"]) is gone
    assert bool(planned.warnings) is warned


def test_a_shared_namespace_stays_for_the_other_owner() -> None:
    there = actual(state(lo=loopback(alias="netns.fabric:lab,two")), processes={"red": [(1, "init")]})
    planned = plan(there, desired(state="absent"), owner="lab")
    assert planned.commands == ["ip -n red link set dev lo alias netns.fabric:two"]
    assert "it stays" in planned.warnings[0]


def test_without_an_owner_it_goes_whosever_it_is() -> None:
    there = actual(state(lo=loopback(alias="netns.fabric:lab,two")))
    assert plan(there, desired(state="absent")).commands == ["ip netns del red"]


# Pruning


def test_prune() -> None:
    there = actual(
        state("listed", lo=loopback(alias="netns.fabric:lab")),
        state("ours", VETH, lo=loopback(alias="netns.fabric:lab")),
        state("shared", lo=loopback(alias="netns.fabric:lab,two")),
        state("theirs", lo=loopback(alias="netns.fabric:lab2")),
        state("lab", lo=loopback()),
        state("red-test", lo=loopback(alias="netns.fabric:")),
        NamespaceState(None, (loopback(alias="netns.fabric:lab"),)),
    )
    planned = plan(there, desired("listed"), owner="lab", prune=True)
    assert planned.commands == ["ip -n shared link set dev lo alias netns.fabric:two", "ip netns del ours"]


def test_names() -> None:
    assert RESOURCE.key(desired("red")) != RESOURCE.key(desired("red-test"))
    for name in ("", "a/b", "..", "x" * 256):
        with pytest.raises(InvalidEntries):
            desired(name)


def test_what_a_killed_run_has_left_is_removed() -> None:
    planned = plan(actual(has_leftover=True))
    assert planned.commands == ["rm -f /etc/netns/.netns.fabric.new"]
    assert planned.diff[0]["before"] == "content: left by a killed run\n"

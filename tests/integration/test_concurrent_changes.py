# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another program changes the host while a call runs: the message says so, and nothing is half done.

The other program acts at a chosen moment, for which the module runs in this process.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import converge
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel import handlers
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, shell
from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, Host

Action = Callable[[], None]
ROLLED_BACK = "All changes made by this call were rolled back; the host is unchanged."
INTERFERENCE = "Another program has changed the host during this call"

STAGE = """
    netns add red
    tuntap add d0 mode tap
    tuntap add d1 mode tap
    link set d0 up
    link set d1 up
    -n red link set lo up
    addr add 192.0.2.1/24 dev d0
    addr add 192.0.2.11/24 dev d0
    route add 198.51.100.0/24 via 192.0.2.2 proto static
    link add name tap0 type veth peer name eth0 netns red
"""


@pytest.fixture(name="stage")
def fixture_stage(host: Host, run_module: Run) -> Host:
    shell(host, STAGE)
    for module, options in (
        ("ovs_bridge", {"name": "br0"}),
        ("ovs_port", {"name": "tap0", "bridge": "br0", "tag": 7}),
        ("nat_masquerade", {"source": "10.1.0.0/24", "owner": "lab", "backend": "nftables"}),
        ("nat_masquerade", {"source": "10.2.0.0/24", "namespace": "red", "backend": "nftables"}),
    ):
        result = run_module(module, **options)
        assert not result.failed, result.message
    return host


def run_while(module: str, options: dict[str, Any], action: Action, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a module while something acts after the host was read and before it is written; return the error."""
    resource = RESOURCES[module]
    plan = resource.plan
    pending = [action]

    def plan_and_act(actual: Any, call: Call[Any]) -> Any:
        planned = plan(actual, call)
        while pending:
            pending.pop()()
        return planned

    monkeypatch.setattr(resource, "plan", plan_and_act)
    return error_of(module, options)


def error_of(module: str, options: dict[str, Any]) -> str:
    with pytest.raises(OperationFailed) as caught:
        apply(module, options)
    return str(caught.value)


def apply(module: str, options: dict[str, Any]) -> dict[str, Any]:
    validated = ArgumentSpecValidator(argument_spec(RESOURCES[module])).validate(options)
    assert not validated.error_messages
    return converge(RESOURCES[module], validated.validated_parameters, check_mode=False)


# Between reading and writing


@pytest.mark.parametrize(
    ("module", "options", "command", "cause"),
    [
        # A link is renamed, as udev does, or removed.
        ("link", {"name": "d0", "mtu": 1400}, "ip link set d0 name enp1", "there is no link d0"),
        ("link", {"name": "d0", "mtu": 1400}, "ip link del d0", "there is no link d0"),
        ("link", {"name": "d0", "namespace": "red"}, "ip link set d0 name enp1", "there is no link d0"),
        ("link", {"name": "d0", "addresses": []}, "ip link del d0", "there is no link d0"),
        ("route", {"destination": "203.0.113.0/24", "device": "d0"}, "ip link del d0", "there is no link d0"),
        ("ovs_port", {"name": "d0", "bridge": "br0"}, "ip link set d0 name enp1", "the link d0 does not exist"),
        # A namespace is removed.
        (
            "veth",
            {"name": "eth1", "namespace": "red", "peer": {"name": "tap1"}},
            "ip netns del red",
            "the namespace red does not exist",
        ),
        (
            "route",
            {"destination": "203.0.113.0/24", "device": "lo", "namespace": "red"},
            "ip netns del red",
            "the namespace red does not exist",
        ),
        ("netns", {"name": "red", "sysctls": {"net.ipv4.ip_default_ttl": 70}}, "ip netns del red", ""),
        (
            "nat_masquerade",
            {"source": "10.3.0.0/24", "namespace": "red", "backend": "nftables"},
            "ip netns del red",
            "the namespace red does not exist",
        ),
        # What is to be created is created by the other.
        ("netns", {"name": "blue"}, "ip netns add blue", ""),
        ("veth", {"name": "v0", "peer": {"name": "v1"}}, "ip link add v1 type bridge", "it is not a veth but bridge"),
        (
            "link",
            {"name": "d0", "addresses": ["192.0.2.1/24", "192.0.2.11/24", "10.0.0.1/8"]},
            "ip addr add 10.0.0.1/8 dev d0",
            "",
        ),
        (
            "route",
            {"destination": "203.0.113.0/24", "gateway": "192.0.2.2"},
            "ip route add 203.0.113.0/24 via 192.0.2.2 proto static",
            "",
        ),
        # What is to be changed or removed is removed by the other.
        ("link", {"name": "d0", "addresses": ["192.0.2.1/24"]}, "ip addr del 192.0.2.11/24 dev d0", ""),
        (
            "route",
            {"destination": "198.51.100.0/24", "gateway": "192.0.2.2", "state": "absent"},
            "ip route del 198.51.100.0/24",
            "",
        ),
        ("ovs_port", {"name": "d1", "bridge": "br0"}, "ovs-vsctl del-br br0", "the bridge br0 does not exist"),
        ("ovs_port", {"name": "tap0", "bridge": "br0", "tag": 8}, "ovs-vsctl del-port tap0", ""),
        ("ovs_bridge", {"name": "br0", "fail_mode": "secure"}, "ovs-vsctl del-br br0", ""),
        ("ovs_bridge", {"name": "br1"}, "ip link add br1 type bridge", "there is a bridge link br1 on the host"),
        (
            "nat_masquerade",
            {"source": "10.1.0.0/24", "owner": "lab", "backend": "nftables", "state": "absent"},
            "nft delete table ip netns_fabric",
            "",
        ),
    ],
)
def test_another_program_acts_between_reading_and_writing(
    stage: Host, monkeypatch: pytest.MonkeyPatch, module: str, options: dict[str, Any], command: str, cause: str
) -> None:
    after: list[snapshot.Snapshot] = []

    def act() -> None:
        if "netns del" in command:
            shell(stage, "link del tap0")  # the kernel would delete it later, when nothing holds the namespace
        stage.run(*command.split(" "))
        after.append(snapshot.take())

    message = run_while(module, options, act, monkeypatch)
    assert f"{ROLLED_BACK}\n{INTERFERENCE}" in message
    assert cause in message.partition(INTERFERENCE)[2]
    if not cause:
        assert message.endswith("run it again.")
    snapshot.assert_unchanged(after[0], "the host, but for what the other program has done,")


def test_a_failure_without_interference_does_not_mention_any(stage: Host) -> None:
    message = error_of("link", {"links": [{"name": "d0", "mtu": 1400}, {"name": "d1", "mtu": 65535}]})
    assert message.endswith(ROLLED_BACK)


# While it writes


@pytest.mark.parametrize("moment", ["before the first", "between them"])
def test_a_link_that_another_program_deletes_first(stage: Host, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """The kernel does so a moment after the namespace of a veth's other end was deleted."""
    shell(stage, "link add v0 type veth peer name w0\nlink add v1 type veth peer name w1 netns red")
    act_before(monkeypatch, op.DeleteLink, lambda: shell(stage, "link del v0"), skip=int(moment == "between them"))
    pairs = [{"name": "v0", "state": "absent"}, {"name": "v1", "state": "absent"}]
    assert apply("veth", {"pairs": pairs})["changed"]
    assert not {"v0", "v1"} & set(stage.links())


def test_a_link_that_another_program_deletes_first_is_not_restored(
    stage: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell(stage, "link add v0 type veth peer name w0\nlink add v1 type veth peer name w1 netns red")
    after: list[snapshot.Snapshot] = []

    def act() -> None:
        shell(stage, "link del v0")
        after.append(snapshot.take())

    act_before(monkeypatch, op.DeleteLink, act, skip=1)
    monkeypatch.setitem(handlers.HANDLERS, op.CreateVeth, refuse)
    assert ROLLED_BACK in error_of("veth", {"name": "v0", "peer": {"name": "v1"}})  # the former ones make room
    snapshot.assert_unchanged(after[0])


def refuse(*_arguments: Any) -> None:
    raise OSError(errno.EPERM, "refused")


def act_before(monkeypatch: pytest.MonkeyPatch, kind: type, action: Action, skip: int = 0) -> None:
    """Have something act before the first operation of a kind, or the one after `skip` others."""
    handler = handlers.HANDLERS[kind]
    pending: list[Action] = [action, *([lambda: None] * skip)]

    def act(*arguments: Any) -> None:
        if pending:
            pending.pop()()
        handler(*arguments)

    monkeypatch.setitem(handlers.HANDLERS, kind, act)


@pytest.mark.parametrize("place", ["red", None])
def test_udev_renames_a_new_link(stage: Host, monkeypatch: pytest.MonkeyPatch, place: str | None) -> None:
    before = snapshot.take()
    act_before(monkeypatch, op.SetUp, lambda: shell(stage, "link set tap1 name enp9"))
    options = {"name": "eth1", "namespace": place, "peer": {"name": "tap1"}}
    message = error_of("veth", {key: value for key, value in options.items() if value})
    assert "eth1: the kernel refused `ip link set dev tap1 up`: No such device (ENODEV)" in message
    assert "another program has removed or renamed the link since this call has read or created it" in message
    assert ROLLED_BACK in message
    snapshot.assert_unchanged(before)


def test_a_link_that_another_program_removes_need_not_be_restored(stage: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its addresses and routes are gone with it, by nobody's doing but the other's; the rest is rolled back."""
    after: list[snapshot.Snapshot] = []

    def act() -> None:
        shell(stage, "link del d0")

    act_before(monkeypatch, op.SetDown, act)
    links = [
        {"name": "d1", "mtu": 1400, "mac": "02:00:00:00:00:01", "addresses": ["10.0.0.1/24"]},
        {"name": "d0", "mtu": 1400, "addresses": ["10.0.1.1/24"], "enabled": False},
    ]
    shell(stage, "link set d1 address 02:00:00:00:00:07\naddr add 203.0.113.1/24 dev d1")
    after.append(stage.links()["d1"])
    message = error_of("link", {"links": links})
    assert "could not be undone" not in message
    assert f"{ROLLED_BACK}\n{INTERFERENCE}" in message
    assert "there is no link d0" in message
    now = stage.links()["d1"]
    assert [now[key] for key in ("mtu", "address", "addr_info")] == [
        after[0][key] for key in ("mtu", "address", "addr_info")
    ]


@pytest.mark.parametrize("command", ["ip netns del new", "ip netns del new && ip netns add new"])
def test_a_new_namespace_is_removed_or_replaced(stage: Host, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """What another program has put in its place stays."""

    def act() -> None:
        stage.run("bash", "-c", command)

    act_before(monkeypatch, op.SetUp, act)
    message = error_of("netns", {"namespaces": [{"name": "new"}, {"name": "second"}]})
    assert "namespaces[0] (new): another program has removed the namespace new during this call; run it" in message
    assert "could not be undone" not in message
    assert (NAMESPACES / "new").exists() == ("add" in command)
    assert not (NAMESPACES / "second").exists()

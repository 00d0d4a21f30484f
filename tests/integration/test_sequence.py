# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several modules in one call, against a real kernel, Open vSwitch and nft."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

OWNERSHIP: dict[str, Any] = {"owner": "lab", "prune": True}


def step(module: str, **options: Any) -> dict[str, Any]:
    return {"module": module, "options": options}


def lab(mtu: int = 1500) -> list[dict[str, Any]]:
    """Two namespaces on a bridge; each step needs what the one before it creates."""
    numbers = {"red": 1, "blue": 2}
    return [
        step("netns", namespaces=[{"name": name} for name in numbers], **OWNERSHIP),
        step("ovs_bridge", bridges=[{"name": "br"}], **OWNERSHIP),
        step(
            "veth",
            pairs=[
                {
                    "name": "eth0",
                    "namespace": name,
                    "addresses": [f"192.0.2.{number}/24"],
                    "mtu": mtu,
                    "peer": {"name": f"{name}-tap", "mtu": mtu},
                }
                for name, number in numbers.items()
            ],
            **OWNERSHIP,
        ),
        step("link", links=[{"name": "br", "addresses": ["192.0.2.254/24"], "enabled": True}], **OWNERSHIP),
        step("ovs_port", ports=[_port(name) for name in numbers], **OWNERSHIP),
        step("route", routes=[{"namespace": "red", "destination": "default", "gateway": "192.0.2.254"}], exact=True),
        step("nat_masquerade", rules=[{"source": "192.0.2.0/24"}], **OWNERSHIP),
    ]


def _port(namespace: str) -> dict[str, Any]:
    return {"name": f"{namespace}-tap", "bridge": "br", "peer": {"name": "eth0", "namespace": namespace}}


def run_twice(host: Host, run_module: Run, steps: list[dict[str, Any]], changing: set[str]) -> None:
    """Run check -> apply -> check -> apply; `changing` are the modules that have something to do."""
    before = snapshot.take()
    checked = run_module("sequence", _check=True, steps=steps)
    assert not checked.failed, checked.message
    snapshot.assert_unchanged(before, "the host after check mode")
    applied = run_module("sequence", steps=steps)
    assert not applied.failed, applied.message
    assert {each["module"] for each in applied.returned["steps"] if each["changed"]} == changing
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    done = snapshot.take()
    for check in (True, False):
        again = run_module("sequence", steps=steps, _check=check)
        assert (again.failed, again.changed, again.diff, again.commands) == (False, False, [], [])
    snapshot.assert_unchanged(done, "the host after the second run")


def test_a_lab_is_built_changed_and_removed(host: Host, run_module: Run) -> None:
    before = snapshot.take()
    everything = {"netns", "ovs_bridge", "veth", "link", "ovs_port", "route", "nat_masquerade"}
    run_twice(host, run_module, lab(), everything)
    host.in_namespace("red", "ping", "-nqc1", "-w5", "192.0.2.2")
    assert "192.0.2.254" in host.in_namespace("red", "ip", "route", "show", "default").stdout

    run_twice(host, run_module, lab(mtu=1400), {"veth"})
    host.in_namespace("red", "ping", "-nqc1", "-w5", "192.0.2.2")

    order = [("ovs_port", "ports"), ("link", "links"), ("ovs_bridge", "bridges")]
    order += [("nat_masquerade", "rules"), ("veth", "pairs"), ("netns", "namespaces")]
    run_twice(
        host,
        run_module,
        [step(module, **{option: []}, **OWNERSHIP) for module, option in order],
        everything - {"route"},
    )
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")  # which a teardown leaves on, as other software may need it
    snapshot.assert_unchanged(before)
    assert host.namespaces() == []
    assert set(host.links()) == {"lo"}


def test_what_an_earlier_step_removes_too_is_reported_once(host: Host, run_module: Run) -> None:
    """A namespace takes its veth pairs with it, a bridge its link and its ports, and a veth pair its routes."""
    assert not run_module("sequence", steps=lab()).failed
    steps = lab()
    for each in steps:
        options = each["options"]
        name = next(iter(options))
        if each["module"] == "ovs_bridge":
            options[name] = []
        elif each["module"] != "nat_masquerade":
            options[name] = [entry for entry in options[name] if "blue" in str(entry)]
    steps[3]["options"]["links"], steps[4]["options"]["ports"] = [], []
    run_twice(host, run_module, steps, {"netns", "ovs_bridge"})
    assert host.namespaces() == ["blue"]


def test_what_both_kinds_of_nat_need_is_reported_once(host: Host, run_module: Run) -> None:
    """In check mode the second finds what the first would have created: forwarding, our table, a way through a drop."""
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    host.run(
        "nft", "add table ip filter; add chain ip filter forward { type filter hook forward priority 0; policy drop; }"
    )
    shell(host, "netns add inner")
    forward = {"port": 8080, "to_address": "192.0.2.1"}
    for namespace in (None, "inner"):
        rules = [{"source": "192.0.2.0/24", "namespace": namespace}]
        steps = [
            step("nat_masquerade", rules=rules, **OWNERSHIP),
            step("nat_port_forward", rules=[{**forward, "namespace": namespace}], **OWNERSHIP),
        ]
        # Moving to the namespace removes the rules from the host.
        run_twice(host, run_module, steps, {"nat_masquerade", "nat_port_forward"})
    removal = [step("nat_masquerade", rules=[], **OWNERSHIP), step("nat_port_forward", rules=[], **OWNERSHIP)]
    run_twice(host, run_module, removal, {"nat_masquerade", "nat_port_forward"})
    assert "netns_fabric" not in host.in_namespace("inner", "nft", "list", "tables").stdout


def test_a_step_that_fails_leaves_nothing_of_its_own(host: Host, run_module: Run) -> None:
    shell(host, "tuntap add d0 mode tap")
    steps = [
        step("netns", namespaces=[{"name": "red"}]),
        step("link", links=[{"name": "lo", "namespace": "red", "addresses": ["192.0.2.1/32"]}]),
        # Only the kernel knows how large the MTU of a tap can be.
        step("link", links=[{"name": "lo", "addresses": ["192.0.2.2/32"]}, {"name": "d0", "mtu": 65535}]),
        step("netns", namespaces=[{"name": "blue"}]),
    ]
    failed = run_module("sequence", steps=steps)
    assert failed.failed
    assert "netns.fabric.link: links[1] (d0)" in failed.message
    assert failed.changed
    assert failed.commands[0] == "ip netns add red"
    assert failed.commands[-1].endswith("addr add 192.0.2.1/32 dev lo")
    assert host.namespaces() == ["red"]
    assert "192.0.2.2/32" not in str(host.links()["lo"])


def test_errors_of_all_steps_are_reported_before_anything_is_written(host: Host, run_module: Run) -> None:
    steps = [
        step("netns", namespaces=[{"name": "red"}]),
        step("veth", pairs=[{"name": "eth0", "addresses": ["192.0.2.300/24"]}]),
        step("route", routes=[{"destinations": "default"}]),
    ]
    failed = run_module("sequence", steps=steps)
    assert failed.failed
    assert not failed.changed
    assert "netns.fabric.veth: pairs[0] (eth0): addresses: " in failed.message
    assert "netns.fabric.route: " in failed.message
    assert "destinations" in failed.message
    assert host.namespaces() == []


def test_a_link_of_an_earlier_step_is_restored_as_that_step_left_it(host: Host, run_module: Run) -> None:
    """A link that one step has created exists for the next: when that fails, the link gets its attributes back."""
    shell(host, "tuntap add d0 mode tap")
    failed = run_module(
        "sequence",
        steps=[
            step("veth", pairs=[{"name": "a", "mtu": 1400, "peer": {"name": "b"}}]),
            step("link", links=[{"name": "a", "mtu": 1300}, {"name": "d0", "mtu": 65535}]),
        ],
    )
    assert failed.failed
    assert "mtu greater than device maximum" in failed.message
    assert host.links()["a"]["mtu"] == 1400


def test_a_process_in_a_namespace_stops_a_teardown_before_it_begins(host: Host, run_module: Run) -> None:
    assert not run_module("sequence", steps=lab()).failed
    process = host.start("sleep", "4242", namespace="red")
    before = snapshot.take()
    order = [("ovs_port", "ports"), ("ovs_bridge", "bridges"), ("nat_masquerade", "rules"), ("veth", "pairs")]
    steps = [step(module, **{option: []}, **OWNERSHIP) for module, option in [*order, ("netns", "namespaces")]]
    for check in (True, False):
        refused = run_module("sequence", steps=steps, _check=check)
        assert refused.failed
        assert not refused.changed
        assert f"pid {process.pid}: " in refused.message
        assert "netns.fabric.netns: " in refused.message
        snapshot.assert_unchanged(before)
    forced = step("netns", namespaces=[{"name": "red", "state": "absent", "force": True}])
    # The first step removes what the last one would refuse to remove.
    applied = run_module("sequence", steps=[forced, *steps])
    assert not applied.failed, applied.message
    assert process.poll() is None
    assert host.namespaces() == []


def test_probes_follow_the_last_step(host: Host, run_module: Run) -> None:
    probes = [
        {"namespace": "red", "to": "192.0.2.2"},
        {"namespace": "red", "to": "192.0.2.2", "protocol": "tcp"},
        {"namespace": "blue", "to": "192.0.2.254", "protocol": "tcp"},
    ]
    checked = run_module("sequence", _check=True, steps=lab(), probes=probes)
    assert not checked.failed, checked.message
    assert checked.returned["summary"]["skipped"] == len(probes)
    applied = run_module("sequence", steps=lab(), probes=probes)
    assert not applied.failed, applied.message
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    assert applied.returned["summary"]["as_expected"] == len(probes)
    assert "192.0.2.254" in applied.returned["matrix"][0] + applied.returned["matrix"][3]
    again = run_module("sequence", steps=[], probes=probes)
    assert (again.failed, again.changed) == (False, False)
    assert again.returned["summary"] == applied.returned["summary"]


def test_a_probe_that_fails_rolls_nothing_back(host: Host, run_module: Run) -> None:
    steps = lab()
    steps[4]["options"]["ports"] = [{**each, "tag": tag} for tag, each in zip((10, 20), steps[4]["options"]["ports"])]
    probe = {"namespace": "red", "to": "192.0.2.2", "timeout": 0.5}
    failed = run_module("sequence", steps=steps, probes=[probe])
    assert failed.failed
    assert failed.changed
    assert failed.commands
    assert failed.message.startswith("All steps were applied, but netns.fabric.reachability failed: ")
    assert "red -> 192.0.2.2 icmp: no neighbour" in failed.message
    assert failed.returned["summary"]["not_as_expected"] == 1
    assert {each["module"] for each in failed.returned["steps"] if each["changed"]} >= {"netns", "ovs_port"}
    assert host.namespaces() == ["blue", "red"]


def test_an_error_in_a_probe_is_reported_before_anything_is_written(host: Host, run_module: Run) -> None:
    failed = run_module("sequence", steps=lab(), probes=[{"namespace": "red", "to": "192.0.2.300"}])
    assert failed.failed
    assert not failed.changed
    assert "netns.fabric.reachability: probes[0] (red -> 192.0.2.300): to: " in failed.message
    assert host.namespaces() == []


# What a later step refuses


def check_refused(host: Host, run_module: Run, steps: list[dict[str, Any]], *errors: str) -> str:
    """Check that a real run refuses the steps with these errors, one line each, and has written nothing."""
    before = snapshot.take()
    failed = run_module("sequence", steps=steps)
    assert failed.failed
    assert not failed.changed
    snapshot.assert_unchanged(before)
    lines = failed.message.splitlines()
    assert len(lines) == len(errors), failed.message
    for line, error in zip(lines, errors):
        assert error in line
    return failed.message


def test_an_interface_of_nat_that_is_missing_is_refused_before_anything_is_written(host: Host, run_module: Run) -> None:
    steps = lab()
    steps[-1]["options"]["rules"] = [{"source": "192.0.2.0/24", "out_interface": "nope0"}]
    message = check_refused(
        host, run_module, steps, "netns.fabric.nat_masquerade: rules[0] (192.0.2.0/24): out_interface: "
    )
    assert "there is no link nope0 on the host" in message
    checked = run_module("sequence", steps=steps, _check=True)
    assert checked.warnings == ["Check mode: assuming an earlier task creates link host/nope0"]


def test_the_refusals_of_all_later_steps_are_reported_at_once(host: Host, run_module: Run) -> None:
    """What a refused step would have created is not reported as missing."""
    shell(host, "link add red-tap type bridge")
    steps = lab()
    steps[3]["options"]["links"].append({"name": "nope0"})
    steps[4]["options"]["ports"].append({"name": "nope1", "bridge": "br"})
    steps[5]["options"]["routes"] += [
        {"namespace": "red", "destination": "198.51.100.0/24", "gateway": "203.0.113.1"},
        {"namespace": "red", "destination": "198.51.100.0/25", "device": "nope2"},
        {"namespace": "green", "destination": "default", "device": "lo"},
    ]
    steps[6]["options"]["rules"] += [
        {"source": "10.1.0.0/16", "out_interface": "nope3"},
        {"source": "10.2.0.0/16", "namespace": "blue", "out_interface": "eth0"},
        {"source": "10.3.0.0/16", "namespace": "blue", "out_interface": "nope4"},
    ]
    message = check_refused(
        host,
        run_module,
        steps,
        "netns.fabric.veth: pairs[0] (eth0): peer.name: a link red-tap exists",
        "netns.fabric.link: links[1] (nope0): name: ",
        "netns.fabric.ovs_port: ports[2] (nope1): name: ",
        "netns.fabric.route: routes[1] (198.51.100.0/24): gateway: no link that is up has an address whose network "
        "contains 203.0.113.1",
        "netns.fabric.route: routes[2] (198.51.100.0/25): device: there is no link nope2",
        "netns.fabric.route: routes[3] (default): namespace: the namespace green does not exist",
        "netns.fabric.nat_masquerade: rules[1] (10.1.0.0/16): out_interface: there is no link nope3",
        "netns.fabric.nat_masquerade: rules[3] (10.3.0.0/16): out_interface: there is no link nope4",
    )
    assert message.count("red-tap") == 2  # in its own error only


def test_a_step_may_need_whatever_earlier_ones_ensure(host: Host, run_module: Run) -> None:
    """Links that are set up, move or return, addresses, routes, the loopback of a new namespace."""
    shell(host, "tuntap add d0 mode tap")
    shell(host, "link add v0 type veth peer name v1\n addr add 203.0.113.1/24 dev v0\n link set v1 up")
    pair = {"name": "eth0", "namespace": "new", "addresses": ["192.0.2.1/24"], "peer": {"name": "p"}}
    moved = {"name": "d0", "namespace": "new"}
    steps = [
        step("netns", namespaces=[{"name": "new"}]),
        step("veth", pairs=[pair]),
        step("link", links=[{**moved, "enabled": True, "addresses": ["10.0.0.1/24"]}]),
        step("link", links=[{"name": "v0", "enabled": True}]),
        step(
            "route",
            routes=[
                {"destination": "198.51.100.0/24", "gateway": "203.0.113.2"},
                {"destination": "198.51.100.0/24", "gateway": "192.0.2.2", "namespace": "new"},
                {"destination": "10.1.0.0/16", "gateway": "10.0.0.2", "device": "d0", "namespace": "new"},
                {"destination": "10.9.9.9/32", "device": "lo", "namespace": "new"},
                {"destination": "10.3.0.1/32", "device": "eth0", "namespace": "new"},
            ],
        ),
        step("route", destination="10.4.0.0/16", gateway="10.3.0.1", namespace="new"),
        step("nat_masquerade", rules=[{"source": "10.5.0.0/16", "namespace": "new", "out_interface": "d0"}]),
        step("link", links=[{**moved, "state": "absent"}]),
        step("link", links=[{"name": "d0", "mtu": 1400}]),  # on the host again
    ]
    applied = run_module("sequence", steps=steps)
    assert not applied.failed, applied.message
    assert host.links()["d0"]["mtu"] == 1400
    assert "10.4.0.0/16 via 10.3.0.1" in host.in_namespace("new", "ip", "route").stdout


def test_a_step_may_use_a_name_that_an_earlier_one_frees(host: Host, run_module: Run) -> None:
    """A link that moves away, a namespace that is removed, and the link that returns from it."""
    shell(host, "tuntap add t0 mode tap\n tuntap add t1 mode tap\n netns add old")
    assert run_module("link", name="t1", namespace="old").changed
    steps = [
        step("netns", namespaces=[{"name": "new"}]),
        step("link", links=[{"name": "t0", "namespace": "new"}]),
        step("veth", pairs=[{"name": "eth0", "namespace": "new", "peer": {"name": "t0"}}]),
        step("link", links=[{"name": "t1", "namespace": "old", "state": "absent"}]),
        step("netns", namespaces=[{"name": "old", "state": "absent"}]),
        step("nat_masquerade", rules=[{"source": "10.5.0.0/16", "out_interface": "t1"}]),
    ]
    run_twice(host, run_module, steps, {"netns", "link", "veth", "nat_masquerade"})
    assert host.links()["t0"]["linkinfo"]["info_kind"] == "veth"


def test_kernel_parameters_of_an_earlier_step_are_known(host: Host, run_module: Run) -> None:
    """By either name, in a namespace that exists and in a new one."""
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    shell(host, "netns add there")
    host.in_namespace("there", "sysctl", "-qw", "net.ipv4.ip_forward=0")
    parameters = {"new": "net.ipv4.ip_forward", "there": "net.ipv4.conf.all.forwarding"}
    steps = [
        step("netns", namespaces=[{"name": name, "sysctls": {key: 1}} for name, key in parameters.items()]),
        step(
            "nat_masquerade", rules=[{"source": "10.5.0.0/16", "namespace": name} for name in parameters], **OWNERSHIP
        ),
    ]
    run_twice(host, run_module, steps, {"netns", "nat_masquerade"})


def test_the_loopback_of_a_new_namespace_is_up_and_is_the_namespaces(host: Host, run_module: Run) -> None:
    links = [{"name": "lo", "namespace": "red", "addresses": ["10.51.0.1/32"], "enabled": True}]
    steps = [step("netns", namespaces=[{"name": "red"}], **OWNERSHIP), step("link", links=links, **OWNERSHIP)]
    run_twice(host, run_module, steps, {"netns", "link"})


def test_check_mode_assumes_nothing_that_an_earlier_step_creates(host: Host, run_module: Run) -> None:
    assert run_module("sequence", steps=lab(), _check=True).warnings == []
    # Without the step that creates the namespaces: one line, whatever number of steps need them.
    checked = run_module("sequence", steps=lab()[1:], _check=True)
    assert checked.warnings == ["Check mode: assuming an earlier task creates namespace red, namespace blue"]
    pairs = [{"name": "eth0", "namespace": f"n{number}", "peer": {"name": f"t{number}"}} for number in range(300)]
    routes = [{"namespace": f"n{number}", "destination": "default", "device": "eth0"} for number in range(300)]
    many = [step("veth", pairs=pairs), step("route", routes=routes)]
    [warning] = run_module("sequence", steps=many, _check=True).warnings
    assert warning == (
        "Check mode: assuming an earlier task creates 300 objects: namespace n0, namespace n1, namespace n2, "
        "namespace n3, namespace n4 and 295 more"
    )

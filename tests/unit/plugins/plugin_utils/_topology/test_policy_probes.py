# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the probes of a topology expect with policies."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.policy_topologies import lab, policy, to
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import Variables

Expected = dict[tuple[str, str, str], str]


def expected(variables: Variables, version: int = 4) -> Expected:
    """Return by source, destination and protocol what the probes expect."""
    return {
        (
            str(probe.get("namespace", "host")),
            probe["to"].rpartition("." if version == 4 else ":")[2],
            "/".join(str(probe[name]) for name in ("protocol", "port") if name in probe),
        ): probe.get("expect", "reachable")
        for probe in compile_topology(variables)["probes"]
        if (":" in probe["to"]) == (version == 6)
    }


@pytest.mark.parametrize("version", [4, 6])
def test_a_namespace_that_denies(version: int) -> None:
    found = expected(lab(a={"incoming": "deny"}), version)
    assert {path[2] for path, expect in found.items() if path[:2] == ("c", "1") and expect == "silent"} == {
        "icmp",
        "tcp",
    }
    assert all(expect != "silent" for path, expect in found.items() if path[1] != "1")


def test_allowed_ports_are_probed_and_another_one() -> None:
    entry = policy("allow", **to(namespaces=["a"]), from_={"namespaces": ["b", "c"]}, protocol="tcp", ports=["7", "80"])
    found = expected(lab(entry, a={"incoming": "deny"}))
    assert found["b", "1", "tcp/7"] == found["b", "1", "tcp/80"] == "reachable"
    # The next one of the subnet is probed by TCP without a port; with policies about ports, on one that none names.
    assert found["c", "1", "tcp/8"] == found["c", "1", "icmp"] == "silent"
    assert ("c", "1", "tcp") not in found
    probe = next(one for one in compile_topology(lab(entry, a={"incoming": "deny"}))["probes"] if one.get("port") == 80)
    assert (probe["forwarded_to"], probe["forwarded_port"]) == (probe["to"], 80)


def test_udp_is_probed() -> None:
    entry = policy(**to(namespaces=["a"]), from_={"namespaces": ["c"]}, protocol="udp", ports=["53"])
    found = expected(lab(entry))
    assert found["c", "1", "udp/53"] == "silent"
    assert found["c", "1", "tcp"] == "reachable"


def test_rejections() -> None:
    entry = policy("reject", **to(namespaces=["a"]), protocol="tcp", ports=["1-2", "4", "6"])
    found = expected(lab(entry))
    ports = {path[2]: expect for path, expect in found.items() if path[1] == "1" and "tcp/" in path[2]}
    assert ports == {"tcp/1": "rejected", "tcp/4": "rejected", "tcp/7": "reachable"}
    # What the namespace itself rejects need not even be sent.
    entry = policy("reject", from_={"namespaces": ["a"]})
    assert expected(lab(entry))["a", "2", "tcp"] == "unreachable"
    # A kernel sends few errors at once.
    entries = [policy("reject", **to(namespaces=["a"]), protocol="tcp", ports=[str(port)]) for port in range(10, 20)]
    values = [expect for path, expect in expected(lab(*entries)).items() if "tcp/" in path[2]]
    assert (values.count("rejected"), values.count("unreachable")) == (3, 7)


def test_the_host_as_destination() -> None:
    entry = policy(**to(host=True), from_={"namespaces": ["a"]}, protocol="udp", ports=["53"])
    found = expected(lab(entry))
    assert found["a", "254", "udp/53"] == "silent"
    # What it lets in is not declared.
    assert not [path for path in expected(lab({**entry, "action": "allow"})) if "udp" in path[2]]


def test_the_users_probes_have_the_last_word() -> None:
    own = {"namespace": "c", "to": "10.0.0.1", "expect": "reachable"}
    found = expected({**lab(a={"incoming": "deny"}), "verify_probes": [own]})
    assert found["c", "1", "icmp"] == "reachable"
    assert found["c", "1", "tcp"] == "silent"


def test_what_depends_on_nat_is_left_open() -> None:
    forward = {"publish": "8080", "to": "a", "to_port": 80}
    variables = {**lab(), "nat": [{"source": "10.0.0.0/24"}, forward]}
    assert expected(variables)["b", "254", "tcp/8080"] == "reachable"
    # The router's own address is what the service sees of a neighbour.
    only_b = policy(**to(namespaces=["a"]), from_={"namespaces": ["b"]})
    assert ("b", "254", "tcp/8080") not in expected({**variables, "policies": [only_b]})
    everybody = policy(**to(namespaces=["a"]))
    assert expected({**variables, "policies": [everybody]})["b", "254", "tcp/8080"] == "silent"


def test_outside() -> None:
    variables: dict[str, Any] = {
        **lab(policy(from_={"namespaces": ["a"]}, **to(outside=True))),
        "nat": [{"source": "10.0.0.0/24"}],
        "verify_outside": ["192.0.2.1"],
    }
    for namespace in variables["namespaces"]:
        namespace["routes"] = [{"destination": "default", "gateway": "10.0.0.254"}]
    probes = {
        probe["namespace"]: probe.get("expect", "reachable")
        for probe in compile_topology(variables)["probes"]
        if probe["to"] == "192.0.2.1"
    }
    assert probes == {"a": "silent", "b": "reachable", "c": "reachable"}


def test_the_number_of_probes_is_limited() -> None:
    entries = [policy(**to(bridges=["br0"]), protocol="tcp", ports=[str(port)]) for port in range(1, 11)]
    variables = lab(*entries)
    variables["namespaces"] = [
        {
            "name": f"ns{number}",
            "interfaces": [{"name": "eth0", "bridge": "br0", "addresses": [f"10.0.{number // 200}.{number % 200}/16"]}],
        }
        for number in range(1, 401)
    ]
    variables["bridges"] = [{"name": "br0", "addresses": ["10.0.255.254/16"]}]
    derived = [probe for probe in compile_topology(variables)["probes"] if probe.get("port", 11) < 11]
    assert len(derived) == 160

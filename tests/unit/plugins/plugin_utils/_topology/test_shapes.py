# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shapes of interfaces and links: their errors, and the qdiscs and links that they become."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import traffic_units as units
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_attributes import kept_burst
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import QDISC_KINDS
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Shape
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.shapes import (
    inlet_name,
    line_of,
    slowest,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    errors_of,
    only_error_of,
)

Variables = dict[str, Any]


def bridged(shape: Any, **options: Any) -> Variables:
    return {
        "bridges": [{"name": "br0"}],
        "namespaces": [{"name": "n0", "interfaces": [{"name": "eth0", "bridge": "br0", "shape": shape, **options}]}],
    }


def linked(near: Any = None, far: Any = None) -> Variables:
    ends = [{"shape": shape} if shape else {} for shape in (near, far)]
    return {
        "namespaces": [{"name": "n0"}],
        "links": [{"name": "l0", "namespace": "n0", **ends[0], "peer": {"name": "l1", **ends[1]}}],
    }


TBF = {"kind": "tbf", "tbf": {"rate": "10mbit", "burst": "12500b", "latency": "50ms"}}


def test_both_directions_of_an_interface() -> None:
    compiled = compile_topology(bridged({"rate": "10mbit"}))
    assert compiled["qdiscs"] == [
        {"link": "eth0", "namespace": "n0", **TBF},
        {"link": "in-eth0", "namespace": "n0", **TBF},
        {"link": "eth0", "namespace": "n0", "kind": "ingress", "ingress": {"redirect": "in-eth0"}},
    ]
    assert {"name": "in-eth0", "namespace": "n0", "kind": "ifb", "enabled": True} in compiled["links"]
    assert "shape" not in compiled["pairs"][0]


def test_one_direction_of_an_interface() -> None:
    out = compile_topology(bridged({"rate": "10mbit", "direction": "out"}))
    assert out["qdiscs"] == [{"link": "eth0", "namespace": "n0", **TBF}]
    assert [link["name"] for link in out["links"]] == ["br0"]
    inward = compile_topology(bridged({"rate": "10mbit", "direction": "in"}))
    assert [(entry["link"], entry["kind"]) for entry in inward["qdiscs"]] == [("in-eth0", "tbf"), ("eth0", "ingress")]


def test_every_other_effect_is_netems() -> None:
    shape = {"delay": "0.02s", "jitter": "5ms", "loss": "1.0%", "rate": "10mbit", "limit": 2000, "direction": "out"}
    (entry,) = compile_topology(bridged(shape))["qdiscs"]
    wanted = {"delay": "20ms", "jitter": "5ms", "loss": "1%", "rate": "10mbit", "limit": 2000}
    assert entry == {"link": "eth0", "namespace": "n0", "kind": "netem", "netem": wanted}


@pytest.mark.parametrize("rate", ["155mbit", "622mbit", "750mbit", "2.5gbit", "5gbit", "10gbit", "25gbit", "100gbit"])
def test_burst_is_as_declared_once_it_is_set(rate: str) -> None:
    """The kernel reports ticks of 64 ns, and several sizes have the same ones."""
    declared = compile_topology(bridged({"rate": rate, "direction": "out"}))["qdiscs"][0]["tbf"]
    kind, per_second = QDISC_KINDS["tbf"], units.bytes_per_second(rate)
    options = bytearray(kind.encode({**declared, "limit": "64kb"}))
    struct.pack_into("=I", options, 4 + 28, kept_burst(per_second, units.octets(declared["burst"])))
    found = kind.decode(bytes(options))
    assert kind.same("burst", found, declared)
    assert kind.same("rate", found, {"rate": units.rate_text(declared["rate"])})


@pytest.mark.parametrize(
    ("rate", "mtu", "burst"), [("64kbit", 1500, "3028b"), ("64kbit", 9000, "18028b"), ("8gbit", 1500, "10000000b")]
)
def test_burst_admits_the_largest_packet(rate: str, mtu: int, burst: str) -> None:
    entry = compile_topology(bridged({"rate": rate, "direction": "out"}, mtu=mtu))["qdiscs"][0]
    assert entry["tbf"]["burst"] == burst


@pytest.mark.parametrize(
    ("near", "far", "links"),
    [
        ({"rate": "10mbit"}, None, ["l0", "l1"]),
        ({"rate": "10mbit", "direction": "in"}, None, ["l1"]),
        (None, {"rate": "10mbit", "direction": "in"}, ["l0"]),
        ({"rate": "10mbit", "direction": "out"}, {"rate": "10mbit", "direction": "out"}, ["l0", "l1"]),
    ],
)
def test_each_end_of_a_link_shapes_what_it_sends(near: Any, far: Any, links: list[str]) -> None:
    compiled = compile_topology(linked(near, far))
    assert [entry["link"] for entry in compiled["qdiscs"]] == links
    assert [entry.get("namespace") for entry in compiled["qdiscs"]] == [
        "n0" if link == "l0" else None for link in links
    ]
    assert compiled["links"] == []


@pytest.mark.parametrize("far", [{"rate": "5mbit"}, {"rate": "5mbit", "direction": "out"}])
def test_a_direction_of_a_link_is_shaped_once(far: Variables) -> None:
    errors = errors_of(linked({"rate": "10mbit"}, far))
    assert (
        "topology_links[0] (l0) peer: shape: what leaves by 'l1' on the host is shaped by topology_links[0] (l0)"
        in errors[0]
    )
    assert "set `direction: out` at both ends" in errors[0]


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ({}, "interfaces[0] (eth0) shape: declares nothing"),
        ({"limit": 5}, "shape: declares nothing"),
        ({"delay": 20}, "shape: delay: 20 has no unit"),
        ({"loss": "1"}, "shape: loss: '1' has no percent sign"),
        ({"loss": "1%", "rate": "10"}, "shape: rate: '10' has no unit"),
        ({"rate": "200000000tbit"}, "shape: rate: '200000000tbit' is above 147573952tbit"),
        ({"delay": "9s", "jitter": "3s"}, "shape: jitter: '3s' is longer than 2147483 us"),
        ({"jitter": "5ms"}, "shape: jitter: is of no effect without `delay`"),
        ({"delay": "5ms", "reorder": "5%", "distribution": "normal"}, "shape: distribution: is of no effect"),
        ({"delay": "5ms", "direction": "up"}, "'up' is not one of both, out, in"),
        ({"dealy": "5ms"}, "did you mean 'delay'?"),
        ("20ms", "shape: must be a dictionary"),
    ],
)
def test_errors(shape: Any, text: str) -> None:
    assert text in only_error_of(bridged(shape))


def test_every_error_of_a_shape_at_once() -> None:
    assert len(errors_of(bridged({"delay": "5", "loss": "2", "rate": "3"}))) == 3


def test_name_of_the_inlet_is_taken() -> None:
    variables = bridged({"rate": "1mbit"})
    variables["namespaces"][0]["interfaces"].append({"name": "in-eth0", "bridge": "br0"})
    assert "'in-eth0' in namespace 'n0' is already the name of" in only_error_of(variables)


def test_name_of_the_inlet_fits_the_kernel() -> None:
    assert inlet_name("eth0") == "in-eth0"
    assert len(inlet_name("a-name-with-15c")) == 11
    assert inlet_name("a-name-with-15c") != inlet_name("a-name-with-15d")


def test_deletion_names_links_that_stay() -> None:
    variables = {
        "state": "absent",
        "namespaces": [{"name": "n0", "interfaces": [{"name": "eno1", "shape": {"rate": "1mbit"}}]}],
    }
    compiled = compile_topology(variables)
    assert compiled["qdiscs"] == [
        {"link": "eno1", "namespace": "n0", "state": "absent"},
        {"link": "eno1", "namespace": "n0", "kind": "ingress", "state": "absent"},
    ]
    assert {"name": "in-eno1", "namespace": "n0", "state": "absent"} in compiled["links"]
    assert compile_topology({**bridged({"rate": "1mbit"}), "state": "absent"})["qdiscs"] == []


def test_summary_shows_it() -> None:
    summary = compile_topology(bridged({"delay": "20ms", "loss": "1%", "direction": "in"}))["summary"]
    assert any("eth0 no address (shaped in: delay 20ms, loss 1%)" in line for line in summary)


def test_what_a_round_trip_meets() -> None:
    both = line_of(Shape("both", {"delay": "20ms", "jitter": "5ms", "loss": "10%", "rate": "8mbit"}))
    assert (both.delay, round(both.loss, 2), both.rate) == (0.05, 0.19, 1_000_000)
    once = line_of(Shape("out", {"delay": "20ms", "corrupt": "10%"}))
    assert (once.delay, round(once.loss, 2), once.rate) == (0.02, 0.1, 0)
    worst = slowest([Shape("out", {"delay": f"{count}ms"}) for count in (1, 20, 300)], 2)
    assert round(worst.delay, 3) == 0.32

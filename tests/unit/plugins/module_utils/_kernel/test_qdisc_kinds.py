# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the qdiscs: what they encode is what tc of iproute2 sends, byte for byte, and they read it again."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyroute2.netlink.rtnl.tcmsg import sched_netem, tcmsg

from ansible_collections.netns.fabric.plugins.module_utils._core import traffic_units as units
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel import qdisc_requests as requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_attributes import kept_burst
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import (
    MARK,
    QDISC_KINDS,
    is_marked,
    values_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_operations import ADD, CHANGE, SetQdisc
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Qdisc
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    HEADER,
    INGRESS_HANDLE,
    TC_H_INGRESS,
    TC_H_ROOT,
    TCA_KIND,
    TCA_OPTIONS,
    TRAFFIC_HEADER,
)

Values = dict[str, Any]

#: By kind: the values, their words, and TCA_OPTIONS as tc of iproute2 6.1 sends it.
SAMPLES: list[tuple[str, Values, str, bytes]] = [
    (path.stem, each["values"], each["words"], bytes.fromhex(each["tc"]))
    for path in sorted((Path(__file__).parents[4] / "integration" / "qdiscs").glob("*.yml"))
    for each in yaml.safe_load(path.read_text(encoding="utf-8")).get("encoded", ())
]


def setting(kind: str, values: Values, verb: str = ADD) -> SetQdisc:
    return SetQdisc("red", "eth0", kind, tuple(values.items()), verb)


def options_in(request: bytearray) -> bytes:
    return netlink.attributes_of(bytes(request), HEADER.size + TRAFFIC_HEADER.size).get(TCA_OPTIONS, b"")


@pytest.mark.parametrize(("kind", "values", "words", "wanted"), SAMPLES)
def test_encoding_is_that_of_tc(kind: str, values: Values, words: str, wanted: bytes) -> None:
    """But for the tables of rates of tbf, which the kernel does not read where the link layer is Ethernet.

    The fields of struct tc_ratespec about them are 0 in the samples as well (psched_ratecfg_precompute()).
    """
    assert options_in(requests.set_qdisc(setting(kind, values), 7)) == wanted
    assert setting(kind, values).commands() == [
        f"tc -n red qdisc add dev eth0 root handle 7ab0: {kind} {words}".rstrip(),
    ]


@pytest.mark.parametrize(("kind", "values", "words", "wanted"), SAMPLES)
def test_what_is_encoded_is_read_again(kind: str, values: Values, words: str, wanted: bytes) -> None:
    assert words or not values
    found = QDISC_KINDS[kind].decode(wanted)
    if kind == "fq_codel":  # see test_times_of_codel_are_read_as_they_were_given
        found = {name: values[name] if str(value).endswith("us") else value for name, value in found.items()}
    assert found == values


def test_encoding_of_netem_is_that_of_pyroute2() -> None:
    """Where pyroute2 sends what tc does: it always sends correlations, and reordering with its gap."""
    values = {"delay": "20ms", "loss": "1%", "limit": 2000}
    parameters = sched_netem.get_parameters({"kind": "netem", "delay": 20000, "loss": 1, "limit": 2000})
    message = tcmsg()
    message["header"]["type"], message["header"]["flags"] = 36, 0x601
    message["index"], message["handle"], message["parent"] = 7, MARK << 16, TC_H_ROOT
    message["attrs"] = [("TCA_KIND", "netem"), ("TCA_OPTIONS", parameters)]
    message.encode()
    found = bytes(requests.set_qdisc(setting("netem", values), 7))
    theirs = bytes(message.data)
    head = HEADER.size + TRAFFIC_HEADER.size
    # Their percentages are cut where those of tc are rounded, and their options have more attributes.
    assert found[4:head] == theirs[4:head]
    ours = netlink.attributes_of(found, head)
    assert ours[TCA_KIND] == netlink.attributes_of(theirs, head)[TCA_KIND]
    fields = struct.Struct("=IIIIII")
    mine, other = (fields.unpack_from(netlink.attributes_of(each, head)[TCA_OPTIONS]) for each in (found, theirs))
    assert [abs(one - two) <= 1 for one, two in zip(mine, other)] == [True] * 6


def test_request_of_a_change_creates_nothing() -> None:
    add, change = (requests.set_qdisc(setting("pfifo", {"limit": 5}, verb), 7) for verb in (ADD, CHANGE))
    assert (HEADER.unpack_from(add)[2], HEADER.unpack_from(change)[2]) == (0x601, 0x1)
    assert TRAFFIC_HEADER.unpack_from(add, HEADER.size) == (0, 7, MARK << 16, TC_H_ROOT, 0)


def test_filter_of_ingress_is_that_of_tc() -> None:
    """As `tc filter add dev eth0 parent ffff: protocol all pref 1 u32 match u32 0 0 action mirred egress redirect`."""
    wanted = bytes.fromhex(
        "38000700 34000100 0b000100 6d697272 65640000 24000280 20000200 00000000 00000000 04000000"
        "00000000 00000000 01000000 04000000 24000500 01000100 00000000 00000000 00000000 00000000"
        "00000000 00000000 00000000"
    )
    request = requests.redirect_ingress(7, 4)
    assert options_in(request) == wanted
    header = TRAFFIC_HEADER.unpack_from(request, HEADER.size)
    assert header == (0, 7, 0, INGRESS_HANDLE, MARK << 16 | 0x0300)
    assert requests.is_filter(bytes(request))
    assert requests.redirect_in(bytes(request)) == 4


def test_filter_of_another_program_leads_nowhere() -> None:
    request = bytearray(requests.redirect_ingress(7, 4))
    struct.pack_into("=H", request, HEADER.size + TRAFFIC_HEADER.size - 2, 5)  # another priority
    assert requests.redirect_in(bytes(request)) is None


def test_ingress_has_no_options() -> None:
    request = requests.set_qdisc(setting("ingress", {}), 7)
    assert options_in(request) == b""
    assert TRAFFIC_HEADER.unpack_from(request, HEADER.size)[2:4] == (INGRESS_HANDLE, TC_H_INGRESS)
    assert setting("ingress", {}).commands() == ["tc -n red qdisc add dev eth0 ingress"]


# Values as the kernel keeps them


def reported_tbf(rate: str, burst: str) -> Values:
    """Return what is read of a token bucket that is set with these options: the kernel reports ticks of 64 ns."""
    kind = QDISC_KINDS["tbf"]
    options = bytearray(kind.encode({"rate": rate, "burst": burst, "limit": "64kb"}))
    struct.pack_into("=I", options, 4 + 28, kept_burst(units.bytes_per_second(rate), units.octets(burst)))
    return kind.decode(bytes(options))


@pytest.mark.parametrize("rate", ["56kbit", "1mbit", "10mbit", "997kbit", "622mbit", "1gbit", "10gbit", "400gbit"])
@pytest.mark.parametrize("burst", ["1600b", "10kb", "12500b", "15000b", "1mb", "9999b", "1514b"])
def test_burst_is_read_again_from_its_ticks(rate: str, burst: str) -> None:
    """Several sizes have the same ticks above 125 Mbit/s: they are the same to the kernel, and only they are."""
    kind = QDISC_KINDS["tbf"]
    wanted = {"rate": rate, "burst": kind.attribute("burst").encoding.check(burst)}
    found = reported_tbf(rate, burst)
    assert found["rate"] == rate
    assert kind.same("burst", found, wanted)
    assert units.bytes_per_second(rate) > 10**9 // 64 or found["burst"] == wanted["burst"]
    other = units.octets(burst) + 2 + units.bytes_per_second(rate) * 64 // 10**9
    assert not kind.same("burst", found, {**wanted, "burst": f"{other}b"})


@pytest.mark.parametrize(
    ("rate", "burst", "found"),
    [("1gbit", "1514b", "1519b"), ("10gbit", "9014b", "9040b"), ("1gbit", "1250000b", "1250000b")],
)
def test_burst_that_is_read_admits_what_the_one_that_was_set_does(rate: str, burst: str, found: str) -> None:
    """What is reported of a bucket is declared elsewhere, for the same packets."""
    assert reported_tbf(rate, burst)["burst"] == found


@pytest.mark.parametrize("rate", ["8bit", "1tbit", "1000000tbit", "147573952tbit"])
@pytest.mark.parametrize("ticks", [0, 1, 2**32 - 1])
def test_any_burst_is_read_at_once(rate: str, ticks: int) -> None:
    """Another program may have set it; a tick of the highest rates is a billion bytes."""
    kind = QDISC_KINDS["tbf"]
    options = bytearray(kind.encode({"rate": rate, "burst": "10kb", "limit": "64kb"}))
    struct.pack_into("=I", options, 4 + 28, ticks)
    found = kind.decode(bytes(options))
    assert 1 <= units.octets(found["burst"]) <= units.LARGEST
    assert kind.same("burst", found, found)


def test_burst_that_the_kernel_cannot_report_is_refused() -> None:
    faults = dict(QDISC_KINDS["tbf"].faults({"rate": "1kbit", "burst": "1mb", "limit": "64kb"}))
    assert faults == {
        "burst": "1mb take longer than 274 s, the longest that the kernel keeps, at 1kbit; give less, or a higher rate"
    }


def test_jitter_that_the_kernel_cuts_is_refused() -> None:
    jitter = QDISC_KINDS["netem"].attribute("jitter").encoding
    assert jitter.check("2147483us") == "2147483us"
    with pytest.raises(ValueError, match="'2147484us' is longer than 2147483 us, the longest jitter"):
        jitter.check("2147484us")
    assert QDISC_KINDS["netem"].attribute("delay").encoding.check("274s") == "274s"


@pytest.mark.parametrize(
    ("option", "wrong", "right", "reason"),
    [
        ("quantum", 255, 256, "255 is not a valid number; give a whole number from 256 to 1048576"),
        ("quantum", 2**20 + 1, 2**20, "1048577 is not a valid number"),
        ("memory_limit", "2049mb", "2gb", "'2049mb' is above 2048mb; give that, or less"),
    ],
)
def test_what_fq_codel_keeps_otherwise_is_refused(option: str, wrong: Any, right: Any, reason: str) -> None:
    """The kernel raises a small quantum to 256 bytes, and lowers a memory limit to 2 GiB."""
    encoding = QDISC_KINDS["fq_codel"].attribute(option).encoding
    assert encoding.check(right) is not None
    with pytest.raises(ValueError, match=reason):
        encoding.check(wrong)


def test_limit_follows_from_a_latency() -> None:
    kind = QDISC_KINDS["tbf"]
    values = kind.complete({"rate": "10mbit", "burst": "10kb", "latency": "50ms"})
    assert values == {"rate": "10mbit", "burst": "10kb", "limit": "72740b"}
    assert [option for option, _message in kind.faults({"rate": "1mbit", "burst": "10kb"})] == ["latency"]
    assert [option for option, _message in kind.faults({"limit": "1kb", "latency": "1ms"})] == ["latency"]


@pytest.mark.parametrize("time", ["5ms", "100ms", "6ms", "1ms", "20us", "1s"])
def test_times_of_codel_are_read_as_they_were_given(time: str) -> None:
    """The kernel keeps 5 ms as 4999 us."""
    target = QDISC_KINDS["fq_codel"].attribute("target").encoding
    kept = (units.microseconds(time) * 1000 >> 10 << 10) // 1000
    assert target.decode({1: struct.pack("=I", kept)}) == target.check(time)


@pytest.mark.parametrize("time", ["20ms", "1us", "333us", "1500us", "274s"])
def test_times_of_netem_are_read_as_they_were_given(time: str) -> None:
    kind = QDISC_KINDS["netem"]
    given = kind.attribute("delay").encoding.check(time)
    assert kind.decode(kind.encode({"delay": given}))["delay"] == given


def test_distribution_is_read_from_the_handle() -> None:
    """The kernel does not report it."""
    kind = QDISC_KINDS["netem"]
    values = {"delay": "20ms", "jitter": "5ms", "distribution": "pareto"}
    handle = kind.handle(values)
    assert handle == MARK + 2 << 16
    found = Qdisc(7, "netem", handle, TC_H_ROOT, kind.encode(values))
    assert values_of(found) == values
    assert is_marked(found)
    foreign = Qdisc(7, "netem", 0x80010000, TC_H_ROOT, kind.encode(values))
    assert values_of(foreign) == {"delay": "20ms", "jitter": "5ms"}
    assert not is_marked(foreign)


def test_what_a_change_cannot_unset_is_not_changed_in_place() -> None:
    kind = QDISC_KINDS["netem"]
    assert kind.changes_in_place("rate", "1mbit", "2mbit")
    assert kind.changes_in_place("loss", "1%", None)  # in the struct, which is sent as a whole
    assert not kind.changes_in_place("rate", "1mbit", None)
    assert not QDISC_KINDS["fq_codel"].changes_in_place("flows", 1024, 512)


def test_options_of_netem_that_need_others() -> None:
    faults = dict(QDISC_KINDS["netem"].faults({"jitter": "5ms", "loss_correlation": "5%", "distribution": "normal"}))
    assert list(faults) == ["jitter", "loss_correlation"]
    assert "without `delay`" in faults["jitter"]

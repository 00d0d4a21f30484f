# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes: options, packets, the verdict and the matrix."""

from __future__ import annotations

import errno
import struct
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    KernelState,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes import survey as reachability
from ansible_collections.netns.fabric.plugins.module_utils._probes.survey import Context, Judged, Outcome, Probe


def entry(**options: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in reachability.ENTRY_OPTIONS.items()}
    return {**defaults, **options}


def probe(namespace: str | None, to: str, **options: Any) -> Probe:
    return Probe(Entry(f"{namespace} -> {to}"), namespace, ip_address(to), **options)


def dead(cause: str, detail: str = "") -> Outcome:
    return Outcome(reachable=False, cause=cause, detail=detail)


ALIVE = Outcome(reachable=True, round_trip=0.000217)


# Options


def test_bulk_list_and_single_form_give_the_same_probe() -> None:
    options = entry(namespace="ns01", to="192.168.100.254", protocol="tcp", timeout=0.5)
    (listed,) = reachability.probes_of({**entry(), "probes": [options]})
    (single,) = reachability.probes_of({**options, "probes": None})
    assert (listed.namespace, listed.to, listed.kind) == ("ns01", ip_address("192.168.100.254"), "tcp")
    assert (single.namespace, single.to, single.timeout) == (listed.namespace, listed.to, 0.5)
    assert str(listed) == "ns01 -> 192.168.100.254 tcp"
    assert listed.needs_listener


def test_the_bulk_list_has_the_same_options_as_the_single_form() -> None:
    spec = reachability.argument_spec()
    elements = spec.pop("probes")["options"]
    assert elements["to"].pop("required")
    assert elements == spec


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"to": "192.168.100.300"}, "probes[0] (the host -> 192.168.100.300): to: '192.168.100.300' is not an IPv4"),
        ({"to": "192.168.100.1/24"}, "to: '192.168.100.1/24' has a prefix length"),
        ({"to": "0.0.0.0"}, "to: 0.0.0.0 is not the address of one host"),  # noqa: S104
        ({"to": "224.0.0.1"}, "to: 224.0.0.1 is not the address of one host"),
        ({"to": "255.255.255.255"}, "to: 255.255.255.255 is not the address of one host"),
        ({"to": "ff02::1"}, "to: ff02::1 is not the address of one host"),
        ({"to": "fe80::1"}, "to: fe80::1 is link-local"),
        ({"to": "::ffff:192.0.2.1"}, "write 192.0.2.1"),
        ({"to": "192.0.2.1", "namespace": "a/b"}, "namespace: 'a/b' has a '/' in it"),
        ({"to": "192.0.2.1", "namespace": ""}, "namespace: a namespace name must not be empty"),
        ({"to": "192.0.2.1", "port": 80}, "port: only TCP has ports"),
        ({"to": "192.0.2.1", "port": 0, "protocol": "tcp"}, "port: 0 is no port"),
        ({"to": "192.0.2.1", "port": 65536, "protocol": "tcp"}, "port: 65536 is no port"),
        ({"to": "192.0.2.1", "timeout": 0.0}, "timeout: 0 is not a time to wait"),
        ({"to": "192.0.2.1", "timeout": 301.0}, "timeout: 301 is not a time to wait"),
        ({"to": "192.0.2.1", "timeout": float("nan")}, "timeout: nan is not a time to wait"),
    ],
)
def test_options_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidEntries) as refused:
        reachability.probes_of({**entry(), "probes": [entry(**options)]})
    assert says in str(refused.value)


def test_every_mistake_is_told_at_once() -> None:
    probes = [entry(to="192.0.2.1"), entry(to="192.0.2"), entry(to="192.0.2.3", port=80)]
    with pytest.raises(InvalidEntries) as refused:
        reachability.probes_of({**entry(), "probes": probes})
    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == ["probes[1]", "probes[2]"]


def test_a_probe_may_be_listed_twice_but_not_with_two_expectations() -> None:
    same = entry(to="192.0.2.1", namespace="ns01")
    assert len(reachability.probes_of({**entry(), "probes": [same, same]})) == 2
    with pytest.raises(InvalidEntries, match=r"probes\[1\] .*: expect: is unreachable, and probes\[0\]"):
        reachability.probes_of({**entry(), "probes": [same, {**same, "expect": "unreachable"}]})
    other = {**same, "protocol": "tcp", "expect": "unreachable"}
    assert len(reachability.probes_of({**entry(), "probes": [same, other]})) == 2


# Whose address it is


def namespace(name: str | None, *addresses: str) -> NamespaceState:
    return NamespaceState(name, addresses=tuple(Address(2, ip_interface(address)) for address in addresses))


def test_listeners() -> None:
    states = [
        namespace(None, "127.0.0.1/8", "192.0.2.254/24"),
        namespace("red", "127.0.0.1/8", "192.0.2.1/24", "2001:db8::1/64"),
        namespace("blue", "192.0.2.1/24", "192.0.2.1/32"),
    ]
    owners = reachability.owners_in(KernelState({state.name: state for state in states}))
    tcp = {"protocol": "tcp"}
    assert reachability.listeners_of(probe("red", "192.0.2.254", **tcp), owners) == (None,)
    assert reachability.listeners_of(probe(None, "2001:db8::1", **tcp), owners) == ("red",)
    # On networks apart two namespaces may have the same address ...
    assert reachability.listeners_of(probe(None, "192.0.2.1", **tcp), owners) == ("red", "blue")
    # ... and one that has it itself never sends it out.
    assert reachability.listeners_of(probe("blue", "192.0.2.1", **tcp), owners) == ("blue",)
    assert reachability.listeners_of(probe("blue", "127.0.0.1", **tcp), owners) == ("blue",)
    assert reachability.listeners_of(probe("blue", "192.0.2.9", **tcp), owners) == ()


@pytest.mark.parametrize(
    ("to", "gateway"),
    [
        ("192.0.2.7", None),
        ("198.51.100.1", "192.0.2.253"),
        ("203.0.113.1", "192.0.2.254"),
        ("2001:db8::1", None),
    ],
)
def test_gateway_by_the_longest_prefix_and_the_lowest_metric(to: str, gateway: str | None) -> None:
    routes = (
        Route("0.0.0.0/0", gateway="192.0.2.252", metric=100),
        Route("0.0.0.0/0", gateway="192.0.2.254"),
        Route("198.51.100.0/24", gateway="192.0.2.253"),
        Route("198.51.100.0/25", gateway="192.0.2.251", table=7),
        Route("192.0.2.0/24"),
    )
    assert reachability.gateway_to(NamespaceState("red", routes=routes), ip_address(to)) == gateway


# Packets


@given(st.binary(max_size=1500))
def test_checksum_makes_a_packet_add_up(data: bytes) -> None:
    data += b"\0" * (len(data) % 2)
    assert reachability.checksum(data + struct.pack("!H", reachability.checksum(data))) == 0


def test_checksum_of_the_example_in_rfc_1071() -> None:
    assert reachability.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF ^ 0xDDF2


IPV4 = struct.Struct("!BBHHHBBH4s4s")


def ipv4(source: str, to: str, payload: bytes, options: bytes = b"") -> bytes:
    header = (0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 0, 0, 64, 1, 0)
    return IPV4.pack(*header, ip_address(source).packed, ip_address(to).packed) + options + payload


def ipv6(source: str, to: str, payload: bytes, following: int = 58) -> bytes:
    return (
        struct.pack("!IHBB", 6 << 28, len(payload), following, 64)
        + ip_address(source).packed
        + ip_address(to).packed
        + payload
    )


@pytest.mark.parametrize("options", [b"", b"\x01" * 8])
def test_echo_and_its_reply_over_ipv4(options: bytes) -> None:
    request = reachability.echo_request(4, 7, 65535, b"content")
    assert request[:2] == b"\x08\x00"
    assert reachability.checksum(request) == 0
    reply = ipv4("192.0.2.2", "192.0.2.1", b"\x00" + request[1:], options)
    assert reachability.answer_in(4, reply, "192.0.2.2") == reachability.Answer(7, 65535, payload=b"content")
    assert reachability.answer_in(4, ipv4("192.0.2.1", "192.0.2.2", request), "192.0.2.1") is None


def test_echo_and_its_reply_over_ipv6() -> None:
    request = reachability.echo_request(6, 7, 1, b"content")
    assert request[:4] == b"\x80\x00\x00\x00"  # the kernel fills in the checksum
    reply = b"\x81" + request[1:]
    assert reachability.answer_in(6, reply, "2001:db8::2") == reachability.Answer(7, 1, payload=b"content")


@pytest.mark.parametrize(
    ("kind", "code", "sender", "cause", "detail"),
    [
        (3, 0, "192.0.2.254", "network unreachable", "says 192.0.2.254"),
        (3, 1, "192.0.2.254", "host unreachable", "says 192.0.2.254"),
        (3, 1, "192.0.2.1", "no neighbour", ""),
        (3, 13, "192.0.2.254", "prohibited", "says 192.0.2.254"),
        (3, 3, "198.51.100.1", "port unreachable", "says 198.51.100.1"),
        (3, 99, "198.51.100.1", "host unreachable", "says 198.51.100.1"),
        (11, 0, "192.0.2.254", "hop limit exceeded", "says 192.0.2.254"),
    ],
)
def test_errors_over_ipv4(kind: int, code: int, sender: str, cause: str, detail: str) -> None:
    # A router need quote no more than the first eight octets of what it could not pass on (RFC 792).
    quoted = ipv4("192.0.2.1", "198.51.100.1", reachability.echo_request(4, 7, 1, b"content")[:8])
    packet = ipv4(sender, "192.0.2.1", bytes([kind, code, 0, 0, 0, 0, 0, 0]) + quoted)
    assert reachability.answer_in(4, packet, sender) == reachability.Answer(7, 1, cause=cause, detail=detail)


@pytest.mark.parametrize(
    ("kind", "code", "sender", "cause"),
    [
        (1, 0, "2001:db8::ffff", "network unreachable"),
        (1, 3, "2001:db8::1", "no neighbour"),
        (1, 1, "2001:db8::ffff", "prohibited"),
        (2, 0, "2001:db8::ffff", "packet too big"),
        (3, 0, "2001:db8::ffff", "hop limit exceeded"),
    ],
)
def test_errors_over_ipv6(kind: int, code: int, sender: str, cause: str) -> None:
    quoted = ipv6("2001:db8::1", "2001:db8:1::1", reachability.echo_request(6, 7, 1, b""))
    answer = reachability.answer_in(6, bytes([kind, code, 0, 0, 0, 0, 0, 0]) + quoted, sender)
    assert answer is not None
    assert (answer.identifier, answer.sequence, answer.cause) == (7, 1, cause)


def test_errors_about_something_else() -> None:
    heading = bytes([3, 1, 0, 0, 0, 0, 0, 0])
    udp = bytearray(ipv4("192.0.2.1", "198.51.100.1", bytes(8)))
    udp[9] = 17
    assert reachability.answer_in(4, ipv4("192.0.2.254", "192.0.2.1", heading + bytes(udp)), "192.0.2.254") is None
    tcp = ipv6("2001:db8::1", "2001:db8:1::1", bytes(8), following=6)
    assert reachability.answer_in(6, bytes([1, 3, 0, 0, 0, 0, 0, 0]) + tcp, "2001:db8::1") is None


@given(st.sampled_from([4, 6]), st.binary(max_size=120))
def test_no_packet_is_too_broken(version: int, packet: bytes) -> None:
    reachability.answer_in(version, packet, "192.0.2.1" if version == 4 else "2001:db8::1")


@given(st.sampled_from([4, 6]), st.binary(max_size=120), st.integers(0, 120))
def test_no_reply_is_cut_too_short(version: int, payload: bytes, length: int) -> None:
    request = reachability.echo_request(version, 1, 2, payload)
    quoted = ipv4("192.0.2.1", "192.0.2.2", request) if version == 4 else ipv6("2001:db8::1", "2001:db8::2", request)
    error = bytes([3 if version == 4 else 1, 1, 0, 0, 0, 0, 0, 0]) + quoted
    packet = ipv4("192.0.2.254", "192.0.2.1", error) if version == 4 else error
    reachability.answer_in(version, packet[:length], "192.0.2.254" if version == 4 else "2001:db8::1")


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENETUNREACH, ("no route", "")),
        (errno.EHOSTUNREACH, ("no route", "")),
        (errno.EPERM, ("filtered", "")),
        (errno.EACCES, ("prohibited", "")),
        (errno.ECONNREFUSED, ("refused", "")),
        (errno.EMFILE, ("error", "Too many open files")),
    ],
)
def test_causes_of_system_calls_errors(number: int, cause: tuple[str, str]) -> None:
    assert reachability.cause_of_errno(number) == cause


def test_what_is_exchanged_stays_bounded() -> None:
    assert reachability.exchange_size(0) == reachability.exchange_size(8) == 256 * 1024
    assert reachability.exchange_size(16) == 128 * 1024
    assert reachability.exchange_size(9900) == 18000
    assert reachability.exchange_size(9900, mtu=1500) == 3000


# The verdict


@pytest.mark.parametrize(
    ("expect", "outcome", "ok"),
    [
        ("reachable", ALIVE, True),
        ("reachable", dead("silence"), False),
        ("unreachable", ALIVE, False),
        ("unreachable", dead("silence"), True),
        ("unreachable", dead("no route"), True),
        ("unreachable", dead("no such namespace"), False),
        ("unreachable", dead("no owner"), False),
        ("reachable", None, None),
    ],
)
def test_ok(expect: str, outcome: Outcome | None, ok: bool | None) -> None:
    assert Judged(probe("ns01", "192.0.2.1", expect=expect), outcome).ok is ok


def test_result_of_a_probe() -> None:
    leg = Judged(
        probe(None, "192.0.2.1", protocol="tcp"), Outcome(reachable=True, round_trip=0.0002174, answered_by="ns01")
    )
    assert leg.as_result() == {
        "namespace": None,
        "to": "192.0.2.1",
        "protocol": "tcp",
        "port": None,
        "expect": "reachable",
        "result": "reachable",
        "ok": True,
        "round_trip_ms": 0.217,
        "cause": None,
        "detail": None,
        "answered_by": "ns01",
    }
    skipped = Judged(probe(None, "192.0.2.1"), None).as_result()
    assert (skipped["result"], skipped["ok"], skipped["cause"]) == ("skipped", None, None)


def test_no_failure_where_all_is_as_expected_or_skipped() -> None:
    legs = [
        Judged(probe("ns01", "192.0.2.2"), ALIVE),
        Judged(probe("ns01", "192.0.2.3", expect="unreachable"), dead("silence")),
        Judged(probe("ns01", "192.0.2.4"), None),
    ]
    assert reachability.failure(legs, Context()) == ""
    assert reachability.summary(legs) == {
        "probes": 3,
        "as_expected": 2,
        "not_as_expected": 0,
        "reachable": 1,
        "unreachable": 1,
        "skipped": 1,
    }


def test_failure_names_every_leg_and_each_likely_cause_once() -> None:
    legs = [
        Judged(probe("ns01", "192.168.100.254", protocol="tcp"), dead("silence")),
        Judged(probe("ns02", "192.168.100.254", protocol="tcp"), dead("silence")),
        Judged(probe("ns02", "192.168.100.1"), ALIVE),
        Judged(probe("ns02", "192.168.100.9", expect="unreachable"), ALIVE),
        Judged(probe("ns03", "192.168.100.9", protocol="tcp", port=80), dead("refused")),
    ]
    gateway = ip_address("192.168.100.254")
    message = reachability.failure(legs, Context(pings={("ns01", gateway): True, ("ns02", gateway): True}))
    lines = message.splitlines()
    assert lines[:5] == [
        "4 of 5 probes are not as expected:",
        "ns01 -> 192.168.100.254 tcp: silence (expected reachable)",
        "ns02 -> 192.168.100.254 tcp: silence (expected reachable)",
        "ns02 -> 192.168.100.9 icmp: reachable in 0.217 ms (expected unreachable)",
        "ns03 -> 192.168.100.9 tcp/80: refused (expected reachable)",
    ]
    assert lines[5].startswith(
        "Likely cause (ns01 -> 192.168.100.254 tcp and 1 more): ping passes on this leg and TCP does not: "
        "typical of transmit checksum offload"
    )
    assert lines[6].startswith("Likely cause (ns02 -> 192.168.100.9 icmp): something joins")
    assert lines[7].startswith("Likely cause (ns03 -> 192.168.100.9 tcp/80): nothing listens")
    assert len(lines) == 8


def test_hints() -> None:
    to = ip_address("192.0.2.1")

    def hint(outcome: Outcome, context: Context | None = None, **options: Any) -> str:
        return reachability.hint_for(Judged(probe("ns01", "192.0.2.1", **options), outcome), context or Context())

    assert hint(ALIVE, expect="unreachable").startswith("something joins what was to be apart: a port in another VLAN")
    assert "firewall" in hint(dead("silence"))
    assert "checksum" not in hint(dead("silence"), protocol="tcp")
    assert "checksum" not in hint(dead("silence"), Context(pings={("ns01", to): False}), protocol="tcp")
    assert "checksum" in hint(dead("silence"), Context(pings={("ns01", to): True}), protocol="tcp")
    assert "gateway 192.0.2.254" in hint(dead("silence"), Context(gateways={("ns01", to): "192.0.2.254"}))
    assert "MTU" in hint(dead("stalled"), Context(pings={("ns01", to): True}), protocol="tcp")
    assert "VLAN" in hint(dead("no neighbour"))
    assert "port" in hint(dead("no owner"), protocol="tcp")
    assert hint(dead("error", "Too many open files")) == ""


# The matrix


def test_matrix_of_two() -> None:
    legs = [
        Judged(probe("ns01", "192.168.100.254"), ALIVE),
        Judged(probe("ns01", "192.168.100.2"), ALIVE),
        Judged(probe("ns02", "192.168.100.254"), dead("silence")),
        Judged(probe("ns02", "192.168.100.1", expect="unreachable"), dead("no route")),
        Judged(probe(None, "192.168.100.1", protocol="tcp", port=80), dead("refused")),
    ]
    assert reachability.matrix(legs) == [
        "icmp  192.168.100.1  192.168.100.2  192.168.100.254",
        "ns01              .       0.217 ms         0.217 ms",
        "ns02       no route              .        ! silence",
        "",
        "tcp/80    192.168.100.1",
        "the host      ! refused",
        "",
        "!: not as expected; .: not probed",
    ]


def test_matrix_shows_what_is_wrong_where_a_leg_was_probed_twice() -> None:
    legs = [Judged(probe("ns01", "192.0.2.1"), outcome) for outcome in (ALIVE, dead("silence"), ALIVE)]
    assert reachability.matrix(legs)[1] == "ns01  ! silence"


def test_matrix_of_many_is_compact_and_names_its_columns() -> None:
    names = [f"ns{number:03}" for number in range(1, 101)]
    addresses = [f"10.0.0.{number}" for number in range(1, 101)]
    legs = [
        Judged(probe(name, address), dead("silence") if name == "ns007" else ALIVE)
        for name, own in zip(names, addresses)
        for address in addresses
        if address != own
    ]
    lines = reachability.matrix(legs)
    assert len(lines) < 100 + 25
    assert max(map(len, lines)) <= reachability.WIDEST_TABLE
    row = next(line for line in lines if line.startswith("ns007"))
    assert row == "ns007  " + "X" * 6 + "." + "X" * 93
    assert lines[0].endswith((" " * 9).join("1234567890"))
    assert "100=10.0.0.100" in "".join(lines)


def test_matrix_of_nothing_and_of_what_was_skipped() -> None:
    assert reachability.matrix([]) == []
    assert reachability.matrix([Judged(probe("ns01", "192.0.2.1"), None)])[1] == "ns01    skipped"

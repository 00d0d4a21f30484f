# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes: what is to reach what, the packets that ask, what the answers say, and the verdict that people read.

Pure, but for the call at the end: `survey`, which has the probes sent, and `run`, the module's main().
"""

from __future__ import annotations

import errno
import os
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any, Union

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntries,
    InvalidEntry,
    Unavailable,
    Unfinished,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import NOTHING_CHANGED, open_host, run_and_exit
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    NamespaceName,
    NamespaceState,
    Route,
)

IPAddress = Union[IPv4Address, IPv6Address]
#: From where, to where.
Pair = tuple[NamespaceName, IPAddress]

#: How the host's own namespace is called in what people read; no namespace can bear a name with a space in it.
HOST = "the host"
#: Seconds.
DEFAULT_TIMEOUT = 2.0

# Causes: words that a play can compare with.
SILENCE = "silence"
NO_NEIGHBOUR = "no neighbour"
NO_ROUTE = "no route"
REFUSED = "refused"
STALLED = "stalled"
CORRUPTED = "corrupted"
CLOSED = "closed"
FILTERED = "filtered"
PROHIBITED = "prohibited"
HOST_UNREACHABLE = "host unreachable"
NETWORK_UNREACHABLE = "network unreachable"
PORT_UNREACHABLE = "port unreachable"
TOO_BIG = "packet too big"
LOOP = "hop limit exceeded"
NO_NAMESPACE = "no such namespace"
NO_OWNER = "no owner"
ERROR = "error"
#: What keeps a probe from being made at all.
NOT_MADE = (NO_NAMESPACE, NO_OWNER, ERROR)


# What is asked


@dataclass(frozen=True)
class Probe:
    """One leg: from a namespace (None: the host's own) to an address. `timeout` is in seconds."""

    entry: Entry
    namespace: NamespaceName
    to: IPAddress
    protocol: str = "icmp"
    port: int | None = None
    expect: str = "reachable"
    timeout: float = DEFAULT_TIMEOUT

    @property
    def kind(self) -> str:
        """The protocol, and the port that was asked for."""
        return f"{self.protocol}/{self.port}" if self.port is not None else self.protocol

    @property
    def needs_listener(self) -> bool:
        return self.protocol == "tcp" and self.port is None

    def __str__(self) -> str:
        return f"{place(self.namespace)} -> {self.to} {self.kind}"


@dataclass(frozen=True)
class Outcome:
    """What became of a probe.

    `cause` is empty for what was reached, or else one of the words above; `detail` is for people. `round_trip` is in
    seconds. `answered_by` is the place (see `place`) whose listener took the connection, where that is known.
    """

    reachable: bool
    cause: str = ""
    detail: str = ""
    round_trip: float | None = None
    answered_by: str | None = None


@dataclass(frozen=True)
class Judged:
    """A probe with its outcome; no outcome for one that was not sent."""

    probe: Probe
    outcome: Outcome | None

    @property
    def ok(self) -> bool | None:
        """Whether it is as expected.

        A probe that could not be made at all is never as expected: a namespace that is missing is no proof that an
        address cannot be reached from it.
        """
        if self.outcome is None:
            return None
        if self.outcome.cause in NOT_MADE:
            return False
        return self.outcome.reachable == (self.probe.expect == "reachable")

    @property
    def result(self) -> str:
        if self.outcome is None:
            return "skipped"
        return "reachable" if self.outcome.reachable else "unreachable"

    def as_result(self) -> dict[str, Any]:
        """An element of the module's return value `probes`."""
        outcome = self.outcome or Outcome(reachable=False)
        return {
            "namespace": self.probe.namespace,
            "to": str(self.probe.to),
            "protocol": self.probe.protocol,
            "port": self.probe.port,
            "expect": self.probe.expect,
            "result": self.result,
            "ok": self.ok,
            "round_trip_ms": None if outcome.round_trip is None else round(outcome.round_trip * 1000, 3),
            "cause": outcome.cause or None,
            "detail": outcome.detail or None,
            "answered_by": outcome.answered_by,
        }

    def __str__(self) -> str:
        """The leg as a line of the failure's message."""
        outcome = self.outcome or Outcome(reachable=False)
        found = f"reachable{milliseconds(outcome, ' in ')}" if outcome.reachable else outcome.cause
        detail = f" ({outcome.detail})" if outcome.detail else ""
        return f"{self.probe}: {found}{detail} (expected {self.probe.expect})"


def place(namespace: NamespaceName) -> str:
    return HOST if namespace is None else namespace


def milliseconds(outcome: Outcome, prefix: str = "") -> str:
    return "" if outcome.round_trip is None else f"{prefix}{outcome.round_trip * 1000:.3f} ms"


# From the module's options to probes

ENTRY_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "namespace": {"type": "str"},
    "to": {"type": "str"},
    "protocol": {"type": "str", "choices": ["icmp", "tcp"], "default": "icmp"},
    "port": {"type": "int"},
    "expect": {"type": "str", "choices": ["reachable", "unreachable"], "default": "reachable"},
    "timeout": {"type": "float", "default": DEFAULT_TIMEOUT},
}


def argument_spec() -> dict[str, Any]:
    """An entry's options, and the same options as a bulk list."""
    elements = {name: dict(option) for name, option in ENTRY_OPTIONS.items()}
    elements["to"]["required"] = True
    return {
        **{name: dict(option) for name, option in ENTRY_OPTIONS.items()},
        "probes": {"type": "list", "elements": "dict", "options": elements},
    }


def probes_of(params: Mapping[str, Any]) -> list[Probe]:
    """What a call asks.

    Raises:
        InvalidEntries: Every mistake in the entries.
    """
    probes: list[Probe] = []
    mistakes: list[FabricError] = []
    expected: dict[object, Probe] = {}
    for entry, options in _listed(params):
        try:
            probe = _probe(entry, options)
            probes.append(probe)
            _check_contradiction(probe, expected)
        except FabricError as error:
            mistakes.append(error)
    if mistakes:
        raise InvalidEntries(mistakes)
    return probes


def _listed(params: Mapping[str, Any]) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
    if params["probes"] is None:
        yield Entry(name=str(params["to"])), params
        return
    for index, options in enumerate(params["probes"]):
        name = f"{place(options['namespace'])} -> {options['to']}"
        yield Entry(name=name, option="probes", index=index), options


def _probe(entry: Entry, options: Mapping[str, Any]) -> Probe:
    checked: dict[str, Any] = {}
    for option, check in _CHECKS.items():
        value = options[option]
        try:
            checked[option] = None if value is None else check(value)
        except ValueError as error:
            raise InvalidEntry(entry, option, str(error)) from None
    if checked["port"] is not None and options["protocol"] != "tcp":
        raise InvalidEntry(entry, "port", "only TCP has ports; add `protocol: tcp`, or leave the port out")
    return Probe(entry=entry, protocol=options["protocol"], expect=options["expect"], **checked)


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "namespace": validation.namespace_name,
    "port": validation.port,
    "timeout": validation.probe_timeout,
    "to": validation.probe_destination,
}


def _check_contradiction(probe: Probe, expected: dict[object, Probe]) -> None:
    first = expected.setdefault((probe.namespace, probe.to, probe.kind), probe)
    if first.expect != probe.expect:
        raise InvalidEntry(
            probe.entry, "expect", f"is {probe.expect}, and {first.entry} asks the same and expects {first.expect}"
        )


# Whose address it is

Owners = Mapping[IPAddress, Sequence[NamespaceName]]


def owners_in(state: KernelState) -> dict[IPAddress, list[NamespaceName]]:
    """The namespaces that have an address, for each address: one may be in several, on networks apart."""
    found: dict[IPAddress, list[NamespaceName]] = {}
    for name, namespace in state.namespaces.items():
        for address in namespace.addresses:
            holders = found.setdefault(address.interface.ip, [])
            if name not in holders:
                holders.append(name)
    return found


def listeners_of(probe: Probe, owners: Owners) -> tuple[NamespaceName, ...]:
    """Where to listen for a TCP probe. A namespace that has the address itself never sends the packet out."""
    if probe.to.is_loopback or probe.namespace in owners.get(probe.to, ()):
        return (probe.namespace,)
    return tuple(owners.get(probe.to, ()))


# Packets: ICMP (RFC 792) and ICMPv6 (RFC 4443)

ECHO = struct.Struct("!BBHHH")
_REQUEST = {4: 8, 6: 128}
_REPLY = {4: 0, 6: 129}
#: Types of the errors, which quote the packet that they are about.
ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}

_V4_CAUSES = {
    (3, 0): NETWORK_UNREACHABLE,
    (3, 1): HOST_UNREACHABLE,
    (3, 2): PORT_UNREACHABLE,
    (3, 3): PORT_UNREACHABLE,
    (3, 4): TOO_BIG,
    (3, 6): NETWORK_UNREACHABLE,
    (3, 7): HOST_UNREACHABLE,
    (3, 9): PROHIBITED,
    (3, 10): PROHIBITED,
    (3, 13): PROHIBITED,
    (11, 0): LOOP,
}
_V6_CAUSES = {
    (1, 0): NETWORK_UNREACHABLE,
    (1, 1): PROHIBITED,
    (1, 3): HOST_UNREACHABLE,
    (1, 4): PORT_UNREACHABLE,
    (1, 5): PROHIBITED,
    (1, 6): PROHIBITED,
    (2, 0): TOO_BIG,
    (3, 0): LOOP,
}

_ERRNO_CAUSES = {
    errno.ENETUNREACH: NO_ROUTE,
    errno.EADDRNOTAVAIL: NO_ROUTE,  # IPv6: there is no address to send from
    errno.EHOSTUNREACH: NO_ROUTE,  # a route of type unreachable
    errno.EINVAL: NO_ROUTE,  # a route of type blackhole
    errno.EACCES: PROHIBITED,  # a route of type prohibit, or a broadcast address
    errno.EPERM: FILTERED,  # the namespace's own firewall
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: CLOSED,
    errno.EPIPE: CLOSED,
    errno.ETIMEDOUT: SILENCE,
}


@dataclass(frozen=True)
class Answer:
    """An ICMP packet that is about one of our requests.

    `payload` is what an echo reply brought back. `cause` and `detail` are those of an error; an error about a packet
    that its own sender could not pass on (nobody answered ARP or neighbour discovery) has the cause V(no neighbour).
    """

    identifier: int
    sequence: int
    payload: bytes = b""
    cause: str = ""
    detail: str = ""


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def echo_request(version: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """An echo request. The kernel writes the checksum of ICMPv6 itself, as it knows the source address (RFC 3542)."""
    header = ECHO.pack(_REQUEST[version], 0, 0, identifier, sequence)
    if version == 4:
        header = ECHO.pack(_REQUEST[version], 0, checksum(header + payload), identifier, sequence)
    return header + payload


def answer_in(version: int, packet: bytes, sender: str) -> Answer | None:
    """What a packet from a raw socket says; None where it is about no echo request.

    An IPv4 packet comes with its IP header, an IPv6 one without (raw(7), ipv6(7)).
    """
    start = _ip_header_length(packet) if version == 4 else 0
    if len(packet) < start + ECHO.size:
        return None
    kind, code, _checksum, identifier, sequence = ECHO.unpack_from(packet, start)
    if kind == _REPLY[version]:
        return Answer(identifier, sequence, payload=packet[start + ECHO.size :])
    if kind in ERRORS[version]:
        return _error_in(version, packet[start + ECHO.size :], kind, code, sender)
    return None


def _error_in(version: int, quoted: bytes, kind: int, code: int, sender: str) -> Answer | None:
    """An error, by the packet that it quotes: an IP header and at least the first eight octets that follow it."""
    start = _ip_header_length(quoted) if version == 4 else 40
    if len(quoted) < start + ECHO.size:
        return None
    protocol, source = (quoted[9], quoted[12:16]) if version == 4 else (quoted[6], quoted[8:24])
    request, _code, _checksum, identifier, sequence = ECHO.unpack_from(quoted, start)
    if protocol != (1 if version == 4 else 58) or request != _REQUEST[version]:
        return None
    own = IPv4Address(source) if version == 4 else IPv6Address(source)
    cause, detail = cause_of_error(version, kind, code, sender, str(own))
    return Answer(identifier, sequence, cause=cause, detail=detail)


def _ip_header_length(packet: bytes) -> int:
    return (int(packet[0]) & 0x0F) * 4 if packet else 0


def cause_of_error(version: int, kind: int, code: int, sender: str, own: str) -> tuple[str, str]:
    """Cause and detail of an ICMP error; `own` is the address that the packet was sent from."""
    cause = (_V4_CAUSES if version == 4 else _V6_CAUSES).get((kind, code), HOST_UNREACHABLE)
    if sender == own and cause == HOST_UNREACHABLE:
        return NO_NEIGHBOUR, ""
    return cause, f"says {sender}"


def cause_of_errno(number: int) -> tuple[str, str]:
    """Cause and detail of a system call's error."""
    cause = _ERRNO_CAUSES.get(number)
    return (cause, "") if cause else (ERROR, os.strerror(number))


#: At most this much goes each way in one TCP exchange, and about that much in all together (bytes).
LARGEST_EXCHANGE = 256 * 1024
ALL_EXCHANGES = 2 * 1024 * 1024
#: What a link is taken to carry where that is not known: jumbo frames of Ethernet.
USUAL_MTU = 9000


def exchange_size(count: int, mtu: int = USUAL_MTU) -> int:
    """Bytes that each of so many TCP exchanges sends each way."""
    return max(2 * mtu, min(LARGEST_EXCHANGE, ALL_EXCHANGES // max(count, 1)))


# The verdict


@dataclass(frozen=True)
class Context:
    """What was looked at besides, to find the likely cause of what is not as expected.

    `pings`: legs, by namespace and address, over which an echo was answered or not. `gateways`: the unresolved
    gateway on the way, by namespace and address.
    """

    pings: Mapping[Pair, bool] = field(default_factory=dict)
    gateways: Mapping[Pair, str] = field(default_factory=dict)


def summary(judged: Sequence[Judged]) -> dict[str, int]:
    results = Counter(leg.result for leg in judged)
    return {
        "probes": len(judged),
        "as_expected": sum(leg.ok is True for leg in judged),
        "not_as_expected": sum(leg.ok is False for leg in judged),
        "reachable": results["reachable"],
        "unreachable": results["unreachable"],
        "skipped": results["skipped"],
    }


def failure(judged: Sequence[Judged], context: Context) -> str:
    """Every leg that is not as expected, then the likely causes; empty where all is as expected."""
    wrong = [leg for leg in judged if leg.ok is False]
    if not wrong:
        return ""
    probes, verb = "probe" if len(judged) == 1 else "probes", "is" if len(wrong) == 1 else "are"
    heading = f"{len(wrong)} of {len(judged)} {probes} {verb} not as expected:"
    return "\n".join([heading, *map(str, wrong), *_hints(wrong, context)])


def _hints(wrong: Iterable[Judged], context: Context) -> list[str]:
    """Each likely cause once, with the legs that it is about."""
    by_hint: dict[str, list[Judged]] = {}
    for leg in wrong:
        hint = hint_for(leg, context)
        if hint:
            by_hint.setdefault(hint, []).append(leg)
    return [f"Likely cause ({_legs(legs)}): {hint}." for hint, legs in by_hint.items()]


def _legs(legs: Sequence[Judged]) -> str:
    more = f" and {len(legs) - 1} more" if len(legs) > 1 else ""
    return f"{legs[0].probe}{more}"


def hint_for(leg: Judged, context: Context) -> str:
    """The likely cause in words; empty where there is nothing to add."""
    if leg.outcome is None:
        return ""
    if leg.outcome.reachable:
        return _LEAK_HINT
    key = (leg.probe.namespace, leg.probe.to)
    if leg.outcome.cause in (SILENCE, NO_NEIGHBOUR) and key in context.gateways:
        return (
            f"the gateway {context.gateways[key]} on the way answers neither: nobody has this address on the link, the "
            "link is in another VLAN or on another bridge, or a cable is cut"
        )
    if leg.probe.protocol == "tcp" and leg.outcome.cause == SILENCE and context.pings.get(key):
        return _CHECKSUM_HINT
    return _HINTS.get(leg.outcome.cause, "")


_LEAK_HINT = (
    "something joins what was to be apart: a port in another VLAN or on another bridge than it should be, a patch port "
    "or a switch outside between the two, flows, a route by a host that forwards, or somebody else's NAT; or else the "
    "address is there twice"
)
_CHECKSUM_HINT = (
    "ping passes on this leg and TCP does not: typical of transmit checksum offload on a veth that leads to a bridge "
    "with the userspace datapath (`ethtool -k` in the namespace; switch it off by `tx_checksum: false` of "
    "netns.fabric.veth, or leave it to netns.fabric.ovs_port), otherwise of a firewall that drops TCP"
)
_HINTS: Mapping[str, str] = {
    SILENCE: (
        "a firewall drops the packets, the other side has no route back, or a neighbour entry is a stale one of a link "
        "that was recreated (it goes by itself within some ten seconds)"
    ),
    NO_NEIGHBOUR: (
        "nobody on the link answers for this address: the address is missing or its link is down, the two ends are in "
        "different VLANs or on different bridges, or a cable is cut"
    ),
    NO_ROUTE: "the namespace has no usable route to this address, or the link that it goes by is down",
    STALLED: (
        "small packets pass and full-sized ones do not: typical of an MTU that is smaller on the way than at the ends, "
        "or of segmentation offload towards something that cannot take it"
    ),
    REFUSED: "nothing listens on this port, or a firewall rejects the connection",
    FILTERED: "a firewall rule in the namespace itself drops what it sends",
    PROHIBITED: (
        "a router or firewall on the way rejects the packets, or the other side's own firewall does: firewalld, for "
        "one, rejects connections to the host itself (`firewall-cmd --zone=trusted --add-interface=BRIDGE` lets them "
        "in)"
    ),
    CORRUPTED: "something on the way alters what it carries: a broken checksum or segmentation offload",
    CLOSED: "another host has the same address, or something on the way ends connections",
    HOST_UNREACHABLE: "the last router on the way finds nobody with this address",
    NETWORK_UNREACHABLE: "a router on the way has no route to this address",
    LOOP: "routers on the way send the packets round in circles",
    NO_OWNER: (
        "neither the host nor a namespace with a name has this address, so there is no place to listen for a TCP probe "
        "without a port; give the port of a service that listens there, or probe by `protocol: icmp`"
    ),
    NO_NAMESPACE: "the namespace was never made, or has been removed (`ip netns`)",
}


# The matrix

#: Characters; a wider table is drawn with one character per probe.
WIDEST_TABLE = 120
_TABLE_LEGEND = "!: not as expected; .: not probed"
_COMPACT_LEGEND = "as expected: + reachable, - unreachable; not as expected: ! reachable, X unreachable; . not probed"
_COMPACT = {
    ("reachable", True): "+",
    ("unreachable", True): "-",
    ("reachable", False): "!",
    ("unreachable", False): "X",
}


def matrix(judged: Sequence[Judged]) -> list[str]:
    """Who reaches what, one table for each protocol, port and family: rows from, columns to."""
    lines: list[str] = []
    legends: dict[str, None] = {}
    by_table: dict[tuple[str, int], list[Judged]] = {}
    for leg in judged:
        by_table.setdefault((leg.probe.kind, leg.probe.to.version), []).append(leg)
    for (kind, _version), legs in by_table.items():
        drawn, legend = _Table(kind, legs).drawn()
        lines += ["", *drawn] if lines else drawn
        legends[legend] = None
    return [*lines, "", *legends] if lines else []


class _Table:
    def __init__(self, kind: str, legs: Sequence[Judged]) -> None:
        self._kind = kind
        self._rows = list(dict.fromkeys(place(leg.probe.namespace) for leg in legs))
        columns = sorted({leg.probe.to for leg in legs}, key=lambda address: (address.version, int(address)))
        self._columns = list(map(str, columns))
        self._cells: dict[tuple[str, str], Judged] = {}
        for leg in legs:  # of several on one leg, one that is not as expected
            cell = (place(leg.probe.namespace), str(leg.probe.to))
            if cell not in self._cells or leg.ok is False:
                self._cells[cell] = leg

    def drawn(self) -> tuple[list[str], str]:
        """The lines, and the legend to them."""
        table = self._table()
        if len(table[0]) <= WIDEST_TABLE:
            return table, _TABLE_LEGEND
        return self._compact(), _COMPACT_LEGEND

    def _table(self) -> list[str]:
        rows = [[self._kind, *self._columns]]
        rows += [[row, *(_words(self._cells.get((row, column))) for column in self._columns)] for row in self._rows]
        widths = [max(map(len, column)) for column in zip(*rows)]
        return [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
            for row in rows
        ]

    def _compact(self) -> list[str]:
        width = max(map(len, [self._kind, *self._rows]))
        tens = "".join(str(number // 10 % 10) if number % 10 == 0 else " " for number in self._numbers)
        units = "".join(str(number % 10) for number in self._numbers)
        lines = [f"{self._kind.ljust(width)}  {tens}".rstrip(), f"{''.ljust(width)}  {units}"]
        for row in self._rows:
            cells = "".join(_character(self._cells.get((row, column))) for column in self._columns)
            lines.append(f"{row.ljust(width)}  {cells}")
        return [*lines, *self._column_names()]

    @property
    def _numbers(self) -> range:
        return range(1, len(self._columns) + 1)

    def _column_names(self) -> Iterator[str]:
        names = [f"{number}={column}" for number, column in zip(self._numbers, self._columns)]
        width = max(map(len, names)) + 1
        in_line = max(1, (WIDEST_TABLE - len("columns:")) // width)
        for start in range(0, len(names), in_line):
            head = "" if start else "columns:"
            cells = "".join(f" {name.ljust(width - 1)}" for name in names[start : start + in_line])
            yield f"{head:8}{cells}".rstrip()


def _words(leg: Judged | None) -> str:
    if leg is None:
        return "."
    if leg.outcome is None:
        return "skipped"
    found = (milliseconds(leg.outcome) or "reachable") if leg.outcome.reachable else leg.outcome.cause
    return found if leg.ok else f"! {found}"


def _character(leg: Judged | None) -> str:
    if leg is None or leg.ok is None:
        return "."
    return _COMPACT[leg.result, leg.ok]


# The call


def run() -> None:
    """The module's main()."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        mutually_exclusive=[["probes", name] for name, option in ENTRY_OPTIONS.items() if "default" not in option],
        required_one_of=[["probes", "to"]],
    )

    def work() -> dict[str, Any]:
        probes = probes_of(module.params)
        with open_host((KERNEL,), module.check_mode) as host:
            judged, context = survey(host, probes)
        result = {
            "changed": False,
            "probes": [leg.as_result() for leg in judged],
            "matrix": matrix(judged),
            "summary": summary(judged),
        }
        message = failure(judged, context)
        if message:
            raise Unfinished(message, result)
        return result

    run_and_exit(module, work, NOTHING_CHANGED)


def survey(host: Host, probes: Sequence[Probe]) -> tuple[list[Judged], Context]:
    """What becomes of the probes, which are not sent in check mode: what they lead to may not exist yet.

    Raises:
        FabricError: With a message for the user.
    """
    if host.check_mode or not probes:
        return [Judged(probe, None) for probe in probes], Context()
    try:
        return _Survey(host, probes).made()
    except OSError as error:
        raise Unavailable(f"the host cannot carry out the probes: {error.strerror or error}") from error


class _Survey:
    def __init__(self, host: Host, probes: Sequence[Probe]) -> None:
        from ansible_collections.netns.fabric.plugins.module_utils._probes.engine import Prober

        self._kernel = host.use(KERNEL)
        self._prober = Prober(host.use(KERNEL))
        self._probes = probes
        self._read: set[NamespaceName] = set()
        self._owners: dict[IPAddress, list[NamespaceName]] = {}

    def made(self) -> tuple[list[Judged], Context]:
        self._find_owners()
        judged = self._judged(self._probes)
        judged = self._listened_elsewhere(judged)
        return judged, self._context(judged)

    def _judged(self, probes: Sequence[Probe]) -> list[Judged]:
        listeners = {probe: listeners_of(probe, self._owners) for probe in probes if probe.needs_listener}
        asked = [probe for probe in probes if listeners.get(probe, True)]
        outcomes = dict(zip(asked, self._prober.ask(asked, listeners)))
        return [Judged(probe, outcomes.get(probe, Outcome(reachable=False, cause=NO_OWNER))) for probe in probes]

    def _find_owners(self) -> None:
        """Look where the probes start first: they mostly lead to one another."""
        wanted = {probe.to for probe in self._probes if probe.needs_listener and not probe.to.is_loopback}
        if not wanted:
            return
        self._read_addresses([None, *(probe.namespace for probe in self._probes)])
        if not wanted <= self._owners.keys():
            self._read_addresses(self._kernel.namespace_names())

    def _read_addresses(self, namespaces: Iterable[NamespaceName]) -> None:
        names = [name for name in dict.fromkeys(namespaces) if name not in self._read]
        self._read.update(names)
        for address, holders in owners_in(self._kernel.read(names, addresses=True)).items():
            self._owners.setdefault(address, []).extend(holders)

    def _listened_elsewhere(self, judged: list[Judged]) -> list[Judged]:
        """An address may be in a namespace besides that no probe starts from, and the probe have led there."""
        suspects = [
            leg.probe
            for leg in judged
            if leg.probe.needs_listener and leg.outcome and leg.outcome.cause in (REFUSED, CLOSED)
        ]
        if not suspects:
            return judged
        before = {probe: listeners_of(probe, self._owners) for probe in suspects}
        self._read_addresses(self._kernel.namespace_names())
        again = [probe for probe in suspects if listeners_of(probe, self._owners) != before[probe]]
        if not again:
            return judged
        second = {leg.probe: leg for leg in self._judged(again)}
        return [second.get(leg.probe, leg) for leg in judged]

    def _context(self, judged: Sequence[Judged]) -> Context:
        """For legs that are dead though they should not be: does ping pass, does the gateway answer?"""
        wrong = [leg for leg in judged if leg.ok is False]
        silent = [leg.probe for leg in wrong if leg.outcome and leg.outcome.cause == SILENCE]
        lost = [leg.probe for leg in wrong if leg.outcome and leg.outcome.cause == NO_NEIGHBOUR]
        return Context(self._pings(judged, silent), self._dead_gateways(silent + lost))

    def _pings(self, judged: Sequence[Judged], silent: Sequence[Probe]) -> dict[Pair, bool]:
        """Whether an echo is answered where TCP is not: from the probes, or from one that is sent now."""
        known = {
            (leg.probe.namespace, leg.probe.to): leg.outcome.reachable
            for leg in judged
            if leg.probe.protocol == "icmp" and leg.outcome
        }
        open_questions = {
            (probe.namespace, probe.to): replace(probe, protocol="icmp", port=None)
            for probe in silent
            if probe.protocol == "tcp" and (probe.namespace, probe.to) not in known
        }
        outcomes = self._prober.ask(list(open_questions.values()), {})
        return {**known, **{key: outcome.reachable for key, outcome in zip(open_questions, outcomes)}}

    def _dead_gateways(self, probes: Sequence[Probe]) -> dict[Pair, str]:
        if not probes:
            return {}
        state = self._kernel.read({probe.namespace for probe in probes}, routes=True)
        unresolved = self._prober.unresolved({probe.namespace for probe in probes})
        found: dict[Pair, str] = {}
        for probe in probes:
            gateway = gateway_to(state.namespace(probe.namespace), probe.to)
            if gateway and gateway in unresolved.get(probe.namespace, ()):
                found[probe.namespace, probe.to] = gateway
        return found


def gateway_to(namespace: NamespaceState, to: IPAddress) -> str | None:
    """The gateway on the way to an address by the main table: the longest prefix, then the lowest metric (RFC 1812)."""

    def fits(route: Route) -> bool:
        return (
            route.table == validation.MAIN_TABLE and route.version == to.version and to in ip_network(route.destination)
        )

    fitting = [route for route in namespace.routes if fits(route)]
    if not fitting:
        return None
    return min(fitting, key=lambda route: (-ip_network(route.destination).prefixlen, route.metric)).gateway

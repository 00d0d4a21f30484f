# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict on a call's probes: how many are as expected, which are not, and the likely causes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import (
    MASQUERADED,
    REJECTED,
    SILENT,
    UNREACHABLE,
    UNROUTED,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    CAUSES_OF,
    CLOSED,
    CORRUPTED,
    FILTERED,
    HOST_UNREACHABLE,
    LARGE_LOST,
    LOOP,
    MISDIRECTED,
    NETWORK_UNREACHABLE,
    NO_NAMESPACE,
    NO_NEIGHBOUR,
    NO_OWNER,
    NO_ROUTE,
    NOT_CARRIED_OUT,
    NOT_MASQUERADED,
    PORT_UNREACHABLE,
    PROHIBITED,
    REFUSED,
    SILENCE,
    STALLED,
    TOO_BIG,
    Judged,
    Probe,
    place,
)

#: A path: from where, to where.
ProbePath = tuple[NamespaceName, Address]

#: Names that are listed in a line.
NAMES_MAX = 5


@dataclass(frozen=True)
class Context:
    """What was read besides the probes, to find the likely cause of a failure.

    `pings`: whether an echo request over a path was answered. `gateways`: the gateway of a path, where no host on the
    link answers for it. `filters`: the packet filter that refuses a probe. `ipv6_off`: where IPv6 is off that a probe
    needs. `unproven`: the probes that the host's filter refuses, while its own do not pass on the same path either.
    """

    pings: Mapping[ProbePath, bool] = field(default_factory=dict)
    gateways: Mapping[ProbePath, str] = field(default_factory=dict)
    filters: Mapping[Probe, str] = field(default_factory=dict)
    ipv6_off: Mapping[Probe, str] = field(default_factory=dict)
    unproven: frozenset[Probe] = frozenset()


def summarize(judged: Sequence[Judged]) -> dict[str, int]:
    """Return the module's return value `summary`."""
    results = Counter(one.result for one in judged)
    return {
        "probes": len(judged),
        "as_expected": sum(one.ok is True for one in judged),
        "not_as_expected": sum(one.ok is False for one in judged),
        "reachable": results["reachable"],
        "unreachable": sum(results[result] for result in (UNREACHABLE, *CAUSES_OF)),
        **{result: results[result] for result in CAUSES_OF},
        "masqueraded": results[MASQUERADED],
        "skipped": results["skipped"],
    }


def describe_refusals(judged: Sequence[Judged]) -> list[str]:
    """Return a line for each packet filter of the host that has refused probes, with what opens it."""
    starts: dict[tuple[str, Address, str], list[str]] = {}
    for one in judged:
        if one.refusal:
            starts.setdefault((one.probe.kind, one.probe.to, one.refusal), []).append(place(one.probe.namespace))
    return [
        f"{kind} to {to} of the host arrives there from {_list_some(names)}, and {refusal}"
        for (kind, to, refusal), names in starts.items()
    ]


def describe_skipped(judged: Sequence[Judged]) -> list[str]:
    """Return a line for each probe that had nothing to probe, with the reason."""
    return [f"{one.probe} was not probed: {one.skipped}" for one in judged if one.skipped]


def _list_some(names: Sequence[str]) -> str:
    """Return some names: a line is read, a thousand names are not."""
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    return ", ".join(names[:NAMES_MAX]) + more


def describe_failures(judged: Sequence[Judged], context: Context) -> str:
    """Return the failure's message: every probe that is not as expected, then the likely causes.

    The message is empty where all probes are as expected.
    """
    failed = [one for one in judged if one.ok is False]
    if not failed:
        return ""
    probes, verb = "probe" if len(judged) == 1 else "probes", "is" if len(failed) == 1 else "are"
    heading = f"{len(failed)} of {len(judged)} {probes} {verb} not as expected:"
    return "\n".join([heading, *map(str, failed), *_describe_causes(failed, context)])


def _describe_causes(failed: Iterable[Judged], context: Context) -> list[str]:
    """Return each likely cause once, with the probes that it is about."""
    by_hint: dict[str, list[Judged]] = {}
    for one in failed:
        hint = hint_for(one, context)
        if hint:
            by_hint.setdefault(hint, []).append(one)
    return [f"Likely cause ({_abbreviate(probes)}): {hint}." for hint, probes in by_hint.items()]


def _abbreviate(probes: Sequence[Judged]) -> str:
    more = f" and {len(probes) - 1} more" if len(probes) > 1 else ""
    return f"{probes[0].probe}{more}"


def hint_for(judged: Judged, context: Context) -> str:
    """Return the likely cause and its cure, or nothing where there is nothing to add.

    What the host shows comes first: IPv6 that is off, then a packet filter that refuses the packets.
    """
    if judged.outcome is None:
        return ""
    if judged.outcome.reachable:
        return _LEAK_HINT
    if judged.probe.is_forbidden and judged.outcome.cause not in NOT_CARRIED_OUT:
        return _OTHERWISE_HINTS.get(judged.result, "")
    shown = [context.ipv6_off.get(judged.probe, ""), context.filters.get(judged.probe, "")]
    hints = [hint for hint in shown if hint]
    if not hints or judged.probe in context.unproven:
        hints.append(_usual_hint(judged.probe, judged.outcome.cause, context))
    return "; what the host sends on this path is not answered either: ".join(filter(None, hints))


def _usual_hint(probe: Probe, cause: str, context: Context) -> str:
    """Return the likely cause where the host shows none."""
    path = (probe.namespace, probe.to)
    if cause in (SILENCE, NO_NEIGHBOUR) and path in context.gateways:
        return (
            f"the gateway {context.gateways[path]} on the path does not answer: its address is missing, a link on the "
            "way to it is down, or it is in another VLAN or on another bridge; check the gateway's address and links "
            "(`ip addr`) and the ports' bridges and tags (`ovs-vsctl show`)"
        )
    hint = _HINTS.get(cause, "")
    if probe.protocol != "icmp" and cause == SILENCE and context.pings.get(path):
        hint = _CHECKSUM_HINT.format(protocol=probe.protocol.upper())
    if probe.protocol == "udp" and not probe.needs_listener and cause == SILENCE:
        hint += _NO_ANSWER_HINT
    return hint


_LEAK_HINT = (
    "these endpoints should be isolated but are connected: a port in another VLAN or on another bridge than it should "
    "be, a patch port, an external switch, OpenFlow flows, a route through a forwarding host or NAT of another program "
    "joins them, or the address exists twice; compare `ovs-vsctl show` and `ip route` with the declaration"
)
#: Hints for a probe that rightly is not answered, but by another result than expected.
_OTHERWISE_HINTS: Mapping[str, str] = {
    SILENT: (
        "nothing reports that the packets are refused: a firewall drops them, or the kernel that rejects them sends "
        "this host no more errors for now (`net.ipv4.icmp_ratelimit`: one in a second after the first six; a longer "
        "`timeout` waits for the next); compare the rules on the path (`nft list ruleset`)"
    ),
    REJECTED: (
        "the packets are answered with a refusal: by a firewall that rejects them, or by the destination, where "
        "nothing listens on the port, so that they have arrived; compare the rules on the path (`nft list ruleset`)"
    ),
    UNROUTED: (
        "the packets do not get as far as the destination: there is no route to it on the path, or no host on the link "
        "has the address; compare `ip route` and `ip neigh` on the path"
    ),
}
_CHECKSUM_HINT = (
    "ping works on this path but {protocol} does not: usually transmit checksum offload on a veth that leads to a "
    "bridge with the userspace datapath (`ethtool -k` in the namespace; disable it with `tx_checksum: false` of "
    "netns.fabric.veth, or let netns.fabric.ovs_port disable it), otherwise a firewall that drops {protocol} (allow it "
    "there)"
)
_NO_ANSWER_HINT = (
    "; if the address is on another host, the program there may leave a datagram unanswered that it does not "
    "understand: only an answer shows that it is reached"
)
_HINTS: Mapping[str, str] = {
    SILENCE: (
        "a firewall drops the packets (allow them there), the destination has no route back (add it there), or a "
        "neighbour entry is stale since a link was re-created (the kernel replaces it within some ten seconds)"
    ),
    NO_NEIGHBOUR: (
        "no host on the link answers for this address: the address is missing, a link is down, or the two ends are in "
        "different VLANs or on different bridges; check both ends (`ip addr`) and their ports (`ovs-vsctl show`)"
    ),
    NO_ROUTE: (
        "the namespace has no usable route to this address, or the link of the route is down; add the route or set the "
        "link up"
    ),
    LARGE_LOST: (
        "something between the ends drops what is larger than its own MTU without an error: the other end of a veth "
        "pair, a port of the bridge, or the underlay of a tunnel; set one MTU along the path (`ip link`)"
    ),
    STALLED: (
        "small packets pass and full-sized ones do not: usually an MTU on the path that is smaller than at the ends "
        "(set one MTU along the path), or segmentation offload towards a device that does not support it (disable it "
        "with `ethtool -K`)"
    ),
    REFUSED: (
        "nothing listens on this port, or a firewall rejects the connection; start the service, or allow the port in "
        "the firewall"
    ),
    FILTERED: "a firewall rule in the namespace itself drops what it sends; allow it there (`nft list ruleset`)",
    PROHIBITED: (
        "a firewall or router on the path, the destination's own firewall or a route of type prohibit rejects the "
        "packets; allow them there. firewalld, for example, rejects connections to the host itself (`firewall-cmd "
        "--zone=trusted --add-interface=BRIDGE` allows them)"
    ),
    CORRUPTED: (
        "the path alters the content: usually a broken checksum or segmentation offload; disable it with `ethtool -K`"
    ),
    CLOSED: (
        "another host has the same address, or a device on the path ends connections; make the address unique, or let "
        "the device pass them"
    ),
    MISDIRECTED: (
        "a program answers that is not where the port should lead to: another rule translates the address or the port, "
        "or another host has the same address; compare `nft list ruleset` with the declaration"
    ),
    HOST_UNREACHABLE: (
        "the last router on the path finds no host with this address; check the address and the link of the destination"
    ),
    NETWORK_UNREACHABLE: "a router on the path has no route to this address; add the route there",
    PORT_UNREACHABLE: (
        "a firewall rejects the packets, or nothing at the destination accepts them; allow them in the firewall, or "
        "start the service"
    ),
    TOO_BIG: "a link on the path has a smaller MTU than the packets need; set one MTU along the path",
    LOOP: (
        "routing loop: routers on the path send the packets to each other until the hop limit is used up; correct "
        "their routes to this address"
    ),
    NOT_MASQUERADED: (
        "no rule translates the source: it is not in the network of the rule, the packet leaves by another interface "
        "than the rule's, or a rule of another program accepts it before; compare `nft list ruleset` or `iptables-save "
        "-t nat` with the declaration"
    ),
    NO_OWNER: (
        "neither the host nor a named namespace has this address, so the module cannot listen there for a probe "
        "without a port; set the port of a service that listens there, or use `protocol: icmp`"
    ),
    NO_NAMESPACE: (
        "the namespace was never created, or has been deleted; create it with netns.fabric.netns, or correct the name "
        "(`ip netns` lists those that exist)"
    ),
}

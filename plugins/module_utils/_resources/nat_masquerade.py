# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Masquerading: what is wanted of it, and the rules that it takes. Pure, but for what read() asks of the host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import rich_rule
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FORWARD,
    MULTICAST,
    POSTROUTING,
    Criterion,
    Place,
    Rule,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_plan as nat
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_plan import Actual
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_rules import (
    Kind,
    Part,
    Recognised,
    Subject,
)

#: The comment that marks a rule; the owner's name follows.
MARK = f"{COMMENT}:"

MASQUERADE, ACCEPT_OUT, ACCEPT_REPLIES = "masquerade", "out", "replies"


@dataclass(frozen=True)
class Source(Subject):
    """What masquerading is about: the network behind, and the interface in front (None: any)."""

    source: str
    out_interface: str | None = None

    def __str__(self) -> str:
        return self.source or "a rule without a source"

    @property
    def version(self) -> int:
        return 6 if ":" in self.source else 4

    def described(self) -> dict[str, Any]:
        interface = {"out_interface": self.out_interface} if self.out_interface else {}
        return {"source": self.source, **interface}

    # Each has its criteria in the order in which they are written down.

    def parts(self) -> tuple[Part, ...]:
        """From the network, to anywhere but the network itself and multicast; and the way through chains that drop."""
        leaving = (
            Criterion("saddr", self.source),
            Criterion("daddr", self.source, negated=True),
            *self._interface("oifname"),
        )
        returning = (
            Criterion("saddr", self.source, negated=True),
            Criterion("daddr", self.source),
            *self._interface("iifname"),
            Criterion("ct state", "established,related"),
        )
        not_multicast = Criterion("daddr", MULTICAST[self.version], negated=True)
        return (
            Part(MASQUERADE, POSTROUTING, (*leaving, not_multicast), "masquerade"),
            Part(ACCEPT_OUT, FORWARD, leaving, "accept"),
            Part(ACCEPT_REPLIES, FORWARD, returning, "accept"),
        )

    def _interface(self, name: str) -> tuple[Criterion, ...]:
        return (Criterion(name, self.out_interface),) if self.out_interface else ()


class Masquerading(Kind):
    doing = "masquerade"
    done = "masqueraded"

    def mark(self, owner: str, subject: Subject) -> str:  # noqa: ARG002  # the same for all
        return MARK + owner

    def recognise(self, place: Place, rule: Rule) -> Recognised | None:  # noqa: ARG002  # the rule says all
        if not (rule.comment or "").startswith(MARK):
            return None
        about = source_of(rule)
        return Recognised((rule.comment or "")[len(MARK) :], *about) if about else None

    def parts(self, subject: Subject) -> Sequence[Part]:
        return subject.parts() if isinstance(subject, Source) and subject.source else ()


KIND = Masquerading()


def source_of(rule: Rule) -> tuple[str, Source] | None:
    """What a rule of ours is for, also where somebody has altered it: its role, its network, its interface."""
    sources, destinations = rule.values("saddr"), rule.values("daddr")
    if rule.verdict == "masquerade":
        return MASQUERADE, Source(_only(sources) or "", _only(rule.values("oifname")))
    if rule.verdict != "accept":
        return None
    if sources and sources <= rule.values("daddr", negated=True):
        return ACCEPT_OUT, Source(_only(sources) or "", _only(rule.values("oifname")))
    if destinations and destinations <= rule.values("saddr", negated=True):
        return ACCEPT_REPLIES, Source(_only(destinations) or "", _only(rule.values("iifname")))
    return None


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None


@dataclass(frozen=True)
class Wanted(nat.Wanted):
    """One network that is to be masqueraded, or no longer."""

    subject: Source

    address_option = "source"
    link_option = "out_interface"

    @property
    def link(self) -> str | None:
        return self.subject.out_interface

    def parts(self) -> Sequence[Part]:
        return self.subject.parts()

    def firewalld_rule(self) -> str | None:
        # A rich rule cannot name the interface that a packet leaves by; to let it out by any is more than was asked.
        return None if self.subject.out_interface else rich_rule(self.version, self.subject.source)

    def firewalld_advice(self) -> str:
        return (
            f"let it in there: `firewall-cmd --permanent --zone=trusted --add-source={self.subject.source}` and "
            "`firewall-cmd --reload`"
            + (", or leave `out_interface` out, which a rule of firewalld's cannot name" if self.link else "")
        )


class MasqueradeResource(Resource[Wanted, Actual]):
    list_option = "rules"
    identity = "source"
    backends = nat.BACKENDS
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "source": {"type": "str"},
        "out_interface": {"type": "str"},
        **nat.ROUTER_OPTIONS,
    }
    call_options = nat.BACKEND_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Wanted:
        checks = Checks(entry)
        source = checks.value("source", _network_behind, options["source"])
        out_interface = checks.value("out_interface", nat.speakable_interface, options.get("out_interface"))
        namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
        checks.done()
        return Wanted(
            entry=entry,
            present=options["state"] == "present",
            namespace=namespace,
            subject=Source(source, out_interface),
            ip_forward=options["ip_forward"],
            accept_forward=options["accept_forward"],
        )

    def key(self, desired: Wanted) -> object:
        return desired.namespace, desired.subject

    def read(self, host: Host, call: Call[Wanted]) -> Actual:
        return nat.read(host, call, firewalld=True)

    def plan(self, actual: Actual, call: Call[Wanted]) -> Plan:
        return nat.plan(actual, call, KIND, _overlaps(wanted for wanted in call.entries if wanted.present))


# Checks


def _network_behind(value: Any) -> str:
    """A network whose traffic can be masqueraded, in CIDR notation."""
    network = validation.network(value)
    if network.prefixlen == 0:
        raise ValueError(
            f"{network} is every address there is, so nothing would be left to masquerade it towards; "
            "name the network behind this router, for instance 192.168.100.0/24 or fd00::/64"
        )
    if network.is_multicast:
        raise ValueError(f"{network} is multicast, which is never a source; name the network of the senders")
    return str(network)


def _overlaps(present: Iterable[Wanted]) -> Iterator[InvalidEntry]:
    """Networks that lie within others of the same call."""
    enclosing: list[tuple[Any, Wanted]] = []
    for network, wanted in sorted(
        ((ip_network(wanted.subject.source), wanted) for wanted in present),
        key=lambda pair: (str(pair[1].namespace), pair[1].version, int(pair[0].network_address), pair[0].prefixlen),
    ):
        while enclosing and not _contains(*enclosing[-1], network, wanted):
            enclosing.pop()
        for _outer_network, outer in enclosing:
            interfaces = {outer.subject.out_interface, wanted.subject.out_interface}
            if None in interfaces or len(interfaces) == 1:
                yield InvalidEntry(
                    wanted.entry,
                    "source",
                    f"{wanted.subject.source} overlaps {outer.subject.source} of {outer.entry}: what goes from the one "
                    "to the other would be masqueraded by one rule and not by the other; leave one out, or give each "
                    "an out_interface of its own",
                )
                break
        enclosing.append((network, wanted))


def _contains(outer_network: Any, outer: Wanted, network: Any, wanted: Wanted) -> bool:
    same = (outer.namespace, outer.version) == (wanted.namespace, wanted.version)
    return same and bool(network.subnet_of(outer_network))

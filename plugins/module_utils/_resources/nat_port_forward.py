# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Port forwarding: what is wanted of it, and the rules that it takes. Pure, but for what read() asks of the host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FORWARD,
    NAT_HOOKS,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    Criterion,
    Place,
    Rule,
    destination,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_plan as nat
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_plan import Actual
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_rules import (
    Kind,
    Part,
    Recognised,
    Subject,
    hook_of,
)

PROTOCOLS = ("tcp", "udp")

#: The comment that marks a rule: the owner's name follows, and after a space what is published (`Listener`).
MARK = f"{COMMENT}/port-forward:"
#: Bytes that nf_tables keeps of a comment (NFTNL_UDATA_COMMENT_MAXLEN of libnftnl).
COMMENT_MAX = 128

#: The addresses of the host itself that never leave it (RFC 1122 3.2.1.3, RFC 4291 2.5.3).
LOOPBACK: Mapping[int, str] = {4: "127.0.0.0/8", 6: "::1/128"}

DNAT, HAIRPIN, ACCEPT_IN, ACCEPT_REPLIES = "dnat", "hairpin", "in", "replies"

_LISTENER = re.compile(
    r"(?P<protocol>tcp|udp)(?P<version>[46])/(?P<ports>[\d-]+)(@(?P<address>[0-9a-f:.]+))?(%(?P<interface>\S+))?"
)


@dataclass(frozen=True)
class Listener(Subject):
    """What is published: a port or ports (FIRST-LAST) of one address of the router (None: of all), on one interface."""

    protocol: str
    ports: str
    ip_version: int
    address: str | None = None
    in_interface: str | None = None

    def __str__(self) -> str:
        """As it stands in the comment of each of its rules."""
        address = f"@{self.address}" if self.address else ""
        interface = f"%{self.in_interface}" if self.in_interface else ""
        return f"{self.protocol}{self.ip_version}/{self.ports}{address}{interface}"

    @classmethod
    def from_text(cls, text: str) -> Listener | None:
        """The opposite of str()."""
        match = _LISTENER.fullmatch(text)
        if match is None:
            return None
        return cls(match["protocol"], match["ports"], int(match["version"]), match["address"], match["interface"])

    @property
    def version(self) -> int:
        return self.ip_version

    @property
    def first_and_last(self) -> tuple[int, int]:
        first, _hyphen, last = self.ports.partition("-")
        return int(first), int(last or first)

    def described(self) -> dict[str, Any]:
        options = {"address": self.address, "in_interface": self.in_interface}
        return {
            "protocol": self.protocol,
            "port": self.ports,
            **{name: value for name, value in options.items() if value},
        }


@dataclass(frozen=True)
class Wanted(nat.Wanted):
    """One port that is to be published, or no longer. `to_port` is None where the ports stay what they are."""

    subject: Listener
    to_address: str = ""
    to_port: int | None = None
    hairpin: str | None = None

    address_option = "to_address"
    link_option = "in_interface"

    @property
    def link(self) -> str | None:
        return self.subject.in_interface

    def parts(self) -> Sequence[Part]:
        """The forwarding, for what comes in and for the host itself; the way through chains that drop."""
        listener = self.subject
        to_network = str(ip_network(self.to_address))
        to_port = str(self.to_port or listener.ports)
        protocol = listener.protocol
        published = (Criterion(f"{protocol} dport", listener.ports), *self._addressed())
        interface = (Criterion("iifname", listener.in_interface),) if listener.in_interface else ()
        target = destination(self.to_address, self.to_port)
        forwarded = Criterion("ct status", "dnat")
        there = (Criterion("daddr", to_network), Criterion(f"{protocol} dport", to_port), forwarded)
        back = (Criterion("saddr", to_network), Criterion(f"{protocol} sport", to_port), forwarded)
        parts = [Part(DNAT, PREROUTING, (*interface, *published), "dnat", target)]
        if not listener.in_interface:  # what the host itself sends has come in by none
            parts.append(Part(DNAT, OUTPUT, (*published, *self._not_loopback()), "dnat", target))
        if self.hairpin:
            parts.append(Part(HAIRPIN, POSTROUTING, (Criterion("saddr", self.hairpin), *there), "masquerade"))
        return (*parts, Part(ACCEPT_IN, FORWARD, there, "accept"), Part(ACCEPT_REPLIES, FORWARD, back, "accept"))

    def _addressed(self) -> tuple[Criterion, ...]:
        address = self.subject.address
        return (Criterion("daddr", str(ip_network(address))) if address else Criterion("fib daddr type", "local"),)

    def _not_loopback(self) -> tuple[Criterion, ...]:
        # What the host sends to 127.0.0.1 has that as its source, too, and would be dropped on its way out.
        return () if self.subject.address else (Criterion("daddr", LOOPBACK[self.version], negated=True),)

    def firewalld_rule(self) -> str | None:
        # firewalld lets every connection through whose destination was translated, whoever did it.
        return ""


class PortForwarding(Kind):
    doing = "port forward"
    done = "published"

    def mark(self, owner: str, subject: Subject) -> str:
        return f"{MARK}{owner} {subject}"

    def recognise(self, place: Place, rule: Rule) -> Recognised | None:
        comment = rule.comment or ""
        if not comment.startswith(MARK):
            return None
        owner, _space, published = comment[len(MARK) :].partition(" ")
        listener = Listener.from_text(published)
        return Recognised(owner, _role(place, rule), listener) if listener else None

    def parts(self, subject: Subject) -> Sequence[Part]:  # noqa: ARG002  # it does not say where it leads
        return ()


KIND = PortForwarding()


def _role(place: Place, rule: Rule) -> str:
    """What a rule is for, by its chain and by what it looks at."""
    hook = hook_of(place)
    if hook in NAT_HOOKS:
        return HAIRPIN if hook == POSTROUTING else DNAT
    return ACCEPT_REPLIES if rule.values("saddr") else ACCEPT_IN


class PortForwardResource(Resource[Wanted, Actual]):
    list_option = "rules"
    identity = "port"
    backends = nat.BACKENDS
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "port": {"type": "str"},
        "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "tcp"},
        "to_address": {"type": "str"},
        "to_port": {"type": "int"},
        "address": {"type": "str"},
        "in_interface": {"type": "str"},
        "hairpin": {"type": "str"},
        **nat.ROUTER_OPTIONS,
    }
    call_options = nat.BACKEND_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Wanted:
        checks = Checks(entry)
        ports = checks.value("port", validation.ports, options["port"])
        to_address = checks.value("to_address", _target, options.get("to_address"))
        to_port = checks.value("to_port", validation.port, options.get("to_port"))
        address = checks.value("address", _published, options.get("address"))
        in_interface = checks.value("in_interface", nat.speakable_interface, options.get("in_interface"))
        namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
        hairpin = checks.value("hairpin", lambda value: str(validation.network(value)), options.get("hairpin"))
        checks.done()
        version = _version(entry, to_address, address=address, hairpin=hairpin)
        if to_port is not None and "-" in ports:
            raise InvalidEntry(
                entry, "to_port", f"the ports {ports} keep their numbers: leave it out, or make an entry for each port"
            )
        return Wanted(
            entry=entry,
            present=options["state"] == "present",
            namespace=namespace,
            subject=Listener(options["protocol"], ports, version, address, in_interface),
            ip_forward=options["ip_forward"],
            accept_forward=options["accept_forward"],
            to_address=to_address,
            to_port=None if str(to_port) == ports else to_port,
            hairpin=hairpin,
        )

    def key(self, desired: Wanted) -> object:
        return desired.namespace, desired.subject

    def read(self, host: Host, call: Call[Wanted]) -> Actual:
        return nat.read(host, call)

    def plan(self, actual: Actual, call: Call[Wanted]) -> Plan:
        present = [wanted for wanted in call.entries if wanted.present]
        mistakes = [*_collisions(present), *_long_marks(present, call.owner or "")]
        return nat.plan(actual, call, KIND, mistakes)


# Checks


def _target(value: Any) -> str:
    """An address that a router can send to."""
    address = validation.ip_address(value)
    if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
        raise ValueError(
            f"{address} is no address that a router could send to; give the one that the service has in its namespace"
        )
    return str(address)


def _published(value: Any) -> str:
    """An address of the router at which a port can be published."""
    address = validation.ip_address(value)
    if address.is_loopback:
        raise ValueError(
            f"nothing can be published at {address}, for packets with that address never leave the host; give another "
            "address of it, or leave the option out"
        )
    if address.is_unspecified:
        raise ValueError(f"{address} is written by leaving the option out: the port is published at all addresses")
    if address.is_multicast:
        raise ValueError(f"{address} is multicast; give an address of the host")
    return str(address)


def _version(entry: Entry, to_address: str | None, **others: str | None) -> int:
    """The IP version of an entry, all of whose addresses have to be of the same.

    Raises:
        InvalidEntry: One is not, or there is none to tell.
    """
    if to_address is None:
        raise InvalidEntry(
            entry,
            "to_address",
            "is missing: it says where the port leads, and which IP version is meant",
        )
    version = ip_address(to_address).version
    for option, value in others.items():
        if value is not None and ip_network(value).version != version:
            raise InvalidEntry(
                entry,
                option,
                f"{value} is not IPv{version}, which {to_address} is: make an entry for each",
            )
    return version


def _collisions(present: Iterable[Wanted]) -> Iterator[InvalidEntry]:
    """Ports that two entries of the same call publish."""
    groups: dict[object, list[Wanted]] = {}
    for wanted in present:
        key = (str(wanted.namespace), wanted.version, wanted.subject.protocol)
        groups.setdefault(key, []).append(wanted)
    for group in groups.values():
        earlier: list[Wanted] = []
        for wanted in sorted(group, key=lambda wanted: wanted.subject.first_and_last):
            first = wanted.subject.first_and_last[0]
            earlier = [other for other in earlier if other.subject.first_and_last[1] >= first]
            other = next((other for other in earlier if _same_packets(other.subject, wanted.subject)), None)
            if other is not None:
                yield InvalidEntry(
                    wanted.entry,
                    "port",
                    f"{wanted.subject.protocol} port {wanted.subject.ports} is published by {other.entry}, too: choose "
                    "another port, or give each an `address` or an `in_interface` of its own",
                )
            earlier.append(wanted)


def _same_packets(one: Listener, other: Listener) -> bool:
    """Whether a packet can be for both, their ports being the same."""
    return all(
        mine is None or theirs is None or mine == theirs
        for mine, theirs in ((one.address, other.address), (one.in_interface, other.in_interface))
    )


def _long_marks(present: Iterable[Wanted], owner: str) -> Iterator[InvalidEntry]:
    for wanted in present:
        length = len(KIND.mark(owner, wanted.subject))
        if length > COMMENT_MAX:
            yield InvalidEntry(
                wanted.entry,
                "owner",
                f"with {owner} the mark of the rule is {length} characters long, of which the packet filter keeps "
                f"{COMMENT_MAX}: shorten it by {length - COMMENT_MAX}",
            )

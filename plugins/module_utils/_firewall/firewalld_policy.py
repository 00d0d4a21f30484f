# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy in firewalld that accepts forwarded traffic: how it is created, changed and deleted. Pure.

A policy (firewalld.policy(5), firewalld 0.9 and newer) is the only object of firewalld that accepts forwarded traffic
without letting it into the host as well, as a source in the zone `trusted` would. Its description names its owner. It
is in the permanent and in the running configuration, so that a reload keeps it.

firewalld 2 sends a packet to a policy only by what is in a zone: an interface or a source (fw_policy.py,
_ingress_egress_zone()). What comes by an interface of no zone is treated as in the default zone, and reaches no policy.
There the network is added to the default zone as a source, which changes nothing for what is sent to the host itself.
A zone that forwards within itself would accept what is sent to its sources, too; so the policy has a rule, a guard,
that rejects it. The guard also says that this collection has added the source.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import inside

PROGRAM = "firewall-cmd"

#: The kind and the value of a setting, as in the options --add-KIND=VALUE and --remove-KIND=VALUE of firewall-cmd(1).
Setting = tuple[str, str]

#: The end of the name of the chain by which firewalld 2 sends packets to policies and zones.
DISPATCH_CHAIN = "FORWARD_POLICIES"

#: From anywhere to anywhere, but not to the host itself.
ANYWHERE: frozenset[Setting] = frozenset((("ingress-zone", "ANY"), ("egress-zone", "ANY")))


def policy_name(owner: str) -> str:
    """Return the name of an owner's policy: firewalld takes 17 characters, and an owner may have 64."""
    return "netnsfab-" + hashlib.sha256(owner.encode()).hexdigest()[:8]


def rich_rule(version: int, source: str) -> str:
    """Return the rule that lets a network out, as firewall-cmd prints it (firewalld.richlanguage(5)).

    firewalld accepts the replies on its own.
    """
    return f'rule family="ipv{version}" source address="{source}" destination NOT address="{source}" accept'


def guard_rule(source: str) -> str:
    """Return the rule that rejects what others send to a network, as firewalld does by default."""
    version, prefix = (6, "icmp6-adm") if ":" in source else (4, "icmp-admin")
    where = f'source NOT address="{source}" destination address="{source}"'
    return f'rule family="ipv{version}" {where} reject type="{prefix}-prohibited"'


_GUARD = re.compile(r'rule family="ipv[46]" source NOT address="(\S+)" destination address="\1" reject type="\S+"')
_RULE = re.compile(r'rule family="ipv[46]" source address="(\S+)" destination NOT address="\1" accept')


@dataclass(frozen=True)
class Zones:
    """The zones of firewalld.

    `running` names the zone of each source and interface, `permanent` that of each source. `dispatch`: whether only
    what is in a zone reaches a policy.
    """

    default: str = ""
    running: Mapping[str, str] = field(default_factory=dict)
    permanent: Mapping[str, str] = field(default_factory=dict)
    dispatch: bool = False


@dataclass(frozen=True)
class Policy:
    """A policy as it is. Where the permanent or the running configuration has none, its settings are None."""

    name: str
    permanent: frozenset[Setting] | None = None
    running: frozenset[Setting] | None = None
    #: The description in the permanent configuration.
    description: str = ""
    #: What a reload would change in the running configuration, besides this policy.
    unsaved: tuple[str, ...] = ()
    zones: Zones = field(default_factory=Zones)
    #: Whether a reload would open what is closed: it flushes iptables (firewalld.conf(5), FlushAllOnReload).
    opens: bool = False

    def rules(self) -> frozenset[str]:
        """Return the rich rules of both configurations, without the guards."""
        return frozenset(rule for rule in self._rich_rules() if not _GUARD.fullmatch(rule))

    def sources(self) -> frozenset[str]:
        """Return the networks that this collection has added to a zone."""
        return frozenset(match[1] for match in map(_GUARD.fullmatch, self._rich_rules()) if match)

    def _rich_rules(self) -> frozenset[str]:
        settings = (self.permanent or frozenset()) | (self.running or frozenset())
        return frozenset(value for kind, value in settings if kind == "rich-rule")

    def needs_source(self, network: str, links: Collection[str]) -> bool:
        """Return whether a network reaches the policy only as a source in a zone; it comes by one of these links."""
        zones = self.zones
        if not zones.dispatch or any(link in zones.running for link in links):
            return False
        return network in self.sources() or network not in {**zones.running, **zones.permanent}


@dataclass(frozen=True)
class FirewalldOperation:
    """One call of firewall-cmd; `opposite` are the calls that undo it."""

    arguments: tuple[str, ...]
    opposite: tuple[tuple[str, ...], ...] = ()
    phase = Phase.NAT
    backend = "firewalld"

    def commands(self) -> Sequence[str]:
        return [inside(None, PROGRAM, *self.arguments)]


RELOAD = FirewalldOperation(("--reload",))


@dataclass(frozen=True)
class PolicyPlan:
    """The operations that are needed; where there are none although some are, `refusal` says why."""

    operations: tuple[FirewalldOperation, ...] = ()
    refusal: str = ""
    #: The guards that the policy is to have.
    guards: tuple[str, ...] = ()


def plan_policy(
    policy: Policy, mark: str, rules: Iterable[str], links: Mapping[str, Collection[str]] | None = None
) -> PolicyPlan:
    """Plan the change of the policy to one with these rich rules; without rules, its deletion.

    `links` names the links by which the packets of a network come.
    """
    wanted = frozenset(("rich-rule", rule) for rule in rules)
    networks = [match[1] for match in map(_RULE.fullmatch, sorted(rule for _kind, rule in wanted)) if match]
    sources = [network for network in networks if policy.needs_source(network, (links or {}).get(network, ()))]
    if policy.permanent is not None and policy.description != mark:
        if not wanted:
            return PolicyPlan()
        return PolicyPlan(
            refusal=f"firewalld's policy {policy.name} belongs to somebody else (its description is not {mark!r}); "
            f"delete it (`{PROGRAM} --permanent --delete-policy={policy.name}`) and run again"
        )
    if not wanted:
        return PolicyPlan(tuple(_removal(policy, mark)))
    if policy.running is None and policy.opens:
        return PolicyPlan(
            refusal="a new policy needs a reload of firewalld, which flushes iptables, and with it the rules of "
            "netns.fabric.isolation there; set `backend: nftables` and run again"
        )
    if policy.running is None and policy.unsaved:
        return PolicyPlan(
            refusal="a new policy needs a reload of firewalld, which would change "
            f"{' and '.join(policy.unsaved)}, because the running configuration differs from the permanent one; make "
            f"them equal (`{PROGRAM} --runtime-to-permanent`, or `{PROGRAM} --reload`) and run again"
        )
    guards = tuple(map(guard_rule, sources))
    wanted |= ANYWHERE | {("rich-rule", guard) for guard in guards}
    operations: list[FirewalldOperation] = []
    if policy.permanent is None:
        operations += _creation(policy.name, mark)
    operations += _settings(("--permanent", f"--policy={policy.name}"), policy.permanent or frozenset(), wanted)
    operations += _zone_changes(policy, sources, permanent=True)
    if policy.running is None:
        operations.append(RELOAD)
    else:
        operations += _settings((f"--policy={policy.name}",), policy.running, wanted)
        operations += _zone_changes(policy, sources, permanent=False)
    return PolicyPlan(tuple(operations), guards=guards)


def _zone_changes(policy: Policy, wanted: Sequence[str], permanent: bool) -> list[FirewalldOperation]:
    """Plan that these networks are sources of the default zone, and none that this collection has added besides."""
    zones, where = policy.zones, ("--permanent",) if permanent else ()
    now = zones.permanent if permanent else zones.running

    def call(verb: str, zone: str, network: str) -> tuple[str, ...]:
        return (*where, f"--zone={zone}", f"--{verb}-source={network}")

    removed = [network for network in sorted(policy.sources()) if now.get(network, zones.default) != zones.default]
    removed += [network for network in sorted(policy.sources() - set(wanted)) if now.get(network) == zones.default]
    added = [network for network in wanted if now.get(network) != zones.default]
    return [
        *(
            FirewalldOperation(call("remove", now[network], network), (call("add", now[network], network),))
            for network in removed
        ),
        *(
            FirewalldOperation(call("add", zones.default, network), (call("remove", zones.default, network),))
            for network in added
        ),
    ]


def _creation(name: str, mark: str) -> list[FirewalldOperation]:
    return [
        FirewalldOperation(("--permanent", f"--new-policy={name}"), (("--permanent", f"--delete-policy={name}"),)),
        FirewalldOperation(("--permanent", f"--policy={name}", f"--set-description={mark}")),
    ]


def _settings(where: tuple[str, ...], now: frozenset[Setting], wanted: frozenset[Setting]) -> list[FirewalldOperation]:
    """Return one call for each kind: firewall-cmd takes several values, but not several kinds."""
    operations = []
    for verb, opposite, settings in (("add", "remove", wanted - now), ("remove", "add", now - wanted)):
        for kind in sorted({kind for kind, _value in settings}):
            values = sorted(value for other, value in settings if other == kind)
            operations.append(
                FirewalldOperation(
                    (*where, *(f"--{verb}-{kind}={value}" for value in values)),
                    ((*where, *(f"--{opposite}-{kind}={value}" for value in values)),),
                )
            )
    return operations


def _removal(policy: Policy, mark: str) -> list[FirewalldOperation]:
    """Plan the deletion of the policy.

    Where a reload would change something else, or open something, the running policy is emptied, and the next reload
    deletes it.
    """
    operations: list[FirewalldOperation] = []
    if policy.permanent is not None:
        undo = [*_creation(policy.name, mark), *_settings(_permanent(policy.name), frozenset(), policy.permanent)]
        operations.append(
            FirewalldOperation(
                ("--permanent", f"--delete-policy={policy.name}"), tuple(step.arguments for step in undo)
            )
        )
    operations += _zone_changes(policy, (), permanent=True)
    if policy.running is None:
        return operations
    if operations and not policy.unsaved and not policy.opens:
        return [*operations, RELOAD]
    emptied = _settings((f"--policy={policy.name}",), policy.running, frozenset())
    return [*operations, *emptied, *_zone_changes(policy, (), permanent=False)]


def _permanent(name: str) -> tuple[str, ...]:
    return ("--permanent", f"--policy={name}")


# What firewall-cmd prints


def parse_settings(text: str) -> frozenset[Setting]:
    """Return the settings that matter here from the output of `firewall-cmd --info-policy`."""
    found: set[Setting] = set()
    in_rules = False
    for line in text.splitlines():
        name, _colon, value = line.strip().partition(":")
        if in_rules and line.startswith("\t"):
            found.add(("rich-rule", line.strip()))
        elif name in ("ingress-zones", "egress-zones"):
            found.update((name[:-1], zone) for zone in value.split())
        in_rules = in_rules or name == "rich rules"
    return frozenset(found)


def parse_description(text: str) -> str:
    """Return the description from the output of `firewall-cmd --verbose --info-policy`."""
    lines = (line.strip().partition(": ") for line in text.splitlines())
    return next((value for name, _colon, value in lines if name == "description"), "")


def parse_members(text: str) -> dict[str, str]:
    """Return the zone of each interface and source from the output of `firewall-cmd --get-active-zones`."""
    zone, found = "", {}
    for line in text.splitlines():
        if line and not line[0].isspace():
            zone = line.partition(" ")[0]
        name, _colon, values = line.strip().partition(":")
        if name in ("interfaces", "sources"):
            found.update(dict.fromkeys(values.split(), zone))
    return found


def parse_listing(text: str, leave_out: str = "") -> dict[str, tuple[str, ...]]:
    """Return by name what `--list-all-zones` or `--list-all-policies` printed, without what a reload keeps.

    firewalld(1): the interfaces of a zone survive a reload. `leave_out` names the one that is not compared.
    """
    found: dict[str, tuple[str, ...]] = {}
    for block in text.strip().split("\n\n"):
        head, *lines = block.splitlines() or [""]
        name = head.partition(" ")[0]
        if name and name != leave_out:
            found[name] = tuple(line for line in lines if not line.strip().startswith("interfaces:"))
    return found

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy in firewalld that accepts forwarded traffic: how it is created, changed and deleted. Pure.

A policy (firewalld.policy(5), firewalld 0.9 and newer) is the only object of firewalld that accepts forwarded traffic
without letting it into the host as well, as a source in the zone `trusted` would. Its description names its owner. It
is in the permanent and in the running configuration, so that a reload keeps it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import inside

PROGRAM = "firewall-cmd"

#: The kind and the value of a setting, as in the options --add-KIND=VALUE and --remove-KIND=VALUE of firewall-cmd(1).
Setting = tuple[str, str]

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
    #: Whether a reload would open what is closed: it flushes iptables (firewalld.conf(5), FlushAllOnReload).
    opens: bool = False

    def rules(self) -> frozenset[str]:
        """Return the rich rules of both configurations."""
        settings = (self.permanent or frozenset()) | (self.running or frozenset())
        return frozenset(value for kind, value in settings if kind == "rich-rule")


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


def plan_policy(policy: Policy, mark: str, rules: Iterable[str]) -> PolicyPlan:
    """Plan the change of the policy to one with these rich rules; without rules, its deletion."""
    wanted = frozenset(("rich-rule", rule) for rule in rules)
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
    wanted |= ANYWHERE
    operations: list[FirewalldOperation] = []
    if policy.permanent is None:
        operations += _creation(policy.name, mark)
    operations += _settings(("--permanent", f"--policy={policy.name}"), policy.permanent or frozenset(), wanted)
    if policy.running is None:
        operations.append(RELOAD)
    else:
        operations += _settings((f"--policy={policy.name}",), policy.running, wanted)
    return PolicyPlan(tuple(operations))


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
    if policy.running is None:
        return operations
    if operations and not policy.unsaved and not policy.opens:
        return [*operations, RELOAD]
    return [*operations, *_settings((f"--policy={policy.name}",), policy.running, frozenset())]


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

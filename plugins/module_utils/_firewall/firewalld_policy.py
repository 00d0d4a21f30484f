# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is let through firewalld: a policy of our own, and the way from the one that is there to the one that is wanted.

Pure. A policy (firewalld.policy(5), firewalld 0.9 and newer) is the only thing of firewalld's that lets forwarded
traffic through without letting it into the host as well, as a source in the zone `trusted` would; and it has a
description, which bears our mark. It is in the permanent configuration and in the running one, so that a reload keeps
it.
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
    """The name of an owner's policy: firewalld takes 17 characters, and an owner may have 64."""
    return "netnsfab-" + hashlib.sha256(owner.encode()).hexdigest()[:8]


def rich_rule(version: int, source: str) -> str:
    """What lets a network out, as firewall-cmd prints it (firewalld.richlanguage(5)); it accepts replies by itself."""
    return f'rule family="ipv{version}" source address="{source}" destination NOT address="{source}" accept'


@dataclass(frozen=True)
class Policy:
    """A policy as it is. None in place of the settings: there is none, permanently or in what runs."""

    name: str
    permanent: frozenset[Setting] | None = None
    running: frozenset[Setting] | None = None
    #: That of the permanent one.
    description: str = ""
    #: What a reload would take from the running configuration or bring into it, besides this policy.
    unsaved: tuple[str, ...] = ()

    def rules(self) -> frozenset[str]:
        """The rich rules in either."""
        settings = (self.permanent or frozenset()) | (self.running or frozenset())
        return frozenset(value for kind, value in settings if kind == "rich-rule")


@dataclass(frozen=True)
class FirewalldOperation:
    """One call of firewall-cmd; `opposite` are those that take it back."""

    arguments: tuple[str, ...]
    opposite: tuple[tuple[str, ...], ...] = ()
    phase = Phase.NAT
    backend = "firewalld"

    def commands(self) -> Sequence[str]:
        return [inside(None, PROGRAM, *self.arguments)]


RELOAD = FirewalldOperation(("--reload",))


@dataclass(frozen=True)
class PolicyPlan:
    """What is to be done; `refusal` says why nothing is, where something should be."""

    operations: tuple[FirewalldOperation, ...] = ()
    refusal: str = ""


def plan_policy(policy: Policy, mark: str, rules: Iterable[str]) -> PolicyPlan:
    """From the policy as it is to one with these rich rules, and to none where there are none."""
    wanted = frozenset(("rich-rule", rule) for rule in rules)
    if policy.permanent is not None and policy.description != mark:
        if not wanted:
            return PolicyPlan()
        return PolicyPlan(refusal=f"firewalld has a policy {policy.name} that is not ours (by its description)")
    if not wanted:
        return PolicyPlan(tuple(_removal(policy, mark)))
    if policy.running is None and policy.unsaved:
        return PolicyPlan(
            refusal="a new policy needs a reload of firewalld, which would change "
            f"{' and '.join(policy.unsaved)}, for what runs there differs from what is permanent; make them the same "
            "(`firewall-cmd --runtime-to-permanent`, or `firewall-cmd --reload`) and run again"
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
    """One call for each kind: firewall-cmd takes several values, but not several kinds."""
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
    """All of it. Where a reload is not to be, what runs is emptied, and is gone with the next reload."""
    operations: list[FirewalldOperation] = []
    if policy.permanent is not None:
        back = [*_creation(policy.name, mark), *_settings(_permanent(policy.name), frozenset(), policy.permanent)]
        operations.append(
            FirewalldOperation(
                ("--permanent", f"--delete-policy={policy.name}"), tuple(step.arguments for step in back)
            )
        )
    if policy.running is None:
        return operations
    if not policy.unsaved and operations:
        return [*operations, RELOAD]
    return [*operations, *_settings((f"--policy={policy.name}",), policy.running, frozenset())]


def _permanent(name: str) -> tuple[str, ...]:
    return ("--permanent", f"--policy={name}")


# What firewall-cmd prints


def settings_of(text: str) -> frozenset[Setting]:
    """The settings that matter here out of `firewall-cmd --info-policy`."""
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


def description_of(text: str) -> str:
    """The description out of `firewall-cmd --verbose --info-policy`."""
    lines = (line.strip().partition(": ") for line in text.splitlines())
    return next((value for name, _colon, value in lines if name == "description"), "")


def comparable(text: str, leave_out: str = "") -> dict[str, tuple[str, ...]]:
    """By name what `--list-all-zones` or `--list-all-policies` printed, without what a reload keeps.

    firewalld(1): the interfaces of a zone survive a reload. `leave_out` names one that does not count.
    """
    found: dict[str, tuple[str, ...]] = {}
    for block in text.strip().split("\n\n"):
        head, *lines = block.splitlines() or [""]
        name = head.partition(" ")[0]
        if name and name != leave_out:
            found[name] = tuple(line for line in lines if not line.strip().startswith("interfaces:"))
    return found

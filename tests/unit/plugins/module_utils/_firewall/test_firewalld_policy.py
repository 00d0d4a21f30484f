# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy in firewalld: the plan for every state of it, and what firewall-cmd prints, parsed."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import (
    ANYWHERE,
    RELOAD,
    Policy,
    Zones,
    guard_rule,
    parse_description,
    parse_listing,
    parse_members,
    parse_settings,
    plan_policy,
    policy_name,
    rich_rule,
)

NAME = policy_name("lab")
MARK = "netns.fabric:lab"
RULE, OTHER = rich_rule(4, "192.168.100.0/24"), rich_rule(6, "fd00::/64")
SETTINGS = ANYWHERE | {("rich-rule", RULE)}

# As firewall-cmd 1.3.3 prints it
INFO = f"""{NAME} (active)
  summary:\x20
  description: {MARK}
  priority: -1
  target: CONTINUE
  ingress-zones: ANY
  egress-zones: ANY
  services:\x20
  rich rules:\x20
\t{RULE}
\t{OTHER}
"""


def lines(policy: Policy, *rules: str) -> list[str]:
    return [" ".join(operation.arguments) for operation in plan_policy(policy, MARK, rules).operations]


def test_name_has_the_length_that_firewalld_takes() -> None:
    assert len(NAME) == 17
    assert policy_name("lab-b") != NAME


def test_creation() -> None:
    assert lines(Policy(NAME), RULE) == [
        f"--permanent --new-policy={NAME}",
        f"--permanent --policy={NAME} --set-description={MARK}",
        f"--permanent --policy={NAME} --add-egress-zone=ANY",
        f"--permanent --policy={NAME} --add-ingress-zone=ANY",
        f"--permanent --policy={NAME} --add-rich-rule={RULE}",
        "--reload",
    ]


def test_no_change() -> None:
    assert lines(Policy(NAME, SETTINGS, SETTINGS, MARK), RULE) == []


def test_neither_present_nor_wanted() -> None:
    assert lines(Policy(NAME)) == []


@pytest.mark.parametrize(
    ("permanent", "running", "expected"),
    [
        (SETTINGS, ANYWHERE, [f"--policy={NAME} --add-rich-rule={RULE}"]),
        (ANYWHERE, SETTINGS, [f"--permanent --policy={NAME} --add-rich-rule={RULE}"]),
        (SETTINGS, None, ["--reload"]),
        (
            SETTINGS | {("rich-rule", OTHER)},
            SETTINGS | {("rich-rule", OTHER)},
            [
                f"--permanent --policy={NAME} --remove-rich-rule={OTHER}",
                f"--policy={NAME} --remove-rich-rule={OTHER}",
            ],
        ),
        (
            SETTINGS - {("egress-zone", "ANY")} | {("egress-zone", "public")},
            SETTINGS,
            [
                f"--permanent --policy={NAME} --add-egress-zone=ANY",
                f"--permanent --policy={NAME} --remove-egress-zone=public",
            ],
        ),
    ],
)
def test_change(
    permanent: frozenset[tuple[str, str]], running: frozenset[tuple[str, str]] | None, expected: list[str]
) -> None:
    assert lines(Policy(NAME, permanent, running, MARK), RULE) == expected


def test_deletion() -> None:
    assert lines(Policy(NAME, SETTINGS, SETTINGS, MARK)) == [f"--permanent --delete-policy={NAME}", "--reload"]
    (delete, _reload) = plan_policy(Policy(NAME, SETTINGS, SETTINGS, MARK), MARK, ()).operations
    assert [" ".join(step) for step in delete.opposite] == lines(Policy(NAME), RULE)[:-1]


def test_deletion_where_a_reload_would_change_something_else() -> None:
    policy = Policy(NAME, SETTINGS, SETTINGS, MARK, unsaved=("zone public",))
    assert RELOAD not in plan_policy(policy, MARK, ()).operations
    assert f"--policy={NAME} --remove-rich-rule={RULE}" in lines(policy)


def test_no_creation_where_a_reload_would_change_something_else() -> None:
    planned = plan_policy(Policy(NAME, unsaved=("zone public", "direct rules")), MARK, [RULE])
    assert planned.operations == ()
    assert "would change zone public and direct rules" in planned.refusal


@pytest.mark.parametrize("rules", [(), (RULE,)])
def test_policy_of_somebody_else_is_left_alone(rules: tuple[str, ...]) -> None:
    planned = plan_policy(Policy(NAME, SETTINGS, SETTINGS, "mine"), MARK, rules)
    assert planned.operations == ()
    assert bool(planned.refusal) == bool(rules)


def test_commands_can_be_pasted() -> None:
    (_new, _description, *_zones, rule, _reload) = plan_policy(Policy(NAME), MARK, [RULE]).operations
    assert rule.commands() == [f"firewall-cmd --permanent --policy={NAME} '--add-rich-rule={RULE}'"]


def test_parsed_output_of_firewall_cmd() -> None:
    assert parse_settings(INFO) == SETTINGS | {("rich-rule", OTHER)}
    assert parse_description(INFO) == MARK


def test_interfaces_are_not_compared() -> None:
    running = f"{INFO}\npublic (active)\n  target: default\n  interfaces: eth0\n  services: ssh\n"
    permanent = "public\n  target: default\n  interfaces: \n  services: ssh\n"
    assert parse_listing(running, leave_out=NAME) == parse_listing(permanent)
    assert parse_listing(permanent) != parse_listing(permanent.replace("ssh", "http"))


# firewalld 2, which sends only what is in a zone to a policy

NETWORK = "192.168.100.0/24"
GUARD = guard_rule(NETWORK)
GUARDED = SETTINGS | {("rich-rule", GUARD)}
UNZONED = Zones("public", dispatch=True)
ENTERED = Zones("public", {NETWORK: "public"}, {NETWORK: "public"}, dispatch=True)


def test_network_of_no_zone_is_added_to_the_default_zone() -> None:
    assert lines(Policy(NAME, zones=UNZONED), RULE) == [
        f"--permanent --new-policy={NAME}",
        f"--permanent --policy={NAME} --set-description={MARK}",
        f"--permanent --policy={NAME} --add-egress-zone=ANY",
        f"--permanent --policy={NAME} --add-ingress-zone=ANY",
        f"--permanent --policy={NAME} --add-rich-rule={GUARD} --add-rich-rule={RULE}",
        f"--permanent --zone=public --add-source={NETWORK}",
        "--reload",
    ]
    assert lines(Policy(NAME, SETTINGS, SETTINGS, MARK, zones=UNZONED), RULE) == [
        f"--permanent --policy={NAME} --add-rich-rule={GUARD}",
        f"--permanent --zone=public --add-source={NETWORK}",
        f"--policy={NAME} --add-rich-rule={GUARD}",
        f"--zone=public --add-source={NETWORK}",
    ]
    assert lines(Policy(NAME, GUARDED, GUARDED, MARK, zones=ENTERED), RULE) == []


@pytest.mark.parametrize("zones", [Zones("public"), ENTERED, Zones("public", {"int_br": "internal"}, dispatch=True)])
def test_network_whose_packets_reach_the_policy_is_left_alone(zones: Zones) -> None:
    """By an older firewalld, as a source that somebody else has added, by an interface in a zone."""
    policy = Policy(NAME, SETTINGS, SETTINGS, MARK, zones=zones)
    assert plan_policy(policy, MARK, [RULE], {NETWORK: ["int_br"]}).operations == ()


@pytest.mark.parametrize("saved", [True, False])
def test_source_is_removed_with_the_rule_that_needed_it(saved: bool) -> None:
    policy = Policy(NAME, GUARDED, GUARDED, MARK, () if saved else ("zone public",), ENTERED)
    assert lines(policy)[:2] == [
        f"--permanent --delete-policy={NAME}",
        f"--permanent --zone=public --remove-source={NETWORK}",
    ]
    assert lines(policy)[-1] == ("--reload" if saved else f"--zone=public --remove-source={NETWORK}")
    # One that the user has added stays.
    assert lines(Policy(NAME, SETTINGS, SETTINGS, MARK, zones=ENTERED)) == [
        f"--permanent --delete-policy={NAME}",
        "--reload",
    ]


def test_source_follows_the_default_zone() -> None:
    zones = Zones("home", {NETWORK: "public"}, {NETWORK: "public"}, dispatch=True)
    assert lines(Policy(NAME, GUARDED, GUARDED, MARK, zones=zones), RULE) == [
        f"--permanent --zone=public --remove-source={NETWORK}",
        f"--permanent --zone=home --add-source={NETWORK}",
        f"--zone=public --remove-source={NETWORK}",
        f"--zone=home --add-source={NETWORK}",
    ]


def test_every_step_of_a_source_has_its_undo() -> None:
    for operation in plan_policy(Policy(NAME, SETTINGS, SETTINGS, MARK, zones=UNZONED), MARK, [RULE]).operations:
        assert operation.opposite == (tuple(word.replace("--add-", "--remove-") for word in operation.arguments),)


def test_rules_and_sources_of_a_policy() -> None:
    policy = Policy(NAME, GUARDED, SETTINGS)
    assert policy.rules() == {RULE}
    assert policy.sources() == {NETWORK}
    assert guard_rule("fd00::/64").endswith('reject type="icmp6-adm-prohibited"')


def test_members_of_zones() -> None:
    printed = "docker\n  interfaces: docker0\npublic (default)\n  interfaces: eth0 eth1\n  sources: fd00::/64\n"
    assert parse_members(printed) == {
        "docker0": "docker",
        "eth0": "public",
        "eth1": "public",
        "fd00::/64": "public",
    }

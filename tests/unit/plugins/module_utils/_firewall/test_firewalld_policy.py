# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy in firewalld: the plan for every state of it, and what firewall-cmd prints, parsed."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import (
    ANYWHERE,
    RELOAD,
    Policy,
    parse_description,
    parse_listing,
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

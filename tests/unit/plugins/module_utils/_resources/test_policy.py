# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the module policy."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy import RULE_OPTIONS, PolicyResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy_plan import WantedPolicy

RESOURCE = PolicyResource()


def rule(**options: Any) -> dict[str, Any]:
    return {**{name: option.get("default") for name, option in RULE_OPTIONS.items()}, "action": "allow", **options}


def desired(*rules: dict[str, Any], **options: Any) -> WantedPolicy:
    defaults = {name: option.get("default") for name, option in RESOURCE.entry_options.items()}
    given = {**defaults, "namespace": "a", "state": "present", "rules": list(rules), **options}
    return RESOURCE.desired(Entry("a"), given)


def test_values_are_normal() -> None:
    given = rule(protocol="tcp", ports=["8081", "80", "8080", "80"], peers=["10.0.0.0/24", "10.0.0.0/24"])
    (found,) = desired(given).policy.rules
    assert found.ports == ("80", "8080-8081")
    assert list(map(str, found.peers)) == ["10.0.0.0/24"]
    assert RESOURCE.key(desired()) == "a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"peers": []}, "rules[0].peers: names nobody; name a network, or omit the option for everybody"),
        ({"local": []}, "rules[0].local: names no address of the namespace"),
        ({"protocol": "tcp", "ports": []}, "rules[0].ports: names no port; name one, or omit the option for all ports"),
        ({"protocol": "icmp", "icmp_types": []}, "rules[0].icmp_types: names no type"),
    ],
)
def test_an_empty_list_is_not_everything(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError) as caught:
        desired(rule(**options))
    assert message in str(caught.value)
    # Nobody is excluded: everybody is meant.
    assert desired(rule(excluded_peers=[])).policy.rules == desired(rule()).policy.rules


def test_all_errors_at_once() -> None:
    with pytest.raises(FabricError) as caught:
        desired(
            rule(ports=["80"]),
            rule(protocol="tcp", icmp_types=["echo-request"], ports=["0"]),
            rule(peers=["10.0.0.1/24"], excluded_peers=["10.0.0.0/8"], local=["x"]),
            rule(priority=70000),
            namespace="a/b",
        )
    text = str(caught.value)
    for expected in (
        "a: namespace: 'a/b' has a '/' in it",
        "rules[0].ports: requires a protocol that has ports; add `protocol: tcp` or `protocol: udp`",
        "rules[1].icmp_types: only ICMP has types; add `protocol: icmp`",
        "rules[1].ports[0]: 0 is not a valid port",
        "rules[2].excluded_peers: cannot be combined with `peers`",
        "rules[2].peers[0]: '10.0.0.1/24' is an address within a network",
        "rules[2].local[0]: 'x' is not an IP address",
        "rules[3].priority: 70000 is not from 0 to 65535",
    ):
        assert expected in text

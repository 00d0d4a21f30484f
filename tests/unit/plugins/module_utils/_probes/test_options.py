# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From options to probes."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._probes.options import (
    ENTRY_OPTIONS,
    argument_spec,
    probes_of,
)


def entry(**options: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in ENTRY_OPTIONS.items()}
    return {**defaults, **options}


def test_bulk_list_and_single_form_give_the_same_probe() -> None:
    options = entry(namespace="ns01", to="192.168.100.254", protocol="tcp", timeout=0.5)
    (listed,) = probes_of({**entry(), "probes": [options]})
    (single,) = probes_of({**options, "probes": None})
    assert (listed.namespace, listed.to, listed.kind) == ("ns01", ip_address("192.168.100.254"), "tcp")
    assert (single.namespace, single.to, single.timeout) == (listed.namespace, listed.to, 0.5)
    assert str(listed) == "ns01 -> 192.168.100.254 tcp"
    assert listed.needs_listener


def test_the_bulk_list_has_the_same_options_as_the_single_form() -> None:
    spec = argument_spec()
    elements = spec.pop("probes")["options"]
    assert elements["to"].pop("required")
    assert elements == spec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "192.168.100.300"}, "probes[0] (the host -> 192.168.100.300): to: '192.168.100.300' is not an IPv4"),
        ({"to": "192.168.100.1/24"}, "to: '192.168.100.1/24' has a prefix length"),
        ({"to": "0.0.0.0"}, "to: 0.0.0.0 is not the address of one host"),  # noqa: S104  # nothing listens there
        ({"to": "224.0.0.1"}, "to: 224.0.0.1 is not the address of one host"),
        ({"to": "255.255.255.255"}, "to: 255.255.255.255 is not the address of one host"),
        ({"to": "ff02::1"}, "to: ff02::1 is not the address of one host"),
        ({"to": "fe80::1"}, "to: fe80::1 is link-local"),
        ({"to": "::ffff:192.0.2.1"}, "write 192.0.2.1"),
        ({"to": "192.0.2.1", "namespace": "a/b"}, "namespace: 'a/b' has a '/' in it"),
        ({"to": "192.0.2.1", "namespace": ""}, "namespace: a namespace name must not be empty"),
        ({"to": "192.0.2.1", "port": 80}, "port: ICMP has no ports"),
        ({"to": "192.0.2.1", "port": 0, "protocol": "tcp"}, "port: 0 is not a valid port"),
        ({"to": "192.0.2.1", "port": 65536, "protocol": "tcp"}, "port: 65536 is not a valid port"),
        ({"to": "192.0.2.1", "timeout": 0.0}, "timeout: 0 is not a time to wait"),
        ({"to": "192.0.2.1", "timeout": 301.0}, "timeout: 301 is not a time to wait"),
        ({"to": "192.0.2.1", "timeout": float("nan")}, "timeout: nan is not a time to wait"),
    ],
)
def test_invalid_option(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidEntries) as refused:
        probes_of({**entry(), "probes": [entry(**options)]})
    assert message in str(refused.value)


def test_errors_of_all_probes_are_reported_at_once() -> None:
    probes = [entry(to="192.0.2.1"), entry(to="192.0.2"), entry(to="192.0.2.3", port=80)]
    with pytest.raises(InvalidEntries) as refused:
        probes_of({**entry(), "probes": probes})
    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == ["probes[1]", "probes[2]"]


def test_errors_of_one_probe_are_reported_at_once() -> None:
    with pytest.raises(InvalidEntries) as refused:
        probes_of({**entry(), "probes": [entry(to="192.0.2", namespace="", port=0)]})
    name = "probes[0] ( -> 192.0.2): "
    found = [line.removeprefix(name).split(":")[0] for line in str(refused.value).splitlines()]
    assert found == ["namespace", "port", "to", "port"]


def test_a_repeated_probe_must_have_the_same_expectation() -> None:
    same = entry(to="192.0.2.1", namespace="ns01")
    assert len(probes_of({**entry(), "probes": [same, same]})) == 2
    with pytest.raises(InvalidEntries, match=r"probes\[1\] .*: expect: is unreachable, but probes\[0\]"):
        probes_of({**entry(), "probes": [same, {**same, "expect": "unreachable"}]})
    with pytest.raises(InvalidEntries, match=r"expect: is silent, but probes\[0\] .* expects rejected"):
        probes_of({**entry(), "probes": [{**same, "expect": "rejected"}, {**same, "expect": "silent"}]})
    other = {**same, "protocol": "tcp", "expect": "unreachable"}
    assert len(probes_of({**entry(), "probes": [same, other]})) == 2

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an empty host has said to check mode and to a topology full of mistakes (../prepare.yml)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers.plays import Played
from ansible_collections.netns.fabric.tests.helpers.snapshot import State, differences

SEEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


def state(name: str) -> State:
    """Return a state of the host that was put down."""
    found: State = json.loads((SEEN / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def checked() -> Played:
    """Return how the run in check mode went."""
    return Played.load(SEEN / "check.json")


@pytest.fixture
def mistaken() -> Played:
    """Return how the run with mistakes went."""
    return Played.load(SEEN / "mistaken.json")


def test_check_mode_runs_to_the_end(checked: Played) -> None:
    assert checked.status == 0, checked.output
    # One task for the namespaces, the bridge, the cables, the interface, the ports, the routes and NAT.
    assert checked.changed == 1, checked.output


@pytest.mark.parametrize(
    "made",
    [
        *("namespace ns01", "namespace ns02", "bridge int_br", "veth ns01/veth-ns01", "veth ns02/veth-ns02"),
        *("link host/int_br", "port ns01_tap", "port ns02_tap", "masquerade host 192.168.100.0/24"),
        *("+addresses: [192.168.100.1/24]", "+addresses: [192.168.100.254/24]", "default via 192.168.100.254"),
    ],
)
def test_check_mode_shows_what_would_be_made(checked: Played, made: str) -> None:
    assert made in checked.output


def test_check_mode_makes_nothing() -> None:
    assert differences(state("empty"), state("checked")) == []


def test_mistakes_are_refused_before_anything_is_touched(mistaken: Played) -> None:
    assert mistaken.status == 2, mistaken.output
    assert mistaken.changed == 0, mistaken.output
    assert differences(state("empty"), state("refused")) == []
    assert "Traceback" not in mistaken.output


@pytest.mark.parametrize(
    "said",
    [
        "has 10 errors; the host was not changed",
        "'192.168.100.254' has no prefix length",
        "'veth-ns01-longer' is 16 characters long",
        "'int_brr' is not in `topology_bridges`",
        "'192.168.100.300/24' is not an IPv4 address",
        "addresses[0]: 192.168.100.6 is already assigned on bridge",
        "'ns04_tap' on the host is already the name of",
        "gateway: 192.168.200.254 cannot be reached",
        "interfacs: is not an option here; did you mean 'interfaces'?",
        "a namespace name must not be empty",
        "'ns/09' has a '/' in it",
    ],
)
def test_every_mistake_is_named_in_one_message(mistaken: Played, said: str) -> None:
    assert said in mistaken.words

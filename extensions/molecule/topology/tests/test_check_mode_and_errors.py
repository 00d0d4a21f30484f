# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode on an empty host, and a topology with an error of each kind (../prepare.yml)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.plays import Played
from ansible_collections.netns.fabric.tests.helpers.snapshot import Snapshot

SEEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


def state(name: str) -> Snapshot:
    """Return a snapshot that prepare.yml has written."""
    found: Snapshot = json.loads((SEEN / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def checked() -> Played:
    """Return the result of the run in check mode."""
    return Played.load(SEEN / "check.json")


@pytest.fixture
def failed() -> Played:
    """Return the result of the run with errors in the variables."""
    return Played.load(SEEN / "errors.json")


def test_check_mode_runs_to_the_end(checked: Played) -> None:
    assert checked.status == 0, checked.output
    # One task for namespaces, bridge, veth pairs, links, ports, routes and NAT.
    assert checked.changed == 1, checked.output


@pytest.mark.parametrize(
    "created",
    [
        *("namespace ns01", "namespace ns02", "bridge int_br", "veth ns01/veth-ns01", "veth ns02/veth-ns02"),
        *("link host/int_br", "port ns01_tap", "port ns02_tap", "masquerade host 192.168.100.0/24"),
        *("+addresses: [192.168.100.1/24]", "+addresses: [192.168.100.254/24]", "default via 192.168.100.254"),
    ],
)
def test_check_mode_shows_what_would_be_created(checked: Played, created: str) -> None:
    assert created in checked.output


def test_check_mode_shows_what_would_stand(checked: Played) -> None:
    heading = "topology default: 2 namespaces, 1 bridge, no links, 1 NAT rule (would stand after a run; check mode has "
    assert heading + "changed nothing)" in checked.words


def test_check_mode_assumes_nothing(checked: Played) -> None:
    assert "assuming an earlier task" not in checked.words


def test_check_mode_changes_nothing() -> None:
    assert snapshot.differences(state("empty"), state("checked")) == []


def test_errors_are_reported_before_the_first_write(failed: Played) -> None:
    assert failed.status == 2, failed.output
    assert failed.changed == 0, failed.output
    assert snapshot.differences(state("empty"), state("refused")) == []
    assert "Traceback" not in failed.output


@pytest.mark.parametrize(
    "message",
    [
        "topology_bridge: the role netns.fabric.topology has no such variable; did you mean 'topology_bridges'?",
        "has 11 errors; the host was not changed",
        "topology_verify: must be true or false, not the string 'perhaps'",
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
def test_all_errors_are_in_one_message(failed: Played, message: str) -> None:
    assert message in failed.words
    assert "argument_spec_data" not in failed.output

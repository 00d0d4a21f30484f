# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The row of bonds: which of its options the kernel takes in which mode, and beside which others."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.bond import BOND, INT_MAX


def test_bond_is_restored_without_what_its_mode_does_not_take() -> None:
    """The kernel reports all options, and refuses a new bond with them: EACCES for the mode, EPERM for a delay."""
    numbers = {"=B": (1, 13, 14, 21, 22), "=H": (24,), "=I": (3, 4, 5, 7, 18, 28)}
    reported = {number: struct.pack(code, 0) for code, found in numbers.items() for number in found}
    assert sorted(BOND.restorable(reported)) == [1, 3, 7, 13, 14, 18, 22]
    monitored = {3: struct.pack("=I", 100), 28: struct.pack("=I", 200)}
    lacp = {**reported, **monitored, 1: b"\4", 26: bytes(6)}
    assert sorted(BOND.restorable(lacp)) == [1, 3, 4, 5, 13, 14, 18, 21, 22, 24, 26, 28]


@pytest.mark.parametrize("option", ["miimon", "updelay", "downdelay", "arp_interval", "min_links"])
def test_numbers_are_signed_in_the_kernel(option: str) -> None:
    encoding = BOND.attribute(option).encoding
    assert encoding.check(INT_MAX) == INT_MAX
    with pytest.raises(ValueError, match="2147483648 is not a valid number"):
        encoding.check(INT_MAX + 1)


def test_miimon_depends_on_the_mode() -> None:
    assert [BOND.effective("miimon", {"mode": mode}) for mode in ("balance-rr", "802.3ad", "balance-alb")] == [
        0,
        100,
        100,
    ]
    assert BOND.effective("miimon", {"mode": "802.3ad", "miimon": 0}) == 0
    assert BOND.effective("miimon", {}) == 0


def test_what_is_as_the_kernel_has_it_is_left_out_where_it_is_not_taken() -> None:
    given = {"mode": "broadcast", "updelay": 0, "lacp_rate": "slow", "miimon": 0}
    assert BOND.keep({}, given) == {"mode": "broadcast", "miimon": 0}
    assert BOND.keep({"miimon": 100, "updelay": 400}, {"miimon": 0}) == {"miimon": 0}


@pytest.mark.parametrize(
    ("mode", "miimon", "deviates"),
    [("802.3ad", 0, True), ("802.3ad", 100, True), ("balance-rr", 0, False), ("balance-rr", 100, True)],
)
def test_deviations_from_the_defaults_of_all_modes(mode: str, miimon: int, deviates: bool) -> None:
    assert ("miimon" in BOND.deviations(BOND.encode({"mode": mode, "miimon": miimon}))) == deviates

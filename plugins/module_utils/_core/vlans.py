# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of VLANs, with ranges in them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import vlan


def vlan_range(value: Any) -> tuple[int, ...]:
    """Check a VLAN ID or a range of them, such as `10-20`, and return the IDs.

    Raises:
        ValueError: It is neither.
    """
    first, dash, last = str(value).strip().partition("-")
    if not dash or not first:
        return (vlan(value),)
    lowest, highest = vlan(first.strip()), vlan(last.strip())
    if lowest > highest:
        raise ValueError(f"the range {value} begins above its end; write {highest}-{lowest}")
    return tuple(range(lowest, highest + 1))


def format_vlans(vlans: Iterable[int]) -> list[int | str]:
    """Return sorted VLAN IDs as they are written, three and more in a row as a range."""
    rows: list[list[int]] = []
    for number in vlans:
        if rows and number == rows[-1][-1] + 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    return [each for row in rows for each in _format_row(row)]


def _format_row(row: Sequence[int]) -> Sequence[int | str]:
    return [f"{row[0]}-{row[-1]}"] if len(row) > 2 else row  # two are no shorter as a range

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys by which Open vSwitch, and an ovn-controller beside it, speak TLS to controllers and databases. Pure.

Open vSwitch has one set of them for the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bridge_settings import SSL
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.references import plan_rows
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch

#: The connection methods that need them.
_METHODS = ("ssl:", "pssl:")
_CALL = Entry("the call")


def require_ssl(
    switch: Switch, entry: Entry, option: str, targets: Iterable[object], given: Mapping[str, Any] | None
) -> None:
    """Check that Open vSwitch has, or gets, the keys for the connections of an entry.

    Raises:
        InvalidEntry: It has none.
    """
    secure = [str(target) for target in targets if str(target).startswith(_METHODS)]
    has_keys = bool(SSL.find(switch, switch.root)) if given is None else any(given.values())
    if secure and not has_keys and not switch.unavailable:
        raise InvalidEntry(
            entry,
            option,
            f"{secure[0]} needs a key and certificates, and Open vSwitch has none; give `ssl`",
        )


def check_ssl(given: Mapping[str, Any] | None) -> list[FabricError]:
    """Return what is wrong with the keys of a call."""
    checks = Checks(_CALL)
    if given is not None:
        SSL.parse(checks, given)
    try:
        checks.done()
    except InvalidEntries as error:
        return list(error.errors)
    return []


def plan_ssl(switch: Switch, given: Mapping[str, Any] | None) -> Iterator[Change]:
    """Plan the keys of the host, where they are given."""
    if given is None:
        return
    difference = Difference()
    wanted = SSL.parse(Checks(_CALL), given)
    operations = plan_rows(switch, SSL, ".", switch.root, wanted, difference, RemovedReferences(switch.referrers))
    if operations:
        yield Change(_CALL, "ssl", difference.before, difference.after, tuple(operations))

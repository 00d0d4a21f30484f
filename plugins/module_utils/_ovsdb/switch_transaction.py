# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transactions of Open vSwitch: what ovs-vswitchd has made of them is verified."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.client import Client
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.daemon import read_link_names
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import Answer
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import OvsOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import NO_REASON, REOPEN, Interface, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Command
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.transaction import Transaction

#: Seconds added to the timeout for each interface that ovs-vswitchd is to open or close: closing one takes the kernel
#: 13 ms on the userspace datapath.
TIME_PER_INTERFACE = 0.1
#: Seconds to wait for ovs-vswitchd to report what it has done, such as an MTU that it has accepted.
REPORT_TIMEOUT = 2.0
#: Seconds between two readings of such a report.
REPORT_INTERVAL = 0.05


class SwitchTransaction(Transaction[Switch]):
    """A transaction that ovs-vswitchd applies."""

    def __init__(self, client: Client, before: Switch, operations: Sequence[OvsOperation]) -> None:
        super().__init__(client, before, operations)
        self._switch = client
        self._applied = operations
        self._timeout += TIME_PER_INTERFACE * sum(each.size(before) for each in operations)

    def execute(self, journal: Journal) -> None:
        for operation in self._applied:
            for request in operation.requests():
                self._send(operation, request)
        super().execute(journal)

    def _send(self, operation: OvsOperation, request: Command) -> None:
        answer = self._switch.appctl(request, self._before)
        # A run that was killed in between may have deleted it (dpctl_del_if() in lib/dpctl.c).
        if answer.status != 0 and "no port named" not in answer.message:
            raise OperationFailed(operation, f"ovs-appctl {request[0]}: {answer.reason}")

    def _verify(self, answer: Answer) -> None:
        """Check that the interfaces work: refusals show in the tables only, and in some releases by the exit status.

        Raises:
            OperationFailed: An interface does not work that was to be set up and did not fail before as well.
        """
        if self._client.unresponsive:
            return
        expected = [(each, name) for each in self._applied for name in each.expected_interfaces(self._before)]
        reopened = [(each, name) for each in self._applied for name in each.reopened_interfaces(self._before)]
        now = self._read_report({name for _operation, name in expected})
        for operation, name in expected:
            _require_working(operation, name, now, answer)
        links = read_link_names() if reopened else frozenset()
        for operation, name in reopened:
            # A device that was deleted meanwhile is no fault of this change. Those of a deleted namespace go some time
            # after it.
            if name in links or name not in now or now[name].type != "system":
                _require_working(operation, name, now, answer)
        self._await_mtus([(operation, name) for operation, name in expected if operation.mtu], now)

    def _read_report(self, names: set[str]) -> dict[str, Interface]:
        """Read the interfaces, once no error of these is left from the time while they were closed.

        A busy ovs-vswitchd may have opened one again and not reported it yet, see CloseInterface.
        """
        deadline = time.monotonic() + REPORT_TIMEOUT
        now = self._read_interfaces()
        while any(REOPEN in now[name].error for name in names if name in now) and time.monotonic() < deadline:
            time.sleep(REPORT_INTERVAL)  # until ovs-vswitchd has reported
            now = self._read_interfaces()
        return now

    def _read_interfaces(self) -> dict[str, Interface]:
        return dict(self._client.read().interfaces)

    def _await_mtus(self, expected: Sequence[tuple[OvsOperation, str]], now: dict[str, Interface]) -> None:
        """Wait until the requested MTUs are in effect. ovs-vswitchd only logs an MTU that the kernel refuses.

        Raises:
            OperationFailed: One is not in effect in time.
        """
        deadline = time.monotonic() + REPORT_TIMEOUT
        while True:
            wrong = [
                (operation, now[name])
                for operation, name in expected
                if name in now and now[name].mtu_request and now[name].mtu not in (None, now[name].mtu_request)
            ]
            if not wrong:
                return
            if time.monotonic() > deadline:
                operation, interface = wrong[0]
                raise OperationFailed(
                    operation,
                    f"{interface.name} keeps its MTU of {interface.mtu} bytes: the device does not accept "
                    f"{interface.mtu_request}",
                )
            time.sleep(REPORT_INTERVAL)  # until ovs-vswitchd has reported
            now = self._read_interfaces()


def _require_working(operation: OvsOperation, name: str, now: dict[str, Interface], answer: Answer) -> None:
    found = now.get(name)
    if found is None:
        reason = "it no longer exists; another program has removed it"
    else:
        reason = _find_reason(name, found.fault, answer) if found.fault else ""
    if reason:
        raise OperationFailed(operation, f"ovs-vswitchd could not set up {name}: {reason}")


def _find_reason(name: str, fault: str, answer: Answer) -> str:
    """Return the reason in the database; without one, the reason that ovs-vsctl has printed."""
    match = re.search(rf"setting up '{re.escape(name)}': (.*?)\.?  See ", answer.message)
    return match[1] if match and fault == NO_REASON else fault

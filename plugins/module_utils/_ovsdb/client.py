# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of Open vSwitch, ovs-vsctl, ovs-appctl and ovs-ofctl. Nothing else runs them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import (
    GRACE,
    Answer,
    DatabaseClient,
    DatabaseUnavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch, build_switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import TABLES

DEFAULT_RUNDIR = "/var/run/openvswitch"

START = (
    "start Open vSwitch (`systemctl start openvswitch-switch` on Debian and Ubuntu, `systemctl start openvswitch` on "
    "Red Hat's systems, `/usr/share/openvswitch/scripts/ovs-ctl start` without systemd), or use the role "
    "netns.fabric.openvswitch"
)
INSTALL = (
    "install it (`apt install openvswitch-switch`, `dnf install openvswitch`), or use the role netns.fabric.openvswitch"
)


class Client(DatabaseClient[Switch]):
    """Open vSwitch as one call of a module reaches it."""

    program = "ovs-vsctl"
    tables = TABLES
    product = "Open vSwitch"
    install = INSTALL

    def build(self, tables: Iterable[Iterable[Row]]) -> Switch:
        return build_switch(tables)

    def unavailable(self, answer: Answer) -> DatabaseUnavailable:
        if answer.status is None:
            return DatabaseUnavailable(
                f"the database server of Open vSwitch (ovsdb-server) did not answer within {self.timeout} s",
                f"if it is busy, raise `timeout`; otherwise {START}",
            )
        if "database connection failed" in answer.message:
            return DatabaseUnavailable(f"Open vSwitch is not running (ovsdb-server: {answer.reason})", START)
        return DatabaseUnavailable(f"Open vSwitch could not be read: {answer.reason}")

    def describe_timeout(self, seconds: float) -> tuple[str, str]:
        return (
            f"ovs-vswitchd did not apply the change within {seconds:.0f} s",
            f"check whether it answers (`ovs-appctl version`); if it is only busy, raise `timeout`, otherwise {START}",
        )

    def appctl(self, arguments: Sequence[str], switch: Switch) -> Answer:
        """Ask the ovs-vswitchd of a switch."""
        program = self.find("ovs-appctl")
        if program is None:
            return Answer(127, "", "it is not installed")
        socket = os.path.join(self.run_directory(switch), f"ovs-vswitchd.{switch.daemon}.ctl")
        target = ["-t", socket] if os.path.exists(socket) else []
        return self.run([program, f"--timeout={self.timeout}", *target, *arguments], self.timeout + GRACE)

    def ofctl(self, arguments: Sequence[str], text: str = "") -> Answer:
        """Speak OpenFlow, with `text` on the standard input of ovs-ofctl."""
        program = self.find("ovs-ofctl")
        if program is None:
            return Answer(127, "", "ovs-ofctl is not installed")
        return self.run([program, f"--timeout={self.timeout}", *arguments], self.timeout + GRACE, text)

    def flow_target(self, bridge: str, switch: Switch) -> str:
        """Return what ovs-ofctl knows a bridge by, wherever its socket is."""
        socket = os.path.join(self.run_directory(switch), f"{bridge}.mgmt")
        return f"unix:{socket}" if os.path.exists(socket) else bridge

    def run_directory(self, switch: Switch) -> str:
        """Return the directory with the daemons' pid files and sockets."""
        if self.database and self.database.startswith("unix:"):
            return os.path.dirname(self.database[len("unix:") :])
        return switch.external_ids.get("rundir") or os.environ.get("OVS_RUNDIR") or DEFAULT_RUNDIR

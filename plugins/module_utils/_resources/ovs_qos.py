# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quality of service of ports of Open vSwitch: its options, and how to converge it. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import (
    VSCTL_OPTIONS,
    MapOption,
    parse_map,
    port_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.qos import (
    QOS_SETTINGS,
    QUEUES,
    Qos,
    find_left_qos,
    find_qos,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.references import WantedRows, plan_rows
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import AddRow, SetRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import (
    compare_settings,
    parse_settings,
    specs,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import OvsPlanner
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import APort


@dataclass(frozen=True)
class WantedQos:
    """The quality of service of one port as it is wanted; what is not given is left untouched."""

    entry: Entry
    present: bool
    port: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    queues: WantedRows | None = None
    other_config: MapOption | None = None


class QosResource(Resource[WantedQos, Switch]):
    """The resource of the module ovs_qos."""

    list_option = "qos"
    identity = "port"
    backends = (OVSDB, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "port": {"type": "str"},
        **specs(QOS_SETTINGS),
        "other_config": {"type": "dict"},
        "queues": QUEUES.spec,
    }
    call_options: Mapping[str, Mapping[str, Any]] = {
        **OWNER_OPTIONS,
        **VSCTL_OPTIONS,
        "exact": {"type": "bool", "default": False},
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedQos:
        checks = Checks(entry)
        queues = options.get("queues")
        wanted = WantedQos(
            entry,
            options["state"] == "present",
            checks.value("port", port_name, options["port"]),
            parse_settings(checks, QOS_SETTINGS, options),
            None if queues is None else QUEUES.parse(checks, queues),
            parse_map(checks, "other_config", options.get("other_config")),
        )
        if "max-rate" in (wanted.other_config or {}):
            checks.error("other_config", "use the option `max_rate` for `max-rate`")
        checks.done()
        return wanted

    def key(self, desired: WantedQos) -> object:
        return desired.port

    def read(self, host: Host, call: Call[WantedQos]) -> Switch:
        nothing_wanted = not any(entry.present for entry in call.entries)
        return host.use(OVSDB).read(call.check_mode, nothing_wanted=nothing_wanted)

    def plan(self, actual: Switch, call: Call[WantedQos]) -> Plan:
        return QosPlanner(actual, call).run()


class QosPlanner(OvsPlanner[WantedQos]):
    """Plans the quality of service of the ports of one call."""

    def _find(self, port: Port) -> Qos | None:
        return find_qos(self.switch, port, self.removed)

    # Present

    def present(self, wanted: WantedQos) -> None:
        found = self.switch.port(wanted.port)
        if found is None:
            self.require(
                wanted.entry,
                "port",
                f"the port {wanted.port} does not exist; add it first, e.g. with netns.fabric.ovs_port",
                APort(wanted.port),
            )
        qos = self._find(found[1]) if found else None
        if qos is None or qos.is_shared:
            self._create(wanted, qos)
            return
        if self.call.options.get("exact") and (self.call.owner is None or qos.owners):
            wanted = _complete(wanted)
        self._update(wanted, qos)

    def _create(self, wanted: WantedQos, former: Qos | None) -> None:
        """Plan a new row. One that the port shares with another one stays as it is, for that one."""
        if not wanted.settings.get("type"):
            raise InvalidEntry(
                wanted.entry,
                "type",
                f"{wanted.port} has no quality of service of its own yet; `type` is required to create one, for "
                "instance linux-htb",
            )
        difference = self._compare(wanted, Row("QoS", ""), ())
        if self.call.owner:
            difference.add_owner((), self.call.owner)
        if former:
            self.removed.remove(former.row.uuid, former.referrer)
        rows = self._plan_queues(wanted, wanted.port, Row("QoS", ""), difference)
        add = AddRow("Port", wanted.port, "qos", "QoS", difference.columns, is_single=True)
        before = {"shared": former.declare(self.switch)} if former else None
        self.changes.append(Change(wanted.entry, _target(wanted.port), before, difference.after, (add, *rows)))

    def _update(self, wanted: WantedQos, qos: Qos) -> None:
        difference = self._compare(wanted, qos.row, qos.owners)
        operations: list[Operation] = []
        if difference.columns:
            operations.append(SetRow("QoS", qos.row.uuid, difference.columns))
        operations.extend(self._plan_queues(wanted, qos.row.uuid, qos.row, difference))
        if operations:
            target = _target(wanted.port)
            self.changes.append(Change(wanted.entry, target, difference.before, difference.after, tuple(operations)))

    def _compare(self, wanted: WantedQos, row: Row, owners: tuple[str, ...]) -> Difference:
        difference = Difference()
        compare_settings(difference, QOS_SETTINGS, row, wanted.settings)
        difference.compare_map("other_config", row.strings("other_config"), wanted.other_config)
        if self.call.owner and owners:
            difference.add_owner(owners, self.call.owner)
        return difference

    def _plan_queues(self, wanted: WantedQos, record: str, row: Row, difference: Difference) -> list[Operation]:
        if wanted.queues is None:
            return []
        return plan_rows(self.switch, QUEUES, record, row, wanted.queues, difference, self.removed)

    # Absent

    def absent(self, wanted: WantedQos) -> None:
        found = self.switch.port(wanted.port)
        qos = self._find(found[1]) if found else None
        if qos is not None:
            self._release(wanted.entry, qos)

    def prune(self) -> None:
        listed = {entry.port for entry in self.call.entries}
        for bridge in self.switch.bridges:
            for port in bridge.ports:
                qos = self._find(port)
                if qos and self.call.owner in qos.owners and port.name not in listed:
                    self._release(Entry(port.name), qos)
        for qos in find_left_qos(self.switch, self.call.owner):
            self._release(Entry(f"row {qos.row.uuid}"), qos)

    def _release(self, entry: Entry, qos: Qos) -> None:
        self.release(
            entry,
            f"the quality of service of {qos.port or 'no port'}",
            qos.owners,
            delete=partial(self._delete, entry, qos),
            disown=partial(self._disown, entry, qos),
        )

    def _delete(self, entry: Entry, qos: Qos) -> None:
        operations = tuple(qos.remove(self.switch, self.removed))
        target = _target(qos.port or qos.row.uuid)
        self.changes.append(Change(entry, target, qos.declare(self.switch), None, operations))

    def _disown(self, entry: Entry, qos: Qos) -> None:
        difference = Difference()
        difference.remove_owner(qos.owners, self.call.owner or "")
        operation = SetRow("QoS", qos.row.uuid, difference.columns)
        target = _target(qos.port or qos.row.uuid)
        self.changes.append(Change(entry, target, difference.before, difference.after, (operation,)))


def _complete(wanted: WantedQos) -> WantedQos:
    """Return what is wanted with the value of a new row for what is omitted; one without a type there is none."""
    settings = {setting.option: setting.default for setting in QOS_SETTINGS if setting.option != "type"}
    queues = {} if wanted.queues is None else wanted.queues
    return replace(wanted, settings={**settings, **wanted.settings}, queues=queues)


def _target(port: str) -> str:
    return f"qos {port}"

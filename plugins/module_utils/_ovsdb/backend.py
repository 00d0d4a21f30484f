# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open vSwitch as a backend: read in one pass, written in one transaction that can be undone."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    InvalidEntry,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, Backends, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import (
    NetlinkError,
    NetlinkSocket,
    attributes_of,
    message,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.answers import (
    count_rules,
    find_port_number,
    parse_internal_ports,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.client import START, Client
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.cuts import find_cuts, may_cut
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.daemon import (
    find_daemon,
    read_attachments,
    read_link_names,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import (
    DEFAULT_TIMEOUT,
    GRACE,
    Answer,
    DatabaseUnavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import (
    ALL_OWNERS,
    BUNDLE_VERSIONS,
    Flow,
    FlowDifference,
    Rules,
    SetFlows,
    parse_difference,
    parse_dump,
    parse_error,
    parse_matches,
    sort_flows,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import (
    DeleteBridge,
    DeletePort,
    MovePort,
    OvsOperation,
    SetBridge,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import RemoveRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.switch_transaction import SwitchTransaction
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.transaction import split_batches
from ansible_collections.netns.fabric.plugins.module_utils._system.connections import find_connection

#: Seconds that ovs-vswitchd has to open a link that has just appeared, and between two readings.
SETTLING_TIME = 1.0
SETTLING_INTERVAL = 0.05

OVS_DATAPATH_FAMILY = "ovs_datapath"

_BUNDLES = ",".join(BUNDLE_VERSIONS)
#: As diff(1), `ovs-ofctl diff-flows` ends with 2 where flows differ, and with 1 where it fails.
_COMPARED = (0, 2)


class OpenVSwitch(Backend):
    """The Open vSwitch of this host."""

    def __init__(self, connect: Callable[[int, str | None], Client] = Client) -> None:
        self._connect = connect
        #: What was read last, as long as nothing was written since; several steps of a sequence read the same.
        self._known: Switch | None = None
        self._database: str | None = None
        #: What a simulation has removed.
        self._removed_bridges: set[str] = set()
        self._removed_ports: set[str] = set()
        self._removed_rows: set[str] = set()
        self._removed_references: set[tuple[str, str]] = set()
        self.begin_call({})

    def begin_call(self, options: Mapping[str, Any]) -> None:
        """Take the options of the next call.

        `timeout` is the number of seconds that Open vSwitch has to answer a question or to apply a change;
        `database` is the server as ovsdb(7) names it, by default a socket of this host.

        Raises:
            InvalidEntry: The timeout is not a positive number.
        """
        timeout = options.get("timeout")
        if timeout is not None and timeout < 1:
            raise InvalidEntry("the call", "timeout", f"it must be a positive number of seconds, not {timeout}")
        database = options.get("database")
        self._client = self._connect(timeout or DEFAULT_TIMEOUT, database)
        if database != self._database:
            self.forget()
        self._database = database
        self._before = Switch()

    # Reading

    def read(self, check_mode: bool = False, nothing_wanted: bool = False) -> Switch:
        """Read everything in one pass.

        In check mode an Open vSwitch that is not installed or not running counts as one without bridges, which an
        earlier task would have started. Where `nothing_wanted`, one that is not installed has nothing to remove.

        Raises:
            Unavailable: It is not installed, or not running, or does not answer within the timeout.
        """
        installed = self._client.find("ovs-vsctl") is not None
        try:
            switch = self._known or self._client.read()
        except DatabaseUnavailable as error:
            if not check_mode and (installed or not nothing_wanted):
                raise
            nothing_there = nothing_wanted and not installed
            unavailable = Switch(unavailable=str(error), cause=error.cause, running=False)
            self._before = Switch() if nothing_there else unavailable
            return self._before
        self._known = switch
        running, daemon = find_daemon(self._client.run_directory(switch))
        references = self._removed_references
        switch = switch.without(self._removed_bridges, self._removed_ports, self._removed_rows, references)
        self._before = replace(switch, running=running, daemon=daemon)
        if not check_mode and not nothing_wanted:
            self._require_daemon()
        return self._before

    def read_settled(self, names: Collection[str]) -> Switch:
        """Read again, for a moment, until these interfaces work: ovs-vswitchd opens a link some time after it appears.

        Raises:
            Unavailable: Open vSwitch does not answer any more.
        """
        deadline = time.monotonic() + SETTLING_TIME
        while time.monotonic() < deadline and any(
            not interface.works for name, interface in self._before.interfaces.items() if name in names
        ):
            time.sleep(SETTLING_INTERVAL)  # ovs-vswitchd does not report what it has not opened yet
            self.forget()
            self.read()
        return self._before

    def attachments(self, vports: bool = False) -> Attachments:
        """Read which devices ovs-vswitchd has open, for all ports at once; `vports` adds the kernel's internal ports.

        Nothing is known about an ovs-vswitchd that does not run or cannot be seen from here.
        """
        pid = self._before.daemon
        attachments = Attachments()
        if pid is None:
            return attachments
        # It may end meanwhile; then nothing is known about it either.
        with suppress(OSError):
            attachments = read_attachments(pid)
        if vports:
            answer = self._client.appctl(("dpctl/show",), self._before)
            if answer.status == 0:
                attachments = replace(attachments, vports=parse_internal_ports(answer.output))
        return attachments

    def datapath_port(self, name: str) -> str:
        """Return the number of a port of the userspace datapath; empty where it has none, or it is unknown."""
        answer = self._client.appctl(("dpctl/show", "netdev@ovs-netdev"), self._before)
        return find_port_number(answer.output, name) if answer.status == 0 else ""

    def count_rules(self, bridge: str, cookie: int) -> Rules | None:
        """Return how many rules a bridge with `fail_mode=secure` forwards by; None if that is unknown."""
        answer = self._client.appctl(("bridge/dump-flows", bridge), self._before)
        if answer.status != 0:
            return None
        number = count_rules(answer.output)
        return Rules(number, len(self.flows(bridge, f"cookie={cookie:#x}/-1")) if number else 0)

    def flows(self, bridge: str, selected: str) -> list[Flow]:
        """Return the flows of a bridge that a filter of ovs-ofctl selects."""
        return sort_flows(flow for _cookie, flow in self._dump_flows(bridge, selected, "--no-names"))

    def owned_flows(self, bridge: str) -> list[tuple[int, Flow]]:
        """Return the flows of a bridge that have an owner, with the names of ports, each with its cookie."""
        return sorted(self._dump_flows(bridge, ALL_OWNERS, "--names"), key=lambda found: found[1].text)

    def _dump_flows(self, bridge: str, selected: str, names: str) -> list[tuple[int, Flow]]:
        target = self._client.flow_target(bridge, self._before)
        answer = self._client.ofctl(["-O", _BUNDLES, "--no-stats", names, "dump-flows", target, selected])
        # One that allows no version with bundles has none that has an owner.
        return parse_dump(answer.output) if answer.status == 0 else []

    def compare_flows(self, bridge: str | None, flows: Sequence[str], cookie: int) -> FlowDifference:
        """Compare the flows of a bridge that have this cookie with the wanted ones; an empty text stands for none.

        Without a bridge, there are none.
        """
        lines, errors = list(flows), []
        answer = self._diff_flows("/dev/null", _number(lines))
        while answer.status not in _COMPARED:
            number, cause = parse_error(answer.message or answer.reason)
            errors.append((number or 0, cause))
            if number is None or not lines[number]:
                break
            # It stops at the first that it does not understand.
            lines[number] = ""
            answer = self._diff_flows("/dev/null", _number(lines))
        matches = parse_matches(answer.output) if answer.status in _COMPARED else {}
        if bridge is None or errors:
            return FlowDifference(matches, missing=tuple(matches), errors=tuple(errors))
        text = "".join(f"cookie={cookie:#x},{line}\n" for line in lines if line)
        answer = self._diff_flows(self._client.flow_target(bridge, self._before), text)
        if answer.status not in _COMPARED:
            return FlowDifference(matches, errors=((0, parse_error(answer.message or answer.reason)[1]),))
        return parse_difference(answer.output, cookie, matches)

    def _diff_flows(self, source: str, text: str) -> Answer:
        return self._client.ofctl(["-O", _BUNDLES, "diff-flows", source, "/dev/stdin"], text)

    def link_names(self) -> frozenset[str]:
        """Return the names of the host's links."""
        return read_link_names()

    def kernel_datapath(self) -> bool:
        """Return whether bridges of the kernel's datapath work here.

        ovs-vswitchd looks for that datapath when it starts, and only then (dpif_netlink_init() in lib/dpif-netlink.c):
        its question for the generic netlink family makes the kernel load the module (ctrl_getfamily() in
        net/netlink/genetlink.c). To load it later does not help an ovs-vswitchd that has not found it, hence nothing is
        loaded here. Before ovs-vswitchd has started, the family may be missing and still be there in time.
        """
        if OVS_DATAPATH_FAMILY in _generic_netlink_families():
            return True
        modprobe = self._client.find("modprobe")
        if self._before.running is not False or modprobe is None:
            return False
        return self._client.run([modprobe, "--dry-run", "--quiet", "openvswitch"], self._client.timeout).status == 0

    # Simulation

    def simulate(self, operations: Sequence[Operation], host: Backends) -> None:
        """Read from now on as if these removals had been executed, links of the host included."""
        host.use(KERNEL).simulate_removed_links(self._links_of(operations))
        self._removed_bridges.update(each.name for each in operations if isinstance(each, DeleteBridge))
        self._removed_ports.update(each.name for each in operations if isinstance(each, DeletePort))
        for each in operations:
            if isinstance(each, OvsOperation):
                self._removed_rows.update(row.uuid for row in each.deleted_rows(self._before))
            if isinstance(each, RemoveRow):
                self._removed_references.update(each.removed_references(self._before))

    def forget(self) -> None:
        self._known = None

    def end_simulation(self) -> None:
        self.forget()
        self._removed_bridges.clear()
        self._removed_ports.clear()
        self._removed_rows.clear()
        self._removed_references.clear()

    def _links_of(self, operations: Sequence[Operation]) -> set[str]:
        """Return the links of the host that are deleted with what these operations remove, as far as it was read."""
        bridges = {each.name for each in operations if isinstance(each, DeleteBridge)}
        ports = {each.name for each in operations if isinstance(each, DeletePort)}
        return {
            interface.name
            for bridge in self._before.bridges
            for port in bridge.ports
            if bridge.name in bridges or port.name in ports
            for interface in port.interfaces
            if interface.type == "internal"
        }

    # Writing

    def cuts(self, operations: Sequence[Operation], host: Backends) -> Iterator[tuple[Operation, str]]:
        """Yield the operations that may cut the connection of the call."""
        concerned = list(filter(may_cut, operations))
        carriers = host.use(KERNEL).carriers() if concerned and find_connection() else None
        if carriers is not None:
            found = host.use(KERNEL).read([None]).namespace(None)
            yield from find_cuts(concerned, self._before, carriers, found)

    def protect(self, operations: Sequence[Operation], journal: Journal, host: Backends) -> None:
        """Record how to restore the settings of the devices that ovs-vswitchd deletes for these operations."""
        renewed = {each.name for each in operations if isinstance(each, (MovePort, SetBridge))}
        names = self._links_of(operations) | (renewed & self._internal_names())
        if names:
            host.use(KERNEL).capture_links(sorted(names), journal)

    def _internal_names(self) -> set[str]:
        interfaces = (
            interface for bridge in self._before.bridges for port in bridge.ports for interface in port.interfaces
        )
        return {interface.name for interface in interfaces if interface.type == "internal"}

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        self._require_daemon()
        for batch in split_batches([each for each in operations if isinstance(each, OvsOperation)]):
            SwitchTransaction(self._client, self._before, batch).execute(journal)
        for operation in operations:
            if isinstance(operation, SetFlows):
                self._send_flows(operation)
                journal.record(operation.commands()[0], partial(self._send_flows, operation.undo()))

    def _send_flows(self, operation: SetFlows) -> None:
        target = self._client.flow_target(operation.bridge, self._before)
        answer = self._client.ofctl(operation.arguments(target), "".join(f"{line}\n" for line in operation.lines))
        if answer.status != 0:
            raise OperationFailed(operation, f"ovs-ofctl could not change the flows: {answer.reason}")

    def commit(self) -> None:
        """Do nothing: what a rollback needs is not kept anywhere but in the journal."""

    def _require_daemon(self) -> None:
        if self._before.running is False:
            raise Unavailable(
                "ovs-vswitchd is not running (its database server is, so a change would be committed but never "
                f"applied): {START}"
            )


def _number(flows: Iterable[str]) -> str:
    """Return flows with their numbers as cookies: ovs-ofctl writes them in another form and order."""
    return "".join(f"cookie={number:#x},{flow}\n" if flow else "\n" for number, flow in enumerate(flows))


def _generic_netlink_families() -> set[str]:
    """Return the names of all generic netlink families that the kernel has now.

    All are dumped at once: a query for one that is missing has the kernel load a module, which check mode must not do.
    """
    request = message(uapi.GENL_ID_CTRL, uapi.GENERIC_HEADER.pack(uapi.CTRL_CMD_GETFAMILY, 1))
    with closing(NetlinkSocket(uapi.NETLINK_GENERIC, timeout=GRACE)) as control:
        try:
            return set(map(_family_name, control.dump(request)))
        except NetlinkError:
            return set()


def _family_name(dumped: bytes) -> str:
    attributes = attributes_of(dumped, uapi.HEADER.size + uapi.GENERIC_HEADER.size)
    return attributes.get(uapi.CTRL_ATTR_FAMILY_NAME, b"").rstrip(b"\0").decode(errors="replace")


OVSDB = BackendType("ovsdb", OpenVSwitch)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the host in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import (
    EXPOSURE,
    NORTHBOUND,
    SYSCTLS,
    Filters,
    HostFacts,
    NamespaceFacts,
    label_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.routing import (
    LINK_PARAMETERS,
    PARAMETERS,
    parameter_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall import backend as firewall
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sockets as sock_diag
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import lost_taps
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound import OVN
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_resolver
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_host_sysctls import (
    RECORDS,
    Record,
    parse_records,
)
from ansible_collections.netns.fabric.plugins.module_utils._system import processes
from ansible_collections.netns.fabric.plugins.module_utils._system.files import FILES

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Identity

#: Links of a namespace whose parameters are read.
LINKS_MAX = 4096

BACKENDS = (KERNEL, FILES, OVSDB, OVN, FIREWALL)


def collect(host: Host, wanted: frozenset[str], filters: Filters, northbound: Mapping[str, Any]) -> HostFacts:
    """Return the wanted subsets of the host's facts; `northbound` is how that database is reached, see NBCTL_OPTIONS.

    What cannot be read is noted in `unreadable`. Only what is costly for each namespace is limited by the filters;
    FilteredFacts does the rest.
    """
    facts = _Collector(host, wanted, filters).collect()
    if NORTHBOUND not in wanted:
        return facts
    database = host.use(OVN)
    database.begin_call(northbound)
    # As in check mode: one that is not there is no error.
    return replace(facts, northbound=database.read(check_mode=True))


class _Collector:
    def __init__(self, host: Host, wanted: frozenset[str], filters: Filters) -> None:
        self._host = host
        self._kernel = host.use(KERNEL)
        self._wanted = wanted
        self._filters = filters
        self._identities: dict[NamespaceName, Identity] = {}
        #: The namespaces that the kernel does not let us enter.
        self._refused: set[NamespaceName] = set()
        #: Messages about what cannot be read, each once.
        self._unreadable: dict[str, None] = {}

    def collect(self) -> HostFacts:
        names: list[NamespaceName] = [None, *sorted(self._kernel.namespace_names())]
        self._identify(names)
        inside = processes.inside_namespaces(self._identities[None].inode)
        nameless = self._nameless({inode: found[0].pid for inode, found in inside.items()})
        self._identify(nameless)
        state = self._kernel.read(
            [None],
            others=[name for name in (*names, *nameless) if name is not None and name not in self._refused],
            addresses="addresses" in self._wanted,
            routes="routes" in self._wanted,
            rules="routes" in self._wanted,
            tx_checksum=True,
            neighbours="neighbours" in self._wanted,
            counters="counters" in self._wanted,
            qdiscs="qdiscs" in self._wanted,
        )
        for warning in self._kernel.warnings():
            self._note(warning)
        # A namespace that was created in the meantime has no identity, and is left to the next call.
        identified = [name for name in state.namespaces if name in self._identities]
        # Who reaches a namespace, and by which others, does not depend on which of them are to be reported.
        admitted = [
            name for name in identified if self._has_exposure or self._filters.admit(label_of(name, self._identities))
        ]
        entered = {name: self._enter(state.namespace(name)) for name in admitted}
        sockets = {socket.inode for found in entered.values() for socket in found.sockets}
        facts = HostFacts(
            wanted=self._wanted,
            kernel=state,
            identities=self._identities,
            processes=inside if "processes" in self._wanted else {},
            holders=processes.holders(sockets),
            inside=entered,
            resolvers=self._resolvers(admitted),
            host_sysctls=self._host_sysctls() if "sysctls" in self._wanted else {},
            rulesets=self._rulesets([name for name in admitted if entered[name].tables]),
        )
        return replace(self._with_switch(facts), unreadable=tuple(self._unreadable))

    def _identify(self, names: Iterable[NamespaceName]) -> None:
        """Read what identifies each of these namespaces."""
        for name in names:
            try:
                self._identities.update(self._kernel.identities([name]))
            except OSError as error:
                self._note(f"the namespace {printable(str(name))}: {error.strerror}")
                self._refused.add(name)

    def _nameless(self, pids: dict[int, int]) -> list[NamespaceName]:
        """Return the paths of the namespaces without a name: `pids` are processes, by the inode of their namespace."""
        paths = {inode: f"/proc/{pid}/ns/net" for inode, pid in pids.items()}
        paths.update(processes.mounted_namespaces())
        named = {identity.inode for identity in self._identities.values()}
        return [path for inode, path in sorted(paths.items()) if inode not in named]

    @property
    def _has_exposure(self) -> bool:
        return EXPOSURE in self._wanted

    def _enter(self, state: NamespaceState) -> NamespaceFacts:
        """Read what can be read only from inside a namespace, entering it once."""
        facts = NamespaceFacts()
        with self._kernel.entered(state.name):
            if self._has_exposure:
                facts.parameters.update(_read_parameters(state))
            if "sysctls" in self._wanted:
                values = {key: sysctl.read(key) for key in SYSCTLS}
                facts.sysctls.update({key: value for key, value in values.items() if value is not None})
            if "sockets" in self._wanted:
                try:
                    facts.sockets.extend(sock_diag.listening())
                except OSError as error:
                    self._note(f"listening sockets: the kernel does not report them ({error.strerror})")
            if "firewall" in self._wanted:
                try:
                    facts.tables.extend(("nftables", family, table) for family, table in firewall.nftables_tables())
                except FabricError as error:
                    self._note(f"firewall rules: {error}")
                for version, family in ((4, "ip"), (6, "ip6")):
                    facts.tables.extend(
                        ("iptables-legacy", family, table) for table in sorted(firewall.legacy_tables(version))
                    )
        return facts

    def _rulesets(self, names: Sequence[NamespaceName]) -> dict[NamespaceName, Ruleset]:
        """Return the rules in these namespaces, which have tables: only there is a program started."""
        rulesets: dict[NamespaceName, Ruleset] = {}
        if not names:
            return rulesets
        backend = self._host.use(FIREWALL)
        if not backend.tools.any:
            self._note(
                "firewall rules: tables exist, but neither nft nor iptables is installed to list them; install nftables"
            )
            return rulesets
        for name in names:
            try:
                rulesets.update(backend.read([name], all_nat=True, everything=self._has_exposure))
            except FabricError as error:
                self._note(f"firewall rules: {error}")
        return rulesets

    def _with_switch(self, facts: HostFacts) -> HostFacts:
        if "openvswitch" not in self._wanted:
            return facts
        ovs = self._host.use(OVSDB)
        switch = ovs.read(check_mode=True)
        attachments = ovs.attachments() if switch.running else None
        return replace(
            facts,
            switch=switch,
            flows={each.name: ovs.owned_flows(each.name) for each in switch.bridges if each.works and switch.running},
            lost=lost_taps(switch, attachments) if attachments else frozenset(),
            opened=attachments.packet_sockets if attachments else None,
            system_works=switch.bridges != () and ovs.kernel_datapath(),
        )

    def _resolvers(self, names: Iterable[NamespaceName]) -> dict[str, str]:
        files = {
            name: self._host.use(FILES).read(netns_resolver.path(name))
            for name in names
            if name and not name.startswith("/")
        }
        return {name: text for name, text in files.items() if text is not None}

    def _host_sysctls(self) -> dict[str, tuple[Record, str | None]]:
        records = parse_records(self._host.use(FILES).read(RECORDS))
        return {key: (record, self._kernel.sysctl(None, key)) for key, record in records.items()}

    def _note(self, message: str) -> None:
        self._unreadable[message] = None


def _read_parameters(state: NamespaceState) -> Iterator[tuple[str, str]]:
    """Yield the parameters that decide on packets in the namespace that the thread is in; it may have any number."""
    links = [link.name for link in state.links[:LINKS_MAX] if not link.loopback]
    of_links = (parameter_of(pattern, name) for name in links for pattern in LINK_PARAMETERS)
    for key in (*PARAMETERS, *of_links):
        value = sysctl.read(key)
        if value is not None:
            yield key, value

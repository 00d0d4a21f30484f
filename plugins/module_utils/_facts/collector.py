# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on the host now, gathered in one pass. What becomes of it is in _topology_report.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import (
    NOTHING_CHANGED,
    exclusive_host,
    run_and_exit,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import (
    SYSCTLS,
    Filters,
    Findings,
    Visit,
    label_of,
    printable,
    report,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import lost_taps
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import VSCTL_OPTIONS
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_resolver
from ansible_collections.netns.fabric.plugins.module_utils._system.files import FILES

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Identity

SUBSETS = (
    "addresses",
    "counters",
    "firewall",
    "neighbours",
    "openvswitch",
    "processes",
    "routes",
    "sockets",
    "sysctls",
)
CHOICES = ("all", "min", *SUBSETS, *(f"!{name}" for name in SUBSETS))

BACKENDS = (KERNEL, FILES, OVSDB, FIREWALL)

ARGUMENT_SPEC: Mapping[str, Mapping[str, Any]] = {
    "gather_subset": {"type": "list", "elements": "str", "choices": list(CHOICES), "default": ["all"]},
    "namespaces": {"type": "list", "elements": "str"},
    "bridges": {"type": "list", "elements": "str"},
    "owner": {"type": "str"},
    **VSCTL_OPTIONS,
}


def run() -> None:
    """The module's main()."""
    module = AnsibleModule(
        argument_spec={name: dict(option) for name, option in ARGUMENT_SPEC.items()}, supports_check_mode=True
    )
    run_and_exit(module, lambda: {"changed": False, **topology(module.params)}, NOTHING_CHANGED)


def topology(params: Mapping[str, Any]) -> dict[str, Any]:
    """The whole call.

    Raises:
        FabricError: With a message for the user.
    """
    filters = _filters(params)
    wanted = subset(params["gather_subset"])
    options = {name: params[name] for name in VSCTL_OPTIONS}
    # As in check mode: it reads beside other readers, and waits for who writes.
    with exclusive_host(BACKENDS, check_mode=True) as host:
        host.begin_call(options)
        return report(_Gatherer(host, wanted, filters).gather(), filters)


def _filters(params: Mapping[str, Any]) -> Filters:
    if params["owner"] is not None:
        try:
            validation.owner_name(params["owner"])
        except ValueError as error:
            raise InvalidEntry("the call", "owner", str(error)) from None
    namespaces, bridges = params["namespaces"], params["bridges"]
    return Filters(
        namespaces=None if namespaces is None else frozenset(namespaces),
        bridges=None if bridges is None else frozenset(bridges),
        owner=params["owner"],
    )


def subset(asked: Sequence[str]) -> frozenset[str]:
    """The subsets that are meant: what is taken out is taken out of all, unless something is put in."""
    added = {name for name in asked if not name.startswith("!")}
    removed = {name[1:] for name in asked if name.startswith("!")}
    if "all" in added or not added:
        added.update(SUBSETS)
    return frozenset(added - removed).intersection(SUBSETS)


class _Gatherer:
    """Gathers what is wanted; what cannot be read is noted, and the rest goes on."""

    def __init__(self, host: Host, wanted: frozenset[str], filters: Filters) -> None:
        self._host = host
        self._wanted = wanted
        self._filters = filters
        self._unreadable: dict[str, None] = {}

    def gather(self) -> Findings:
        from ansible_collections.netns.fabric.plugins.module_utils._system import processes

        kernel = self._host.use(KERNEL)
        names: list[NamespaceName] = [None, *sorted(kernel.namespace_names())]
        identities, refused = self._identities(names)
        inside = processes.inside_namespaces(identities[None].inode)
        paths = {inode: f"/proc/{found[0].pid}/ns/net" for inode, found in inside.items()}
        paths.update(processes.mounted_namespaces())
        named = {identity.inode for identity in identities.values()}
        nameless = [path for inode, path in sorted(paths.items()) if inode not in named]
        more, refused_too = self._identities(nameless)
        identities.update(more)
        state = kernel.read(
            [name for name in (*names, *nameless) if name not in refused | refused_too],
            addresses="addresses" in self._wanted,
            routes="routes" in self._wanted,
            tx_checksum=True,
            neighbours="neighbours" in self._wanted,
            counters="counters" in self._wanted,
        )
        # One that has come meanwhile has no identity, and is left for the next call.
        there = [name for name in state.namespaces if name in identities]
        shown = [name for name in there if self._filters.admit(label_of(name, identities))]
        visits = {name: self._visit(name) for name in shown}
        sockets = {socket.inode for visit in visits.values() for socket in visit.sockets}
        findings = Findings(
            wanted=self._wanted,
            kernel=state,
            identities=identities,
            processes=inside if "processes" in self._wanted else {},
            holders=processes.holders(sockets),
            visits=visits,
            resolvers=self._resolvers(shown),
        )
        return self._with_switch(self._with_rules(findings, shown)).noting(self._unreadable)

    def _identities(self, names: Iterable[NamespaceName]) -> tuple[dict[NamespaceName, Identity], set[NamespaceName]]:
        """What tells these namespaces apart, and those that the kernel does not let us into."""
        found: dict[NamespaceName, Identity] = {}
        refused: set[NamespaceName] = set()
        for name in names:
            try:
                found.update(self._host.use(KERNEL).identities([name]))
            except OSError as error:
                self._note(f"the namespace {printable(str(name))}: {error.strerror}")
                refused.add(name)
        return found, refused

    def _visit(self, name: NamespaceName) -> Visit:
        """What can be asked only from inside a namespace, all in one visit."""
        from ansible_collections.netns.fabric.plugins.module_utils._firewall import backend as firewall
        from ansible_collections.netns.fabric.plugins.module_utils._kernel import backend as netlink
        from ansible_collections.netns.fabric.plugins.module_utils._kernel import sockets as sock_diag

        visit = Visit()
        with self._host.use(KERNEL).entered(name):
            if "sysctls" in self._wanted:
                values = {key: netlink.sysctl_here(key) for key in SYSCTLS}
                visit.sysctls.update({key: value for key, value in values.items() if value is not None})
            if "sockets" in self._wanted:
                try:
                    visit.sockets.extend(sock_diag.listening())
                except OSError as error:
                    self._note(f"listening sockets: the kernel does not tell ({error.strerror})")
            if "firewall" in self._wanted:
                visit.tables.extend(("nftables", family, table) for family, table in firewall.nftables_tables())
                for version, family in ((4, "ip"), (6, "ip6")):
                    visit.tables.extend(
                        ("iptables-legacy", family, table) for table in sorted(firewall.legacy_tables(version))
                    )
        return visit

    def _with_rules(self, findings: Findings, shown: Iterable[NamespaceName]) -> Findings:
        """The rules; a program is started only where there are tables."""
        filled = [name for name in shown if findings.visits[name].tables]
        if filled and not self._host.use(FIREWALL).tools.any:
            self._note(
                "firewall rules: there are tables, and neither nft nor iptables is installed on the host to list them"
            )
            return findings
        for name in filled:
            try:
                findings.rulesets.update(self._host.use(FIREWALL).read([name], all_nat=True))
            except FabricError as error:
                self._note(f"firewall rules: {error}")
        return findings

    def _with_switch(self, findings: Findings) -> Findings:
        if "openvswitch" not in self._wanted:
            return findings
        ovs = self._host.use(OVSDB)
        switch = ovs.read(check_mode=True)
        attachments = ovs.attachments() if switch.running else None
        lost = lost_taps(switch, attachments) if attachments else frozenset()
        opened = attachments.packet_sockets if attachments else None
        return findings.with_switch(switch, lost, opened, switch.bridges != () and ovs.kernel_datapath())

    def _resolvers(self, names: Iterable[NamespaceName]) -> dict[str, str]:
        files = {
            name: self._host.use(FILES).read(netns_resolver.path(name))
            for name in names
            if name and not name.startswith("/")
        }
        return {name: text for name, text in files.items() if text is not None}

    def _note(self, text: str) -> None:
        self._unreadable[text] = None

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packet filter: the only code that runs nft(8) and iptables(8).

Both run inside the network namespace that they act on, so that neither `ip netns exec` nor its copy of the mount table
is needed. Reading creates no table: a program is run only where the kernel has something for it to print.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cached_property, partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._firewall import limits
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import FlowSelection, FlowTransaction
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_parser import (
    TABLES,
    merge_rulesets,
    parse_chains,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_transaction import (
    IptablesTransaction,
    TableRules,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.kernel_support import find_lack
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_objects import (
    NftObjects,
    dump,
    parse_table,
    read_generation,
    read_objects,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_parser import parse_ruleset
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_server import NftServer
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_transaction import NftTransaction
from ansible_collections.netns.fabric.plugins.module_utils._firewall.programs import error_text
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FAMILIES,
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    NFTABLES,
    OWN_TABLE,
    Chain,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import (
    EndlessDump,
    NetlinkError,
    NetlinkSocket,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.patience import Patience
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._system.capabilities import describe_lack, has_capability
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result, find, run

#: From so many runs of nft on, one process does the work of all.
SERVER_FROM = 4
#: Where nft is the program of the library, and not what somebody has put in its place.
_SYSTEM_PROGRAMS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
_COMMANDS: Mapping[int, str] = {4: "iptables", 6: "ip6tables"}
_LEGACY_TABLES: Mapping[int, str] = {4: "ip_tables_names", 6: "ip6_tables_names"}


@contextmanager
def enter_namespace(namespace: NamespaceName) -> Iterator[None]:
    """Keep the thread, and the programs that it starts, inside a namespace.

    Raises:
        OSError: ENOENT where there is no such namespace, EINVAL where the name is that of a plain file.
    """
    if namespace is None:
        yield
        return
    # Without O_NONBLOCK the open would wait where somebody has put a named pipe there.
    descriptor = os.open(setns.path_of(namespace), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with setns.entered(descriptor):
            yield
    finally:
        os.close(descriptor)


class Firewall(Backend):
    """nft and iptables on this host. Tests replace `run`, `find` and `read_objects`."""

    def __init__(
        self,
        run: Callable[[Sequence[str], str], Result] = run,
        find: Callable[[str], str | None] = find,
        read_objects: Callable[[], NftObjects] = read_objects,
    ) -> None:
        self._run_program = run
        self._find = find
        self._read_objects = read_objects
        self._readings: dict[tuple[NamespaceName, bool, bool], Ruleset] = {}
        #: What was read, with what shows whether it has changed since.
        self._kept: dict[tuple[NamespaceName, bool, bool], tuple[object, Ruleset]] = {}
        #: The namespaces that could not be read and that no entry names, with the reason.
        self._unread: dict[str, str] = {}
        self._patience = Patience()
        #: How often nft was run, and what runs it from SERVER_FROM times on, if it can.
        self._nft_runs = 0
        self._server: NftServer | None = None

    def _run(self, program: str, *arguments: str, text: str = "") -> Result:
        path = self._find(program) or program
        if program == "nft":
            self._nft_runs += 1
            is_usual = self._run_program is run and os.path.dirname(path) in _SYSTEM_PROGRAMS
            if self._nft_runs == SERVER_FROM and is_usual and self._server is not None:
                self._server.start()
            if self._server is not None and self._server.is_running:
                return self._server.run(arguments, text)
        return self._run_program([path, *arguments], text)

    # Reading

    @cached_property
    def tools(self) -> Tools:
        """The programs that the host has and can use, and the variant behind the plain name of iptables."""
        commands: dict[tuple[str, int], str] = {}
        usual: dict[int, str] = {}
        nf_tables = kernel_has_nf_tables()
        for version, plain in _COMMANDS.items():
            for variant, command in self._iptables(plain):
                if variant == IPTABLES_LEGACY or nf_tables:
                    commands[variant, version] = command
                    if command == plain or version not in usual:
                        usual[version] = variant
        return Tools(nf_tables and self._find("nft") is not None, commands, usual, nf_tables)

    def _iptables(self, plain: str) -> Iterator[tuple[str, str]]:
        """Yield the variants of iptables with their commands, the one behind the plain name last."""
        for variant, suffix in ((IPTABLES_NFT, "-nft"), (IPTABLES_LEGACY, "-legacy")):
            if self._find(plain + suffix):
                yield variant, plain + suffix
        if self._find(plain):
            # "iptables v1.8.9 (nf_tables)"; releases before 1.8 knew one variant and name none.
            printed = self._run(plain, "-V")
            # Without nf_tables in the kernel even this fails: "iptables/1.8.9 Failed to initialize nft".
            is_nft = "nf_tables" in printed.output or "initialize nft" in printed.error
            yield IPTABLES_NFT if is_nft else IPTABLES_LEGACY, plain

    def read(
        self,
        namespaces: Iterable[NamespaceName],
        all_nat: bool = False,
        others: Iterable[str] = (),
        everything: bool = False,
    ) -> dict[NamespaceName, Ruleset]:
        """Return the rules in each of these namespaces. Each is read once, until forget(); missing ones are left out.

        With `all_nat` the rules of other NAT tables are included, which do not affect those of this collection. With
        `everything` the rules of all hooks are, not only those for forwarded packets and for the host itself.
        `others` are namespaces that no entry names: the rules are read where any of this collection is among them. One
        whose rules cannot be read quickly is left out, with a warning.

        Raises:
            Unavailable: A program cannot print what the kernel has.
        """
        self._server = self._server or NftServer()
        found: dict[NamespaceName, Ruleset] = {}
        for namespace in dict.fromkeys(namespaces):
            self._read_into(found, namespace, all_nat, everything)
        for namespace in others:
            if namespace not in found and namespace not in self._unread:
                start = time.monotonic()
                try:
                    self._read_into(found, namespace, all_nat, everything, is_other=True)
                except Unavailable as error:
                    self._patience.spend(start)
                    self._unread[namespace] = str(error)
        return found

    def _read_into(
        self,
        found: dict[NamespaceName, Ruleset],
        namespace: NamespaceName,
        all_nat: bool,
        everything: bool,
        is_other: bool = False,
    ) -> None:
        with ExitStack() as stack:
            try:
                stack.enter_context(enter_namespace(namespace))
            except OSError:
                return
            key = (namespace, all_nat, everything)
            if key not in self._readings:
                is_needed = not is_other or _may_have_own_rules(str(namespace), self._patience.seconds)
                self._readings[key] = self._read_if_changed(*key) if is_needed else Ruleset()
            found[namespace] = self._readings[key]

    def _read_if_changed(self, namespace: NamespaceName, all_nat: bool, everything: bool) -> Ruleset:
        """Return the rules; those that were read before, if nothing has changed since."""
        key, version = (namespace, all_nat, everything), _version_here()
        known, ruleset = self._kept.get(key, (None, Ruleset()))
        if version is None or known != version:
            ruleset = self._read_here(*key)
            self._kept[key] = version, ruleset
        return ruleset

    def lacking(self, features: Iterable[str]) -> dict[tuple[str, str], str]:
        """Return by feature and backend why the kernel cannot do it, where it cannot."""
        found: dict[tuple[str, str], str] = {}
        backends = [
            *([NFTABLES] if self.tools.nft else []),
            *dict.fromkeys(variant for variant, _version in self.tools.iptables),
        ]
        for feature in sorted(features):
            for backend in backends:
                lack = find_lack(feature, backend, self._run)
                if lack:
                    found[feature, backend] = lack
        return found

    def warnings(self) -> Iterable[str]:
        return [f"the packet filter of the namespace {name} is left alone: {why}" for name, why in self._unread.items()]

    def forget(self) -> None:
        """Drop what was read: it is out of date."""
        self._readings.clear()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _read_here(self, namespace: NamespaceName, all_nat: bool, everything: bool) -> Ruleset:
        tables = nftables_tables()
        where = f"the namespace {namespace}" if namespace else "the host"
        if tables and namespace is not None:
            limits.check_size(namespace)
        nft = self._list_nft(where, tables, all_nat, everything) if tables and self.tools.nft else Ruleset()
        chains: list[Chain] = []
        for (variant, version), command in self.tools.iptables.items():
            if variant == IPTABLES_NFT:
                present = {name for family, name in tables if family == FAMILIES[version]}
            else:
                present = legacy_tables(version)
            if present and (present & TABLES or everything):
                text = self._save(command, where)
                if namespace is not None:
                    limits.check_text(namespace, text)
                chains.extend(parse_chains(text, variant, version, everything))
        return merge_rulesets(nft, chains)

    def _list_nft(self, where: str, tables: Mapping[tuple[str, str], int], all_nat: bool, everything: bool) -> Ruleset:
        try:
            if any(tables.values()):
                objects = self._list_flagged(where, tables)
            else:
                objects = self._list_objects(where, "ruleset")
            return parse_ruleset({"nftables": objects}, tables, all_nat, everything)
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                f"`nft -j list ruleset` in {where} printed output that cannot be parsed: {error!r}"
            ) from error

    def _list_flagged(self, where: str, tables: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
        """Return what `nft list ruleset` prints where a table has flags: nft 1.0.6 may end its output at these."""
        objects: list[dict[str, Any]] = [{"table": {"family": family, "name": name}} for family, name in tables]
        for chain in sorted(self._read_objects().chains):
            objects += self._list_objects(where, "chain", *chain)
        return [*objects, *self._list_objects(where, "sets"), *self._list_objects(where, "maps")]

    def _list_objects(self, where: str, *what: str) -> list[dict[str, Any]]:
        # Terse: sets of other programs may have many elements, and these do not matter here.
        result = self._run("nft", "-j", "-t", "list", *what)
        if result.status:
            raise Unavailable(f"`nft -j list {' '.join(what)}` failed in {where}: {error_text(result)}")
        found: list[dict[str, Any]] = json.loads(result.output)["nftables"]
        return found

    def _save(self, command: str, where: str) -> str:
        result = self._run(f"{command}-save")
        if result.status:
            # iptables-legacy names no capability when it lacks one, and which table it could not initialize instead.
            lacks = not has_capability("CAP_NET_ADMIN")
            cause = describe_lack("CAP_NET_ADMIN") if lacks else error_text(result)
            raise Unavailable(f"`{command}-save` failed in {where}: {cause}")
        return result.output

    # Writing

    def refusals(self, operations: Sequence[Operation]) -> Iterator[tuple[Operation, str]]:
        if not has_capability("CAP_NET_ADMIN"):
            cause = f"the packet filter cannot be changed: {describe_lack('CAP_NET_ADMIN')}"
            yield from ((operation, cause) for operation in operations)

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        """Execute the operations in one transaction for each namespace and program.

        A transaction of nft covers all tables, one of iptables a single table. They run in the order of the plan, which
        adds before it removes where a rule moves from one to the other.
        """
        self._server = self._server or NftServer()
        groups: dict[tuple[NamespaceName, str, str], list[Any]] = {}
        flows = self._prepare_flows(operations, journal)
        for operation in operations:
            if isinstance(operation, op.NftOperation):
                groups.setdefault((operation.namespace, "nft", ""), []).append(operation)
            elif isinstance(operation, op.IptablesOperation):
                key = (operation.namespace, operation.command, operation.table)
                groups.setdefault(key, []).append(operation)
        for (namespace, command, table), group in groups.items():
            transaction = (
                NftTransaction(self._run, self._read_objects, group)
                if command == "nft"
                else IptablesTransaction(self._run, partial(self._read_table, command, table), command, table, group)
            )
            what = f"the {command} rules of {namespace or 'the host'}"
            try:
                _run_inside(namespace, transaction.execute)
            except OperationFailed:
                # A program may fail when the kernel has its transaction.
                journal.record(what, partial(_run_inside, namespace, transaction.undo_if_done))
                raise
            journal.record(what, partial(_run_inside, namespace, transaction.undo))
        for namespace, deletion in flows.items():
            _run_inside(namespace, deletion.execute)

    def _prepare_flows(self, operations: Sequence[Operation], journal: Journal) -> dict[NamespaceName, FlowTransaction]:
        """Return the deletion of flows for each namespace, whose undo comes last: once the rules are what they were."""
        selections: dict[NamespaceName, list[FlowSelection]] = {}
        for operation in operations:
            if isinstance(operation, op.DeleteFlows):
                selections.setdefault(operation.namespace, []).append(operation.flows)
        found = {namespace: FlowTransaction(selected) for namespace, selected in selections.items()}
        for namespace, deletion in found.items():
            _run_inside(namespace, deletion.prepare)
            journal.record(f"the flows of {namespace or 'the host'}", partial(_run_inside, namespace, deletion.undo))
        return found

    def _read_table(self, command: str, table: str) -> TableRules:
        """Return the rules of one table of iptables, without creating it.

        Raises:
            OperationFailed: They cannot be read.
        """
        version = 6 if command.startswith("ip6") else 4
        present = legacy_tables(version) | {name for family, name in nftables_tables() if family == FAMILIES[version]}
        if table not in present:
            return {}
        result = self._run(f"{command}-save", "-t", table)
        if result.status:
            raise OperationFailed(None, f"`{command}-save` failed: {error_text(result)}")
        chains = parse_chains(result.output, IPTABLES_NFT, version)
        return {chain.place.chain: chain.rules for chain in chains}

    def commit(self) -> None:
        """Do nothing: nothing is kept for the rollback."""


def _run_inside(namespace: NamespaceName, action: Callable[[], None]) -> None:
    """Call a function inside a namespace.

    Raises:
        OperationFailed: There is no such namespace.
    """
    try:
        with enter_namespace(namespace):
            action()
    except OSError as error:
        raise OperationFailed(None, f"the namespace {namespace}: {error.strerror}", error.errno) from error


# What the kernel reports without a program


def _version_here() -> object:
    """Return what no other ruleset has; None where the kernel has no number for it, as for that of iptables-legacy."""
    if any(map(legacy_tables, FAMILIES)):
        return None
    with suppress(OSError):
        return setns.identity(setns.OWN_NAMESPACE), read_generation()
    return None


def _may_have_own_rules(namespace: str, patience: float) -> bool:
    """Return whether there may be rules of this collection, or its table, in the namespace that the thread is in.

    Raises:
        Unavailable: It cannot be found out quickly.
    """
    tables = nftables_tables()
    if any(name == OWN_TABLE for _family, name in tables) or any(map(legacy_tables, FAMILIES)):
        return True
    return bool(tables) and limits.has_own_rules(namespace, patience)


def legacy_tables(version: int) -> set[str]:
    """Return the tables of iptables-legacy in the namespace that the thread is in; iptables would create them."""
    with suppress(OSError), open(f"/proc/thread-self/net/{_LEGACY_TABLES[version]}", encoding="ascii") as file:
        return set(file.read().split())
    return set()


def kernel_has_nf_tables() -> bool:
    """Return whether the kernel answers a request to nf_tables, which loads its module where there is one.

    Whether nft is installed does not show it: kernels of containers, appliances and the WSL come without nf_tables. A
    missing subsystem is EINVAL (net/netfilter/nfnetlink.c), a missing nfnetlink EPROTONOSUPPORT (netlink(7)).
    """
    try:
        with closing(NetlinkSocket(uapi.NETLINK_NETFILTER)) as netlink:
            dump(netlink, uapi.NFT_MSG_GETTABLE)
    except OSError as error:
        return error.errno not in (errno.EINVAL, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP)
    return True


def nftables_tables() -> dict[tuple[str, str], int]:
    """Return the tables of nf_tables in the namespace that the thread is in: family and name, and their flags.

    It takes a tenth of a millisecond, `nft list tables` several: a call may read a thousand namespaces. Empty where the
    kernel has no nf_tables.
    """
    try:
        netlink = NetlinkSocket(uapi.NETLINK_NETFILTER)
    except OSError:
        return {}
    with closing(netlink):
        try:
            found = dump(netlink, uapi.NFT_MSG_GETTABLE)
        except NetlinkError:
            return {}
        except EndlessDump as error:
            raise Unavailable(f"the tables of nf_tables cannot be read: {error.strerror}") from error
    return {key: flags for dumped in found for key, flags in parse_table(dumped)}


FIREWALL = BackendType("firewall", Firewall)

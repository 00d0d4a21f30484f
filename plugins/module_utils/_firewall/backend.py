# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packet filter: the only code that runs nft(8) and iptables(8).

Both are run from within the network namespace that they are to act on, so that neither `ip netns exec` nor its copy
of the mount table is needed. Reading makes no table: a program is run only where the kernel says that there is
something for it to print.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cached_property
from typing import Any, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FAMILIES,
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    OWN_TABLE,
    Chain,
    Ruleset,
    Tools,
    iptables_chains,
    nft_ruleset,
    together,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import (
    NetlinkError,
    NetlinkSocket,
    attributes_of,
    message,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result, find, run

#: iptables(8): the exit status for a resource problem, which a lock that is not let go of is.
_RESOURCE_PROBLEM = 4
_COMMANDS: Mapping[int, str] = {4: "iptables", 6: "ip6tables"}
_LEGACY_TABLES: Mapping[int, str] = {4: "ip_tables_names", 6: "ip6_tables_names"}
#: The tables of iptables that a rule of ours can be in.
_TABLES = frozenset(("nat", "filter"))

#: By number: the NFPROTO_ of linux/netfilter.h, as nft(8) names them.
_FAMILY_NAMES: Mapping[int, str] = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}


@contextmanager
def entered(namespace: NamespaceName) -> Iterator[None]:
    """The thread, and what it starts, is inside the namespace.

    Raises:
        OSError: ENOENT where there is none of that name, EINVAL where the name is a plain file's.
    """
    if namespace is None:
        yield
        return
    descriptor = os.open(setns.path_of(namespace), os.O_RDONLY | os.O_CLOEXEC)
    try:
        with setns.entered(descriptor):
            yield
    finally:
        os.close(descriptor)


class Firewall(Backend):
    """nft and iptables on this host. The programs can be exchanged, for tests."""

    def __init__(
        self,
        run: Callable[[Sequence[str], str], Result] = run,
        find: Callable[[str], str | None] = find,
    ) -> None:
        self._run_program = run
        self._find = find
        self._readings: dict[tuple[NamespaceName, bool], Ruleset] = {}

    def _run(self, program: str, *arguments: str, text: str = "") -> Result:
        return self._run_program([self._find(program) or program, *arguments], text)

    # Reading

    @cached_property
    def tools(self) -> Tools:
        """The programs that there are, and what is behind the plain name of iptables."""
        commands: dict[tuple[str, int], str] = {}
        usual: dict[int, str] = {}
        for version, command in _COMMANDS.items():
            for variant, suffix in ((IPTABLES_NFT, "-nft"), (IPTABLES_LEGACY, "-legacy")):
                if self._find(command + suffix):
                    commands[variant, version] = command + suffix
            if self._find(command):
                # "iptables v1.8.9 (nf_tables)"; releases before 1.8 knew one variant and name none.
                said = self._run(command, "-V").output
                usual[version] = IPTABLES_NFT if "nf_tables" in said else IPTABLES_LEGACY
                commands[usual[version], version] = command
            for variant, known in commands:
                if known == version:
                    usual.setdefault(version, variant)
        return Tools(self._find("nft") is not None, commands, usual)

    def read(self, namespaces: Iterable[NamespaceName], all_nat: bool = False) -> dict[NamespaceName, Ruleset]:
        """The rules in each of these namespaces; one that is not there is left out. Each is read once, until forget().

        With `all_nat` those of other people's NAT tables too, which are nothing to a rule of ours.

        Raises:
            Unavailable: A program cannot print what the kernel has.
        """
        found: dict[NamespaceName, Ruleset] = {}
        for namespace in dict.fromkeys(namespaces):
            with ExitStack() as stack:
                try:
                    stack.enter_context(entered(namespace))
                except OSError:
                    continue
                if (namespace, all_nat) not in self._readings:
                    self._readings[namespace, all_nat] = self._read_here(namespace, all_nat)
                found[namespace] = self._readings[namespace, all_nat]
        return found

    def forget(self) -> None:
        """What has been read is out of date."""
        self._readings.clear()

    def _read_here(self, namespace: NamespaceName, all_nat: bool) -> Ruleset:
        tables = nftables_tables()
        where = f"the namespace {namespace}" if namespace else "the host"
        nft = self._nft_ruleset(where, tables, all_nat) if tables and self.tools.nft else Ruleset()
        chains: list[Chain] = []
        for (variant, version), command in self.tools.iptables.items():
            if variant == IPTABLES_NFT:
                present = {name for family, name in tables if family == FAMILIES[version]}
            else:
                present = legacy_tables(version)
            if present & _TABLES:
                chains.extend(iptables_chains(self._saved(command, where), variant, version))
        return together(nft, chains)

    def _nft_ruleset(self, where: str, tables: Mapping[tuple[str, str], int], all_nat: bool) -> Ruleset:
        # Terse: the elements of other people's sets may be many, and say nothing here.
        result = self._run("nft", "-j", "-t", "list", "ruleset")
        if result.status:
            raise Unavailable(f"`nft -j list ruleset` failed in {where}: {_said(result)}")
        try:
            return nft_ruleset(json.loads(result.output), tables, all_nat)
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"`nft -j list ruleset` in {where} printed what cannot be read: {error!r}") from error

    def _saved(self, command: str, where: str) -> str:
        result = self._run(f"{command}-save")
        if result.status:
            raise Unavailable(f"`{command}-save` failed in {where}: {_said(result)}")
        return result.output

    # Writing

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        """One transaction for each namespace and program: nft's holds all tables, that of iptables one table.

        They come in the order of the plan, which adds before it removes where a rule changes over.
        """
        transactions: dict[tuple[NamespaceName, str, str], list[Any]] = {}
        for operation in operations:
            if isinstance(operation, op.NftOperation):
                transactions.setdefault((operation.namespace, "nft", ""), []).append(operation)
            elif isinstance(operation, op.IptablesOperation):
                key = (operation.namespace, operation.command, operation.table)
                transactions.setdefault(key, []).append(operation)
        for (namespace, command, table), steps in transactions.items():
            with _inside(namespace):
                if command == "nft":
                    self._nft_transaction(namespace, steps, journal)
                else:
                    self._iptables_transaction(command, table, steps, journal)

    def commit(self) -> None:
        """Nothing is kept for the way back."""

    def _nft_transaction(
        self, namespace: NamespaceName, operations: Sequence[op.NftOperation], journal: Journal
    ) -> None:
        lines = [(operation, line) for operation in operations for line in operation.statements()]
        text = "".join(f"{line}\n" for _operation, line in lines)
        result = self._run("nft", "--echo", "--handle", "--file", "-", text=text)
        if result.status:
            raise OperationFailed(
                _culprit([operation for operation, _line in lines], r"^[^:\n]+:(\d+):\d+-\d+: Error", result.error),
                f"nft refused it: {_said(result)}{_nft_hint(result.error)}",
            )
        undo = _NftUndo(self, operations, result.output)
        journal.record(f"the nft rules of {namespace or 'the host'}", lambda: _undone_inside(namespace, undo.undo))

    def _iptables_transaction(
        self, command: str, table: str, operations: Sequence[op.IptablesOperation], journal: Journal
    ) -> None:
        namespace = operations[0].namespace
        result = self._restore(command, table, [operation.words() for operation in operations])
        if result.status:
            # The first line names the table.
            blamed = _culprit([None, *operations], r"line (\d+) failed", result.error)
            if blamed is None and len(operations) == 1:
                blamed = operations[0]
            raise OperationFailed(blamed, _refused(command, result))

        def undo() -> None:
            opposites = [operation.opposite() for operation in reversed(operations)]
            back = self._restore(command, table, opposites)
            if back.status:
                raise OperationFailed(None, _refused(command, back))

        journal.record(f"the {command} rules of {namespace or 'the host'}", lambda: _undone_inside(namespace, undo))

    def _restore(self, command: str, table: str, rules: Sequence[Sequence[str]]) -> Result:
        text = "".join(f"{line}\n" for line in (f"*{table}", *map(op.restore_line, rules), "COMMIT"))
        return self._run(f"{command}-restore", "--noflush", "-w", str(op.LOCK_WAIT), text=text)

    def nft(self, *arguments: str, text: str = "") -> str:
        """Run nft for the way back; what it printed.

        Raises:
            OperationFailed: It failed.
        """
        result = self._run("nft", *arguments, text=text)
        if result.status:
            raise OperationFailed(None, f"nft refused it: {_said(result)}")
        return result.output


class _NftUndo:
    """The way back from one transaction of nft, step by step and the last one first."""

    def __init__(self, firewall: Firewall, operations: Sequence[op.NftOperation], echo: str) -> None:
        self._firewall = firewall
        self._operations = operations
        self._echo = echo
        #: A rule that was put back has another handle than before.
        self._new_handles: dict[int, int] = {}

    def undo(self) -> None:
        added = [operation for operation in self._operations if isinstance(operation, op.AddNftRule)]
        handles = re.findall(r"^(?:add|insert) rule .*# handle (\d+)$", self._echo, re.MULTILINE)
        if len(handles) != len(added):
            raise OperationFailed(None, f"nft did not say which rules it added: it said {self._echo!r}")
        handle_of = {id(operation): int(handle) for operation, handle in zip(added, handles)}
        for operation in reversed(self._operations):
            if isinstance(operation, op.AddNftRule):
                self._delete(operation, handle_of[id(operation)])
            elif isinstance(operation, op.DeleteNftRule):
                self._put_back(operation)
            else:
                self._undo_structure(operation)

    def _undo_structure(self, operation: op.NftOperation) -> None:
        """Take back what was done to our table and its chains."""
        if isinstance(operation, op.AddOwnChain):
            what, name = ("table", "") if operation.new_table else ("chain", f" {operation.hook}")
            self._firewall.nft(f"delete {what} {operation.family} {OWN_TABLE}{name}")
        elif isinstance(operation, op.DeleteOwnChain):
            chain = op.AddOwnChain(operation.namespace, operation.family, operation.hook, new_table=False)
            self._nft_lines(chain.statements())
        elif isinstance(operation, op.DeleteOwnTable):
            made = (op.AddOwnChain(operation.namespace, operation.family, hook) for hook in operation.hooks)
            lines = [f"add table {operation.family} {OWN_TABLE}"]
            self._nft_lines([*lines, *(chain.statements()[-1] for chain in made)])
        elif isinstance(operation, op.WakeOwnTable):
            self._firewall.nft(f"add table {operation.family} {OWN_TABLE} {{ flags dormant; }}")

    def _delete(self, operation: op.AddNftRule, handle: int) -> None:
        self._firewall.nft(f"delete rule {operation.family} {operation.table} {operation.chain} handle {handle}")

    def _put_back(self, operation: op.DeleteNftRule) -> None:
        rule: dict[str, Any] = {
            "family": operation.family,
            "table": operation.table,
            "chain": operation.chain,
            "comment": operation.comment,
            "expr": json.loads(operation.expressions),
        }
        verb = "add"
        if operation.before is not None:
            verb = "insert"
            rule["handle"] = self._new_handles.get(operation.before, operation.before)
        document = {"nftables": [{verb: {"rule": rule}}]}
        echo = self._firewall.nft("-j", "--echo", "--handle", "--file", "-", text=json.dumps(document))
        with suppress(
            ValueError, KeyError, IndexError
        ):  # an echo that is unlike this one costs the order, not the rule
            self._new_handles[operation.handle] = json.loads(echo)["nftables"][-1][verb]["rule"]["handle"]

    def _nft_lines(self, lines: Sequence[str]) -> None:
        self._firewall.nft("--file", "-", text="\n".join(lines) + "\n")


@contextmanager
def _inside(namespace: NamespaceName) -> Iterator[None]:
    """As entered(), where a namespace that is not there is a refusal."""
    with _as_refusal(namespace), entered(namespace):
        yield


def _undone_inside(namespace: NamespaceName, undo: Callable[[], None]) -> None:
    with _inside(namespace):
        undo()


@contextmanager
def _as_refusal(namespace: NamespaceName) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OperationFailed(None, f"the namespace {namespace}: {error.strerror}", error.errno) from error


def _said(result: Result) -> str:
    """What a program said of its failure, without the copy of the line that nft adds to it."""
    lines = (result.error.strip() or result.output.strip()).splitlines()
    told = [line for line in lines if "rror" in line or "failed" in line or "lock" in line] or lines
    return "; ".join(told) or f"exit status {result.status}"


def _refused(command: str, result: Result) -> str:
    if result.status == _RESOURCE_PROBLEM:
        return (
            f"another program has kept the lock of {command} for {op.LOCK_WAIT} s: find it (`fuser -v "
            f"/run/xtables.lock`), let it end and run again ({_said(result)})"
        )
    return f"{command} refused it: {_said(result)}"


def _nft_hint(error: str) -> str:
    if "Operation not supported" in error:
        return " (does the kernel have NAT for nf_tables? `modprobe -a nft_chain_nat nft_masq` tells)"
    return ""


_Blamed = TypeVar("_Blamed")


def _culprit(lines: Sequence[_Blamed], pattern: str, error: str) -> _Blamed | None:
    """What stands behind the line that a program complained of."""
    match = re.search(pattern, error, re.MULTILINE)
    number = int(match.group(1)) if match else 0
    return lines[number - 1] if 0 < number <= len(lines) else None


# What the kernel says without a program


def legacy_tables(version: int) -> set[str]:
    """The tables of iptables-legacy in the namespace that the thread is in. Asking iptables for one would make it."""
    with suppress(OSError), open(f"/proc/thread-self/net/{_LEGACY_TABLES[version]}", encoding="ascii") as file:
        return set(file.read().split())
    return set()


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
            # A header without a family stands for all of them.
            found = netlink.dump(message(uapi.NFT_MSG_GETTABLE, uapi.NETFILTER_HEADER.pack(0, 0, 0)))
        except NetlinkError:
            return {}
    return dict(filter(None, map(_parse_table, found)))


def _parse_table(dumped: bytes) -> tuple[tuple[str, str], int] | None:
    """Return a table's family and name, and its flags; None for a family that has no name here."""
    number, _version, _resource = uapi.NETFILTER_HEADER.unpack_from(dumped, uapi.HEADER.size)
    attributes = attributes_of(dumped, uapi.HEADER.size + uapi.NETFILTER_HEADER.size)
    family = _FAMILY_NAMES.get(number)
    if family is None:
        return None
    name = attributes.get(uapi.NFTA_TABLE_NAME, b"").rstrip(b"\0").decode(errors="replace")
    return (family, name), int.from_bytes(attributes.get(uapi.NFTA_TABLE_FLAGS, b""), "big")


FIREWALL = BackendType("firewall", Firewall)

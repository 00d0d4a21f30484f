# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace without a name, in which kernel parameters, new links, rules and qdiscs are tried before they are set.

What the kernel refuses differs from release to release: some parameters are missing in a namespace or only the host may
set them, and each has a range of its own; a kind of links may be missing, or not take some of its options. The
namespace is empty, belongs to this process alone and ends with it.
"""

from __future__ import annotations

import errno
import os
from contextlib import closing, suppress
from dataclasses import replace
from typing import Union

from ansible_collections.netns.fabric.plugins.module_utils._core import sysctl_names
from ansible_collections.netns.fabric.plugins.module_utils._kernel import (
    distributions,
    kind_requests,
    qdisc_requests,
    requests,
    routing_requests,
    sysctl,
    tun_devices,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import CreateLink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkSocket
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import CreateVeth, NewEnd
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import QdiscKind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_operations import ADD, SetQdisc
from ansible_collections.netns.fabric.plugins.module_utils._kernel.routing_operations import NextHopSpec, RouteSpec
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Rule
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    IFF_UP,
    NETLINK_ROUTE,
    NLM_F_CREATE,
    RTM_NEWROUTE,
    RTM_NEWRULE,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.paths import read_only_mount

#: What a route or rule needs of the kernel: a rule, several next hops, or a table besides those that always exist.
Need = Union[Rule, str]
MULTIPATH, TABLES = "multipath", "tables"

#: What stands for a rule in any table, and for a route with several next hops.
_ANY_RULE = Rule(4, 1, table=1)
_ANY_MULTIPATH = RouteSpec("192.0.2.0/24", next_hops=(NextHopSpec(device="lo"), NextHopSpec(device="lo")))

#: How the reason begins why an MTU is refused.
REFUSED_MTU = "the kernel refuses this MTU for a link of this kind"

#: The number of the first link that a qdisc is tried on; those before are the parents of links.
QUEUES = 100_000


class Trial:
    """A new namespace. It is created at its first use."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._is_impossible = False
        self._refusals: dict[tuple[str, str], str] = {}
        self._refused_links: dict[object, str] = {}
        self._refused_qdiscs: dict[object, str] = {}
        self._refused_routing: dict[Need, str] = {}

    def read(self, key: str) -> str | None:
        """Return the value that a new namespace has; None where it has no such parameter.

        The parameter of a link is that of the loopback: a new link has the same ones. Where no namespace can be
        created, the value is the host's.
        """
        descriptor = self._open()
        if descriptor is None:
            return sysctl.read(_on_loopback(key))
        with setns.entered(descriptor):
            return sysctl.read(_on_loopback(key))

    def refusal(self, key: str, value: str) -> str:
        """Return why the kernel refuses a value in a namespace; empty where it accepts it, or nothing is known."""
        if (key, value) not in self._refusals:
            self._refusals[key, value] = self._try(_on_loopback(key), value)
        return self._refusals[key, value]

    def _try(self, key: str, value: str) -> str:
        descriptor = self._open()
        if descriptor is None or read_only_mount(sysctl.SYSCTLS):  # the latter is refused for a cause of its own
            return ""
        with setns.entered(descriptor):
            if not os.access(sysctl.path_of(key), os.W_OK):
                return "only the host's own namespace may set it" if sysctl.read(key) is not None else ""
            captured = _capture(key)
            try:
                sysctl.write(key, value)
            except OSError as error:
                return f"{error.strerror}"
            finally:
                with suppress(OSError):  # the kernel may refuse a value that it had by default
                    sysctl.restore(captured)
        return ""

    def refusal_of_link(self, operation: CreateLink) -> str:
        """Return why the kernel refuses a new link; empty where it accepts it, or nothing is known.

        A kind whose module is there and not loaded is not tried: the kernel would load it, also in check mode.
        """
        if operation.form not in self._refused_links:
            self._refused_links[operation.form] = self._try_link(operation, len(self._refused_links))
        return self._refused_links[operation.form]

    def _try_link(self, operation: CreateLink, number: int) -> str:
        kind = operation.kind
        descriptor = None if _would_load(kind.module) else self._open()
        if descriptor is None:
            return ""
        tried = replace(operation, name=f"try{number}", mac=None, mtu=None)
        with setns.entered(descriptor), closing(NetlinkSocket(NETLINK_ROUTE)) as netlink:
            try:
                if kind.device:
                    tun_devices.create(tried.name, kind.encode(dict(tried.values)))
                else:
                    parent = _create_parent(netlink, number) if operation.parent else 0
                    netlink.request(kind_requests.new_link(tried, parent))
            except OSError as error:
                return _describe_refused_link(kind, error)
            return _try_mtu(netlink, tried.name, operation.mtu) if operation.mtu else ""

    def refusal_of_qdisc(self, operation: SetQdisc) -> str:
        """Return why the kernel refuses a qdisc; empty where it accepts it, or nothing is known; see refusal_of_link().

        What it refuses on the link itself, by its MTU, is not known.
        """
        if operation.form not in self._refused_qdiscs:
            self._refused_qdiscs[operation.form] = self._try_qdisc(operation, len(self._refused_qdiscs))
        return self._refused_qdiscs[operation.form]

    def _try_qdisc(self, operation: SetQdisc, number: int) -> str:
        name = dict(operation.values).get("distribution")
        fault = distributions.fault(name) if name else ""
        if fault:
            return fault
        descriptor = None if any(map(_would_load, operation.kind.modules)) else self._open()
        if descriptor is None:
            return ""
        with setns.entered(descriptor), closing(NetlinkSocket(NETLINK_ROUTE)) as netlink:
            try:
                index = _create_parent(netlink, QUEUES + number)
                netlink.request(qdisc_requests.set_qdisc(replace(operation, verb=ADD), index))
                if operation.kind.ingress:
                    netlink.request(qdisc_requests.redirect_ingress(index, index + 1))
            except OSError as error:
                return _describe_refused_qdisc(operation.kind, error)
        return ""

    def refusal_of_routing(self, need: Need) -> str:
        """Return why the kernel does not have what a route or rule needs; empty where it has, or nothing is known."""
        if need not in self._refused_routing:
            self._refused_routing[need] = self._try_routing(need)
        return self._refused_routing[need]

    def _try_routing(self, need: Need) -> str:
        descriptor = self._open()
        if descriptor is None:
            return ""
        with setns.entered(descriptor), closing(NetlinkSocket(NETLINK_ROUTE)) as netlink:
            try:
                if need == MULTIPATH:
                    netlink.request(requests.set_link("lo", flags=IFF_UP, change=IFF_UP))
                    netlink.request(
                        routing_requests.route_request(RTM_NEWROUTE, NLM_F_CREATE, _ANY_MULTIPATH, {"lo": 1})
                    )
                else:
                    rule = need if isinstance(need, Rule) else _ANY_RULE
                    netlink.request(routing_requests.rule_request(RTM_NEWRULE, NLM_F_CREATE, rule))
            except OSError as error:
                return _describe_refused_routing(need, error)
        return ""

    def _open(self) -> int | None:
        if self._descriptor is None and not self._is_impossible:
            try:
                self._descriptor = setns.create_unnamed()
            except OSError:  # no CAP_SYS_ADMIN, or too many namespaces (namespaces(7), max_net_namespaces)
                self._is_impossible = True
        return self._descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
        self._refusals.clear()
        self._refused_links.clear()
        self._refused_qdiscs.clear()
        self._refused_routing.clear()


def _would_load(module: str) -> bool:
    """Return whether the kernel would load a module at the first link of its kind."""
    if os.path.isdir(f"/sys/module/{module}"):
        return False
    try:
        with open(f"/lib/modules/{os.uname().release}/modules.dep", encoding="utf-8", errors="replace") as modules:
            return f"/{module}.ko" in modules.read()
    except OSError:  # a kernel without modules, or a container without theirs
        return False


def _create_parent(netlink: NetlinkSocket, number: int) -> int:
    """Create a link that another one can be on, and return its index."""
    index = 1000 + 2 * number
    pair = CreateVeth(NewEnd(None, f"parent{number}"), NewEnd(None, f"peer{number}"))
    netlink.request(requests.new_veth(pair, None, None, (index, index + 1)))
    return index


def _try_mtu(netlink: NetlinkSocket, name: str, mtu: int) -> str:
    """Return why a link does not take an MTU: at its creation some kinds take a smaller one (ip_tunnel_newlink())."""
    try:
        netlink.request(requests.set_link(name, ("IFLA_MTU", mtu)))
    except OSError as error:
        return f"{REFUSED_MTU}: {error}" if error.errno == errno.EINVAL else ""
    return ""


def _describe_refused_link(kind: Kind, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENODEV) if kind.device else "Unknown device type" in str(error):
        return (
            f"the kernel of this host has no links of the kind {kind.name}; load its module "
            f"(`modprobe {kind.module}`), or install the package of the kernel that has it"
        )
    if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ERANGE, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
        return f"the kernel refuses a link with these options: {error}"
    return ""  # what is in its way here is not in its way there


def _describe_refused_qdisc(kind: QdiscKind, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.EOPNOTSUPP):
        modules = " ".join(kind.modules) or "sch_fifo"
        return (
            f"the kernel of this host has no qdiscs of the kind {kind.name}; load what it needs (`modprobe -a "
            f"{modules}`), or install the package of the kernel that has it (`linux-modules-extra-$(uname -r)`, "
            "`kernel-modules-extra`)"
        )
    if error.errno in (errno.EINVAL, errno.ERANGE):
        return f"the kernel refuses a {kind.name} with these options: {error}"
    return ""


def _describe_refused_routing(need: Need, error: OSError) -> str:
    if need == MULTIPATH:
        return f"the kernel of this host has no routes with several next hops (CONFIG_IP_ROUTE_MULTIPATH): {error}"
    if error.errno in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
        version = need.version if isinstance(need, Rule) else 4
        option = "CONFIG_IP_MULTIPLE_TABLES" if version == 4 else "CONFIG_IPV6_MULTIPLE_TABLES"
        return f"the kernel of this host has no policy routing of IPv{version} ({option})"
    return f"the kernel refuses a rule with these options: {error}"


def _capture(key: str) -> dict[str, str]:
    """Return the values that change with a parameter: read() is to find them as they are in a new namespace."""
    try:
        return sysctl.capture(key)
    except OSError:  # one that can only be written
        return {}


def _on_loopback(key: str) -> str:
    found = sysctl_names.split_key(key)
    return key if found is None else sysctl_names.join_key(found[0], "lo", found[2])

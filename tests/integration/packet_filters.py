# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packet filters of a host, each in effect as long as a block runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from ansible_collections.netns.fabric.tests.helpers import firewalld
from ansible_collections.netns.fabric.tests.helpers.host import Host

GATEWAY = "192.168.100.254"
Filter = Callable[[Host], AbstractContextManager[None]]


@contextmanager
def ufw(host: Host) -> Iterator[None]:
    if shutil.which("ufw") is None:
        pytest.skip("ufw is not installed, which `make setup-checks` does on Debian")
    host.run("ufw", "--force", "enable")
    try:
        yield
    finally:
        host.run("ufw", "--force", "reset")


@contextmanager
def running_firewalld(_host: Host) -> Iterator[None]:
    if shutil.which("firewall-cmd") is None:
        pytest.skip("firewalld is not installed, which `make setup-checks` does on Debian")
    processes = firewalld.start()
    try:
        yield
    finally:
        firewalld.stop(processes)


@contextmanager
def iptables(host: Host) -> Iterator[None]:
    """Drop everything, answers too: what the host itself sends gets none either."""
    for command in ("iptables-nft", "ip6tables-nft"):
        host.run(command, "-P", "INPUT", "DROP")
        host.run(command, "-A", "INPUT", "-i", "lo", "-j", "ACCEPT")
    yield


@contextmanager
def nft(host: Host) -> Iterator[None]:
    host.run("nft", "add table inet f")
    host.run("nft", "add chain inet f in { type filter hook input priority 0; policy drop; }")
    host.run("nft", 'add rule inet f in iifname "lo" accept')
    host.run("nft", "add rule inet f in ct state vmap { established : accept, related : accept, invalid : drop }")
    yield


@contextmanager
def reset_by_rule(host: Host) -> Iterator[None]:
    """Reject one thing and accept the rest."""
    host.run("nft", "add table inet f")
    host.run("nft", "add chain inet f in { type filter hook input priority 0; policy accept; }")
    host.run("nft", f"add rule inet f in ip daddr {GATEWAY} meta l4proto tcp reject with tcp reset")
    yield


FILTERS: dict[str, tuple[Filter, str]] = {
    "ufw": (ufw, "ufw allow in on int_br"),
    "firewalld": (running_firewalld, "firewall-cmd --permanent --zone=trusted --add-interface=int_br"),
    "iptables": (iptables, "iptables -I INPUT -i int_br -j ACCEPT"),
    "nft": (nft, "nft 'insert rule inet f in iifname \"int_br\" accept'"),
    "reset": (reset_by_rule, "nft 'insert rule inet f in iifname \"int_br\" accept'"),
}

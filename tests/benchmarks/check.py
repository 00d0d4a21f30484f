# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a lab stands, by the kernel's own files and ovs-vsctl: nobody is to win by doing less.

Thousands of namespaces are checked by entering them (setns(2)): `ip -n` would take longer than most builds.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.netns.fabric.tests.benchmarks.lab import BRIDGE, GATEWAY, Lab, Member

NAMESPACES = Path("/run/netns")
LINKS = Path("/sys/class/net")

# linux/sockios.h, net/if.h, sched.h
_SIOCGIFADDR, _SIOCGIFFLAGS = 0x8915, 0x8913
_IFF_UP = 0x1
_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class WrongStateError(Exception):
    """A rival has left something else than what it was to build or to remove."""


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Have this thread in a network namespace for a while."""
    with Path("/proc/thread-self/ns/net").open("rb") as home, (NAMESPACES / namespace).open("rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _interface(number: int, name: str) -> bytes:
    """Ask the kernel about an interface, see netdevice(7); empty where it has no such thing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            return fcntl.ioctl(asking, number, struct.pack("16s24x", name.encode()))
        except OSError:
            return b""


def address_of(link: str) -> str | None:
    """Return the first IPv4 address of a link of the namespace that we are in."""
    answer = _interface(_SIOCGIFADDR, link)
    return socket.inet_ntoa(answer[20:24]) if answer else None


def is_up(link: str) -> bool:
    """Return whether a link of the current namespace is set up."""
    answer = _interface(_SIOCGIFFLAGS, link)
    return bool(answer) and bool(struct.unpack_from("H", answer, 16)[0] & _IFF_UP)


def _default_gateway() -> str | None:
    lines = Path("/proc/thread-self/net/route").read_text(encoding="ascii").splitlines()[1:]
    for _link, destination, gateway, *_rest in map(str.split, lines):
        if destination == "00000000":
            return socket.inet_ntoa(struct.pack("=I", int(gateway, 16)))
    return None


def _require(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise WrongStateError(f"{what}: {found!r} instead of {wanted!r}")


def _check_member(one: Member, gateway: str | None) -> None:
    with inside(one.namespace):
        _require(f"address of {one.link}", address_of(one.link), one.address)
        _require(f"links up in {one.namespace}", (is_up("lo"), is_up(one.link)), (True, True))
        _require(f"default route in {one.namespace}", _default_gateway(), gateway)
    _require(f"{one.tap} is up", is_up(one.tap), True)


def check_kernel(lab: Lab, gateway: str | None = GATEWAY) -> None:
    """Check namespaces, links, addresses and routes. Raises WrongStateError."""
    _require("namespaces", sorted(os.listdir(NAMESPACES)), [one.namespace for one in lab.members])
    taps = sorted(name for name in os.listdir(LINKS) if name.endswith("_tap"))
    _require("links on the host", taps, [one.tap for one in lab.members])
    for one in lab.members:
        _check_member(one, gateway)


def check_lab(lab: Lab, *, tcp: bool) -> None:
    """Check all of a lab, and where asked TCP between its first and its last namespace.

    Raises WrongStateError.
    """
    check_kernel(lab)
    _require(f"address of {BRIDGE}", (address_of(BRIDGE), is_up(BRIDGE)), (GATEWAY, True))
    _require("ports", _open_ports(), [one.tap for one in lab.members])
    rules = _output("iptables-save", "-t", "nat") + _output("nft", "list", "ruleset")
    _require("masquerading", "masquerade" in rules.lower(), True)
    _require("ip_forward", Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii").strip(), "1")
    if tcp:
        _exchange(lab.members[0], lab.members[-1])


def wait_for_traffic(lab: Lab, timeout: float = 120) -> None:
    """Wait until a ping passes between the first and the last namespace, and one to the gateway.

    In a large lab it may take long: each namespace that comes up says so by multicasts (IPv6), and the bridge floods
    each of them to all ports. Raises WrongStateError if none has passed after ``timeout`` seconds.
    """
    first, last = lab.members[0], lab.members[-1]
    _ping(first, last.address, timeout)
    _ping(last, GATEWAY, timeout)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def _open_ports() -> list[str]:
    answer = json.loads(_output("ovs-vsctl", "--format=json", "--columns=name,ofport", "list", "Interface"))
    return sorted(name for name, ofport in answer["data"] if isinstance(ofport, int) and 0 < ofport < 65534)


def _ping(one: Member, address: str, timeout: float) -> None:
    end = time.monotonic() + timeout
    with inside(one.namespace):
        # One at a time: at the first answer "unreachable", ping gives up whatever deadline it was given.
        command = ["ping", "-n", "-q", "-c", "1", "-W", "1", address]
        while subprocess.run(command, capture_output=True, timeout=30, check=False).returncode:
            if time.monotonic() > end:
                raise WrongStateError(f"no ping from {one.namespace} to {address} has passed for {timeout:.0f} s")


def _exchange(server: Member, client: Member) -> None:
    with inside(server.namespace):
        listening = socket.create_server((server.address, 5000))
    with inside(client.namespace):
        calling = socket.socket()
    with listening, calling:
        calling.settimeout(10)
        try:
            calling.connect((server.address, 5000))
        except OSError as error:
            raise WrongStateError(f"TCP from {client.namespace} to {server.namespace}: {error}") from error


def wait_until_gone(before: Sequence[str], timeout: float = 120) -> None:
    """Wait until the host has the links that it had before, and no namespace. Raises WrongStateError.

    The kernel takes links away after the command that asked for it has ended.
    """
    end = time.monotonic() + timeout
    while True:
        left = sorted(set(os.listdir(LINKS)) - set(before)) + os.listdir(NAMESPACES)
        if not left:
            return
        if time.monotonic() > end:
            raise WrongStateError(f"left after the teardown: {len(left)}, among them {left[:3]}")
        time.sleep(0.002)  # so short since it counts: the caller measures until nothing is left


def check_gone() -> None:
    """Check that no bridge and no rule is left. Raises WrongStateError."""
    _require("bridges", _output("ovs-vsctl", "list-br").split(), [])
    rules = _output("iptables-save", "-t", "nat") + _output("nft", "list", "ruleset")
    _require("masquerading", "masquerade" in rules.lower(), False)

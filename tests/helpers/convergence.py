# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cycle check -> apply -> check -> apply, and pictures of the kernel's network state to compare before and after.

The pictures are taken with the system's own tools (ip, ethtool), not with our code.
"""

from __future__ import annotations

import os
import shlex
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, RESOLVERS, Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult

Run = Callable[..., ModuleResult]
State = dict[str, Any]

# Seconds for what the kernel does a little later.
SETTLING_TIME = 3.0

SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/all/accept_redirects",
    "net/ipv4/conf/default/rp_filter",
    "net/ipv4/tcp_rmem",
    "net/ipv6/conf/all/forwarding",
    "net/ipv6/conf/default/forwarding",
)

# What the kernel makes of the rest by itself, and a little later: carrier, operational state, duplicate address
# detection, link-local addresses, which follow from the MAC address, and their routes.
_VOLATILE = ("valid_life_time", "preferred_life_time", "dynamic", "tentative", "operstate")
_VOLATILE_FLAGS = ("NO-CARRIER", "LOWER_UP", "linkdown", "M-DOWN")
# What differs between two hosts that are equal in all that a person can want.
_IDENTITY = ("ifindex", "link_index", "link", "link_netnsid", "address", "permaddr")


def picture(host: Host, *, identity: bool = True, sysctls: Iterable[str] = SYSCTLS) -> State:
    """Return the host's namespaces, links, addresses, routes, offloads, parameters and resolver files.

    With ``identity`` indexes, MAC addresses and the namespaces' inodes are part of it: the same objects, not just
    equal ones. Without, a veth's far end is given by its name, and what the kernel draws from a hat is left out.
    """
    names: list[str | None] = [None]
    entries: State = {}
    for path in sorted(NAMESPACES.iterdir()):
        if _is_namespace(path):
            names.append(path.name)
            entries[path.name] = path.stat().st_ino if identity else "a namespace"
        else:
            status = path.lstat()
            entries[path.name] = ("a file", status.st_mode, path.read_bytes() if stat.S_ISREG(status.st_mode) else b"")
    raw = {name: host.links(name) for name in names}
    return {
        "entries": entries,
        "files": {str(path): _file(path) for path in sorted(RESOLVERS.rglob("*"))},
        "namespaces": {name: _namespace(host, name, raw, identity, tuple(sysctls)) for name in names},
    }


def _is_namespace(path: Path) -> bool:
    return path.stat().st_dev != NAMESPACES.stat().st_dev


def _file(path: Path) -> tuple[Any, ...]:
    status = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
    return status.st_mode, status.st_uid, status.st_gid, content


def _namespace(host: Host, name: str | None, raw: Mapping[str | None, Any], identity: bool, sysctls: Any) -> State:
    where = ["-n", name] if name else []
    inside = ["ip", "netns", "exec", name] if name else []
    routes = [
        route
        for version in ("-4", "-6")
        for route in host.json("ip", *where, version, "-json", "-details", "route", "show", "table", "all") or []
    ]
    links = raw[name]
    veths = [link for link, found in links.items() if found.get("linkinfo", {}).get("info_kind") == "veth"]
    values = host.run(*inside, "head", "-qn1", *(f"/proc/sys/{key}" for key in sysctls)).stdout.splitlines()
    return {
        "links": {link: _link(host, name, found, raw, identity) for link, found in sorted(links.items())},
        "routes": sorted(map(_route, filter(_counts, routes)), key=str),
        "tx checksum": {link: "tx-checksumming: on" in _features(host, inside, link) for link in sorted(veths)},
        "sysctls": dict(zip(sysctls, values)),
    }


def _is_automatic(address: Mapping[str, Any]) -> bool:
    """Whether it is the link-local address that follows from the link's MAC address (RFC 4291, appendix A)."""
    return address["scope"] == "link" and ip_address(address["local"]).packed[11:13] == b"\xff\xfe"


def _counts(route: Mapping[str, Any]) -> bool:
    return route.get("protocol") != "kernel" or not str(route.get("dst", "")).startswith(("fe80", "ff00"))


def _route(route: Mapping[str, Any]) -> State:
    return {**route, "flags": [flag for flag in route.get("flags", []) if flag not in _VOLATILE_FLAGS]}


def _features(host: Host, inside: list[str], link: str) -> str:
    return host.run(*inside, "ethtool", "--show-features", link).stdout


def _link(
    host: Host, name: str | None, found: Mapping[str, Any], raw: Mapping[str | None, Any], identity: bool
) -> State:
    left_out = _VOLATILE if identity else (*_VOLATILE, *_IDENTITY)
    link = {key: value for key, value in found.items() if key not in left_out}
    kinds = {key: value for key, value in found.get("linkinfo", {}).items() if isinstance(value, str)}  # not its timers
    link["linkinfo"] = kinds
    link["flags"] = [flag for flag in found["flags"] if flag not in _VOLATILE_FLAGS]
    link["addr_info"] = [
        {key: value for key, value in address.items() if key not in _VOLATILE}
        for address in found["addr_info"]
        if not _is_automatic(address)
    ]
    if not identity:
        link["far end"] = _far_end(host, name, found, raw)
    return link


def _far_end(host: Host, name: str | None, found: Mapping[str, Any], raw: Mapping[str | None, Any]) -> Any:
    """Where the other end of a veth is, as a person would say it."""
    if "link" in found:
        return name, found["link"]
    if "link_index" not in found:
        return None
    where = ["-n", name] if name else []
    ids = {entry["nsid"]: entry.get("name") for entry in host.json("ip", *where, "-json", "netns", "list-id") or []}
    there = ids.get(found["link_netnsid"])
    return there, [link for link, other in raw.get(there, {}).items() if other["ifindex"] == found["link_index"]]


def assert_same(host: Host, before: State, *, identity: bool = True, what: str = "the host") -> None:
    """Fail unless the host is as in the picture; what the kernel does a little later is waited for."""
    deadline = time.monotonic() + SETTLING_TIME
    sysctls = tuple(before["namespaces"][None]["sysctls"])
    while (now := picture(host, identity=identity, sysctls=sysctls)) != before:
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} differs:\n" + "\n".join(differences(before, now)))
        time.sleep(0.1)  # a picture takes several programs, and the kernel has the time to settle


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Return the paths at which two pictures differ, with what is there."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            line
            for key in sorted({*before, *now}, key=str)
            for line in differences(before.get(key, "(absent)"), now.get(key, "(absent)"), f"{where}/{key}")
        ]
    if before == now:
        return []
    if isinstance(before, list) and isinstance(now, list):
        before, now = [one for one in before if one not in now] or before, [one for one in now if one not in before]
    return [f"{where}:\n    was {before}\n    is  {now}"]


def assert_unchanged(result: ModuleResult) -> None:
    """Fail unless the module ran to its end and found nothing to do."""
    assert not result.failed, result.message
    assert (result.changed, result.diff, result.commands) == (False, [], [])


def converge(host: Host, run_module: Run, module: str, /, **params: Any) -> ModuleResult:
    """Run check -> apply -> check -> apply, and return what the first real run returned.

    Check mode must have left the host as it was and must have said what the real run did; after that nothing may be
    left to do, in check mode and in a real run.
    """
    before = picture(host)
    checked = run_module(module, _check=True, **params)
    assert not checked.failed, checked.message
    assert_same(host, before, what="the host after check mode")
    applied = run_module(module, **params)
    assert not applied.failed, applied.message
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    assert applied.changed == bool(applied.commands)
    again = run_module(module, _check=True, **params)
    assert (again.failed, again.changed, again.diff, again.commands) == (False, False, [], [])
    done = picture(host)
    twice = run_module(module, **params)
    assert (twice.failed, twice.changed, twice.diff, twice.commands) == (False, False, [], [])
    assert_same(host, done, what="the host after the second run")
    return applied


def converge_and_paste(
    host: Host, run_module: Run, prepare: Callable[[], None], module: str, /, **params: Any
) -> ModuleResult:
    """As converge; then paste the commands into a shell on an equal host, which ``prepare`` makes, and compare."""
    prepare()
    applied = converge(host, run_module, module, **params)
    wanted = picture(host, identity=False)
    host.clear()
    prepare()
    paste(host, applied.commands)
    assert_same(host, wanted, identity=False, what="the host after the pasted commands")
    return applied


def paste(host: Host, commands: Iterable[str]) -> None:
    """Run command lines in a shell, as a person would who pastes them there; each must succeed."""
    # bash replaces itself by the last command, and `$$` would not be the shell any more: hence one after it.
    script = "\n".join(["set -eu", *commands, ":"])
    host.run("bash", "-c", script)


def shell(host: Host, script: str) -> None:
    """Run ip(8) lines, one per line; other commands begin with an exclamation mark. Each must succeed."""
    for line in filter(None, map(str.strip, script.splitlines())):
        words = shlex.split(line.removeprefix("!"))
        host.run(*(words if line.startswith("!") else ["ip", *words]))


def tcp_passes(host: Host, server: str | None, client: str | None, address: str, port: int = 5001) -> bool:
    """Tell whether 64 KiB go through over TCP from the one namespace to the other."""
    code = (
        "import socket,sys\n"
        "listener=socket.create_server((sys.argv[1],int(sys.argv[2])),family=socket.AF_INET6 if ':' in sys.argv[1] "
        "else socket.AF_INET)\n"
        "print('ready',flush=True)\n"
        "connection,_=listener.accept()\n"
        "while connection.recv(65536): pass\n"
        "connection.sendall(b'done')\n"
    )
    asking = (
        "import socket,sys\n"
        "s=socket.create_connection((sys.argv[1],int(sys.argv[2])),timeout=3)\n"
        "s.settimeout(3); s.sendall(b'x'*65536); s.shutdown(socket.SHUT_WR)\n"
        "assert s.recv(4)==b'done'\n"
    )
    process = host.start("python3", "-c", code, address, str(port), namespace=server)
    where = ["ip", "netns", "exec", client] if client else []
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and process.poll() is None:
        if host.run(*where, "python3", "-c", asking, address, str(port), check=False).returncode == 0:
            return True
        time.sleep(0.05)  # until the server listens, which only a connection tells from here
    return False


def wait_until(condition: Callable[[], bool], seconds: float = 10, otherwise: str = "") -> None:
    """Return once the condition holds; AssertionError, which says `otherwise`, if it does not within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)  # no event stands for any condition


def inode(namespace: str) -> int:
    """Return what tells a namespace from another that has the same name later."""
    return os.stat(NAMESPACES / namespace).st_ino

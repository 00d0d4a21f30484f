# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check a host as a chassis of OVN, and print what is found as JSON.

Runs on the managed host, as root: ``python -I -c SCRIPT TIMEOUT LINK...`` in ``/``. The links are those whose addresses
and routes are of interest. Changes nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

OVN_CTL = "/usr/share/ovn/scripts/ovn-ctl"
#: Directories of programs that only root changes, on every distribution.
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: The kernel's modules: those that are loaded, and, by the kernel's release, those that can be.
LOADED = "/sys/module/openvswitch"
INSTALLED = "/lib/modules"
FILES = "/etc/ovn/netns.fabric-host"
#: The begin of the key that names an owner.
MARK = "netns.fabric/"
#: What a route has that the role moves with its link.
ROUTE = {"dst": "destination", "gateway": "gateway", "metric": "metric", "prefsrc": "source"}


def run(timeout: int, *command: str) -> str | None:
    """Run a program; return its output, or None where it fails, hangs or cannot be run."""
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout + 1,
            check=False,
            env={"PATH": SEARCHED, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout if process.returncode == 0 else None


def parsed(text: str | None) -> Any:
    """Return what a program has printed as JSON; an empty list for nothing."""
    try:
        return json.loads(text or "[]")
    except ValueError:
        return []


def rows(timeout: int, table: str, *columns: str) -> list[dict[str, Any]]:
    """Return rows of Open vSwitch's database; maps as dictionaries."""
    listing = ("--format=json", f"--columns={','.join(columns)}", "list", table)
    found = parsed(run(timeout, "ovs-vsctl", f"--timeout={timeout}", *listing))
    if not found:
        return []
    return [{name: plain(cell) for name, cell in zip(found["headings"], cells)} for cells in found["data"]]


def plain(cell: Any) -> Any:
    """Return a cell as a plain value, a map as a dictionary."""
    return dict(cell[1]) if isinstance(cell, list) and cell[0] == "map" else cell


def link(timeout: int, name: str) -> dict[str, Any]:
    """Return the addresses and the routes of a link; those that the kernel adds on its own are left out.

    Also what the role cannot move to another link, in words.
    """
    found: dict[str, Any] = {"exists": False, "addresses": [], "dynamic": [], "routes": [], "unmovable": []}
    for each in parsed(run(timeout, "ip", "-json", "address", "show", "dev", name)):
        found["exists"] = True
        for address in each.get("addr_info", []):
            if address.get("scope") == "global":
                text = f"{address['local']}/{address['prefixlen']}"
                found["dynamic" if address.get("dynamic") else "addresses"].append(text)
                if "address" in address:
                    found["unmovable"].append(f"{text} with the peer {address['address']}")
    for version in ("-4", "-6"):
        # With `dev` those with several next hops would be left out.
        for each in parsed(run(timeout, "ip", version, "-json", "route", "show")):
            devices = [hop.get("dev") for hop in (each, *each.get("nexthops", []))]
            if name in devices and each.get("protocol") not in ("kernel", "ra") and "dst" in each:
                if "nexthops" in each or "via" in each:
                    found["unmovable"].append(f"the route to {each['dst']}")
                else:
                    found["routes"].append(route(each, version))
    return found


def route(shown: dict[str, Any], version: str) -> dict[str, Any]:
    """Return a route, as ip(8) shows it, as the module takes it, but for its link."""
    kept = {option: shown[key] for key, option in ROUTE.items() if key in shown}
    kept["destination"] = whole(kept["destination"], version)
    if "onlink" in shown.get("flags", []):
        kept["onlink"] = True
    for metrics in shown.get("metrics", []):
        if "mtu" in metrics:
            kept["mtu"] = metrics["mtu"]
    return kept


def whole(destination: str, version: str) -> str:
    """Return a destination with the length of its prefix, which ip(8) omits for a single address and the default."""
    if destination == "default":
        return "0.0.0.0/0" if version == "-4" else "::/0"
    return destination if "/" in destination else f"{destination}/{32 if version == '-4' else 128}"


def kernel_has_datapath() -> bool:
    """Return whether the kernel has the datapath of Open vSwitch, or depmod(8) lists its module."""
    if os.path.isdir(LOADED):
        return True
    try:
        with open(f"{INSTALLED}/{os.uname().release}/modules.dep", encoding="utf-8") as known:
            return any("/openvswitch.ko" in line.partition(":")[0] for line in known)
    except OSError:
        return False


def controller(timeout: int) -> str:
    """Return whether ovn-controller is ``missing``, ``stopped``, ``running``, or ``connected`` to its database."""
    if not (os.path.exists(OVN_CTL) and os.path.exists("/usr/bin/ovn-controller")):
        return "missing"
    text = run(timeout, "ovn-appctl", f"--timeout={timeout}", "-t", "ovn-controller", "connection-status")
    return "stopped" if text is None else "connected" if text.strip() == "connected" else "running"


def main() -> None:
    """Print what the host has."""
    timeout, links = int(sys.argv[1]), sys.argv[2:]
    switches = rows(timeout, "Open_vSwitch", "external_ids")
    external_ids: dict[str, Any] = next((row["external_ids"] for row in switches), {})
    ports = rows(timeout, "Port", "name", "external_ids")
    print(  # noqa: T201  # the role reads standard output
        json.dumps(
            {
                "controller": controller(timeout),
                "kernel": kernel_has_datapath(),
                "owners": [key[len(MARK) :] for key in external_ids if key.startswith(MARK)],
                "integration_bridge": external_ids.get("ovn-bridge", "br-int"),
                "key": next((row["private_key"] for row in rows(timeout, "SSL", "private_key")), ""),
                # ovn-controller leaves them on the bridges of physical networks when it is stopped.
                "patch_ports": [port["name"] for port in ports if "ovn-localnet-port" in port["external_ids"]],
                "links": {name: link(timeout, name) for name in links if name},
                "files": os.path.isdir(FILES),
                "systemd": os.path.isdir("/run/systemd/system"),
            }
        )
    )


if __name__ == "__main__":
    main()

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on one switch by mininet's own interface, with Debian's Python: mininet_lab.py SIZE kernel|user.

Reads `check` and `stop` from standard input, answers `started`, `checked`, `stopped`.
"""

from __future__ import annotations

import functools
import resource
import sys

import mininet.net
from mininet.node import OVSSwitch
from mininet.topo import SingleSwitchTopo


def main(size: int, datapath: str) -> None:
    """Start, run the commands, stop."""
    # Mininet would raise limits of the machine as a whole by sysctl; the one that it needs is this process's own.
    mininet.net.fixLimits = lambda: None
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    # Without `batch`, ovs-vsctl gets its arguments through a terminal, which cuts off what is longer than 4096 bytes.
    switch = functools.partial(OVSSwitch, datapath=datapath, failMode="standalone", batch=True)
    network = mininet.net.Mininet(topo=SingleSwitchTopo(size), switch=switch, controller=None)
    network.start()
    print("started", flush=True)
    for line in sys.stdin:
        if line.strip() == "stop":
            network.stop()
            print("stopped", flush=True)
            return
        ends = [network.hosts[0], network.hosts[-1]]
        lost = next((lost for lost in (network.ping(ends, timeout="1") for _attempt in range(60)) if lost == 0), 100)
        links = [host for host in network.hosts if host.defaultIntf().isUp()]
        print("checked" if lost == 0 and len(links) == size else f"lost {lost} %, {len(links)} links up", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

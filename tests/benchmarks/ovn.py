# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces on one logical switch of OVN over three hosts: this collection beside a loop written by hand.

    python tests/helpers/own_host.py -- python -m ansible_collections.netns.fabric.tests.benchmarks.ovn [NAMESPACES]

It prints seconds, and their ratios. Both connect as many namespaces to hosts with nothing of OVN's but what `ovn_host`
leaves: the loop by one command for each step, as users write it. The time of "connected" ends when ovn-controller has
marked each interface; a run with nothing to do is compared with that of a third of the namespaces on one host.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.tests.benchmarks.calls import PATIENCE, measure, run_steps
from ansible_collections.netns.fabric.tests.generated import converge
from ansible_collections.netns.fabric.tests.helpers.ovn_hosts import OvnHosts, ovn_hosts
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

COUNT = 3


def topology(namespaces: int) -> dict[str, Any]:
    """Return the variables: the namespaces on one logical switch, spread evenly over the hosts."""
    return {
        "name": "bench",
        "hosts": [f"host{number}" for number in range(1, COUNT + 1)],
        "bridges": [{"name": "front", "engine": "ovn", "addresses": ["10.9.255.254/16"]}],
        "namespaces": [
            {
                "name": f"n{number}",
                "host": f"host{number % COUNT + 1}",
                "interfaces": [{"name": "eth0", "bridge": "front", "addresses": [_address(number)]}],
                "routes": [{"destination": "default", "gateway": "10.9.255.254"}],
            }
            for number in range(namespaces)
        ],
        "verify": False,
    }


def on_one_host(namespaces: int) -> dict[str, Any]:
    """Return the variables of the same on a bridge of Open vSwitch of one host."""
    whole = topology(namespaces)
    for namespace in whole["namespaces"]:
        del namespace["host"]
    return {**whole, "hosts": [], "bridges": [{"name": "front", "addresses": ["10.9.255.254/16"]}]}


def _address(number: int) -> str:
    return f"10.9.{number // 200}.{number % 200 + 1}/16"


# --- ours ----------------------------------------------------------------------------------------------------------


def write(hosts: OvnHosts, variables: Mapping[str, Any]) -> None:
    """Write the northbound part."""
    run_steps(converge.northbound_steps(variables, hosts.northbound.database), [])


def build(hosts: OvnHosts, variables: Mapping[str, Any]) -> None:
    """Build the hosts' parts, all at the same time."""
    with ThreadPoolExecutor(COUNT) as pool:
        list(pool.map(lambda number: _build(hosts, number, variables), range(1, COUNT + 1)))


def _build(hosts: OvnHosts, number: int, variables: Mapping[str, Any]) -> None:
    run_steps(converge.steps({**variables, "this_host": f"host{number}"}), hosts[number].enter())


# --- by hand -------------------------------------------------------------------------------------------------------


def write_by_hand(hosts: OvnHosts, variables: Mapping[str, Any]) -> None:
    """Write the same rows, a command for each port."""
    control = hosts.northbound.ctl
    control("ls-add", "hand")
    for number in range(len(variables["namespaces"])):
        port, addresses = f"hand/n{number}", f"{_mac(number)} {_address(number).partition('/')[0]}"
        set_addresses = ("--", "lsp-set-addresses", port, addresses, "--", "lsp-set-port-security", port, addresses)
        control("lsp-add", "hand", port, *set_addresses)


def build_by_hand(hosts: OvnHosts, variables: Mapping[str, Any]) -> None:
    """Connect the namespaces by one command for each step, on all hosts at the same time."""

    def on(host: int) -> None:
        for number in range(len(variables["namespaces"])):
            if number % COUNT + 1 == host:
                where = (f"n{number}", f"hand/n{number}", _mac(number), _address(number))
                hosts[host].plug(*where)

    with ThreadPoolExecutor(COUNT) as pool:
        list(pool.map(on, range(1, COUNT + 1)))


def _mac(number: int) -> str:
    return f"02:00:00:09:{number // 256:02x}:{number % 256:02x}"


# --- measuring -----------------------------------------------------------------------------------------------------


def wait_for_ports(hosts: OvnHosts, variables: Mapping[str, Any]) -> None:
    """Wait until ovn-controller has marked the interfaces of all namespaces."""
    wanted = len(variables["namespaces"])

    def are_connected() -> bool:
        listed = ("--bare", "--columns=name", "find", "Interface", "external_ids:ovn-installed=true")
        return sum(len(hosts[number].vsctl(*listed).split()) for number in range(1, COUNT + 1)) == wanted

    wait_until(are_connected, PATIENCE, "a port is not connected")


#: What is measured, in this order.
Parts = Mapping[str, Callable[[OvnHosts, Mapping[str, Any]], None]]
OURS: Parts = {"northbound database": write, "hosts": build, "connected": wait_for_ports, "nothing to do": build}
BY_HAND: Parts = {"northbound database": write_by_hand, "hosts": build_by_hand, "connected": wait_for_ports}


def measure_parts(parts: Parts, variables: Mapping[str, Any]) -> dict[str, float]:
    """Return the seconds of each part, on new hosts."""
    with ovn_hosts(COUNT) as hosts:
        return {name: measure(partial(work, hosts, variables)) for name, work in parts.items()}


def measure_one_host(namespaces: int) -> float:
    """Return the seconds of a run with nothing to do, of so many namespaces on one host without OVN."""
    steps = converge.steps(on_one_host(namespaces))
    run_steps(steps, [])
    return measure(lambda: run_steps(steps, []))


def main(namespaces: int = 200) -> None:
    """Measure, and print a line for each part."""
    variables = topology(namespaces)
    ours, by_hand = measure_parts(OURS, variables), measure_parts(BY_HAND, variables)
    alone = measure_one_host(namespaces // COUNT)
    print(f"{namespaces} namespaces over {COUNT} hosts, seconds:")
    for part, seconds in ours.items():
        other = by_hand.get(part)
        print(f"{part:<22}{seconds:8.2f}" + (f"  by hand {other:8.2f}, {seconds / other:.2f}x" if other else ""))
    print(f"nothing to do, {namespaces // COUNT} on one host: {alone:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

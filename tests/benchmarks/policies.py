# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What isolation and policies cost: the same namespaces without both, isolated, and isolated with twenty policies.

    python tests/helpers/own_host.py --outside -- \
        python -m ansible_collections.netns.fabric.tests.benchmarks.policies [NAMESPACES]

It prints the seconds of a build, a run with nothing to do and a teardown, and the rate of TCP from a namespace through
the host to the outside, by iperf3(1). Each round does all ways after one another, so that a machine that is busy for a
while is busy for all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

from ansible_collections.netns.fabric.tests.benchmarks.calls import PATIENCE, measure, run_steps
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, OUTSIDE_NAMESPACE
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

POLICIES = 20
ROUNDS = 3
#: How many times the rate is taken in a round, and for how many seconds.
TRANSFERS, SECONDS = 3, 2
_GATEWAY = "10.9.255.254"


def topology(namespaces: int) -> dict[str, Any]:
    """Return the variables: namespaces on one bridge with NAT, in as many groups as there are policies."""
    return {
        "name": "bench",
        "bridges": [{"name": "bench_br", "addresses": [f"{_GATEWAY}/16"]}],
        "namespaces": [
            {
                "name": f"n{number}",
                "labels": [f"group{number % POLICIES}"],
                "interfaces": [
                    {
                        "name": "eth0",
                        "bridge": "bench_br",
                        "addresses": [f"10.9.{number // 200}.{number % 200 + 1}/16"],
                    }
                ],
                "routes": [{"destination": "default", "gateway": _GATEWAY}],
            }
            for number in range(namespaces)
        ],
        "nat": [{"source": "10.9.0.0/16"}],
        "verify": False,
    }


def not_isolated(namespaces: int) -> dict[str, Any]:
    """Return the variables with a bridge that is not isolated."""
    variables = topology(namespaces)
    variables["bridges"][0]["isolate"] = False
    return variables


def with_policies(namespaces: int) -> dict[str, Any]:
    """Return the variables with policies: each group accepts connections of the next one, and no other ones."""
    variables = topology(namespaces)
    variables["bridges"][0]["incoming"] = "deny"
    variables["policies"] = [
        {
            "from": {"groups": [f"group{(number + 1) % POLICIES}"]},
            "to": {"groups": [f"group{number}"]},
            "protocol": "tcp",
            "ports": ["80", "8000-8080"],
            "action": "allow",
        }
        for number in range(min(POLICIES, namespaces))
    ]
    return variables


WAYS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "open": not_isolated,
    "isolated": topology,
    "policies": with_policies,
}


@contextmanager
def server() -> Iterator[None]:
    """Let iperf3 serve in the namespace outside."""
    started = subprocess.Popen(_inside(OUTSIDE_NAMESPACE, "iperf3", "--server"), stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        started.terminate()
        started.wait(PATIENCE)


def _inside(namespace: str, *command: str) -> Sequence[str]:
    return ("ip", "netns", "exec", namespace, *command)


def transfer() -> float:
    """Return the bits in a second from the first namespace to the outside."""
    client = _inside("n0", "iperf3", "--client", OUTSIDE_ADDRESS, "--time", str(SECONDS), "--json")
    ended = subprocess.run(client, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return float(json.loads(ended.stdout)["end"]["sum_received"]["bits_per_second"])


def is_reached() -> bool:
    """Return whether the first namespace reaches the outside."""
    ping = _inside("n0", "ping", "-c", "1", "-W", "1", OUTSIDE_ADDRESS)
    return subprocess.run(ping, capture_output=True, timeout=PATIENCE, check=False).returncode == 0


def measure_way(variables: Mapping[str, Any]) -> dict[str, float]:
    """Return what one way takes, on a host that has nothing of it before and after."""
    calls = steps(variables)
    seconds = {name: measure(lambda: run_steps(calls)) for name in ("build", "nothing to do")}
    wait_until(is_reached, PATIENCE, "the first namespace does not reach the outside")
    rate = median(transfer() for _transfer in range(TRANSFERS)) / 1e9
    teardown = measure(lambda: run_steps(steps({**variables, "state": "absent"})))
    return {**seconds, "teardown": teardown, "Gbit/s": rate}


def main(namespaces: int = 500) -> None:
    """Measure, and print a line for each part, with its ratio to that of the way before."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with server():
        for _round in range(ROUNDS):
            for way, declare in WAYS.items():
                found[way].append(measure_way(declare(namespaces)))
                print(way, json.dumps(found[way][-1]), file=sys.stderr, flush=True)
    print(f"{namespaces} namespaces, {POLICIES} policies; medians of {ROUNDS}, and medians of the ratios in a round:")
    for part in found["open"][0]:
        print(f"{part:<14}", *(f"{way} {median(one[part] for one in found[way]):8.2f}" for way in WAYS), sep="  ")
        for before, after in (("open", "isolated"), ("isolated", "policies")):
            ratio = median(new[part] / old[part] for old, new in zip(found[before], found[after]))
            print(f"{'':<14}  {after} / {before}: {ratio:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ovs_qos: it limits the rate, the cycle, queues, owners, shared rows, rollback, refusals."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import configuration, rows, stopped
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

QOS: dict[str, Any] = {"port": "red-tap", "type": "linux-htb", "max_rate": 8_000_000}
QUEUES = [{"id": 0, "max_rate": 8_000_000}, {"id": 5, "min_rate": 1000, "max_rate": 2_000_000, "priority": 1}]


def prepare(host: Host) -> None:
    """Connect two namespaces to a bridge."""
    words = ["add-br", "br", "--", "set", "Bridge", "br", "datapath_type=netdev"]
    for number, name in enumerate(("red", "blue"), start=1):
        shell(
            host,
            f"""
            netns add {name}
            link add {name}-tap type veth peer name eth0 netns {name}
            -n {name} addr add 192.0.2.{number}/24 dev eth0
            -n {name} link set eth0 up
            link set {name}-tap up
            !ip netns exec {name} ethtool -K eth0 tx off
            """,
        )
        words += ["--", "add-port", "br", f"{name}-tap"]
    host.ovs_vsctl(*words)


@pytest.fixture(name="prepared")
def fixture_prepared(host: Host) -> Host:
    prepare(host)
    return host


def remains() -> tuple[int, int]:
    """Return the numbers of rows, which nothing else deletes."""
    return len(rows("QoS")), len(rows("Queue"))


def test_the_rate_is_limited(host: Host, run_module: RunModule) -> None:
    options = {**QOS, "queues": QUEUES, "owner": "lab"}
    converge_and_paste(host, run_module, lambda: prepare(host), "ovs_qos", **options)
    assert "qdisc htb" in host.run("tc", "qdisc", "show", "dev", "red-tap").stdout
    assert remains() == (1, 2)
    started = time.monotonic()
    traffic.exchange("blue", "red", "192.0.2.1", size=2_000_000)
    # 2 MB to red at 8 Mbit/s take two seconds, less a burst; without a limit, a fraction of one.
    assert time.monotonic() - started > 1.5
    converge(host, run_module, "ovs_qos", port="red-tap", state="absent")
    assert remains() == (0, 0)


def test_queues_are_exact_and_changed_in_place(prepared: Host, run_module: RunModule) -> None:
    converge(prepared, run_module, "ovs_qos", **QOS, queues=QUEUES, other_config={"a": 1})
    converge(prepared, run_module, "ovs_qos", port="red-tap", max_rate=9_000_000)
    converge(prepared, run_module, "ovs_qos", port="red-tap", queues=[{"id": 5, "dscp": 10}, {"id": 7}])
    assert remains() == (1, 2)
    (declared,) = run_module("topology_info").returned["declarations"]["qos"]
    assert declared == {
        "port": "red-tap",
        "type": "linux-htb",
        "max_rate": 9_000_000,
        "other_config": {"a": "1"},
        "queues": [{"id": 5, "dscp": 10}, {"id": 7}],
    }
    assert not run_module("ovs_qos", qos=[declared]).changed
    converge(prepared, run_module, "ovs_qos", port="red-tap", queues=[], other_config={"a": None})
    assert remains() == (1, 0)


def test_only_the_owners_rows_are_removed(prepared: Host, run_module: RunModule) -> None:
    prepared.ovs_vsctl("--id=@q", "create", "QoS", "type=linux-noop", "--", "set", "Port", "blue-tap", "qos=@q")
    converge(prepared, run_module, "ovs_qos", qos=[{**QOS, "queues": QUEUES}], owner="lab")
    left = run_module("ovs_qos", port="blue-tap", state="absent", owner="lab")
    assert (left.changed, len(left.warnings)) == (False, 1)
    converge(prepared, run_module, "ovs_qos", qos=[{"port": "blue-tap"}], owner="lab", prune=True)
    assert remains() == (1, 0)


@pytest.mark.parametrize("module", ["ovs_port", "ovs_bridge"])
def test_an_owned_row_is_deleted_with_its_port(prepared: Host, run_module: RunModule, module: str) -> None:
    prepared.ovs_vsctl("--id=@q", "create", "QoS", "type=linux-noop", "--", "set", "Port", "blue-tap", "qos=@q")
    assert not run_module("ovs_qos", qos=[{**QOS, "queues": QUEUES}], owner="lab").failed
    before = configuration()
    name = "red-tap" if module == "ovs_port" else "br"
    with stopped("ovs-vswitchd"):
        assert run_module(module, name=name, state="absent", timeout=1).message.endswith("the host is unchanged.")
    assert configuration() == before
    converge(prepared, run_module, module, name=name, state="absent")
    assert remains() == (1, 0)


SHARED = (
    *("--id=@w", "create", "Queue", "other_config:max-rate=5"),
    *("--", "--id=@q", "create", "QoS", "type=linux-noop", "queues:0=@w", "external_ids:netns.fabric/lab=owner"),
    *("--", "set", "Port", "red-tap", "qos=@q", "--", "set", "Port", "blue-tap", "qos=@q"),
)
REMOVALS: dict[str, dict[str, Any]] = {
    "ovs_qos": {"qos": [{"port": name, "state": "absent"} for name in ("red-tap", "blue-tap")]},
    "ovs_port": {"ports": [{"name": name, "state": "absent"} for name in ("red-tap", "blue-tap")]},
    "ovs_bridge": {"name": "br", "state": "absent"},
}


@pytest.mark.parametrize("module", REMOVALS)
def test_a_row_of_two_ports_is_deleted_with_both(
    prepared: Host, run_module: RunModule, tmp_path: Path, module: str
) -> None:
    prepared.ovs_vsctl(*SHARED)
    before = configuration()
    with stopped("ovs-vswitchd"):
        assert run_module(module, **REMOVALS[module], timeout=1).message.endswith("the host is unchanged.")
    assert configuration() == before
    failing = fail_after(tmp_path, "destroy*Q*destroy" if module == "ovs_qos" else "del-")
    assert run_module(module, **REMOVALS[module], _env=failing).message.endswith("the host is unchanged.")
    assert configuration() == before
    converge(prepared, run_module, module, **REMOVALS[module])
    assert remains() == (0, 0)


def test_what_an_earlier_step_removes_is_gone_in_check_mode(prepared: Host, run_module: RunModule) -> None:
    prepared.ovs_vsctl(*SHARED)
    removals = [{"module": "ovs_qos", "options": {**each}} for each in REMOVALS["ovs_qos"]["qos"]]
    ports = {"module": "ovs_port", "options": REMOVALS["ovs_port"]}
    result = converge(prepared, run_module, "sequence", steps=[*removals, ports])
    assert remains() == (0, 0)
    assert [line for line in result.commands if "destroy QoS" in line] == [
        line for line in result.commands if "remove Port blue-tap" in line
    ]


def fail_after(directory: Path, commands: str) -> dict[str, str]:
    """Return the environment in which ovs-vsctl commits a transaction with these commands, and then fails."""
    program = directory / "ovs-vsctl"
    text = f'#!/bin/sh\n/usr/bin/ovs-vsctl "$@" || exit\ncase "$*" in *{commands}*) exit 3;; esac\n'
    program.write_text(text, encoding="ascii")
    program.chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def test_a_row_of_two_ports_is_left_to_the_other(prepared: Host, run_module: RunModule) -> None:
    prepared.ovs_vsctl(
        *("--id=@q", "create", "QoS", "type=linux-noop", "--", "set", "Port", "blue-tap", "qos=@q"),
        *("--", "set", "Port", "red-tap", "qos=@q"),
    )
    before = configuration()
    with stopped("ovs-vswitchd"):
        assert run_module("ovs_qos", **QOS, timeout=1).message.endswith("the host is unchanged.")
    assert configuration() == before
    converge(prepared, run_module, "ovs_qos", **QOS)
    assert remains() == (2, 0)


CHANGES: dict[str, dict[str, Any]] = {
    "new": {"port": "blue-tap", "type": "linux-htb", "queues": QUEUES},
    "changed": {"port": "red-tap", "type": "linux-sfq", "queues": [{"id": 5, "max_rate": 7}, {"id": 6}]},
    "deleted": {"port": "red-tap", "state": "absent"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_times_out_is_rolled_back(prepared: Host, run_module: RunModule, name: str) -> None:
    assert not run_module("ovs_qos", **QOS, queues=QUEUES, owner="lab").failed
    before = configuration()
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_qos", timeout=1, **CHANGES[name])
    assert "was reverted there" in result.message
    assert result.message.endswith("the host is unchanged.")
    assert configuration() == before


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"port": "nope", "type": "linux-htb"}, "port: the port nope does not exist"),
    ({"port": "red-tap"}, "type: red-tap has no quality of service of its own yet"),
    ({**QOS, "max_rate": 0}, "max_rate: 0 is not a valid number"),
    ({**QOS, "queues": [{"id": 1, "dscp": 64}]}, "queues[0].dscp: 64 is not a valid number"),
    ({**QOS, "other_config": {"max-rate": 5}}, "other_config: use the option `max_rate`"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_options_are_refused(
    prepared: Host, run_module: RunModule, options: dict[str, Any], message: str
) -> None:
    before = configuration()
    result = run_module("ovs_qos", **options)
    assert result.failed
    assert message in result.message
    assert configuration() == before

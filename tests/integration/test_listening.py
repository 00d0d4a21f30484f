# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that stay open for the probes of other hosts: `listen` of the module reachability."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.convergence import shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

FAR = {"namespace": "blue", "address": "192.0.2.2", "port": 7}


@pytest.fixture(autouse=True)
def fixture_pair(host: Host) -> None:
    shell(
        host,
        """
        netns add red
        netns add blue
        link add eth0 netns red type veth peer name eth0 netns blue
        -n red addr add 192.0.2.1/24 dev eth0
        -n blue addr add 192.0.2.2/24 dev eth0
        -n red link set eth0 up
        -n blue link set eth0 up
        """,
    )


def sockets(host: Host, namespace: str = "blue") -> list[str]:
    lines = host.in_namespace(namespace, "ss", "-Hlntu").stdout.splitlines()
    return sorted(f"{line.split()[0]} {line.split()[4]}" for line in lines)


def listen(run_module: RunModule, *ports: dict[str, Any], **options: Any) -> Any:
    check = options.pop("_check", False)
    return run_module("reachability", listen={"name": "lab", "ports": list(ports), **options}, _check=check)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_port_answers_until_it_is_closed(host: Host, run_module: RunModule, protocol: str) -> None:
    port = {**FAR, "protocol": protocol}
    opened = listen(run_module, port)
    assert not opened.failed, opened.message
    assert not opened.changed
    assert opened.returned["listening"] == [f"{protocol} port 7 of 192.0.2.2 (blue)"]
    probe: dict[str, Any] = {"namespace": "red", "to": "192.0.2.2", "protocol": protocol, "port": 7}
    for _again in range(3):
        # By another process, and as another host sends it: nothing is known of who listens.
        assert not run_module("reachability", **probe).failed
        # Open again, with connections of before that the kernel keeps.
        assert listen(run_module, port).returned["listening"] == opened.returned["listening"]
    assert not listen(run_module).failed
    assert sockets(host) == []
    assert not run_module("reachability", **probe, expect="rejected").failed


def test_a_further_call_replaces_the_ports(host: Host, run_module: RunModule) -> None:
    listen(run_module, FAR, {**FAR, "protocol": "udp"})
    assert sockets(host) == ["tcp 192.0.2.2:7", "udp 192.0.2.2:7"]
    listen(run_module, {**FAR, "port": 8})
    assert sockets(host) == ["tcp 192.0.2.2:8"]
    # Those of another name stay.
    listen(run_module, FAR, name="other")
    listen(run_module)
    assert sockets(host) == ["tcp 192.0.2.2:7"]
    listen(run_module, name="other")
    assert sockets(host) == []


def test_the_ports_are_closed_when_their_time_is_over(host: Host, run_module: RunModule) -> None:
    listen(run_module, FAR, seconds=1)
    wait_until(lambda: sockets(host) == [], otherwise="the port is still open")
    assert not listen(run_module).failed


def test_check_mode_opens_nothing(host: Host, run_module: RunModule) -> None:
    assert not listen(run_module, FAR, _check=True).failed
    assert sockets(host) == []


def test_a_port_of_a_program_is_left_to_that(host: Host, run_module: RunModule) -> None:
    listen(run_module, FAR, name="program")
    opened = listen(run_module, FAR, {**FAR, "port": 8})
    assert opened.returned["listening"] == ["tcp port 8 of 192.0.2.2 (blue)"]
    listen(run_module)
    assert sockets(host) == ["tcp 192.0.2.2:7"]
    listen(run_module, name="program")


def test_who_is_not_root_does_not_close_the_ports(host: Host, run_module: RunModule) -> None:
    listen(run_module, FAR)
    script = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0netns.fabric/listen/lab'); s.recv(1)"
    host.run("setpriv", "--reuid=65534", "--clear-groups", "python3", "-c", script)
    assert sockets(host) == ["tcp 192.0.2.2:7"]
    listen(run_module)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a b"}, "listen: name: 'a b' cannot be an owner name"),
        ({"seconds": 0}, "seconds: "),
        ({"ports": [{"address": "x", "port": 0}, {"address": "192.0.2.2", "port": 70000}]}, "ports[1] (192.0.2.2)"),
        ({"ports": [{**FAR, "namespace": "none"}]}, "namespace none does not exist"),
    ],
)
def test_wrong_options_are_errors(host: Host, run_module: RunModule, options: dict[str, Any], message: str) -> None:
    result = run_module("reachability", listen={"name": "lab", "ports": [FAR], **options})
    assert result.failed
    assert message in result.message, result.message
    assert sockets(host) == []

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes of published ports: they listen where the port leads to; and those that the role derives."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.convergence import shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import clear_legacy
from ansible_collections.netns.fabric.tests.integration.silent_servers import SILENT_PROGRAM, wait_for_port


class TestProbe:
    @pytest.fixture(autouse=True)
    def published(self, host: Host, run_module: RunModule) -> Iterator[None]:
        """Publish port 8080 of the host in both families; it leads to port 80 of a namespace."""
        shell(
            host,
            """
            netns add web
            link add eth0 netns web type veth peer name to-web
            link set to-web up
            addr add 10.0.0.254/24 dev to-web
            addr add fd00::fe/64 dev to-web nodad
            -n web link set lo up
            -n web link set eth0 up
            -n web addr add 10.0.0.1/24 dev eth0
            -n web addr add fd00::1/64 dev eth0 nodad
            """,
        )
        rules = [{"port": "8080", "to_address": address, "to_port": 80} for address in ("10.0.0.1", "fd00::1")]
        done = run_module("nat_port_forward", rules=rules)
        assert not done.failed, done.message
        yield
        clear_legacy(host)

    @pytest.fixture
    def probe(self) -> dict[str, Any]:
        return {
            "to": "10.0.0.254",
            "protocol": "tcp",
            "port": 8080,
            "forwarded_to": "10.0.0.1",
            "forwarded_port": 80,
        }

    def test_it_arrives_where_the_port_leads_to(self, run_module: RunModule, probe: dict[str, Any]) -> None:
        probes = [probe, {**probe, "to": "fd00::fe", "forwarded_to": "fd00::1"}]
        done = run_module("reachability", probes=probes)
        assert not done.failed, done.message
        assert [each["answered_by"] for each in done.returned["probes"]] == ["web", "web"]

    def test_a_service_that_listens_already_is_asked(
        self, host: Host, run_module: RunModule, probe: dict[str, Any]
    ) -> None:
        host.start(*traffic.ENDPOINT, "serve", "web", "/run/contacts", "80", namespace="web")
        for _attempt in range(100):
            if "LISTEN" in host.in_namespace("web", "ss", "-Hltn").stdout:
                break
            time.sleep(0.05)  # nothing reports when it listens
        done = run_module("reachability", **probe)
        assert not done.failed, done.message
        assert done.returned["probes"][0]["answered_by"] is None

    def test_a_port_that_leads_elsewhere_or_nowhere(
        self, host: Host, run_module: RunModule, probe: dict[str, Any]
    ) -> None:
        refused = "the host -> 10.0.0.254 tcp/8080: refused"
        assert refused in run_module("reachability", **{**probe, "forwarded_port": 81}).message
        host.run("nft", "flush", "ruleset")
        assert refused in run_module("reachability", **probe).message

    def test_options_that_need_each_other(self, run_module: RunModule) -> None:
        assert "forwarded_to: needs the `port` that is published" in (
            run_module("reachability", to="10.0.0.1", protocol="tcp", forwarded_to="10.0.0.2").message
        )
        assert "forwarded_port: needs the address that the port leads to" in (
            run_module("reachability", to="10.0.0.1", protocol="tcp", port=80, forwarded_port=80).message
        )


class TestUdpProbe:
    @pytest.fixture(autouse=True)
    def published(self, host: Host, run_module: RunModule) -> Iterator[None]:
        """Publish UDP port 5353 of the host in both families; it leads to port 53 of one of two namespaces."""
        connect_web_and_other(host)
        rules = [
            # The neighbour's answers go round the router unless they are led back (bridge-nf-call-iptables is 0).
            {"port": "5353", "protocol": "udp", "to_address": address, "to_port": 53, "hairpin": [network]}
            for address, network in (("10.0.0.1", "10.0.0.0/24"), ("fd00::1", "fd00::/64"))
        ]
        done = run_module("nat_port_forward", rules=rules)
        assert not done.failed, done.message
        yield
        clear_legacy(host)

    @pytest.fixture
    def probes(self) -> list[dict[str, Any]]:
        return [
            {
                "to": to,
                "protocol": "udp",
                "port": 5353,
                "forwarded_to": target,
                "forwarded_port": 53,
                **({} if namespace is None else {"namespace": namespace}),
            }
            for to, target in (("10.0.0.254", "10.0.0.1"), ("fd00::fe", "fd00::1"))
            for namespace in (None, "other")
        ]

    def test_it_arrives_where_the_port_leads_to(self, run_module: RunModule, probes: list[dict[str, Any]]) -> None:
        done = run_module("reachability", probes=probes)
        assert not done.failed, done.message
        assert [each["answered_by"] for each in done.returned["probes"]] == ["web"] * 4

    @pytest.mark.parametrize("program", [SILENT_PROGRAM, None])
    def test_a_program_that_listens_already(
        self, host: Host, run_module: RunModule, probes: list[dict[str, Any]], program: str | None
    ) -> None:
        """One that answers nothing, as WireGuard, and one that does: neither decides."""
        command = (
            [sys.executable, "-c", program] if program else [*traffic.ENDPOINT, "serve", "web", "/run/contacts", "53"]
        )
        host.start(*command, namespace="web")
        wait_for_port(host, "web", 53)
        done = run_module("reachability", probes=probes)
        assert not done.failed, done.message
        assert [each["answered_by"] for each in done.returned["probes"]] == ["web"] * 4

    def test_a_port_that_leads_to_another_program_or_nowhere(
        self, host: Host, run_module: RunModule, probes: list[dict[str, Any]]
    ) -> None:
        wrong = [{**each, "forwarded_port": 54, "timeout": 1} for each in probes[:2]]
        assert run_module("reachability", probes=wrong).message.count("udp/5353: port unreachable") == 2
        host.start(*traffic.ENDPOINT, "serve", "web", "/run/contacts", "53", namespace="web")
        wait_for_port(host, "web", 53)
        assert run_module("reachability", probes=wrong).message.count("udp/5353: misdirected") == 2
        host.run("nft", "flush", "ruleset")
        nowhere = run_module("reachability", **probes[0])
        assert "the host -> 10.0.0.254 udp/5353: port unreachable" in nowhere.message


def connect_web_and_other(host: Host) -> None:
    """Create two namespaces on a bridge of the host, which is their gateway."""
    shell(host, "link add br0 type bridge\nlink set br0 up\naddr add 10.0.0.254/24 dev br0")
    shell(host, "addr add fd00::fe/64 dev br0 nodad")
    for number, name in ((1, "web"), (2, "other")):
        shell(
            host,
            f"""
            netns add {name}
            link add eth0 netns {name} type veth peer name to-{name}
            link set to-{name} up master br0
            -n {name} link set lo up
            -n {name} link set eth0 up
            -n {name} addr add 10.0.0.{number}/24 dev eth0
            -n {name} addr add fd00::{number}/64 dev eth0 nodad
            -n {name} route add default via 10.0.0.254
            -n {name} -6 route add default via fd00::fe
            """,
        )


VARIABLES: dict[str, Any] = {
    "name": "lab",
    "state": "present",
    "bridges": [{"name": "br0", "addresses": ["10.0.0.254/24", "fd00::fe/64"]}],
    "namespaces": [
        {
            "name": name,
            "interfaces": [
                {
                    "name": "eth0",
                    "bridge": "br0",
                    "peer": f"{name}_tap",
                    "addresses": [f"10.0.0.{n}/24", f"fd00::{n}/64"],
                }
            ],
            "routes": [
                {"destination": "default", "gateway": "10.0.0.254"},
                {"destination": "default", "gateway": "fd00::fe"},
            ],
        }
        for n, name in ((1, "web"), (2, "other"))
    ],
    "nat": [
        {"publish": 8080, "to": "web", "to_port": 80},
        {"publish": "9000-9002", "to": "10.0.0.2"},
        {"publish": 5353, "protocol": "udp", "to": "10.0.0.1", "to_port": 53},
    ],
}


def test_the_role_probes_them_from_the_host_and_from_a_neighbour(host: Host, run_module: RunModule) -> None:
    probes = compile_topology(VARIABLES)["probes"]
    published = [
        (each.get("namespace"), each["to"], each["port"], each["forwarded_to"], each["forwarded_port"])
        for each in probes
        if "forwarded_to" in each
    ]
    assert published == [
        (None, "10.0.0.254", 8080, "10.0.0.1", 80),
        ("other", "10.0.0.254", 8080, "10.0.0.1", 80),
        (None, "fd00::fe", 8080, "fd00::1", 80),
        ("other", "fd00::fe", 8080, "fd00::1", 80),
        (None, "10.0.0.254", 9000, "10.0.0.2", 9000),
        ("web", "10.0.0.254", 9000, "10.0.0.2", 9000),
        (None, "10.0.0.254", 5353, "10.0.0.1", 53),
        ("other", "10.0.0.254", 5353, "10.0.0.1", 53),
    ]
    done = run_module("sequence", steps=steps(VARIABLES), probes=probes)
    assert not done.failed, done.message
    # Somebody deletes what the packets from outside take, and the verification of an empty run says so.
    host.run("nft", "flush", "chain", "ip", "netns_fabric", "prerouting")
    short = [{**each, "timeout": 1} for each in probes]
    failed = run_module("sequence", steps=[], probes=short)
    assert failed.failed
    assert "other -> 10.0.0.254 tcp/8080: refused" in failed.message
    # Silence or port unreachable: redirects of the run before count in the limit of errors (icmp_ratelimit, icmp(7)).
    assert "other -> 10.0.0.254 udp/5353: " in failed.message
    assert "the host -> 10.0.0.254 udp/5353" not in failed.message
    assert "the host -> 10.0.0.254 tcp/8080" not in failed.message
    assert not run_module("sequence", steps=steps(VARIABLES), probes=short).failed
    clear_legacy(host)


def test_the_role_probes_one_behind_a_router_by_the_address_that_the_router_answers(
    host: Host, run_module: RunModule
) -> None:
    """The router has a route to one of the networks of the host only, and that is not the first one."""
    ends = [("dmz", "10.1.0.1/24"), ("lan", "10.0.0.254/24")]
    router = {
        "name": "router",
        "interfaces": [{"name": f"eth-{name}", "bridge": name, "addresses": [own]} for name, own in ends],
        "routes": [],
        "sysctls": {"net.ipv4.ip_forward": 1},
    }
    web = {
        "name": "web",
        "interfaces": [{"name": "eth0", "bridge": "lan", "addresses": ["10.0.0.1/24"]}],
        "routes": [{"destination": "default", "gateway": "10.0.0.254"}],
    }
    networks = [{"name": "other", "addresses": ["10.3.0.254/24"]}, {"name": "dmz", "addresses": ["10.1.0.254/24"]}]
    variables = {
        "name": "lab",
        "bridges": [*networks, {"name": "lan"}],
        "namespaces": [router, web],
        "host": {"routes": [{"destination": "10.0.0.0/24", "gateway": "10.1.0.1"}]},
        "nat": [{"publish": 8080, "to": "web", "to_port": 80}],
    }
    probes = [{**each, "timeout": 2} for each in compile_topology(variables)["probes"]]
    published = [(each.get("namespace"), each["to"]) for each in probes if "forwarded_to" in each]
    assert published == [(None, "10.1.0.254"), ("router", "10.1.0.254")]
    done = run_module("sequence", steps=steps(variables), probes=probes)
    assert not done.failed, done.message
    # Where the answer to the other address ends.
    wrong = [{**each, "to": "10.3.0.254"} for each in probes if "forwarded_to" in each and "namespace" not in each]
    assert run_module("sequence", steps=[], probes=wrong).failed
    clear_legacy(host)

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
from ansible_collections.netns.fabric.tests.helpers.convergence import shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_services import CONTACT
from ansible_collections.netns.fabric.tests.integration.nat_world import clear_legacy


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
        host.start(sys.executable, CONTACT, "serve", "web", "/run/contacts", "80", namespace="web")
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
    "nat": [{"publish": 8080, "to": "web", "to_port": 80}, {"publish": "9000-9002", "to": "10.0.0.2"}],
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
    ]
    done = run_module("sequence", steps=steps(VARIABLES), probes=probes)
    assert not done.failed, done.message
    # Somebody deletes what the packets from outside take, and the verification of an empty run says so.
    host.run("nft", "flush", "chain", "ip", "netns_fabric", "prerouting")
    short = [{**each, "timeout": 1} for each in probes]
    failed = run_module("sequence", steps=[], probes=short)
    assert failed.failed
    assert "other -> 10.0.0.254 tcp/8080: refused" in failed.message
    assert "the host -> 10.0.0.254 tcp/8080" not in failed.message
    assert not run_module("sequence", steps=steps(VARIABLES), probes=short).failed
    clear_legacy(host)

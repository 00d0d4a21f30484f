# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hosts as a cluster of OVN's databases and as chassis: traffic, who may write, healing, losses, teardown."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers.hosts import NestedHost
from ansible_collections.netns.fabric.tests.helpers.plays import COLLECTION
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

NAMES = ("host1", "host2", "host3")
SCENARIO = COLLECTION / "extensions" / "molecule" / "ovn"
INVENTORIES = (COLLECTION / "extensions" / "molecule" / "inventory" / "hosts.yml", SCENARIO / "inventory" / "hosts.yml")
CONVERGE, REMOVE = SCENARIO / "converge.yml", SCENARIO / "remove.yml"
CENTRAL = "--tags=ovn_central"
PKI = Path("/run/ovn-pki")
DATABASES = {"nb": "OVN_Northbound", "sb": "OVN_Southbound"}
#: What a host has of OVN and of the underlay, each as a command that prints it.
STATE = (
    ("ip", "-brief", "address", "show", "dev", "eth0"),
    ("ip", "route"),
    ("ovs-vsctl", "--timeout=10", "list-br"),
    ("ovs-vsctl", "--timeout=10", "get", "Open_vSwitch", ".", "external_ids", "ssl"),
    ("sh", "-c", "ls -A /etc/ovn /var/lib/ovn /etc/systemd/system | grep -v -e lock"),
)


@dataclass(frozen=True)
class Played:
    """The result of a run: its exit status and its output."""

    status: int
    output: str

    @property
    def changed(self) -> dict[str, int]:
        """Return how many tasks have changed something, by host."""
        found = re.findall(r"^(host\d) .*\bchanged=(\d+)", self.output, re.MULTILINE)
        return {host: int(number) for host, number in found}

    @property
    def words(self) -> str:
        """Return the output in one line."""
        return " ".join(self.output.split())


def play(playbook: Path, *options: str) -> Played:
    """Run a playbook on the three hosts, as a user would."""
    environment = {name: value for name, value in os.environ.items() if name != "ANSIBLE_CONFIG"}
    output = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml"}
    inventories = [word for path in INVENTORIES for word in ("--inventory", str(path))]
    ran = subprocess.run(
        ["ansible-playbook", *inventories, str(playbook), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={**environment, **output},
    )
    return Played(ran.returncode, ran.stdout + ran.stderr)


def state(host: NestedHost) -> list[str]:
    """Return what a host has of OVN and of the underlay."""
    return [host.run(*command, check=False).stdout for command in STATE]


def cluster(host: NestedHost, short: str = "nb") -> str:
    """Return what a member says of the cluster."""
    control = f"/run/ovn/ovn{short}_db.ctl"
    arguments = ("ovs-appctl", "--timeout=10", "-t", control, "cluster/status", DATABASES[short])
    return host.run(*arguments, check=False).stdout


def servers(host: NestedHost, short: str = "nb") -> set[str]:
    """Return the members of the cluster, as one of them knows them."""
    return set(re.findall(r"^    \w+ \(\w+ at (\S+)\)", cluster(host, short), re.MULTILINE))


def has_three_servers(host: NestedHost, short: str) -> bool:
    """Return whether a cluster is complete."""
    return len(servers(host, short)) == 3


def cluster_id(host: NestedHost) -> str:
    """Return what identifies the cluster."""
    found = re.search(r"Cluster ID: \w+ \((\S+)\)", cluster(host))
    assert found, cluster(host)
    return found[1]


def nbctl(host: NestedHost, *arguments: str) -> str:
    """Run ovn-nbctl on a member, whichever leads the cluster."""
    return host.run("ovn-nbctl", "--no-leader-only", "--timeout=20", *arguments).stdout


def plug(host: NestedHost, port: str, address: str) -> None:
    """Connect a new namespace of this name to a logical port."""
    for line in (
        f"ip netns add {port}",
        f"ip link add t-{port} type veth peer name eth0 netns {port}",
        f"ip link set t-{port} up",
        f"ip netns exec {port} ethtool -K eth0 tx off",
        f"ip -n {port} addr add {address}/24 dev eth0",
        f"ip -n {port} link set eth0 mtu 1442 up",
        f"ovs-vsctl --timeout=10 add-port br-int t-{port} -- set Interface t-{port} external_ids:iface-id={port}",
    ):
        host.run(*line.split())


@pytest.fixture(scope="module", name="hosts")
def fixture_hosts() -> list[NestedHost]:
    return [NestedHost.find(name) for name in NAMES]


@pytest.fixture(scope="module")
def network(hosts: list[NestedHost]) -> Iterator[None]:
    """Provide a logical switch with a port on the first and on the last host."""
    nbctl(hosts[0], "ls-add", "lab", "--", "lsp-add", "lab", "red", "--", "lsp-add", "lab", "blue")
    for port in ("red", "blue"):
        nbctl(hosts[0], "lsp-set-addresses", port, "unknown")
    plug(hosts[0], "red", "192.0.2.1")
    plug(hosts[2], "blue", "192.0.2.2")
    yield
    for host, port in ((hosts[0], "red"), (hosts[2], "blue")):
        host.ovs_vsctl("--if-exists", "del-port", f"t-{port}")
        host.run("ip", "netns", "del", port)


def test_three_members_lead_to_one_cluster(hosts: list[NestedHost]) -> None:
    for short, port in (("nb", 6643), ("sb", 6644)):
        for host in hosts:
            assert servers(host, short) == {f"ssl:10.0.0.{number}:{port}" for number in (1, 2, 3)}
    assert sum("Role: leader" in cluster(host) for host in hosts) == 1
    chassis = (
        hosts[1].run("ovn-sbctl", "--no-leader-only", "--bare", "--columns=name", "list", "Chassis").stdout.split()
    )
    assert len(chassis) == 3


def test_the_address_and_the_routes_have_moved_to_the_bridge(hosts: list[NestedHost]) -> None:
    for host in hosts:
        assert host.run("ip", "-brief", "-4", "address", "show", "dev", "eth0").stdout == ""
        assert f"{host.address}/24" in host.run("ip", "-brief", "address", "show", "dev", "br-phy").stdout
        assert "203.0.113.0/24 via 10.0.0.254 dev br-phy" in host.run("ip", "route").stdout
        assert host.pings("10.0.0.254")
        assert host.ovs_vsctl("list-br").split() == ["br-ex", "br-int", "br-phy"]


def test_tunnels_carry_whole_packets(hosts: list[NestedHost], network: None) -> None:
    wait_until(lambda: hosts[0].pings("192.0.2.2", "red"), 60, "the far namespace does not answer")
    assert hosts[0].pings("192.0.2.2", "red", size=1442)


def test_only_members_write_to_the_northbound_database(hosts: list[NestedHost]) -> None:
    def ask(database: str, keys: str) -> int:
        files = [f"--private-key={keys}/key.pem", f"--certificate={keys}/certificate.pem", f"--ca-cert={keys}/ca.pem"]
        command = ("ovn-nbctl" if database.endswith("6641") else "ovn-sbctl", "--timeout=5", "--no-leader-only", *files)
        return hosts[2].run(*command, f"--db={database}", "show", check=False).returncode

    central, chassis = "/etc/ovn/netns.fabric-central", "/etc/ovn/netns.fabric-host"
    assert ask("ssl:10.0.0.1:6641", central) == 0
    assert ask("ssl:10.0.0.1:6641", chassis) != 0
    assert ask("ssl:10.0.0.1:6642", chassis) == 0
    assert ask("tcp:10.0.0.1:6641", central) != 0
    assert {path.stat().st_mode & 0o077 for path in PKI.rglob("*")} == {0}
    modes = hosts[0].run("find", "/etc/ovn/netns.fabric-central", "/etc/ovn/netns.fabric-host", "-perm", "/077").stdout
    assert modes == ""


def test_check_mode_finds_nothing_to_do(hosts: list[NestedHost]) -> None:
    before = [state(host) for host in hosts]
    played = play(CONVERGE, "--check", "--diff")
    assert (played.status, set(played.changed.values())) == (0, {0}), played.output
    assert [state(host) for host in hosts] == before


def test_damage_heals_in_one_run(hosts: list[NestedHost], network: None) -> None:
    hosts[0].run("/usr/share/ovn/scripts/ovn-ctl", "stop_controller")
    hosts[0].ovs_vsctl("del-br", "br-int")
    hosts[1].ovs_vsctl("set", "Open_vSwitch", ".", "external_ids:ovn-encap-type=vxlan")
    # As after a reboot: the distribution has configured the NIC.
    hosts[2].run("ip", "address", "flush", "dev", "br-phy")
    hosts[2].run("ip", "link", "set", "br-phy", "down")
    hosts[2].run("ip", "address", "add", "10.0.0.3/24", "dev", "eth0")
    hosts[2].run("ip", "route", "add", "203.0.113.0/24", "via", "10.0.0.254")
    played = play(CONVERGE)
    assert played.status == 0, played.output
    assert hosts[1].ovs_vsctl("get", "Open_vSwitch", ".", "external_ids:ovn-encap-type") == "geneve"
    assert "203.0.113.0/24 via 10.0.0.254 dev br-phy" in hosts[2].run("ip", "route").stdout
    # The port was on the bridge that is gone.
    hosts[0].ovs_vsctl("add-port", "br-int", "t-red", "--", "set", "Interface", "t-red", "external_ids:iface-id=red")
    wait_until(lambda: hosts[0].pings("192.0.2.2", "red"), 60, "the far namespace does not answer")


def test_a_lost_member_returns(hosts: list[NestedHost], network: None) -> None:
    former = cluster_id(hosts[0])
    for name in ("ovnnb_db", "ovnsb_db", "ovn-northd"):
        hosts[1].kill_daemon(f"/run/ovn/{name}.pid")
    # One of its databases; of the other one the member is to stay what it is.
    hosts[1].run("rm", "/var/lib/ovn/ovnsb_db.db")
    nbctl(hosts[0], "set", "NB_Global", ".", "external_ids:lost=two")

    refused = play(CONVERGE, CENTRAL, "--limit=host2")
    assert refused.status != 0
    assert "host2 has no database of the cluster, and this run is limited to some of its members" in refused.words
    assert hosts[1].run("ls", "/var/lib/ovn").stdout.split() == ["ovnnb_db.db"]

    played = play(CONVERGE, CENTRAL)
    assert played.status == 0, played.output
    for short in DATABASES:
        wait_until(partial(has_three_servers, hosts[1], short), 60, f"{short} is not complete")
        assert servers(hosts[0], short) == servers(hosts[1], short)
    assert {cluster_id(host) for host in hosts} == {former}
    assert "lost=two" in nbctl(hosts[1], "get", "NB_Global", ".", "external_ids")
    assert set(play(CONVERGE, CENTRAL).changed.values()) == {0}


def test_members_leave_and_the_last_one_goes_on_alone(hosts: list[NestedHost], network: None) -> None:
    """The group shrinks: two leave while they are in it, and it is one host then."""
    leaving = (CENTRAL, "--limit=host2,host3", "--extra-vars=ovn_central_state=absent")
    alone = (CENTRAL, "--limit=host1", "--extra-vars=ovn_central_group=ovn_first")
    former, before = cluster_id(hosts[0]), [state(host) for host in hosts]
    checked = play(CONVERGE, "--check", *leaving)
    assert (checked.status, min(checked.changed.values())) == (0, 1), checked.output
    refused = play(CONVERGE, *alone)
    assert refused.status != 0
    assert (
        "The cluster has a member at ssl:10.0.0.2, ssl:10.0.0.3, which ovn_central_group, ovn_central_add"
        in refused.words
    )
    assert [state(host) for host in hosts] == before
    played = play(CONVERGE, *leaving)
    assert played.status == 0, played.output
    for short, port in (("nb", 6643), ("sb", 6644)):
        assert servers(hosts[0], short) == {f"ssl:10.0.0.1:{port}"}
    for host in hosts[1:]:
        assert host.run("find", "/var/lib/ovn", "-mindepth", "1").stdout == ""
    played = play(CONVERGE, *alone)
    assert played.status == 0, played.output
    assert cluster_id(hosts[0]) == former
    assert "(lab)" in nbctl(hosts[0], "ls-list")


def test_one_host_grows_to_three(hosts: list[NestedHost], network: None) -> None:
    """Two more in the group, and one run: what is in the databases stays, and so do the first one's certificates."""
    former = cluster_id(hosts[0])
    keys = ("sh", "-c", "sha256sum /etc/ovn/netns.fabric-central/*")
    before = hosts[0].run(*keys).stdout
    played = play(CONVERGE, CENTRAL)
    assert played.status == 0, played.output
    for short in DATABASES:
        for host in hosts:
            wait_until(partial(has_three_servers, host, short), 60, f"{short} is not complete")
    assert {cluster_id(host) for host in hosts} == {former}
    assert hosts[0].run(*keys).stdout == before
    assert "(lab)" in nbctl(hosts[2], "ls-list")
    assert hosts[0].pings("192.0.2.2", "red", size=1442)
    assert set(play(CONVERGE, CENTRAL).changed.values()) == {0}


def test_another_protocol_is_refused(hosts: list[NestedHost]) -> None:
    before = [state(host) for host in hosts]
    played = play(CONVERGE, "--extra-vars", json.dumps({"ovn_central_tls": False}))
    assert played.status != 0
    assert "which ovn_central_group, ovn_central_address and ovn_central_tls do not give" in played.words
    assert [state(host) for host in hosts] == before


def test_teardown_leaves_nothing(hosts: list[NestedHost]) -> None:
    before = [state(host) for host in hosts]
    checked = play(REMOVE, "--check")
    assert checked.status == 0, checked.output
    assert [state(host) for host in hosts] == before
    played = play(REMOVE)
    assert played.status == 0, played.output
    assert min(checked.changed.values()) > 0
    for host in hosts:
        assert f"{host.address}/24" in host.run("ip", "-brief", "address", "show", "dev", "eth0").stdout
        assert "203.0.113.0/24 via 10.0.0.254 dev eth0" in host.run("ip", "route").stdout
        assert host.ovs_vsctl("list-br") == ""
        assert "ovn" not in host.ovs_vsctl("get", "Open_vSwitch", ".", "external_ids")
        assert host.ovs_vsctl("get", "Open_vSwitch", ".", "ssl") == "[]"
        left = host.run("find", "/etc/ovn", "/var/lib/ovn", "-mindepth", "1").stdout.split()
        assert left == []
        assert host.run("pgrep", "-x", "ovn.*", check=False).stdout == ""
        assert host.pings("10.0.0.254")
    assert set(play(REMOVE).changed.values()) == {0}


def test_check_mode_on_bare_hosts_writes_nothing(hosts: list[NestedHost]) -> None:
    before = [state(host) for host in hosts]
    played = play(CONVERGE, "--check", "--diff")
    assert played.status == 0, played.output
    assert min(played.changed.values()) > 0
    assert [state(host) for host in hosts] == before

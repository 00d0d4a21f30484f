# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ovn_central and ovn_host refuse before they change anything; several hosts are one machine here.

How they build, heal and remove OVN is in the Molecule scenario `ovn`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

FILES = Path(__file__).parents[2] / "roles" / "ovn_central" / "files"
SCHEMA, NORTHBOUND = "/usr/share/ovn/ovn-nb.ovsschema", "OVN_Northbound"
ADDRESSES = {f"member{number}": {"ovn_central_address": f"192.0.2.{number}"} for number in (1, 2, 3)}


def refusal(directory: Path, role: str, hosts: Mapping[str, Mapping[str, Any]], *options: str, **variables: Any) -> str:
    """Run a role in check mode that fails; return its output, in one line."""
    return failure(directory, role, hosts, "--check", *options, **variables)


def failure(directory: Path, role: str, hosts: Mapping[str, Mapping[str, Any]], *options: str, **variables: Any) -> str:
    """Run a role that fails on hosts that make up the group ovn_central; return its output, in one line."""
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}
    inventory, playbook = directory / "hosts.json", directory / "play.json"
    inventory.write_text(json.dumps({"ovn_central": {"hosts": hosts, "vars": common}}), encoding="utf-8")
    play = {
        "hosts": "ovn_central",
        "gather_facts": False,
        "roles": [f"netns.fabric.{role}"],
        "serial": "{{ batch | default('100%') }}",
    }
    playbook.write_text(json.dumps([play]), encoding="utf-8")
    environment = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml", "COLUMNS": "1000"}
    ran = subprocess.run(
        ["ansible-playbook", "--inventory", str(inventory), str(playbook), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )
    output = " ".join((ran.stdout + ran.stderr).split())
    assert ran.returncode != 0, output
    return output


def choose(*names: str) -> dict[str, dict[str, str]]:
    return {name: ADDRESSES[name] for name in names}


@pytest.mark.parametrize(
    ("hosts", "options", "message"),
    [
        (choose("member1", "member2"), (), "ovn_central has 2 hosts; a cluster has one member, or three"),
        ({**ADDRESSES, "member2": {}}, (), "ovn_central_address: it is missing for member2"),
        (ADDRESSES, ("--limit", "member2"), "limited to some of its members (member1, member3 left out)"),
        (
            ADDRESSES,
            ("--extra-vars", "batch=1"),
            "member2, member3 come later in this play (serial, or another strategy",
        ),
        (ADDRESSES, ("--extra-vars", "ovn_central_group=others"), "member1 is not in the inventory group others"),
        (
            ADDRESSES,
            ("--extra-vars", "ovn_central_adress=x"),
            "ovn_central_adress: the role netns.fabric.ovn_central has no",
        ),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(
    tmp_path: Path, hosts: Mapping[str, Mapping[str, Any]], options: Sequence[str], message: str
) -> None:
    before = snapshot.take()
    assert message in refusal(tmp_path, "ovn_central", hosts, *options)
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "ovn_host_address: it is missing"),
        ({"ovn_host_address": "192.0.2.1", "ovn_host_central_group": "none"}, "there is no southbound database"),
        (
            {"ovn_host_address": "192.0.2.9", "ovn_host_interface": "nic0"},
            "neither nic0 (ovn_host_interface) nor br-phy has",
        ),
        (
            {
                "ovn_host_address": "192.0.2.1",
                "ovn_host_networks": [{"network": "a", "bridge": "b", "interface": "nic0"}],
            },
            "nic0 has addresses, which the host would lose",
        ),
        ({"ovn_host_address": "192.0.2.1", "ovn_host_interface": "nic1"}, "192.0.2.77/24 of nic1 is not static"),
        (
            {"ovn_host_address": "192.0.2.2", "ovn_host_interface": "nic2"},
            "192.0.2.2/32 with the peer 192.0.2.99, the route to 10.0.0.0/8 of nic2 cannot be moved to br-phy",
        ),
        ({"ovn_host_address": "192.0.2.1", "ovn_host_boot": True}, "ovn_host_boot: the host does not run systemd"),
    ],
)
def test_a_host_that_cannot_be_a_chassis_is_refused(
    host: Host, tmp_path: Path, variables: Mapping[str, Any], message: str
) -> None:
    shell(
        host,
        """
        link add nic0 type veth peer name far0
        link add nic1 type veth peer name far1
        link add nic2 type veth peer name far2
        addr add 192.0.2.1/24 dev nic0
        addr add 192.0.2.2 peer 192.0.2.99 dev nic2
        addr add 192.0.2.1/32 dev nic1
        addr add 192.0.2.77/24 dev nic1 valid_lft 600 preferred_lft 600
        link set nic0 up
        link set nic1 up
        link set nic2 up
        route add 10.0.0.0/8 nexthop via 192.0.2.3 dev nic0 nexthop via 192.0.2.99 dev nic2
        """,
    )
    before = snapshot.take()
    given = {"ovn_host_datapath_type": "netdev", **variables}
    assert message in refusal(tmp_path, "ovn_host", choose("member1"), **given)
    snapshot.assert_unchanged(before)


def test_a_route_is_moved_as_it_is(host: Host, run_module: RunModule) -> None:
    """The kernel takes the routes on another link as the script has found them, and they are the same there."""
    shell(
        host,
        """
        link add nic0 type veth peer name nic1
        link set nic0 up
        link set nic1 up
        addr add 192.0.2.1/32 dev nic0
        addr add 192.0.2.129/25 dev nic0
        addr add 2001:db8::1/64 dev nic0 nodad
        route add default via 172.31.1.1 dev nic0 onlink src 192.0.2.1 mtu 1400
        route add 10.0.0.0/8 via 192.0.2.130 dev nic0 metric 7
        route add 172.31.1.2 dev nic0
        -6 route add default via fe80::1 dev nic0 src 2001:db8::1 mtu 1400
        -6 route add 2001:db8:1::/64 via 2001:db8:2::1 dev nic0 onlink
        """,
    )
    script = (FILES.parents[1] / "ovn_host" / "files" / "check_host.py").read_text(encoding="utf-8")

    def find(name: str) -> Any:
        return json.loads(host.run(sys.executable, "-I", "-c", script, "5", name).stdout)["links"][name]

    before = find("nic0")
    assert before["routes"][0] == {
        "destination": "0.0.0.0/0",
        "gateway": "172.31.1.1",
        "source": "192.0.2.1",
        "onlink": True,
        "mtu": 1400,
    }
    assert before["unmovable"] == []
    addresses = {"nic0": [], "nic1": before["addresses"]}
    run_module("link", links=[{"name": name, "addresses": each} for name, each in addresses.items()])
    run_module("route", routes=[{**each, "device": "nic1"} for each in before["routes"]])
    assert (find("nic0")["routes"], find("nic1")) == ([], before)


def controller(command: str) -> subprocess.CompletedProcess[str]:
    line = ["ovn-appctl", "--timeout=5", "-t", "ovn-controller", command]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def test_a_chassis_that_was_not_removed_has_its_controller_again(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a rollback: its configuration is what it was."""
    for name in ("RUNDIR", "DBDIR", "LOGDIR"):
        monkeypatch.setenv(f"OVN_{name}", "/run/ovn")
    monkeypatch.setenv("OVN_SYSCONFDIR", "/run")
    host.run("ovs-vsctl", "set", "Open_vSwitch", ".", "external_ids:netns.fabric/ovn-host=chassis")
    host.run("/usr/share/ovn/scripts/ovn-ctl", "start_controller")
    before = controller("version")
    started = Path("/run/ovn/ovn-controller.pid").read_text(encoding="ascii")
    fails = [{"module": "netns", "options": {"name": "a/b"}}]
    template = "{{ fails if ovn_host__predicted is defined else [{'module': 'netns', 'options': {'name': 'a'}}] }}"
    extra = json.dumps({"ovn_host__steps": template, "fails": fails, "ovn_host_state": "absent"})
    output = failure(tmp_path, "ovn_host", choose("member1"), "--extra-vars", extra)
    assert "has a '/' in it" in output
    assert (controller("version").stdout, controller("version").returncode) == (before.stdout, 0)
    assert Path("/run/ovn/ovn-controller.pid").read_text(encoding="ascii") != started
    host.run("/usr/share/ovn/scripts/ovn-ctl", "stop_controller")


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ovsdb-tool", *arguments], capture_output=True, text=True, timeout=60, check=False)


def create_standalone(file: Path, network: str) -> None:
    """Create a standalone database with a logical network."""
    assert tool("create", str(file), SCHEMA).returncode == 0
    row = f'["OVN_Northbound", {{"op": "insert", "table": "Logical_Switch", "row": {{"name": "{network}"}}}}]'
    assert tool("transact", str(file), row).returncode == 0


def create_clustered(file: Path, *remotes: str, address: str = "ssl:192.0.2.1:6643") -> int:
    """Create a member's database as the role does; return the exit status."""
    database = {"name": NORTHBOUND, "file": str(file), "schema": SCHEMA, "address": address, "remotes": remotes}
    command = [sys.executable, "-I", str(FILES / "create_databases.py"), json.dumps([database])]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


def with_own_databases(directory: Path, *members: str) -> dict[str, dict[str, str]]:
    """Return hosts of which each has a directory of databases of its own, of its name below `directory`."""
    hosts = {}
    for name in members:
        (directory / name).mkdir()
        wrapper = directory / f"python-{name}"
        inside = f'mount --bind {directory / name} /var/lib/ovn && exec {sys.executable} "$@"'
        wrapper.write_text(f"#!/bin/sh\nexec unshare --mount sh -c '{inside}' sh \"$@\"\n", encoding="utf-8")
        wrapper.chmod(0o755)
        hosts[name] = {**ADDRESSES[name], "ansible_python_interpreter": str(wrapper)}
    return hosts


def test_databases_that_would_be_lost_are_refused(tmp_path: Path) -> None:
    hosts = with_own_databases(tmp_path, *ADDRESSES)
    create_standalone(tmp_path / "member2" / "ovnnb_db.db", "kept")
    for name in ("member1", "member3"):
        for short in ("nb", "sb"):
            assert create_clustered(tmp_path / name / f"ovn{short}_db.db") == 0
    first, other = (
        tool("db-cid", str(tmp_path / name / "ovnnb_db.db")).stdout.strip() for name in ("member1", "member3")
    )
    message = refusal(tmp_path, "ovn_central", hosts)
    assert "member2 has a standalone northbound database with 1 logical networks, which would be lost" in message
    assert "the cluster begins with the database of member1" in message
    assert f"databases of different clusters (member1: {first}, member3: {other})" in message


def test_a_standalone_database_becomes_the_clusters(tmp_path: Path) -> None:
    new, standalone = tmp_path / "new" / "nb.db", tmp_path / "nb.db"
    assert (create_clustered(new), tool("db-is-clustered", str(new)).returncode) == (0, 0)
    cluster = tool("db-cid", str(new)).stdout
    assert (create_clustered(new), tool("db-cid", str(new)).stdout) == (0, cluster)

    create_standalone(standalone, "kept")
    assert (create_clustered(standalone), tool("db-is-clustered", str(standalone)).returncode) == (0, 0)
    assert "kept" in tool("show-log", "-mmm", str(standalone)).stdout
    assert tool("db-is-standalone", f"{standalone}.standalone").returncode == 0
    # As the guide does with the last database of a cluster.
    rescued = tmp_path / "rescued.db"
    assert tool("cluster-to-standalone", str(rescued), str(standalone)).returncode == 0
    assert create_clustered(rescued) == 0
    assert "kept" in tool("show-log", "-mmm", str(rescued)).stdout

    broken = tmp_path / "broken.db"
    broken.write_text("no database", encoding="ascii")
    assert create_clustered(broken) != 0
    assert broken.read_text(encoding="ascii") == "no database"


class Member:
    """A server of a cluster on this machine, with the files that the role would give it."""

    def __init__(self, directory: Path, number: int, *others: int) -> None:
        self.address = f"tcp:127.0.0.1:{7000 + number}"
        self.file, self.control = directory / f"{number}.db", directory / f"{number}.ctl"
        self._pid = directory / f"{number}.pid"
        remotes = [f"tcp:127.0.0.1:{7000 + other}" for other in others]
        assert create_clustered(self.file, *remotes, address=self.address) == 0

    def start(self) -> None:
        arguments = (f"--pidfile={self._pid}", f"--unixctl={self.control}", "--log-file=/dev/null", str(self.file))
        command = ["ovsdb-server", "--detach", "--no-chdir", *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def kill(self) -> None:
        os.kill(int(self._pid.read_text(encoding="ascii")), signal.SIGKILL)

    def status(self) -> str:
        command = ["ovs-appctl", "--timeout=10", "-t", str(self.control), "cluster/status", NORTHBOUND]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout

    def counts(self, number: int) -> bool:
        """Return whether the cluster has this number of members, and works."""
        return self.status().count(" at tcp:") == number and "Leader: unknown" not in self.status()

    def leave(self, staying: Sequence[Member], *options: str) -> str:
        """Leave as the role does; return why not, empty after success."""
        names = {"name": NORTHBOUND, "file": str(self.file), "control": str(self.control)}
        databases = json.dumps([{**names, "staying": [member.address for member in staying]}])
        command = [sys.executable, "-I", str(FILES / "leave_cluster.py"), databases, "60", *options]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (ran.returncode == 0) == (ran.stderr == ""), ran
        return ran.stderr


def test_members_leave_as_long_as_the_cluster_goes_on(host: Host, tmp_path: Path) -> None:
    host.run("ip", "link", "set", "lo", "up")
    # The first of those that others join by has not joined itself.
    first, *others = members = [Member(tmp_path, 1), Member(tmp_path, 2, 3, 1), Member(tmp_path, 3, 2, 1)]
    second, third = others
    for member in members:
        member.start()
    for member in members:
        wait_until(lambda: member.counts(3), 60, "not all have joined")  # noqa: B023  # it is called at once
    assert first.leave([second, third], "--check") == ""
    assert first.counts(3)
    third.kill()
    # Two of three go on; the one that would be left, with one that is down, would not.
    for options in (("--check",), ()):
        refused = second.leave([first], *options)
        assert f"would have no majority, and nobody could change what is in it: {third.address} cannot be" in refused
        # Nor may the file of one that is down go: it is half of what is left then.
        assert "its server on this host does not run" in third.leave([first], *options)
    wait_until(lambda: second.counts(3), 60, "the cluster does not go on")
    assert third.leave([first, second]) == ""
    third.start()
    wait_until(lambda: third.counts(3), 60, "it has not come back")
    # The leader too, one after the other.
    assert [third.leave([first]), second.leave([first])] == ["", ""]
    assert not second.file.exists()
    wait_until(lambda: first.counts(1), 60, "the last one does not work alone")
    assert "this host is the only member" in first.leave([second, third])
    # Once more, for instance after the run was interrupted.
    assert second.leave([first]) == ""

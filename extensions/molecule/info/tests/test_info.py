# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What topology_info returns, compared with ip, ss, ovs-vsctl and nft on the same host; playbooks export and show."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.plays import Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell, inside

Info = dict[str, Any]
PLACES = (None, "ns01", "ns02", "outside")


@pytest.fixture(name="info", scope="module")
def fixture_info() -> Info:
    """Return what the module returned in converge.yml."""
    found: Info = json.loads((Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "info.json").read_text("utf-8"))
    return found


def namespace(info: Info, name: str | None) -> Info:
    if name is None:
        return dict(info["host"])
    return next(space for space in info["namespaces"] if space["name"] == name)


def test_namespaces(info: Info, kernel: Kernel) -> None:
    named = {space["name"] for space in info["namespaces"] if space["named"]}
    assert named == kernel.namespaces() - {"stale"} == {"ns01", "ns02", "outside"}
    for name in named:
        assert namespace(info, name)["inode"] == os.stat(f"/run/netns/{name}").st_ino
    assert info["stale"] == ["stale"]
    assert info["unreadable"] == []
    assert namespace(info, "ns01")["owners"] == ["default"]


def test_namespace_without_a_name(info: Info) -> None:
    (space,) = (space for space in info["namespaces"] if not space["named"])
    assert [process["command"] for process in space["processes"]] == ["sleep 600"]
    assert space["inode"] == os.stat(f"/proc/{space['processes'][0]['pid']}/ns/net").st_ino


@pytest.mark.parametrize("place", PLACES)
def test_links_and_addresses(info: Info, kernel: Kernel, place: str | None) -> None:
    links = {link["name"]: link for link in namespace(info, place)["links"]}
    listed = kernel.links(place)
    assert set(links) == set(listed)
    for name, link in links.items():
        assert link["index"] == listed[name]["ifindex"]
        assert link["mac"] == listed[name]["address"]
        assert link["mtu"] == listed[name]["mtu"]
        assert link["state"] == listed[name]["operstate"].lower()
        assert link["alias"] == listed[name].get("ifalias", "")
        declared = {each["address"] for each in link["addresses"] if not each["made_by_kernel"]}
        assert declared == (kernel.addresses(name, place) if name != "lo" else set())
        if link["kind"] == "veth":
            assert link["peer"]["index"] == kernel.peer(name, place)[0]
            assert link["tx_checksum"] == kernel.tx_checksum(name, place)


@pytest.mark.parametrize("place", PLACES)
def test_routes(info: Info, kernel: Kernel, place: str | None) -> None:
    found = {
        f"{route['destination']} via {route['gateway']} dev {route['device']}"
        for route in namespace(info, place)["routes"]
        if route["protocol"] in ("static", "boot")
    }
    assert found == kernel.routes(place) | kernel.routes(place, version=6)


def test_sockets_of_another_user(info: Info, shell: Shell) -> None:
    listed = shell.run(*inside("ns01"), "ss", "-Hlntup").split()
    (socket,) = namespace(info, "ns01")["sockets"]
    assert listed[4] == f"{socket['address']}:{socket['port']}" == "0.0.0.0:8080"
    (process,) = socket["processes"]
    assert f"pid={process['pid']}," in listed[-1]
    assert process["user"] == "nobody"
    assert process in namespace(info, "ns01")["processes"]


def test_openvswitch(info: Info, openvswitch: OpenVSwitch) -> None:
    (bridge,) = info["openvswitch"]["bridges"]
    assert {bridge["name"]} == openvswitch.bridges()
    ports = {port["name"]: port for port in bridge["ports"]}
    assert set(ports) - {"int_br"} == openvswitch.ports("int_br")
    for name, port in ports.items():
        row = openvswitch.interface(name)
        assert port["ofport"] == row["ofport"]
        assert port["error"] == (row["error"] or "")
        assert (port["error"] == "") == (name != "missing")
    assert bridge["owners"] == ports["ns01_tap"]["owners"] == ["default"]


def test_firewall(info: Info, shell: Shell) -> None:
    listed = shell.json("nft", "-j", "list", "ruleset")["nftables"]
    firewall = info["host"]["firewall"]
    assert {(table["family"], table["name"]) for table in firewall["tables"]} == {
        (entry["table"]["family"], entry["table"]["name"]) for entry in listed if "table" in entry
    }
    assert {(chain["table"], chain["name"], chain["hook"]) for chain in firewall["chains"]} == {
        (entry["chain"]["table"], entry["chain"]["name"], entry["chain"].get("hook", ""))
        for entry in listed
        if "chain" in entry
    }
    assert firewall["masquerade"] == [
        {
            "source": "192.168.100.0/24",
            "out_interface": None,
            "to_source": None,
            "owner": "default",
            "backend": "nftables",
        }
    ]


@pytest.mark.parametrize("options", [(), ("--extra-vars=export_owner=default",)], ids=["all", "owner"])
def test_the_exported_playbook_changes_nothing(plays: Plays, tmp_path: Path, options: tuple[str, ...]) -> None:
    before = snapshot.take()
    exported = export(plays, tmp_path, *options)
    assert plays.run(exported).changed == 0
    assert snapshot.differences(before, snapshot.take()) == []
    tasks = yaml.safe_load(exported.read_text(encoding="utf-8"))[0]["tasks"]
    lists = {name: options for task in tasks for name, options in task.items() if name != "name"}
    assert {each["name"] for each in lists["netns.fabric.netns"]["namespaces"]} >= {"ns01", "ns02"}
    assert lists["netns.fabric.netns"]["host_sysctls"] == {"net.ipv4.tcp_syncookies": "2"}
    assert {each["name"] for each in lists["netns.fabric.ovs_port"]["ports"]} == {"ns01_tap", "ns02_tap"}
    # The port without a device has no owner.
    assert ("# Left out: ports: missing" in exported.read_text(encoding="utf-8")) == (not options)


def test_a_name_that_ansible_would_take_for_a_template_is_not_exported(
    plays: Plays, shell: Shell, tmp_path: Path
) -> None:
    namespace = r"$(printf '\173\1736*7}}')"  # the commands of a test are templates, too
    shell.run("sh", "-c", f"ip netns add {namespace}")
    try:
        exported = export(plays, tmp_path)
        assert '"namespace": "{{6*7}}"' in exported.read_text(encoding="utf-8")
        assert plays.run(exported).changed == 0
    finally:
        shell.run("sh", "-c", f"ip netns del {namespace}")


def export(plays: Plays, directory: Path, *options: str) -> Path:
    """Export the host, and return the playbook."""
    assert plays.run("netns.fabric.export", f"--extra-vars=export_directory={directory}", *options).changed == 1
    return directory / "fabric.yml"


def test_show_prints_the_topology_and_changes_nothing(plays: Plays) -> None:
    before = snapshot.take()
    shown = plays.run("netns.fabric.show")
    assert shown.changed == 0
    assert snapshot.differences(before, snapshot.take()) == []
    for line in (
        "├─ int_br  192.168.100.254/24  (Open vSwitch, ",
        "│  ├─ ns01_tap  ── veth-ns01 in ns01 192.168.100.1/24",
        "missing  BROKEN (could not open network device missing",
        "├─ default via 192.168.100.254 dev veth-ns01",
        "├─ listens on tcp 0.0.0.0:8080 (python3)",
        "of nobody: /usr/bin/python3 -m http.server 8080",
        "stale (stale: not a namespace)",
        "(without a name)",
        "masquerades 192.168.100.0/24 [default]",
    ):
        assert line in shown.output, shown.output
    rows = {line.strip().split("  ")[0] for line in shown.output.splitlines() if " ms" in line}
    assert {"ns01", "ns02", "the host"} <= rows


def test_show_works_in_check_mode_and_without_a_topology(
    plays: Plays, shell: Shell, kernel: Kernel, info: Info, tmp_path: Path
) -> None:
    assert plays.run("netns.fabric.show", "--check").changed == 0
    for process in namespace(info, "ns01")["processes"]:
        shell.run("kill", str(process["pid"]))
    shell.run("ovs-vsctl", "--timeout=10", "del-port", "missing")
    exported = export(plays, tmp_path, "--extra-vars=export_owner=default")
    plays.run("netns.fabric.teardown")
    assert plays.run(exported).changed > 0  # it builds the same again
    assert kernel.routes("ns01") == {"default via 192.168.100.254 dev veth-ns01"}
    assert shell.run(*inside("ns01"), "ping", "-c1", "-W2", "192.168.100.2")
    plays.run("netns.fabric.teardown")
    shown = plays.run("netns.fabric.show")
    assert "int_br" not in shown.output
    assert "outside0  198.51.100.2/24 2001:db8:51::2/64  ── uplink0 on the host" in shown.output

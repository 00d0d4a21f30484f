# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host can be like: few rights, low limits, read-only files, other locales, a strict umask.

Each module works there, or fails with the cause and the cure, in check mode too.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import own_host, snapshot
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTION, COLLECTIONS_PATH, target_python

NO_SYS_ADMIN = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"]
NO_NET_ADMIN = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-all"]
NAME = "größe"
#: A link's name, of which Linux takes 15 bytes.
LINK = "ü0"


def run(
    prefix: Sequence[str], module: str, options: Mapping[str, Any], check: bool = False, **environment: str
) -> dict[str, Any]:
    """Run a module by a command that is put before its Python, and return its result."""
    ran = subprocess.run(
        [*prefix, target_python(), "-m", f"{COLLECTION}.plugins.modules.{module}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check, "_ansible_diff": True}}),
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS_PATH), **environment},
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    returned: dict[str, Any] = json.loads(ran.stdout)
    assert "Internal error" not in returned.get("msg", ""), returned["msg"]
    return returned


def converge(prefix: Sequence[str], module: str, options: Mapping[str, Any], **environment: str) -> None:
    """Run check mode, apply, check mode, apply; the first two change something, and the same."""
    results = [run(prefix, module, options, check, **environment) for check in (True, False, True, False)]
    assert not any(result.get("failed") for result in results), results
    assert [result["changed"] for result in results] == [True, True, False, False]
    assert results[0]["commands"] == results[1]["commands"]


def refuse(prefix: Sequence[str], module: str, options: Mapping[str, Any], **environment: str) -> str:
    """Run check mode and the module, assert that both fail alike and change nothing, and return the message."""
    before = snapshot.take()
    results = [run(prefix, module, options, check, **environment) for check in (True, False)]
    snapshot.assert_unchanged(before)
    assert all(result.get("failed") for result in results), results
    assert results[0]["msg"] == results[1]["msg"]
    return str(results[0]["msg"])


@pytest.fixture(name="red", autouse=True)
def fixture_red(host: Host) -> Host:
    """Provide a namespace that nothing here declares, and a veth pair on the host."""
    host.run("ip", "netns", "add", "red")
    host.run("ip", "link", "add", "t0", "type", "veth", "peer", "name", "t1")
    return host


# Rights

ON_THE_HOST: dict[str, dict[str, Any]] = {
    "link": {"name": "t0", "mtu": 1400, "enabled": True, "addresses": ["192.0.2.1/24"], "owner": "lab"},
    "veth": {"name": "a", "peer": {"name": "b"}, "owner": "lab"},
    "route": {"destination": "10.0.0.0/8", "device": "lo"},
    "nat_masquerade": {"source": "192.0.2.0/24", "owner": "lab"},
    "nat_port_forward": {"port": "8080", "to_address": "192.0.2.7", "owner": "lab"},
    "ovs_bridge": {"name": "br0", "owner": "lab"},
}


@pytest.mark.parametrize("module", ON_THE_HOST)
def test_entries_of_the_host_need_no_cap_sys_admin(module: str) -> None:
    converge(NO_SYS_ADMIN, module, ON_THE_HOST[module])


def test_port_of_the_host_needs_no_cap_sys_admin(host: Host) -> None:
    host.ovs_vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
    converge(NO_SYS_ADMIN, "ovs_port", {"name": "t0", "bridge": "br0"})


INSIDE: dict[str, dict[str, Any]] = {
    "netns": {"name": "red", "sysctls": {"net.ipv4.ip_forward": 1}},
    "link": {"name": "lo", "namespace": "red", "enabled": True},
    "veth": {"name": "a", "namespace": "red", "peer": {"name": "b"}},
    "route": {"namespace": "red", "destination": "10.0.0.0/8", "device": "lo"},
    "nat_masquerade": {"source": "10.0.0.0/8", "namespace": "red"},
}


@pytest.mark.parametrize("module", INSIDE)
def test_entries_inside_a_namespace_without_cap_sys_admin(module: str) -> None:
    message = refuse(NO_SYS_ADMIN, module, INSIDE[module])
    assert "/run/netns/red: the network namespace cannot be entered: root lacks CAP_SYS_ADMIN here" in message
    assert "--cap-add SYS_ADMIN" in message


def test_creation_of_a_namespace_without_cap_sys_admin() -> None:
    message = refuse(NO_SYS_ADMIN, "netns", {"namespaces": [{"name": "red"}, {"name": "blue"}]})
    assert "CAP_SYS_ADMIN" in message


def test_facts_and_probes_of_the_host_without_cap_sys_admin() -> None:
    facts = run(NO_SYS_ADMIN, "topology_info", {})
    assert {link["name"] for link in facts["host"]["links"]} >= {"t0", "t1"}
    assert run(NO_SYS_ADMIN, "reachability", {"to": "127.0.0.1"})["probes"][0]["ok"]
    message = run(NO_SYS_ADMIN, "reachability", {"namespace": "red", "to": "127.0.0.1"})["msg"]
    assert "root lacks CAP_SYS_ADMIN here" in message
    assert "send fewer" not in message


@pytest.mark.parametrize("module", [name for name in ON_THE_HOST if not name.startswith("ovs_")])
def test_changes_without_cap_net_admin(module: str) -> None:
    message = refuse(NO_NET_ADMIN, module, ON_THE_HOST[module])
    assert "root lacks CAP_NET_ADMIN here" in message
    assert "--cap-add NET_ADMIN" in message


# Limits


@contextmanager
def more_namespaces(host: Host, count: int) -> Iterator[list[str]]:
    names = [f"many{number}" for number in range(count)]
    for name in names:
        host.run("ip", "netns", "add", name)
    yield names


def test_soft_limit_of_open_files_is_raised(host: Host) -> None:
    with more_namespaces(host, 40) as names:
        entries = [{"name": name, "sysctls": {"net.ipv4.ip_forward": 1}} for name in names]
        converge(["prlimit", "--nofile=32:4096"], "netns", {"namespaces": entries})


def test_hard_limit_of_open_files_is_named(host: Host) -> None:
    with more_namespaces(host, 40) as names:
        entries = [{"name": name, "sysctls": {"net.ipv4.ip_forward": 1}} for name in names]
        message = refuse(["prlimit", "--nofile=32:32"], "netns", {"namespaces": entries})
    assert "Too many open files; this process may open 32 files, the hard limit" in message
    assert "limits.conf" in message


# Files that cannot be written


@contextmanager
def read_only(host: Host, directory: str) -> Iterator[None]:
    host.run("mount", "--bind", directory, directory)
    host.run("mount", "-o", "remount,bind,ro", directory)
    try:
        yield
    finally:
        host.run("umount", directory)


@pytest.mark.parametrize(
    ("directory", "options"),
    [
        ("/etc", {"name": "new", "nameservers": ["192.0.2.1"]}),
        ("/run/netns", {"name": "new"}),
        ("/run/netns", {"name": "red", "state": "absent"}),
        ("/proc/sys", {"name": "red", "sysctls": {"net.ipv4.ip_forward": 1}}),
    ],
)
def test_read_only_file_systems(host: Host, directory: str, options: dict[str, Any]) -> None:
    with read_only(host, directory):
        message = refuse([], "netns", {"namespaces": [options]})
    assert message.startswith(f"namespaces[0] ({options['name']}): ")
    assert f"{directory}" in message
    assert "is on a read-only file system; mount the file system read-write" in message


def test_ip_forward_on_a_read_only_proc(host: Host) -> None:
    with read_only(host, "/proc/sys"):
        message = refuse([], "nat_masquerade", {"source": "192.0.2.0/24"})
    assert "a kernel parameter cannot be set: /proc/sys is on a read-only file system" in message


def test_resolver_that_stands_needs_no_write(host: Host) -> None:
    options = {"name": "red", "nameservers": ["192.0.2.1"]}
    assert run([], "netns", options)["changed"]
    with read_only(host, "/etc"):
        assert not run([], "netns", options)["changed"]


# Locales: names are UTF-8 wherever they come from, whatever the locale says of the encoding of paths and arguments

LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ISO-8859-1": {"LC_ALL": "latin", "PYTHONUTF8": "0"},
}


@pytest.fixture(name="environment", params=LOCALES)
def fixture_environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return the variables of a locale; ISO-8859-1, which the machine need not have, is compiled."""
    if request.param == "C":
        return LOCALES["C"]
    if not Path("/usr/share/i18n/charmaps/ISO-8859-1.gz").exists() or shutil.which("localedef") is None:
        pytest.skip("the sources of locales are not installed (Debian: locales)")
    subprocess.run(
        ["localedef", "-f", "ISO-8859-1", "-i", "en_US", str(tmp_path / "latin")], check=True, capture_output=True
    )
    return {**LOCALES["ISO-8859-1"], "LOCPATH": str(tmp_path)}


def test_names_in_other_locales(host: Host, environment: dict[str, str]) -> None:
    encoding = [target_python(), "-c", "import sys; print(sys.getfilesystemencoding())"]
    used = subprocess.run(encoding, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    assert used.stdout.strip() != "utf-8"
    namespace = {"name": NAME, "nameservers": ["192.0.2.1"], "sysctls": {"net.ipv4.ip_forward": 1}, "owner": "lab"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("netns", namespace),
        ("veth", {"name": LINK, "namespace": NAME, "peer": {"name": "ü1"}, "addresses": ["192.0.2.1/24"]}),
        ("link", {"name": LINK, "namespace": NAME, "mtu": 1400}),
        ("route", {"namespace": NAME, "destination": "10.0.0.0/8", "device": LINK}),
        ("nat_masquerade", {"namespace": NAME, "source": "10.0.0.0/8", "out_interface": LINK, "owner": "lab"}),
    ]
    for module, options in calls:
        converge([], module, options, **environment)
    assert host.namespaces() == sorted([NAME, "red"])
    assert set(host.links(NAME)) == {"lo", LINK}
    assert "192.0.2.1" in Path("/etc/netns", NAME, "resolv.conf").read_text(encoding="utf-8")
    assert LINK in host.in_namespace(NAME, "nft", "list", "ruleset").stdout
    facts = run([], "topology_info", {}, False, **environment)
    assert {found["name"] for found in facts["namespaces"]} == {NAME, "red"}
    host.run("ip", "link", "delete", "ü1")
    removal = {"namespaces": [], "owner": "lab", "prune": True}
    converge([], "netns", removal, **environment)
    assert host.namespaces() == ["red"]
    assert not Path("/etc/netns", NAME).exists()


# Modes


def test_modes_do_not_depend_on_the_umask(host: Host) -> None:
    """Also /run/netns, which an ordinary login must read to find out whether a namespace exists."""
    host.run("umount", "--lazy", "/run/netns")
    Path("/run/netns").rmdir()
    Path("/etc/netns").rmdir()
    strict = ["sh", "-c", 'umask 077; exec "$@"', "sh"]
    try:
        converge(strict, "netns", {"name": "new", "nameservers": ["192.0.2.1"]})
        modes = {
            path: stat.S_IMODE(Path(path).stat().st_mode)
            for path in ("/run/netns", "/etc/netns", "/etc/netns/new", "/etc/netns/new/resolv.conf")
        }
    finally:
        Path("/etc/netns").mkdir(exist_ok=True)
    assert modes.pop("/etc/netns/new/resolv.conf") == 0o644
    assert set(modes.values()) == {0o755}, modes
    seen = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "stat", "/run/netns/new"], capture_output=True, check=False
    )
    assert seen.returncode == 0


# Full disks


@contextmanager
def small_file_system(directory: str, options: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", directory], check=True, timeout=20)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True, timeout=20)


@pytest.mark.parametrize("directory", ["/run/netns", "/etc/netns"])
def test_a_full_disk_rolls_everything_back(directory: str) -> None:
    """Room for some of the files, but not for all."""
    entries = [{"name": f"new{number}", "nameservers": ["192.0.2.53"]} for number in range(6)]
    before = snapshot.take()
    with small_file_system(directory, "size=4k,nr_inodes=4"):
        failed = run([], "netns", {"namespaces": entries})
    assert failed["failed"]
    assert "No space left on device; the file system is full: free some space" in failed["msg"]
    assert "All changes made by this call were rolled back; the host is unchanged." in failed["msg"]
    snapshot.assert_unchanged(before)


@pytest.fixture
def small_database() -> Iterator[Path]:
    """Have the database of Open vSwitch on a file system that is full."""
    own_host.stop_ovs()
    with small_file_system("/etc/openvswitch", "size=128k"):
        own_host.start_ovs()
        filling = Path("/etc/openvswitch/filling")
        with suppress(OSError), filling.open("wb") as file:
            file.write(bytes(1 << 20))
        yield filling
        own_host.stop_ovs()
    own_host.start_ovs()


def test_a_full_disk_of_the_database(small_database: Path) -> None:
    bridges = [{"name": f"br{number}", "external_ids": {"padding": "x" * 900}} for number in range(12)]
    steps = [{"module": "ovs_bridge", "options": {"bridges": bridges}}]
    before = snapshot.take()
    for module, options in (("ovs_bridge", {"bridges": bridges}), ("sequence", {"steps": steps})):
        failed = run([], module, options)
        assert "No space left on device" in failed["msg"]
        assert "All changes made by this call were rolled back; the host is unchanged." in failed["msg"]
        snapshot.assert_unchanged(before)
    small_database.unlink()
    assert run([], "ovs_bridge", {"name": "br0"})["changed"]


# Daemons that die while a call writes


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("daemon", ["ovsdb-server", "ovs-vswitchd"])
def test_a_daemon_that_dies_in_a_call(tmp_path: Path, daemon: str, moment: str) -> None:
    """The call fails with the cause and the cure, or succeeds; the next one completes it."""
    program = shutil.which("ovs-vsctl")
    pid_file = own_host.OVS_RUN / f"{daemon}.pid"
    kill = f"kill -9 $(cat {pid_file})"
    writing = f'{kill}; exec {program} "$@"' if moment == "before" else f'{program} "$@"; s=$?; {kill}; exit $s'
    wrapper = tmp_path / "ovs-vsctl"
    wrapper.write_text(f'#!/bin/sh\ncase "$*" in *add-br*) {writing};; esac\nexec {program} "$@"\n', encoding="ascii")
    wrapper.chmod(0o755)
    tmp_path.chmod(0o755)
    steps = [
        {"module": "netns", "options": {"name": "blue"}},
        {"module": "ovs_bridge", "options": {"name": "br0", "timeout": 4}},
    ]
    ended = run([], "sequence", {"steps": steps}, PATH=f"{tmp_path}:{os.environ['PATH']}")
    if daemon == "ovsdb-server":
        assert "Open vSwitch is not running (ovsdb-server: " in ended["msg"]
        assert "SwitchUnavailable(" not in ended["msg"]
        assert "These changes could not be undone:\novs-vsctl add-br br0" in ended["msg"]
    elif moment == "before":
        assert "ovs-vswitchd did not apply the change within 4 s" in ended["msg"]
        assert "All changes made by this call were rolled back" in ended["msg"]
    own_host.stop_ovs()
    own_host.start_ovs()
    again = run([], "sequence", {"steps": steps})
    assert not again.get("failed"), again["msg"]
    assert not run([], "sequence", {"steps": steps})["changed"]
    assert "br0" in snapshot.take()["openvswitch"]["Bridge"]

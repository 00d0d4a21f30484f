# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module netns against the kernel: check -> apply -> check -> apply, what it leaves alone, and the traps."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import (
    Run,
    assert_unchanged,
    converge,
    converge_and_paste,
    inode,
    shell,
)
from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, RESOLVERS, Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTION, COLLECTIONS_PATH, TARGET_PYTHON
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

FOREIGN_FILE = "# from the administrator\nnameserver 198.51.100.53\noptions edns0\n"


def resolver(name: str) -> Path:
    return RESOLVERS / name / "resolv.conf"


def write_foreign_file(name: str) -> Path:
    path = resolver(name)
    path.parent.mkdir()
    path.write_text(FOREIGN_FILE, encoding="ascii")
    path.chmod(0o640)
    return path


def nothing() -> None:
    """The host as it is when it has just been started."""


def parameter(host: Host, namespace: str, key: str) -> str:
    return host.in_namespace(namespace, "sysctl", "-n", key).stdout.strip()


# Creating, changing, removing


def test_a_namespace_is_made_with_its_loopback_up(host: Host, run_module: Run) -> None:
    result = converge_and_paste(host, run_module, nothing, "netns", name="red")
    assert result.changed
    assert host.namespaces() == ["red"]
    assert "UP" in host.links("red")["lo"]["flags"]
    assert host.pings("127.0.0.1", "red")
    assert host.pings("::1", "red")


def test_a_namespace_is_removed(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, "netns add red\nnetns add blue")

    converge_and_paste(host, run_module, prepare, "netns", name="red", state="absent")
    assert host.namespaces() == ["blue"]


def test_many_namespaces_in_one_pass(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, "netns add old\nnetns add kept\n-n kept link set lo up")

    wanted = [{"name": f"ns{number}"} for number in range(5)]
    result = converge_and_paste(
        host,
        run_module,
        prepare,
        "netns",
        namespaces=[*wanted, {"name": "old", "state": "absent"}, {"name": "kept"}],
    )
    assert host.namespaces() == ["kept", *(f"ns{number}" for number in range(5))]
    assert len(result.diff) == 6


def test_an_empty_list_changes_nothing(host: Host, run_module: Run) -> None:
    shell(host, "netns add red")
    assert_unchanged(run_module("netns", namespaces=[]))


def test_absent_on_an_absent_namespace(host: Host, run_module: Run) -> None:
    before = snapshot.take()
    result = run_module("netns", name="red", state="absent")
    assert (result.failed, result.changed) == (False, False)
    snapshot.assert_unchanged(before)


def test_an_existing_namespace_stays_the_same_one(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\n-n red link set lo up\n-n red tuntap add d0 mode tap")
    before = snapshot.take()
    result = run_module("netns", name="red", _check=True)
    assert not result.changed
    assert_unchanged(run_module("netns", name="red"))
    snapshot.assert_unchanged(before)


def test_a_bare_namespace_gets_its_loopback_up(host: Host, run_module: Run) -> None:
    """What a run that was killed between two steps has left."""
    shell(host, "netns add red")
    converge(host, run_module, "netns", name="red", owner="lab")
    assert "UP" in host.links("red")["lo"]["flags"]
    assert host.links("red")["lo"]["ifalias"] == "netns.fabric:lab"


def test_the_loopback_of_somebody_elses_namespace_is_left_as_it_is(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\n-n red tuntap add d0 mode tap")
    before = snapshot.take()
    assert_unchanged(run_module("netns", name="red", owner="lab"))
    snapshot.assert_unchanged(before)


def test_a_name_is_not_mistaken_for_one_that_contains_it(host: Host, run_module: Run) -> None:
    shell(host, "netns add red-test\nnetns add infrared")
    result = converge(host, run_module, "netns", name="red")
    assert result.changed
    assert host.namespaces() == ["infrared", "red", "red-test"]
    converge(host, run_module, "netns", name="red", state="absent")
    assert host.namespaces() == ["infrared", "red-test"]


@pytest.mark.parametrize("name", ["a", "ns.01", "-r", "tenant_1:web", "é", "x" * 255, "$(id)", "it's", "*"])
def test_names_that_ip_netns_takes(host: Host, run_module: Run, name: str) -> None:
    """A name is a file name; the commands quote it, and one that begins with a hyphen is not taken for an option."""
    applied = converge(host, run_module, "netns", name=name, sysctls={"net.ipv4.ip_forward": 1})
    assert host.namespaces() == [name]
    if not name.startswith("-"):  # `ip netns add -r` is an option to ip itself: no shell line can do it
        host.clear()
        host.run("bash", "-euc", "\n".join(applied.commands))
        assert host.namespaces() == [name]
    converge(host, run_module, "netns", name=name, state="absent")
    assert host.namespaces() == []


# What lies in /run/netns


def test_a_plain_file_in_the_place_of_a_namespace(host: Host, run_module: Run) -> None:
    """What a crash leaves: it is listed as a namespace and cannot be opened as one."""

    def prepare() -> None:
        (NAMESPACES / "red").touch(mode=0o444)
        (NAMESPACES / "blue").touch(mode=0o000)

    result = converge_and_paste(
        host, run_module, prepare, "netns", namespaces=[{"name": "red"}, {"name": "blue", "state": "absent"}]
    )
    assert result.commands[0] == "rm -f /run/netns/red"
    assert host.namespaces() == ["red"]
    assert host.links("red")["lo"]


def test_a_named_pipe_in_the_place_of_a_namespace_does_not_block(host: Host, run_module: Run) -> None:
    os.mkfifo(NAMESPACES / "red")
    converge(host, run_module, "netns", name="red")
    assert host.links("red")["lo"]


def test_a_file_that_is_not_declared_stays(host: Host, run_module: Run) -> None:
    (NAMESPACES / "stale").touch()
    converge(host, run_module, "netns", namespaces=[{"name": "red"}], owner="lab", prune=True)
    assert host.namespaces() == ["red", "stale"]


def test_looking_at_a_missing_namespace_does_not_make_it(host: Host, run_module: Run) -> None:
    before = snapshot.take()
    for state in ("present", "absent"):
        run_module("netns", name="red", state=state, _check=True)
    snapshot.assert_unchanged(before)
    assert host.namespaces() == []


def test_without_the_directory(host: Host) -> None:
    """On a host that never had a namespace /run/netns is missing; check mode does not make it."""
    script = """
        set -eu
        umount /run/netns; rmdir /run/netns
        "$@" <<< '{"ANSIBLE_MODULE_ARGS": {"name": "red", "_ansible_check_mode": true}}'
        test ! -e /run/netns
        "$@" <<< '{"ANSIBLE_MODULE_ARGS": {"name": "red"}}'
        ip -n red link show dev lo up
        ip netns del red
    """
    python = os.environ.get(TARGET_PYTHON) or sys.executable
    command = ["env", f"PYTHONPATH={COLLECTIONS_PATH}", python, "-m", f"{COLLECTION}.plugins.modules.netns"]
    host.run("unshare", "-m", "bash", "-c", script, "bash", *command)


# Processes inside


def test_a_namespace_with_a_process_is_not_removed(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\n-n red link set lo up\nlink add v0 netns red type veth peer name t0")
    process = host.start("sleep", "4242", namespace="red")
    wait_until(lambda: host.run("ip", "netns", "pids", "red").stdout.strip() != "")
    before = snapshot.take()
    for check in (True, False):
        result = run_module("netns", name="red", state="absent", _check=check)
        assert result.failed
        assert f"pid {process.pid}: " in result.message
        assert "sleep 4242" in result.message
        assert "force" in result.message
    snapshot.assert_unchanged(before)
    assert process.poll() is None


def test_forced_removal_takes_the_links_away_from_the_process(host: Host, run_module: Run) -> None:
    """The kernel would keep them with the namespace for as long as the process lives."""
    shell(
        host,
        """
        netns add red
        netns add blue
        link add v0 netns red type veth peer name t0
        link add v1 netns red type veth peer name v1 netns blue
        link add v2 netns red type veth peer name v3 netns red
        -n red tuntap add d0 mode tap
        """,
    )
    process = host.start("sleep", "4242", namespace="red")
    wait_until(lambda: host.run("ip", "netns", "pids", "red").stdout.strip() != "")
    result = converge(host, run_module, "netns", name="red", state="absent", force=True)
    assert process.poll() is None
    assert host.namespaces() == ["blue"]
    assert set(host.links()) == {"lo"}
    assert set(host.links("blue")) == {"lo"}
    inside = host.run("nsenter", f"--net=/proc/{process.pid}/ns/net", "ip", "-o", "link").stdout
    assert [line.split(": ")[1] for line in inside.splitlines()] == ["lo"]
    assert result.commands[-1] == "ip netns del red"


def test_the_commands_of_a_forced_removal(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(
            host,
            """
            netns add red
            link add v0 netns red type veth peer name t0
            link add v2 netns red type veth peer name v3 netns red
            """,
        )
        host.start("sleep", "4242", namespace="red")
        wait_until(lambda: host.run("ip", "netns", "pids", "red").stdout.strip() != "")

    converge_and_paste(host, run_module, prepare, "netns", name="red", state="absent", force=True)


# Links of a removed namespace


def test_its_links_are_gone_when_the_module_returns(host: Host, run_module: Run) -> None:
    """The kernel destroys them in the background, those in other namespaces too."""
    lines = ["netns add red", "netns add blue"]
    for number in range(40):
        lines.append(f"link add v{number} netns red type veth peer name t{number}")
        lines.append(f"link add w{number} netns red type veth peer name w{number} netns blue")
    shell(host, "\n".join(lines))
    assert run_module("netns", name="red", state="absent").changed
    assert set(host.links()) == {"lo"}
    assert set(host.links("blue")) == {"lo"}


def test_links_in_a_namespace_that_was_not_asked_about_are_gone_as_well(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\nnetns add blue")
    shell(
        host,
        "\n".join(f"link add v{number} netns red type veth peer name v{number} netns blue" for number in range(40)),
    )
    assert run_module("netns", name="red", state="absent").changed
    assert set(host.links("blue")) == {"lo"}


def test_namespaces_joined_by_a_veth_pair_are_removed_together(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\nnetns add blue\nlink add v0 netns red type veth peer name v0 netns blue")
    converge(host, run_module, "netns", namespaces=[{"name": name, "state": "absent"} for name in ("red", "blue")])
    assert host.namespaces() == []


# Kernel parameters


def test_parameters_are_set_inside_and_only_there(host: Host, run_module: Run) -> None:
    sysctls = {"net.ipv4.ip_forward": True, "net.ipv4.tcp_rmem": "4096 65536  131072", "net.ipv4.tcp_syncookies": None}
    converge_and_paste(host, run_module, nothing, "netns", name="red", sysctls=sysctls)
    assert parameter(host, "red", "net.ipv4.ip_forward") == "1"
    assert parameter(host, "red", "net.ipv4.tcp_rmem").split() == ["4096", "65536", "131072"]
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii").strip() == "0"


def test_a_parameter_of_an_existing_namespace_is_changed(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, "netns add red\n-n red link set lo up")

    sysctls = {"net.ipv4.conf.all.rp_filter": 2}
    result = converge_and_paste(host, run_module, prepare, "netns", namespaces=[{"name": "red", "sysctls": sysctls}])
    assert result.commands == ["ip netns exec red sysctl -w net.ipv4.conf.all.rp_filter=2"]
    # What is not named is not touched.
    assert_unchanged(run_module("netns", name="red"))
    assert_unchanged(run_module("netns", name="red", sysctls={"net.ipv4.conf.all.rp_filter": None}))
    assert parameter(host, "red", "net.ipv4.conf.all.rp_filter") == "2"


@pytest.mark.parametrize("exists", [True, False])
def test_one_parameter_that_sets_others_along(host: Host, run_module: Run, exists: bool) -> None:
    """ip_forward resets accept_redirects: the order in which a person writes them down must not matter."""
    if exists:
        shell(host, "netns add red\n-n red link set lo up")
    sysctls = {"net.ipv4.conf.all.accept_redirects": 1, "net.ipv4.conf.lo.forwarding": 0, "net.ipv4.ip_forward": 1}
    converge(host, run_module, "netns", name="red", sysctls=sysctls)
    assert parameter(host, "red", "net.ipv4.conf.all.accept_redirects") == "1"
    assert parameter(host, "red", "net.ipv4.conf.lo.forwarding") == "0"


@pytest.mark.parametrize(
    ("key", "value", "printed"),
    [
        ("net.ipv4.ip_default_ttl", "0x40", "64"),
        ("net.ipv4.ip_local_reserved_ports", "8081,8080,9000-9010", "8080-8081,9000-9010"),
        # It has no value before.
        ("net.ipv6.conf.default.stable_secret", "2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001"),
    ],
)
def test_values_that_the_kernel_prints_otherwise(
    host: Host, run_module: Run, key: str, value: str, printed: str
) -> None:
    converge(host, run_module, "netns", name="red", sysctls={key: value})
    assert parameter(host, "red", key) == printed


# The resolver's file


def test_name_servers_for_a_namespace(host: Host, run_module: Run) -> None:
    options = {"nameservers": ["192.0.2.53", "2001:db8::53"], "search": ["lab.example", "example"]}
    converge_and_paste(host, run_module, nothing, "netns", name="red", **options)
    inside = host.in_namespace("red", "cat", "/etc/resolv.conf").stdout.splitlines()
    assert inside[1:] == ["nameserver 192.0.2.53", "nameserver 2001:db8::53", "search lab.example example"]
    assert resolver("red").stat().st_mode & 0o777 == 0o644


def test_name_servers_are_changed_and_what_is_not_named_stays(host: Host, run_module: Run) -> None:
    run_module("netns", name="red", nameservers=["192.0.2.53"], search=["example"])
    converge(host, run_module, "netns", name="red", nameservers=["192.0.2.54"])
    assert resolver("red").read_text(encoding="ascii").splitlines()[1:] == ["search example", "nameserver 192.0.2.54"]
    assert_unchanged(run_module("netns", name="red"))
    converge(host, run_module, "netns", name="red", search=[])
    assert resolver("red").read_text(encoding="ascii").splitlines()[1:] == ["nameserver 192.0.2.54"]
    converge(host, run_module, "netns", name="red", nameservers=[])
    assert not resolver("red").exists()


def test_somebody_elses_resolver_file_is_kept_and_comes_back(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        write_foreign_file("red")

    converge_and_paste(host, run_module, prepare, "netns", name="red", nameservers=["192.0.2.53"])
    text = resolver("red").read_text(encoding="ascii")
    assert "nameserver 192.0.2.53" in text
    assert "198.51.100.53" not in text
    assert "options edns0" in text  # not ours to decide

    def prepare_ours() -> None:
        prepare()
        run_module("netns", name="red", nameservers=["192.0.2.53"])

    host.clear()
    converge_and_paste(host, run_module, prepare_ours, "netns", name="red", state="absent")
    assert resolver("red").read_text(encoding="ascii") == FOREIGN_FILE
    assert resolver("red").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in resolver("red").parent.iterdir()] == ["resolv.conf"]


KILL_AT_RENAME = """
import os, signal, sys
def hook(event, arguments):
    if event == "os.rename" and "netns.fabric" in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""


def test_ip_netns_exec_finds_no_files_of_ours(host: Host, run_module: Run, tmp_path: Path) -> None:
    """It mounts every file in the namespace's directory, and complains of those that /etc does not have."""
    shell(host, "netns add red")
    write_foreign_file("red")
    run_module("netns", name="red", nameservers=["192.0.2.53"])
    assert host.in_namespace("red", "true").stderr == ""
    # A run that is killed before it renames the file that it has written.
    (tmp_path / "sitecustomize.py").write_text(KILL_AT_RENAME, "ascii")
    path = f"{tmp_path}{os.pathsep}{COLLECTIONS_PATH}"
    with pytest.raises(AssertionError, match="netns ended with -9"):
        run_module("netns", name="red", nameservers=["192.0.2.54"], _env={"PYTHONPATH": path})
    assert host.in_namespace("red", "true").stderr == ""
    assert [found.name for found in resolver("red").parent.iterdir()] == ["resolv.conf"]
    # The next run removes it, whatever it is about, and check mode predicts that.
    converge(host, run_module, "netns", name="blue")
    assert sorted(found.name for found in RESOLVERS.iterdir()) == [".resolv.conf.before-netns.fabric", "red"]
    run_module("netns", name="red", state="absent")
    assert [found.name for found in RESOLVERS.iterdir()] == ["red"]
    assert resolver("red").read_text(encoding="ascii") == FOREIGN_FILE


def test_somebody_elses_resolver_file_stays_when_the_namespace_goes(host: Host, run_module: Run) -> None:
    shell(host, "netns add red")
    write_foreign_file("red")
    converge(host, run_module, "netns", name="red", state="absent")
    assert resolver("red").read_text(encoding="ascii") == FOREIGN_FILE


def test_own_resolver_file_and_its_directory_are_removed_with_the_namespace(host: Host, run_module: Run) -> None:
    run_module("netns", name="red", nameservers=["192.0.2.53"])
    converge(host, run_module, "netns", name="red", state="absent")
    assert list(RESOLVERS.iterdir()) == []


def test_a_file_that_a_vanished_namespace_has_left_goes_as_well(host: Host, run_module: Run) -> None:
    run_module("netns", name="red", nameservers=["192.0.2.53"])
    shell(host, "netns del red")
    converge(host, run_module, "netns", name="red", state="absent")
    assert list(RESOLVERS.iterdir()) == []


def test_whose_the_resolver_file_is_stays_said(host: Host, run_module: Run) -> None:
    run_module("netns", name="red", nameservers=["192.0.2.53"], owner="lab")
    assert_unchanged(run_module("netns", name="red", nameservers=["192.0.2.53"]))
    assert resolver("red").read_text(encoding="ascii").startswith("# netns.fabric:lab\n")


# Owners


def test_owner_of_a_new_namespace_is_in_the_alias_of_lo(host: Host, run_module: Run) -> None:
    converge_and_paste(host, run_module, nothing, "netns", namespaces=[{"name": "red"}], owner="lab")
    assert host.links("red")["lo"]["ifalias"] == "netns.fabric:lab"


def test_prune_removes_only_the_namespaces_of_the_owner(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        run_module("netns", namespaces=[{"name": name} for name in ("lab-1", "lab-2", "stays")], owner="lab")
        run_module("netns", namespaces=[{"name": "lab-3"}, {"name": "other"}], owner="lab2")
        shell(host, "netns add lab-foreign\nnetns add lab\n-n lab link set lo up alias netns.fabricated:lab")

    result = converge_and_paste(
        host, run_module, prepare, "netns", namespaces=[{"name": "stays"}], owner="lab", prune=True
    )
    assert host.namespaces() == ["lab", "lab-3", "lab-foreign", "other", "stays"]
    assert [diff["before_header"] for diff in result.diff] == ["namespace lab-1", "namespace lab-2"]


def test_prune_of_everything(host: Host, run_module: Run) -> None:
    shell(host, "netns add foreign")
    before = snapshot.take()
    run_module("netns", namespaces=[{"name": "red", "nameservers": ["192.0.2.53"]}], owner="lab")
    converge(host, run_module, "netns", namespaces=[], owner="lab", prune=True)
    snapshot.assert_unchanged(before)


def test_namespace_with_two_owners_is_removed_by_the_last(host: Host, run_module: Run) -> None:
    shared = inode_of_shared(host, run_module)
    first = converge(host, run_module, "netns", namespaces=[], owner="one", prune=True)
    assert first.changed
    assert inode("red") == shared
    assert host.links("red")["lo"]["ifalias"] == "netns.fabric:two"
    converge(host, run_module, "netns", namespaces=[], owner="two", prune=True)
    assert host.namespaces() == []


def inode_of_shared(host: Host, run_module: Run) -> int:
    for owner in ("one", "two"):
        run_module("netns", name="red", owner=owner)
    assert host.links("red")["lo"]["ifalias"] == "netns.fabric:one,two"
    return inode("red")


def test_another_owners_namespace_with_something_in_it_is_used_and_never_owned(host: Host, run_module: Run) -> None:
    run_module("netns", name="red", owner="one")
    shell(host, "-n red tuntap add d0 mode tap")
    before = snapshot.take()
    assert_unchanged(run_module("netns", name="red", owner="two"))
    result = run_module("netns", name="red", owner="two", state="absent")
    assert (result.failed, result.changed) == (False, False)
    assert "is not owned by two" in result.warnings[0]
    snapshot.assert_unchanged(before)


def test_somebody_elses_namespace_is_not_removed_for_an_owner(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\n-n red tuntap add d0 mode tap")
    before = snapshot.take()
    result = run_module("netns", name="red", owner="lab", state="absent")
    assert (result.failed, result.changed) == (False, False)
    assert result.warnings
    snapshot.assert_unchanged(before)


def test_a_removed_namespaces_memory_is_let_go(host: Host, run_module: Run) -> None:
    """Nothing of ours may keep it alive once the module has returned."""
    shell(host, "netns add red")
    was = inode("red")
    run_module("netns", name="red", state="absent")
    deadline = time.monotonic() + 5
    while f"net:[{was}]" in host.run("lsns", "-t", "net", "-o", "NS", "--noheadings", check=False).stdout:
        assert time.monotonic() < deadline


def test_removal_of_a_namespace_that_something_else_keeps_alive(host: Host, run_module: Run) -> None:
    """No process in it, but a second mount of it: the kernel does not destroy it, and its links go all the same."""
    shell(host, "netns add red\nlink add red-tap type veth peer name eth0 netns red")
    host.run("touch", "/run/pin")
    host.run("mount", "--bind", "/run/netns/red", "/run/pin")
    try:
        start = time.monotonic()
        result = run_module("netns", name="red", state="absent")
        assert not result.failed, result.message
        assert time.monotonic() - start < 10
        assert set(host.links()) == {"lo"}
    finally:
        host.run("umount", "/run/pin")

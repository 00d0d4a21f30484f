# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stored topology: its file and its archive, and the command netns-fabric, which applies it without Ansible."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ansible
import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.lock import LOCK_FILE
from ansible_collections.netns.fabric.plugins.module_utils._entry import archive
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import DIRECTORY, FORMAT, path_of
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_units import COMMAND, UNITS
from ansible_collections.netns.fabric.tests.helpers import module_runner, snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, assert_unchanged, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.traffic import pings
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

OWNERSHIP: dict[str, Any] = {"owner": "lab", "prune": True}
NUMBERS = {"red": 1, "blue": 2}
#: Not in the order of the alphabet: a run and the host have to write them alike.
NAMES = {name: f"192.0.2.{number}" for name, number in NUMBERS.items()}
OK, DIFFERS, FAILED, UNKNOWN = range(4)

#: Runs the archive as a host does that has no Ansible.
WITHOUT_ANSIBLE = """
import runpy, sys
sys.modules["ansible"] = None  # any import of it fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def step(module: str, **options: Any) -> dict[str, Any]:
    return {"module": module, "options": options}


def build_steps() -> list[dict[str, Any]]:
    """Two namespaces on a bridge with VLAN 7, a gateway, NAT, a published port and a resolver."""
    pairs = [
        {
            "name": "eth0",
            "namespace": name,
            "addresses": [f"192.0.2.{number}/24"],
            "peer": {"name": f"{name}-tap", "enabled": True},
            "enabled": True,
        }
        for name, number in NUMBERS.items()
    ]
    ports = [
        {"name": f"{name}-tap", "bridge": "br", "tag": 7, "peer": {"name": "eth0", "namespace": name}}
        for name in NUMBERS
    ]
    mirror = {"name": "watch", "bridge": "br", "select_all": True, "output_vlan": 9}
    published = {"port": 8080, "to_address": "192.0.2.1", "to_port": 80}
    return [
        step(
            "netns",
            namespaces=[{"name": name, "nameservers": ["192.0.2.53"]} for name in NUMBERS],
            hosts=NAMES,
            **OWNERSHIP,
        ),
        step("ovs_bridge", bridges=[{"name": "br", "datapath_type": "auto"}], **OWNERSHIP),
        step("veth", pairs=pairs, **OWNERSHIP),
        step("link", links=[{"name": "br", "addresses": ["192.0.2.254/24"], "enabled": True}], **OWNERSHIP),
        step("route", routes=[{"namespace": "red", "destination": "default", "gateway": "192.0.2.2"}], exact=True),
        step("nat_masquerade", rules=[{"source": "192.0.2.0/24"}], **OWNERSHIP),
        step("nat_port_forward", rules=[published], **OWNERSHIP),
        step("ovs_port", ports=ports, **OWNERSHIP),
        step("ovs_mirror", mirrors=[mirror], **OWNERSHIP),
        step("ovs_flow", bridges=[{"bridge": "br", "flows": ["in_port=red-tap,udp,actions=drop"]}], **OWNERSHIP),
    ]


def delete_steps() -> list[dict[str, Any]]:
    empty = {
        "ovs_flow": "bridges",
        "ovs_mirror": "mirrors",
        "ovs_port": "ports",
        "ovs_bridge": "bridges",
        "link": "links",
        "nat_masquerade": "rules",
        "nat_port_forward": "rules",
        "veth": "pairs",
        "netns": "namespaces",
    }
    return [step(module, **{option: []}, **OWNERSHIP) for module, option in empty.items()]


def call(code: str, *words: str, paths: Sequence[Path] = ()) -> bytes:
    """Run Python code as a module runs on a managed host: with its interpreter, and the package from `paths`."""
    where = os.pathsep.join(map(str, paths or (module_runner.COLLECTIONS_PATH,)))
    ran = subprocess.run(
        [module_runner.target_python(), "-c", code, *words],
        env={**os.environ, "PYTHONPATH": where},
        capture_output=True,
        cwd="/",
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


BUILD = f"import sys; from {archive.__name__} import build; sys.stdout.buffer.write(build(*sys.argv[1:]))"
STORE = """
import json, sys
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot import BootResource
options = {"name": "lab", "state": "present", "heal": 0, "partial": False, **json.loads(sys.argv[1])}
sys.stdout.buffer.write(BootResource().desired(Entry("lab"), options).document.dump())
"""


def document(**options: Any) -> bytes:
    """Return the file of a stored topology as the module writes it."""
    given = {"steps": build_steps(), "delete_steps": delete_steps(), **options}
    return call(STORE, json.dumps(given))


def store(content: bytes, name: str = "lab") -> Path:
    path = Path(path_of(name))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def fixture_nothing_stored(host: Host) -> Iterator[None]:  # the host is the test's own: these are its directories
    Path(COMMAND).write_bytes(call(BUILD))
    Path(COMMAND).chmod(0o755)
    yield
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    Path(COMMAND).unlink(missing_ok=True)


def fabric(*words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command on a host that has no Ansible."""
    return subprocess.run(
        [module_runner.target_python(), "-I", "-c", WITHOUT_ANSIBLE, COMMAND, *words],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        cwd="/",
        timeout=timeout,
        check=False,
    )


def run(status: int, *words: str) -> str:
    """Run the command, require its exit status, and return its output."""
    ran = fabric(*words)
    assert (ran.returncode, ran.stderr) == (status, ""), f"{ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.fixture(name="lab")
def fixture_lab(host: Host) -> Host:
    """Store the topology and apply it from its file alone."""
    store(document())
    run(OK, "apply", "lab")
    return host


# The archive


def test_the_archive_is_the_same_from_a_folder_and_from_what_ansible_sends(tmp_path: Path) -> None:
    """Ansible sends a compressed ZIP file with files of the current time."""
    root = module_runner.COLLECTIONS_PATH
    sent = tmp_path / "sent.zip"
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted((root / "ansible_collections/netns/fabric/plugins/module_utils").rglob("*.py")):
            name = path.relative_to(root).as_posix()
            packed.writestr(name, path.read_bytes())
        folders = {str(Path(name).parent) for name in packed.namelist()}
        for folder in sorted({str(each) for name in folders for each in (Path(name), *Path(name).parents)} - {"."}):
            packed.writestr(f"{folder}/__init__.py", "")
    from_zip = call(BUILD, paths=(sent, Path(ansible.__file__).parents[1]))
    assert from_zip == call(BUILD)


def test_the_archive_runs_as_a_script(lab: Host) -> None:
    assert Path(COMMAND).read_bytes().startswith(f"#!{module_runner.target_python()} -I\n".encode())
    assert "lab: as stored" in lab.run(COMMAND, "status").stdout


# From the file alone


def test_a_stored_topology_is_what_the_sequence_builds(host: Host, run_module: Run) -> None:
    applied = run_module("sequence", steps=build_steps())
    assert not applied.failed, applied.message
    wanted = snapshot.take()
    host.clear()
    store(document())
    output = run(OK, "apply", "lab")
    assert "lab: repaired: namespace red: missing" in output
    snapshot.assert_equal_host(wanted, "the host that was built from the stored file")
    assert pings("blue", "192.0.2.1")
    before = snapshot.take()
    assert "lab: as stored" in run(OK, "apply", "lab")
    assert_unchanged(run_module("sequence", steps=build_steps()))
    snapshot.assert_unchanged(before, "the host after a second run")


def test_an_option_that_the_file_does_not_have_gets_its_default(host: Host) -> None:
    """As after an upgrade to a version with further options."""
    data = json.loads(document(steps=[step("netns", namespaces=[{"name": "red"}])]))
    del data["steps"][0]["options"]["namespaces"][0]["force"]
    data["steps"][0]["options"].pop("prune")
    store(json.dumps(data).encode())
    run(OK, "apply", "lab")
    assert host.namespaces() == ["red"]


# Exit status


def test_status_of_a_host_as_stored_and_of_one_that_differs(lab: Host) -> None:
    assert run(OK, "status", "lab") == run(OK, "check", "lab") == "lab: as stored\n"
    lab.run("ip", "-n", "red", "link", "set", "dev", "eth0", "down")
    before = snapshot.take()
    assert "lab: differs: veth red/eth0: enabled: false -> true\n" in run(DIFFERS, "status")
    output = run(DIFFERS, "check", "lab")
    assert "lab: command: ip -n red link set dev eth0 up" in output
    snapshot.assert_unchanged(before, "the host after status and check")


def test_json_for_programs(lab: Host) -> None:
    lab.run("ip", "netns", "delete", "blue")
    [data] = json.loads(run(DIFFERS, "status", "--json"))
    assert (data["name"], data["state"], data["changed"]) == ("lab", "differs", True)
    assert "ip netns add blue" in data["commands"]
    [data] = json.loads(run(OK, "apply", "--json", "lab"))
    assert (data["state"], data["action"], data["changed"]) == ("ok", "apply", True)
    assert json.loads(run(OK, "status", "--json"))[0]["diff"] == []


def test_what_cannot_be_applied_fails_and_changes_nothing(lab: Host) -> None:
    lab.run("ip", "-n", "red", "link", "set", "dev", "eth0", "down")
    resolver = Path("/etc/netns/red/resolv.conf")
    resolver.unlink()
    resolver.mkdir()
    before = snapshot.take()
    for action in ("status", "apply"):
        output = run(FAILED, action, "lab")
        assert (
            "lab: error: netns.fabric.netns: namespaces[0] (red): /etc/netns/red/resolv.conf is a directory" in output
        )
    snapshot.assert_unchanged(before, "the host after an error")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status", "other"], "no topology 'other' is stored"),
        (["apply", "a/b"], "'a/b' cannot be an owner name"),
        (["apply"], "arguments are required"),
        (["repair", "lab"], "invalid choice"),
    ],
)
def test_wrong_usage_is_unknown(lab: Host, words: list[str], message: str) -> None:
    ran = fabric(*words)
    assert ran.returncode == UNKNOWN
    assert message in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _data: b"{", "is damaged"),
        (lambda data: json.dumps({**data, "format": FORMAT + 1}).encode(), "newer version of netns.fabric"),
        (lambda data: json.dumps({**data, "name": "other"}).encode(), "is the topology 'other'"),
    ],
)
def test_a_file_that_cannot_be_read_is_unknown(host: Host, change: Callable[[Any], bytes], message: str) -> None:
    store(change(json.loads(document())))
    for action in ("status", "apply", "delete"):
        assert message in run(UNKNOWN, action, "lab")


def test_nothing_stored(host: Host) -> None:
    assert run(OK, "status") == "no topology is stored on this host\n"
    assert json.loads(run(OK, "status", "--json")) == []


def test_without_root(lab: Host) -> None:
    ran = lab.run("setpriv", "--reuid=65534", "--clear-groups", COMMAND, "status", check=False)
    assert ran.returncode == UNKNOWN
    assert "needs root" in ran.stdout


# The lock


def test_the_command_waits_for_a_run_and_reads_what_that_has_stored(lab: Host) -> None:
    """A run that removes the stored topology is not followed by a repair from the file as it was before."""
    lock = os.open(LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    repairing = subprocess.Popen(
        [COMMAND, "apply", "lab"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )
    try:
        wait_until(lambda: LOCK_FILE in _open_files(repairing.pid), 60, "the command did not open the lock")
        Path(path_of("lab")).unlink()
        lab.run("ip", "netns", "delete", "blue")
    finally:
        os.close(lock)
    output = repairing.communicate(timeout=60)[0]
    assert (repairing.returncode, "no topology 'lab' is stored" in output) == (UNKNOWN, True), output
    assert "blue" not in lab.namespaces()


def _open_files(pid: int) -> list[str]:
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            found.append(os.readlink(descriptor))
    return found


# Repairs

DAMAGE = {
    "a namespace": "netns delete blue",
    "a veth pair": "link delete dev red-tap",
    "a link down": "-n red link set dev eth0 down",
    "an address": "-n blue addr del 192.0.2.2/24 dev eth0",
    "a route": "-n red route del default",
    "a port": "!ovs-vsctl --timeout=10 del-port red-tap",
    "the flows": "!ovs-ofctl --timeout=10 del-flows br udp",
    "a mirror": "!ovs-vsctl --timeout=10 clear bridge br mirrors",
    "a tag": "!ovs-vsctl --timeout=10 set port red-tap tag=9",
    "a bridge": "!ovs-vsctl --timeout=10 del-br br",
    "the gateway's address": "addr flush dev br",
    "the rules of NAT": "!nft flush ruleset",
    "forwarding": "!sysctl -qw net.ipv4.ip_forward=0",
    "a resolver": "!rm /etc/netns/red/resolv.conf",
}
#: What others have on the host.
FOREIGN = """
    netns add theirs
    link add theirs0 type veth peer name theirs1 netns theirs
    addr add 198.51.100.9/24 dev theirs0
    !ovs-vsctl --timeout=10 add-br theirbr
    !nft add table inet theirs
"""


def test_each_damage_is_repaired_and_nothing_of_others_is_touched(host: Host) -> None:
    shell(host, FOREIGN)
    store(document())
    run(OK, "apply", "lab")
    wanted = snapshot.take()
    for damage, line in DAMAGE.items():
        shell(host, line)
        if damage == "the rules of NAT":
            shell(host, "!nft add table inet theirs")
        run(DIFFERS, "status", "lab")
        assert "lab: repaired: " in run(OK, "apply", "lab"), damage
        snapshot.assert_equal_host(wanted, f"the host after the repair of {damage}")
        run(OK, "status", "lab")
        assert pings("blue", "192.0.2.1"), damage


# Deletion


def test_delete_leaves_what_others_have_and_nothing_else(host: Host) -> None:
    shell(host, FOREIGN)
    # It stays enabled, because other software may depend on it.
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    before = snapshot.take()
    store(document())
    store(document(steps=[step("netns", namespaces=[{"name": "other"}])]).replace(b'"lab"', b'"other"'), "other")
    run(OK, "apply", "lab")
    output = run(OK, "delete", "lab")
    assert output.endswith("lab: deleted\n")
    snapshot.assert_equal_host(before, "the host after the deletion")
    assert os.listdir(DIRECTORY) == ["other.json"]
    assert Path(COMMAND).exists()
    Path(path_of("other")).unlink()
    store(document())
    run(OK, "delete", "lab")
    assert not Path(COMMAND).exists()
    assert not Path(DIRECTORY).exists()


def test_without_steps_of_a_deletion_nothing_is_deleted(host: Host) -> None:
    store(document(delete_steps=[]))
    run(OK, "apply", "lab")
    before = snapshot.take()
    assert "delete_steps" in run(FAILED, "delete", "lab")
    snapshot.assert_unchanged(before, "the host after a refused deletion")


# Secrets


def test_no_secret_is_printed(host: Host) -> None:
    port = {"name": "tun0", "bridge": "br", "type": "gre", "options": {"remote_ip": "192.0.2.9", "psk": "it's open"}}
    store(document(steps=[step("ovs_bridge", bridges=[{"name": "br"}]), step("ovs_port", ports=[port])]))
    assert "open" in Path(path_of("lab")).read_text(encoding="utf-8")
    for words in (["check", "lab"], ["check", "--json", "lab"]):
        output = run(DIFFERS, *words)
        assert "192.0.2.9" in output
        assert "open" not in output


# The module, on a host without systemd


@pytest.mark.parametrize("check", [True, False])
def test_a_host_without_systemd_is_refused_before_the_first_write(host: Host, run_module: Run, check: bool) -> None:
    before = snapshot.take()
    steps = [*build_steps(), step("boot", name="lab", delete_steps=delete_steps())]
    result = run_module("sequence", _check=check, steps=steps)
    assert result.failed
    assert "netns.fabric.boot: lab: this host does not run systemd" in result.message
    snapshot.assert_unchanged(before, "the host after a refusal")
    result = run_module("boot", _check=check, name="lab", steps=build_steps())
    assert "does not run systemd" in result.message


def test_absent_needs_no_systemd_and_removes_what_is_stored(host: Host, run_module: Run) -> None:
    timer = Path(UNITS) / "netns-fabric-heal@lab.timer"
    timer.write_text("# left by a killed run\n", encoding="utf-8")
    store(document())
    checked = run_module("boot", _check=True, name="lab", state="absent")
    assert Path(path_of("lab")).exists()
    applied = run_module("boot", name="lab", state="absent")
    assert (checked.changed, checked.diff, checked.commands) == (True, applied.diff, applied.commands)
    assert not Path(DIRECTORY).exists()
    assert not Path(COMMAND).exists()
    assert not timer.exists()
    assert_unchanged(run_module("boot", name="lab", state="absent"))


def test_only_its_owner_removes_a_stored_topology(host: Host, run_module: Run) -> None:
    content = json.loads(document())
    store(json.dumps({**content, "owner": "lab"}).encode())
    result = run_module("boot", name="lab", state="absent", owner="other")
    assert (result.changed, result.warnings) == (
        False,
        ["lab: the stored topology lab is not owned by other; left alone"],
    )
    assert_unchanged(run_module("boot", topologies=[], owner="other", prune=True))
    assert Path(path_of("lab")).exists()
    assert run_module("boot", topologies=[], owner="lab", prune=True).changed
    assert not Path(path_of("lab")).exists()


def test_a_command_of_others_stays(host: Host, run_module: Run) -> None:
    Path(COMMAND).write_text("#!/bin/sh\n", encoding="utf-8")
    store(document())
    assert run_module("boot", name="lab", state="absent").changed
    assert Path(COMMAND).read_text(encoding="utf-8") == "#!/bin/sh\n"


def test_errors_in_stored_steps_name_step_and_option(host: Host, run_module: Run) -> None:
    result = run_module(
        "boot",
        name="a b",
        heal=5,
        steps=[step("netns", namespaces=[{"name": "a/b"}]), step("veth")],
        delete_steps=[step("route", colour="red")],
    )
    lines = result.message.splitlines()
    assert lines[0].startswith("a b: name: 'a b' cannot be an owner name")
    assert lines[1].startswith("a b: heal: 5 s between repairs are too few")
    assert lines[2].startswith("a b: steps[0]: namespaces[0] (a/b): name: ")
    assert lines[3].startswith("a b: steps[1]: one of the following is required")
    assert lines[4].startswith("a b: delete_steps[0]: ")


def test_steps_are_required_outside_a_sequence(host: Host, run_module: Run) -> None:
    assert "lab: steps: is required" in run_module("boot", name="lab").message

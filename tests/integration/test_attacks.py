# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a login that is not root, and a tenant that is root in a namespace, try against the host and its runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.lock import LOCK_FILE, locked
from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import find_notations
from ansible_collections.netns.fabric.tests.helpers.convergence import converge
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

NOBODY = 65534
HOLD_A_LOCK = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def lock_held_by_a_login(path: str) -> Iterator[str]:
    """Try, as a user that is not root, to lock a file for as long as the block runs; yield what came of it."""
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", HOLD_A_LOCK, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=NOBODY,
        cwd="/",
    ) as login:
        assert login.stdout
        yield login.stdout.readline()
        login.communicate()


@pytest.mark.parametrize("path", ["/run", "/run/netns"])
def test_no_login_stops_a_run_by_a_lock(host: Host, run_module: RunModule, path: str) -> None:
    run_module("netns", name="red")
    with lock_held_by_a_login(path) as outcome:
        assert outcome == "held\n"
        converge(host, run_module, "netns", name="blue")


def test_no_login_gets_the_lock_of_a_run() -> None:
    with locked(shared=True), lock_held_by_a_login(LOCK_FILE) as outcome:
        assert outcome != "held\n"


def test_check_mode_and_a_run_leave_no_lock_file(run_module: RunModule) -> None:
    for check in (True, False):
        assert not run_module("netns", name="red", _check=check).failed
        assert not Path(LOCK_FILE).exists()


@pytest.mark.parametrize("secret", ["open sesame", 'it\'s "open"', "öffne $dich\\"])
def test_no_module_returns_the_secret_of_a_tunnel(host: Host, run_module: RunModule, secret: str) -> None:
    def port(psk: str) -> dict[str, Any]:
        options = {"remote_ip": "192.0.2.1", "psk": psk}
        return {"name": "tun0", "bridge": "int_br", "type": "vxlan", "options": options, "protected": True}

    run_module("ovs_bridge", name="int_br")
    for psk in (secret, "a new one"):  # the second time, the old one is in the diff
        for check in (True, False):
            for result in (
                run_module("sequence", steps=[{"module": "ovs_port", "options": port(psk)}], _check=check),
                run_module("ovs_port", **port(psk), _check=check),
                run_module("topology_info"),
            ):
                assert not result.failed, result.message
                text = json.dumps(result.returned, ensure_ascii=False)
                assert not [form for form in (*find_notations(secret), "a new one") if form in text]
        assert json.loads(host.ovs_vsctl("get", "Interface", "tun0", "options:psk")) == psk
    result = run_module("ovs_port", **{**port("unused"), "type": "gre", "options": {}})
    assert result.changed
    assert "a new one" not in json.dumps(result.returned)


def test_declarations_leave_a_secret_out(host: Host, run_module: RunModule) -> None:
    options = {"remote_ip": "192.0.2.1", "psk": "sesame"}
    run_module("ovs_bridge", name="int_br")
    run_module("ovs_port", name="tun0", bridge="int_br", type="vxlan", options=options, protected=True)
    info = run_module("topology_info").returned
    assert info["declarations"]["ports"][0]["options"] == {"remote_ip": "192.0.2.1"}
    assert "ports: tun0: options.psk: it is a secret" in info["undeclared"]
    assert not run_module("ovs_port", ports=info["declarations"]["ports"]).changed
    assert host.ovs_vsctl("get", "Interface", "tun0", "options:psk") == "sesame"


def test_the_error_of_a_wrong_option_has_no_secret(run_module: RunModule) -> None:
    result = run_module("ovs_port", name="tun0", bridge="int_br", options={"psk": "sesame"}, nonsense=1)
    assert result.failed
    assert "sesame" not in json.dumps(result.returned)

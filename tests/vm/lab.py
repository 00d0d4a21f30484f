# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with an outside world, plays that are run on it over ssh, and traffic to judge them by.

The second NIC is an uplink of the machine, 198.51.100.1. The third is in the namespace `outside`, 198.51.100.2, which
has no route back to the networks behind the machine: it answers translated packets only.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.controller import controller_commands
from ansible_collections.netns.fabric.tests.helpers.plays import COLLECTION, Played
from ansible_collections.netns.fabric.tests.helpers.traffic import OUTSIDE_PORT
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.vm.images import USER
from ansible_collections.netns.fabric.tests.vm.machine import NICS, Machine

OUTSIDE, UPLINK_ADDRESS = "198.51.100.2", "198.51.100.1"
#: Seconds that an emulated machine may take to start Python, and to repair.
PATIENCE = 900
SITE, TEARDOWN = "netns.fabric.site", "netns.fabric.teardown"

_ENDPOINT = Path(__file__).parents[1] / "helpers" / "traffic_endpoint.py"
#: The same file in a machine.
ENDPOINT = "/usr/local/lib/traffic_endpoint.py"
_OUTSIDE_WORLD = f"""
    ip netns add outside
    ip link set dev {NICS[1]} netns outside
    ip -n outside link set lo up
    ip -n outside addr add {OUTSIDE}/24 dev {NICS[1]}
    ip -n outside link set dev {NICS[1]} up
    systemd-run --quiet --unit outside ip netns exec outside \
        python3 -I {ENDPOINT} serve outside /run/outside.log {OUTSIDE_PORT}
"""
_UPLINK = f"ip addr add {UPLINK_ADDRESS}/24 dev {NICS[0]}; ip link set dev {NICS[0]} up\n"
_WITNESS = "/usr/local/lib/witness"
_WITNESS_UNIT = f"""
[Unit]
After=netns-fabric@default.service
Before=ssh.service
[Service]
Type=oneshot
ExecStart=bash {_WITNESS}
StandardOutput=truncate:/var/lib/witness
[Install]
WantedBy=multi-user.target
"""


class Lab:
    """A machine under test."""

    def __init__(self, machine: Machine, name: str = "fabric") -> None:
        self.machine, self.name = machine, name
        self.root = machine.root
        self._inventory = machine.directory / "inventory.json"
        self.write_inventory({"all": {"hosts": {name: self.login()}}})

    def write_inventory(self, inventory: dict[str, Any]) -> None:
        """Have plays run on the hosts of this inventory."""
        self._inventory.write_text(json.dumps(inventory), encoding="utf-8")

    def login(self) -> dict[str, Any]:
        """Return the variables by which Ansible reaches the machine."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.machine.port,
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(self.machine.key),
            "ansible_ssh_args": " ".join(self.machine.ssh_options),
            "ansible_python_interpreter": "/usr/bin/python3",
            # Open vSwitch of an emulated machine on a busy host.
            "topology_ovs_timeout": 60,
        }

    def prepare_outside(self, uplink: bool = True) -> None:
        """Build the outside world; without `uplink` the NIC that leads there stays as it is."""
        self.machine.copy(_ENDPOINT, ENDPOINT)
        self.root(_OUTSIDE_WORLD + (_UPLINK if uplink else ""))

    def witness(self, script: str) -> None:
        """Have each later boot run commands before anybody can log in, which write to /var/lib/witness."""
        self.machine.root(
            f"printf %s {shlex.quote(_OUTSIDE_WORLD + _UPLINK + script)} >{_WITNESS}; "
            f"printf %s {shlex.quote(_WITNESS_UNIT)} >/etc/systemd/system/witness.service; "
            "systemctl enable witness.service"
        )

    def unpack(self, archive: bytes, directory: str) -> None:
        """Unpack a compressed archive of tar below a directory of the machine."""
        command = f"sudo sh -c 'mkdir -p {directory} && tar -xz -C {directory}'"
        argv = self.machine.ssh(command)
        ended = subprocess.run(argv, input=archive, capture_output=True, check=False, timeout=600)
        assert ended.returncode == 0, ended.stderr

    def once(self, name: str, base: str | None, build: Callable[[], object]) -> None:
        """Keep the machine under a name as `build` leaves it, which begins with the snapshot `base`."""
        if base is not None:
            self.machine.restore(base)
        build()
        self.machine.save(name)

    # Plays

    def attempt(self, playbook: str | Path, *options: str, **variables: Any) -> Played:
        """Run a playbook on the machine, over ssh, with these variables, and return the result."""
        given = ["--extra-vars", json.dumps(variables)] if variables else []
        ansible = str(controller_commands() / "ansible-playbook")
        command = [ansible, "--inventory", str(self._inventory), str(playbook), *options, *given]
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name not in ("ANSIBLE_CONFIG", "ANSIBLE_ROLES_PATH")
            },
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_INJECT_FACT_VARS": "0",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_TIMEOUT": "60",
            "COLUMNS": "1000",
        }
        try:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
                timeout=self.machine.budget.bound(2400),
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.machine.budget.check()
            raise
        return Played(ended.returncode, f"{' '.join(command)}\n{ended.stdout}")

    def play(self, playbook: str | Path, *options: str, **variables: Any) -> Played:
        """Run a playbook and return the result; raise AssertionError with its output if it fails."""
        played = self.attempt(playbook, *options, **variables)
        assert played.status == 0, played.output
        return played

    def build(self, **variables: Any) -> Played:
        """Run site.yml, and once more, which changes nothing; return the result of the first run."""
        built = self.play(SITE, "--diff", **variables)
        again = self.play(SITE, "--diff", **variables)
        assert again.changed == 0, again.output
        return built

    def namespaces(self) -> set[str]:
        """Return the names of the machine's namespaces."""
        return set(self.root("ls /run/netns").split())

    # A stored topology

    def status(self) -> int:
        """Return the exit status of the command on the host; 0 where the host is as stored."""
        return self.machine.attempt("sudo /usr/local/sbin/netns-fabric status default", timeout=PATIENCE).returncode

    def wait_for_unit(self) -> None:
        """Wait until the unit that applies the topology has ended, and assert that it has done so."""
        state = "systemctl is-active netns-fabric@default"

        def ended() -> bool:
            return self.machine.attempt(state).stdout.strip() in ("active", "failed")

        wait_until(ended, PATIENCE, "the unit does not end")
        assert self.root(state).strip() == "active"

    # Traffic

    def pings(self, namespace: str, address: str) -> bool:
        """Return whether an address answers one of five ICMP echo requests."""
        command = f"sudo ip netns exec {namespace} ping -n -q -c 1 -W 2 {address}"
        return any(self.machine.attempt(command).returncode == 0 for _attempt in range(5))

    def seen_as(self, namespace: str, timeout: float = 15) -> str:
        """Return the address by which a server outside sees a namespace; empty where it does not answer."""
        ask = f"ask tcp {OUTSIDE} {OUTSIDE_PORT} {timeout}"
        asked = self.machine.attempt(f"sudo ip netns exec {namespace} python3 -I {ENDPOINT} {ask}")
        return asked.stdout.strip().rpartition(" ")[2]

    def transfers(self, client: str, server: str, address: str) -> bool:
        """Return whether a megabyte passes by TCP unaltered, there and back."""
        receive = f"ip netns exec {server} python3 -I {ENDPOINT} receive {address} 1000000 60"
        send = f"ip netns exec {client} python3 -I {ENDPOINT} send {address}"
        script = (
            f"{receive} >/run/received & sleep 1; "  # the port is printed once it listens
            "until [ -s /run/received ]; do sleep 0.2; done; "
            f"{send} $(head -1 /run/received) 1000000 60; wait; tail -1 /run/received"
        )
        lines = [json.loads(line) for line in self.root(script, timeout=150).splitlines()]
        return [line["intact"] for line in lines] == [True, True]

    def assert_reference_works(self) -> None:
        """Assert that the reference topology forwards: between its namespaces, and translated to the outside."""
        assert self.pings("ns01", "192.168.100.2")
        assert self.transfers("ns01", "ns02", "192.168.100.2")
        assert (self.seen_as("ns01"), self.seen_as("ns02")) == (UPLINK_ADDRESS, UPLINK_ADDRESS)

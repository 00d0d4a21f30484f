# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts with OVN inside the host that a test runs in: central on the first, a chassis on each, gateways.

    with ovn_hosts(3) as hosts:
        hosts.northbound.ctl("ls-add", "left")
        hosts[1].plug("red", "red0", "02:00:00:00:00:01", "192.0.2.1/24")

Each host has its own network and mount namespace, its own /run, and so its own Open vSwitch. Its `eth0` is on the
underlay, a bridge of the test host, and its `eth1` on the wire to the outside world, where 198.51.100.2 is in the
namespace `outside` of the test host. The datapath is the userspace's: then a tunnel's address has to be on the local
port of a bridge that has the NIC, or no tunnel carries a packet.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.helpers.northbound import Northbound
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

#: The physical network of the gateways, as OVN names it, and the outside world's address on it.
PHYSICAL_NETWORK = "physnet"
OUTSIDE = "outside"
OUTSIDE_ADDRESS = "198.51.100.2"
#: Of a link in a namespace: the underlay's less the headers of Geneve over IPv4.
MTU = 1500 - 58
#: The key in external_ids that ovn-controller sets on an interface once its flows are there.
READY = "ovn-installed"

_OVN_CTL = "/usr/share/ovn/scripts/ovn-ctl"
_OVS_CTL = "/usr/share/openvswitch/scripts/ovs-ctl"
#: What a host has of its own: all that daemons write is below.
_PRIVATE = ("/run", "/etc/netns", "/etc/openvswitch", "/var/log/openvswitch")
#: For ovn-ctl, whose directories below /var are the machine's.
_DIRECTORIES = {"OVN_RUNDIR": "/run/ovn", "OVN_DBDIR": "/run/ovn", "OVN_LOGDIR": "/run/ovn", "OVN_SYSCONFDIR": "/run"}
_DATAPATH = "netdev"


class OvnHost:
    """One host; the number is the last part of its address on the underlay."""

    def __init__(self, number: int) -> None:
        self.name, self.address = f"host{number}", f"10.0.0.{number}"
        self._process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sleep", "infinity"], stdin=subprocess.DEVNULL
        )
        ours = os.readlink("/proc/self/ns/net")
        wait_until(lambda: self._reads_as_sleeping() and os.readlink(self._path("ns/net")) != ours)
        for directory in _PRIVATE:
            self.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", directory)
        self.run("mkdir", "/run/netns", "/run/openvswitch", "/run/ovn", "/run/lock")
        self.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run/netns")
        self.run("mount", "-t", "sysfs", "sysfs", "/sys")
        self.run("ip", "link", "set", "lo", "up")

    def _reads_as_sleeping(self) -> bool:
        return self._path("comm").read_text(encoding="ascii").strip() == "sleep"

    def _path(self, name: str) -> Path:
        return Path(f"/proc/{self._process.pid}") / name

    @property
    def northbound_socket(self) -> Path:
        """The socket of the northbound database on this host, as the test host finds it."""
        return self._path("root/run/ovn/ovnnb_db.sock")

    def inside(self, namespace: str | None = None) -> list[str]:
        """Return what to put before a command so that it runs on this host, or in a namespace of it."""
        entering = ["nsenter", f"--target={self._process.pid}", "--net", "--mount", "--"]
        return [*entering, *(["ip", "netns", "exec", namespace] if namespace else [])]

    def run(self, *command: str, namespace: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on this host, or in a namespace of it; with ``check`` a failure raises AssertionError."""
        ran = subprocess.run(
            [*self.inside(namespace), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **_DIRECTORIES},
        )
        assert not check or ran.returncode == 0, f"{self.name}: {' '.join(command)}: {ran.stdout}{ran.stderr}"
        return ran

    def vsctl(self, *arguments: str) -> str:
        """Run ovs-vsctl; return its output without the final newline."""
        return self.run("ovs-vsctl", "--timeout=10", *arguments).stdout.rstrip("\n")

    def pings(self, namespace: str, address: str, *options: str) -> bool:
        """Return whether an address answers a namespace of this host within a second."""
        ping = ("ping", "-n", "-q", "-c", "1", "-W", "1", *options, address)
        return self.run(*ping, namespace=namespace, check=False).returncode == 0

    def plug(self, namespace: str, port: str, mac: str, address: str = "", gateway: str = "") -> None:
        """Connect a new namespace to a logical port by a veth pair, and wait until its flows are there."""
        tap = f"t-{namespace}"
        self.run("ip", "netns", "add", namespace)
        self.run("ip", "link", "add", tap, "type", "veth", "peer", "eth0", "netns", namespace, "address", mac)
        self.run("ip", "link", "set", tap, "up")
        # The userspace datapath does not complete checksums.
        self.run("ethtool", "-K", "eth0", "tx", "off", namespace=namespace)
        self.run("ip", "link", "set", "lo", "up", namespace=namespace)
        self.run("ip", "link", "set", "eth0", "mtu", str(MTU), "up", namespace=namespace)
        if address:
            self.run("ip", "addr", "add", address, "dev", "eth0", "nodad", namespace=namespace)
        if gateway:
            self.run("ip", "route", "add", "default", "via", gateway, namespace=namespace)
        self.vsctl("add-port", "br-int", tap, "--", "set", "Interface", tap, f'external_ids:iface-id="{port}"')

    def is_ready(self, namespace: str) -> bool:
        """Return whether the flows of a namespace's port are there."""
        return self.vsctl("--if-exists", "get", "Interface", f"t-{namespace}", f"external_ids:{READY}") == '"true"'

    def unplug(self, namespace: str) -> None:
        """Delete a namespace and its port."""
        self.vsctl("--if-exists", "del-port", f"t-{namespace}")
        self.run("ip", "netns", "del", namespace)

    # OVN

    def start_switch(self) -> None:
        """Start Open vSwitch, and put the NIC and its address on a bridge."""
        self.run(_OVS_CTL, "start", f"--system-id={self.name}")
        self._add_bridge("br-phy", "eth0")
        self.run("ip", "addr", "add", f"{self.address}/24", "dev", "br-phy")
        self.run("ip", "link", "set", "br-phy", "up")

    def _add_bridge(self, name: str, nic: str) -> None:
        setting = ("--", "set", "Bridge", name, f"datapath_type={_DATAPATH}", "fail_mode=standalone")
        self.vsctl("add-br", name, *setting, "--", "add-port", name, nic)

    def start_central(self) -> None:
        """Start the databases and ovn-northd; the northbound one listens on its socket only."""
        self.run(_OVN_CTL, "start_northd")
        listening = ("set-connection", f"ptcp:6642:{self.address}", "--", "set", "Connection", ".")
        self.run("ovn-sbctl", "--timeout=20", *listening, "inactivity_probe=60000")

    def start_chassis(self, central: OvnHost) -> None:
        """Start ovn-controller."""
        keys = {
            "ovn-remote": f"tcp:{central.address}:6642",
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": self.address,
            "ovn-bridge-datapath-type": _DATAPATH,
            "ovn-openflow-probe-interval": "0",
            "ovn-remote-probe-interval": "60000",
            "ovn-monitor-all": "true",
        }
        self.vsctl("set", "Open_vSwitch", ".", *(f'external_ids:{key}="{value}"' for key, value in keys.items()))
        self.run(_OVN_CTL, "start_controller")

    def make_gateway(self) -> None:
        """Connect the wire to the outside world as the physical network of OVN."""
        self._add_bridge("br-ex", "eth1")
        mapping = f"external_ids:ovn-bridge-mappings={PHYSICAL_NETWORK}:br-ex"
        self.vsctl("set", "Open_vSwitch", ".", mapping)

    def stop_chassis(self) -> None:
        """Stop ovn-controller, which removes its row of the southbound database and its flows."""
        self.run(_OVN_CTL, "stop_controller")

    def stop(self) -> None:
        """Stop everything on this host; what is in its namespaces ends with it."""
        for control, command in ((_OVN_CTL, "stop_northd"), (_OVS_CTL, "stop")):
            self.run(control, command, check=False)
        self._process.kill()
        self._process.wait(timeout=10)


class OvnHosts:
    """Hosts with OVN; the first two are gateways."""

    northbound: Northbound

    def __init__(self, count: int = 3) -> None:
        own_host.require_inside()
        self._count = count
        self._hosts: list[OvnHost] = []

    def __getitem__(self, number: int) -> OvnHost:
        """Return a host by its number, from 1."""
        return self._hosts[number - 1]

    def stop(self) -> None:
        """Stop everything on all hosts, and delete what connects them."""
        for command in (OvnHost.stop_chassis, OvnHost.stop):
            with ThreadPoolExecutor() as pool:
                list(pool.map(command, self._hosts))
        # The kernel deletes the links of a namespace some time after it.
        ends = [f"{letter}{number}" for number in range(1, len(self._hosts) + 1) for letter in "uw"]
        self._hosts.clear()
        for link in (*ends, "wo", "underlay", "wire"):
            subprocess.run(["ip", "link", "del", "dev", link], check=False, capture_output=True, timeout=10)
        subprocess.run(["ip", "netns", "del", OUTSIDE], check=False, capture_output=True, timeout=10)

    def sbctl(self, *arguments: str) -> str:
        """Run ovn-sbctl on the first host; return its output without the final newline."""
        return self[1].run("ovn-sbctl", "--timeout=10", *arguments).stdout.rstrip("\n")

    def wait_for_ports(self, places: Sequence[tuple[int, str]]) -> None:
        """Wait until the flows of these ports are there: the number of the host and the namespace of each."""
        waiting = f"a port of {places} did not become ready"
        wait_until(lambda: all(self[number].is_ready(name) for number, name in places), 60, waiting)

    def start(self) -> None:
        """Create the hosts and start OVN on them."""
        for link in ("underlay", "wire"):
            _ip("link", "add", link, "type", "bridge")
            _ip("link", "set", link, "up")
        self._build_outside()
        for number in range(1, self._count + 1):
            self._hosts.append(OvnHost(number))
            self._connect(number)
        with ThreadPoolExecutor() as pool:
            list(pool.map(OvnHost.start_switch, self._hosts))
        for host in self._hosts[:2]:
            host.make_gateway()
        self[1].start_central()
        self.northbound = Northbound(self[1].northbound_socket)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: host.start_chassis(self[1]), self._hosts))
        wait_until(lambda: len(self._chassis()) == self._count, 60, "a chassis did not register")

    def _chassis(self) -> list[str]:
        return self.sbctl("--bare", "--columns=name", "list", "Chassis").split()

    def _connect(self, number: int) -> None:
        pid = str(self[number]._process.pid)
        for link, end, nic in (("underlay", f"u{number}", "eth0"), ("wire", f"w{number}", "eth1")):
            _ip("link", "add", end, "type", "veth", "peer", nic, "netns", pid)
            _ip("link", "set", end, "master", link, "up")
            self[number].run("ip", "link", "set", nic, "up")

    def _build_outside(self) -> None:
        _ip("netns", "add", OUTSIDE)
        _ip("link", "add", "wo", "type", "veth", "peer", "eth0", "netns", OUTSIDE)
        _ip("link", "set", "wo", "master", "wire", "up")
        for line in (f"addr add {OUTSIDE_ADDRESS}/24 dev eth0", "link set eth0 up", "link set lo up"):
            _ip("-n", OUTSIDE, *line.split())


@contextmanager
def ovn_hosts(count: int = 3) -> Iterator[OvnHosts]:
    """Provide hosts with OVN for as long as the context lasts."""
    hosts = OvnHosts(count)
    try:
        hosts.start()
        yield hosts
    finally:
        hosts.stop()


def _ip(*arguments: str) -> None:
    ran = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 0, f"ip {' '.join(arguments)}: {ran.stderr}"

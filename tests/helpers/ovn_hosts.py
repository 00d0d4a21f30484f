# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts with OVN inside the host that a test runs in: central on the first, a chassis on each, gateways.

    with ovn_hosts(3) as hosts:
        hosts.northbound.ctl("ls-add", "left")
        hosts[1].plug("red", "red0", "02:00:00:00:00:01", "192.0.2.1/24")

They are hosts of hosts.py. The `eth1` of each is on the wire to the outside world, where 198.51.100.2 is in the
namespace `outside` of the test host.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers import hosts as nested
from ansible_collections.netns.fabric.tests.helpers.hosts import NestedHost
from ansible_collections.netns.fabric.tests.helpers.northbound import Northbound
from ansible_collections.netns.fabric.tests.helpers.shell import inside
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
#: For ovn-ctl, whose directories below /var are the machine's.
_DIRECTORIES = ("OVN_RUNDIR=/run/ovn", "OVN_DBDIR=/run/ovn", "OVN_LOGDIR=/run/ovn", "OVN_SYSCONFDIR=/run")
_DATAPATH = "netdev"


class OvnHost:
    """One host."""

    def __init__(self, host: NestedHost) -> None:
        self.name, self.address, self.pid = host.name, host.address, host.pid
        self._host = host

    @property
    def northbound_socket(self) -> Path:
        """The socket of the northbound database on this host, as the test host finds it."""
        return Path(f"/proc/{self.pid}/root/run/ovn/ovnnb_db.sock")

    def run(self, *command: str, namespace: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on this host, or in a namespace of it; with ``check`` a failure raises AssertionError."""
        return self._host.run(*inside(namespace), *command, timeout=60, check=check)

    def vsctl(self, *arguments: str) -> str:
        """Run ovs-vsctl; return its output without the final newline."""
        return self._host.ovs_vsctl(*arguments)

    def pings(self, namespace: str, address: str, size: int | None = None) -> bool:
        """Return whether an address answers a namespace of this host; see NestedHost.pings()."""
        return self._host.pings(address, namespace, size)

    def decide_again(self) -> None:
        """Have Open vSwitch decide again on all packets.

        On the userspace datapath 3.1.0 keeps a former action for some packets, although a trace by ofproto/trace has
        the new one, and although all flows were revalidated (revalidator/wait).
        """
        self.run("ovs-appctl", "revalidator/purge")

    def enter(self, *command: str) -> list[str]:
        """Return the command line that runs a command on this host."""
        return self._host.enter(*command)

    def listen(self, namespace: str, port: int) -> subprocess.Popen[bytes]:
        """Start a TCP server in a namespace of this host, which the caller ends."""
        return self.start(namespace, "-m", "http.server", "--directory", "/run/netns", str(port))

    def start(self, namespace: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Python in a namespace of this host; it ends with the host, or by the caller."""
        return subprocess.Popen(
            self.enter(*inside(namespace), "python3", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def connects(self, namespace: str, address: str, port: int) -> bool:
        """Return whether a TCP connection from a namespace of this host succeeds within two seconds."""
        connecting = f"exec 3<>/dev/tcp/{address}/{port}"
        return self.run("timeout", "2", "bash", "-c", connecting, namespace=namespace, check=False).returncode == 0

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

    def _add_bridge(self, name: str, nic: str) -> None:
        setting = ("--", "set", "Bridge", name, f"datapath_type={_DATAPATH}", "fail_mode=standalone")
        self.vsctl("add-br", name, *setting, "--", "add-port", name, nic)

    def start_central(self) -> None:
        """Start the databases and ovn-northd; the northbound one listens on its socket only."""
        self._control("start_northd")
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
            # By it the chassis is named.
            "system-id": self.name,
        }
        self.vsctl("set", "Open_vSwitch", ".", *(f'external_ids:{key}="{value}"' for key, value in keys.items()))
        self._control("start_controller")

    def _control(self, command: str) -> None:
        self.run("mkdir", "--parents", "/run/ovn")
        self.run("env", *_DIRECTORIES, _OVN_CTL, command)

    def make_gateway(self) -> None:
        """Connect the wire to the outside world as the physical network of OVN."""
        self._add_bridge("br-ex", "eth1")
        mapping = f"external_ids:ovn-bridge-mappings={PHYSICAL_NETWORK}:br-ex"
        self.vsctl("set", "Open_vSwitch", ".", mapping)


class OvnHosts:
    """Hosts with OVN; the first two are gateways."""

    northbound: Northbound

    def __init__(self, count: int = 3) -> None:
        self._count = count
        self._nested: list[NestedHost] = []
        self._hosts: list[OvnHost] = []

    def __getitem__(self, number: int) -> OvnHost:
        """Return a host by its number, from 1."""
        return self._hosts[number - 1]

    def stop(self) -> None:
        """End the hosts, and delete what connects them."""
        nested.end(self._nested)
        # The kernel deletes the links of a namespace some time after it.
        for link in (*(f"wire{number}" for number in range(1, self._count + 1)), "wo", "wire"):
            subprocess.run(["ip", "link", "del", "dev", link], check=False, capture_output=True, timeout=10)
        subprocess.run(["ip", "netns", "del", OUTSIDE], check=False, capture_output=True, timeout=10)

    def sbctl(self, *arguments: str) -> str:
        """Run ovn-sbctl on the first host; return its output without the final newline."""
        return self[1].run("ovn-sbctl", "--timeout=10", *arguments).stdout.rstrip("\n")

    def wait_for_answer(
        self, number: int, namespace: str, address: str, size: int | None = None, seconds: float = 30
    ) -> None:
        """Wait until an address answers a namespace of a host; see OvnHost.decide_again()."""

        def answers() -> bool:
            if self[number].pings(namespace, address, size):
                return True
            for host in self._hosts:
                host.decide_again()
            return False

        wait_until(answers, seconds, f"{address} does not answer {namespace}")

    def wait_for_ports(self, places: Sequence[tuple[int, str]]) -> None:
        """Wait until the flows of these ports are there: the number of the host and the namespace of each."""
        waiting = f"a port of {places} did not become ready"
        wait_until(lambda: all(self[number].is_ready(name) for number, name in places), 60, waiting)

    def start(self) -> None:
        """Create the hosts and start OVN on them."""
        self._nested = nested.start([f"host{number}" for number in range(1, self._count + 1)])
        self._hosts = [OvnHost(host) for host in self._nested]
        self._build_outside()
        for host in self._hosts[:2]:
            host.make_gateway()
        self[1].start_central()
        self.northbound = Northbound(self[1].northbound_socket)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: host.start_chassis(self[1]), self._hosts))
        wait_until(lambda: len(self._chassis()) == self._count, 60, "a chassis did not register")

    def _chassis(self) -> list[str]:
        return self.sbctl("--bare", "--columns=name", "list", "Chassis").split()

    def _build_outside(self) -> None:
        _ip("link", "add", "wire", "type", "bridge")
        _ip("link", "set", "wire", "up")
        for number, host in enumerate(self._hosts, 1):
            _ip("link", "add", f"wire{number}", "type", "veth", "peer", "eth1", "netns", str(host.pid))
            _ip("link", "set", f"wire{number}", "master", "wire", "up")
            host.run("ip", "link", "set", "eth1", "up")
        _ip("netns", "add", OUTSIDE)
        _ip("link", "add", "wo", "type", "veth", "peer", "eth0", "netns", OUTSIDE)
        _ip("link", "set", "wo", "master", "wire", "up")
        for line in (f"addr add {OUTSIDE_ADDRESS}/24 dev eth0", "link set eth0 up", "link set lo up"):
            _ip("-n", OUTSIDE, *line.split())
        # OVN's conntrack takes a segment for invalid whose checksum is left to others.
        without_offload = [*inside(OUTSIDE), "ethtool", "-K", "eth0", "tx", "off"]
        subprocess.run(without_offload, check=True, capture_output=True, timeout=10)


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

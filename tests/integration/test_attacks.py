# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a login that is not root, and a tenant that is root in a namespace, try against the host and its runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.lock import LOCK_FILE, locked
from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import find_notations
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import HOST_WIDE
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

NOBODY = 65534
HOLD_A_LOCK = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""

#: Sets every parameter below net. in the namespace that it runs in, and prints those that another one has then, too.
#: Those that are known to be of that kind are left out: the machine of the tests would have them.
FIND_HOST_WIDE = """
import ctypes, json, os, sys
setns = ctypes.CDLL(None, use_errno=True).setns
here, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/run/netns/" + sys.argv[1], os.O_RDONLY)

def read(path, namespace):
    assert setns(namespace, 0x40000000) == 0
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None
    finally:
        setns(here, 0x40000000)

def write(path, value):
    try:
        with open(path, "w") as file:
            file.write(value)
    except OSError:
        pass

def others(value):
    numbers = [int(word) for word in value.split() if word.lstrip("-").isdigit()]
    for step in (1, -1, 2, 16, 1000):
        yield " ".join(str(number + step) for number in numbers)
    yield "reno"

writable, host_wide = 0, []
for directory, _directories, files in os.walk("/proc/sys/net"):
    for path in (os.path.join(directory, file) for file in files):
        before, far = read(path, here), read(path, there)
        name = os.path.relpath(path, "/proc/sys").replace("/", ".")
        if name in sys.argv[2:] or before is None or not os.stat(path).st_mode & 0o200:
            continue
        writable += 1
        for value in others(before):
            write(path, value)
            if read(path, here) != before:
                break
        if read(path, there) != far:
            host_wide.append(name)
        write(path, before)
print(json.dumps({"writable": writable, "host_wide": host_wide}))
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


LWTUNNEL = Path("/proc/sys/net/netfilter/nf_hooks_lwtunnel")


@pytest.mark.parametrize(
    ("key", "value", "cause"),
    [
        ("net.netfilter.nf_hooks_lwtunnel", 1, "it holds for the whole host"),
        ("net/netfilter/nf_hooks_lwtunnel", 1, "only parameters below net."),
        ("net.ipv4.ip_forward\0", 1, "this is not the name of a kernel parameter"),
        ("net.//.kernel.hostname", "x", "this is not the name of a kernel parameter"),
        ("net./.ipv4.ip_forward", 1, "this is not the name of a kernel parameter"),
        (f"net.{'x' * 300}", 1, "this is not the name of a kernel parameter"),
        ("net.ipv4.conf.eth0\udcff.forwarding", 1, "this is not the name of a kernel parameter"),
        ("net.ipv4.ip_forward", "\u0661", "a character that no kernel parameter takes"),
        ("net.ipv4.ip_forward", "1\0", "a character that no kernel parameter takes"),
        ("net.ipv4.ip_forward", "\udcff", "a character that no kernel parameter takes"),
    ],
)
@pytest.mark.parametrize("name", ["red", "blue"])
def test_no_kernel_parameter_reaches_the_host(
    run_module: RunModule, name: str, key: str, value: object, cause: str
) -> None:
    run_module("netns", name="red")
    before, value_before = snapshot.take(), LWTUNNEL.read_text(encoding="ascii")
    for check in (True, False):
        result = run_module("netns", name=name, sysctls={key: value}, _check=check)
        assert result.failed
        assert "sysctls." in result.message
        assert cause in result.message
        assert "internal" not in result.message.lower()
    snapshot.assert_unchanged(before, "the host")
    assert LWTUNNEL.read_text(encoding="ascii") == value_before


def test_the_kernel_has_no_other_parameter_that_holds_for_the_whole_host(host: Host) -> None:
    for name in ("red", "blue"):
        host.run("ip", "netns", "add", name)
    found = host.in_namespace("red", "/usr/bin/python3", "-c", FIND_HOST_WIDE, "blue", *HOST_WIDE).stdout
    assert json.loads(found)["writable"] > 100
    assert json.loads(found)["host_wide"] == []


@pytest.mark.parametrize("value", ["\u0661", "1\0"])
def test_the_value_of_a_link_parameter_is_named(run_module: RunModule, value: str) -> None:
    result = run_module("link", name="lo", sysctls={"ipv4.conf.rp_filter": value})
    assert "sysctls.ipv4.conf.rp_filter: " in result.message
    assert "a character that no kernel parameter takes" in result.message


@pytest.mark.parametrize("namespace", [None, "-x"])
@pytest.mark.parametrize("backend", ["nftables", "iptables"])
@pytest.mark.parametrize(
    ("module", "params"),
    [
        ("nat_masquerade", {"source": "192.0.2.0/24", "out_interface": "-o"}),
        ("nat_port_forward", {"port": 80, "to_address": "192.0.2.1", "in_interface": "-o"}),
    ],
)
def test_nat_at_a_link_whose_name_begins_with_a_hyphen(
    host: Host, run_module: RunModule, module: str, params: dict[str, Any], backend: str, namespace: str | None
) -> None:
    def prepare() -> None:
        shell(host, "netns add -x\nlink add name -o type veth peer name -o netns -x")

    converge_and_paste(host, run_module, prepare, module, **params, backend=backend, namespace=namespace)


@pytest.mark.parametrize(
    ("module", "params"),
    [
        ("netns", {"name": "-n", "sysctls": {"net.ipv4.ip_forward": 1}, "nameservers": ["192.0.2.1"]}),
        ("veth", {"name": "-v", "namespace": "-x", "tx_checksum": False, "owner": "a", "peer": {"name": "-p"}}),
        ("link", {"name": "-l", "namespace": "-x", "enabled": True, "sysctls": {"ipv4.conf.rp_filter": 2}}),
        ("route", {"namespace": "-x", "destination": "203.0.113.0/24", "gateway": "192.0.2.2", "device": "-l"}),
    ],
)
def test_a_name_that_begins_with_a_hyphen(
    host: Host, run_module: RunModule, module: str, params: dict[str, Any]
) -> None:
    def prepare() -> None:
        shell(
            host,
            """
            netns add -x
            link add name -l netns -x type veth peer name far
            -n -x addr add 192.0.2.1/24 dev -l
            -n -x link set dev -l up
            """,
        )

    converge_and_paste(host, run_module, prepare, module, **params)


@pytest.mark.parametrize("what", ["pipe", "socket", "device"])
def test_what_is_put_into_the_place_of_a_file_stops_no_run(host: Host, run_module: RunModule, what: str) -> None:
    for directory in ("/etc/netns/red", "/etc/netns/.resolv.conf.before-netns.fabric"):
        os.makedirs(directory)
    paths = ["/etc/netns/red/resolv.conf", "/etc/netns/.resolv.conf.before-netns.fabric/red"]
    with ExitStack() as sockets:
        for path in paths:
            if what == "pipe":
                os.mkfifo(path)
            elif what == "socket":
                sockets.enter_context(socket.socket(socket.AF_UNIX)).bind(path)
            else:
                os.symlink("/dev/zero", path)
    before = [os.lstat(path) for path in paths]
    converge(host, run_module, "netns", name="red")
    assert "red" in [found["name"] for found in run_module("topology_info").returned["namespaces"]]
    for check in (True, False):
        result = run_module("netns", name="red", nameservers=["192.0.2.53"], _check=check)
        assert result.failed
        assert result.message.startswith(f"red: {paths[0]} ")
        assert "not a file of a few lines; remove it" in result.message
    converge(host, run_module, "netns", name="red", state="absent")
    assert [os.lstat(path).st_ino for path in paths] == [status.st_ino for status in before]


ANY = "0.0.0.0"  # noqa: S104  # the subject of the tests: a service that is reached from outside
#: Listens, and sends every client of TCP a greeting. Arguments: protocol, address, port, and a link if any.
SERVICE = """
import socket, sys
kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
server = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET, kind)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if len(sys.argv) > 4:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[4].encode())
server.bind((sys.argv[2], int(sys.argv[3])))
if kind == socket.SOCK_STREAM:
    server.listen()
    while True:
        connection = server.accept()[0]
        connection.sendall(b"mine")
        connection.close()
server.recv(1)
"""
GREETING = "import socket; print(socket.create_connection(('192.0.2.254', 8022), 3).recv(9).decode())"


class TestPublishedPort:
    """A port that the router itself listens on, and a tenant that has it published."""

    @pytest.fixture(autouse=True, name="host")
    def fixture_router(self, host: Host) -> Host:
        shell(
            host,
            """
            netns add tenant
            link add eth0 netns tenant type veth peer name lan0
            link add wan0 type veth peer name wan1
            addr add 192.0.2.254/24 dev lan0
            link set lan0 up
            -n tenant addr add 192.0.2.1/24 dev eth0
            -n tenant link set eth0 up
            -n tenant link set lo up
            """,
        )
        return host

    @staticmethod
    def listen(host: Host, *arguments: str, namespace: str | None = None) -> None:
        host.start("/usr/bin/python3", "-c", SERVICE, *arguments, namespace=namespace)
        inside = ["ip", "netns", "exec", namespace] if namespace else []
        wait_until(lambda: f":{arguments[2]} " in host.run(*inside, "ss", "-Hltun").stdout)

    @staticmethod
    def rule(**options: Any) -> dict[str, Any]:
        return {"port": "8000-8100", "to_address": "192.0.2.1", **options}

    @staticmethod
    def greeting(host: Host) -> str:
        return host.in_namespace("tenant", "/usr/bin/python3", "-c", GREETING).stdout.strip()

    @pytest.mark.parametrize(
        ("service", "options"),
        [
            (("tcp", ANY, "8022"), {}),
            (("tcp", "::", "8022"), {}),
            (("tcp", "192.0.2.254", "8022"), {"address": "192.0.2.254"}),
            (("tcp", ANY, "8022", "lan0"), {"in_interface": "lan0"}),
        ],
    )
    def test_it_is_not_taken_over(
        self, host: Host, run_module: RunModule, service: tuple[str, ...], options: dict[str, Any]
    ) -> None:
        self.listen(host, *service)
        assert self.greeting(host) == "mine"
        before = snapshot.take()
        for check in (True, False):
            result = run_module("nat_port_forward", **self.rule(**options), _check=check)
            assert result.failed
            assert ": port: the host itself listens on tcp port 8022 at " in result.message
            assert "/usr/bin/python3" in result.message
            assert "set `take_over: true`" in result.message
        snapshot.assert_unchanged(before, "the host")
        assert self.greeting(host) == "mine"

    def test_it_is_not_taken_over_in_a_router_namespace(self, host: Host, run_module: RunModule) -> None:
        self.listen(host, "udp", ANY, "8053", namespace="tenant")
        rule = self.rule(protocol="udp", to_address="192.0.2.7", namespace="tenant")
        result = run_module("nat_port_forward", **rule)
        assert "the namespace tenant itself listens on udp port 8053" in result.message
        assert run_module("nat_port_forward", **{**rule, "protocol": "tcp"}).changed
        assert run_module("nat_port_forward", **self.rule(protocol="udp")).changed

    def test_it_is_where_the_entry_says_so(self, host: Host, run_module: RunModule) -> None:
        self.listen(host, "tcp", ANY, "8022")
        self.listen(host, "tcp", ANY, "8022", namespace="tenant")
        converge(host, run_module, "nat_port_forward", **self.rule(take_over=True))
        # What is published already stays so, and can be deleted.
        assert not run_module("nat_port_forward", **self.rule()).changed
        converge(host, run_module, "nat_port_forward", **self.rule(state="absent"))

    @pytest.mark.parametrize(
        ("service", "options"),
        [
            (("tcp", "127.0.0.53", "8022"), {}),
            (("tcp", "::1", "8022"), {}),
            (("udp", ANY, "8022"), {}),
            (("tcp", ANY, "8022"), {"address": "192.0.2.254", "protocol": "udp"}),
            (("tcp", "192.0.2.254", "8022"), {"address": "192.0.2.253"}),
            (("tcp", ANY, "8022", "wan0"), {"in_interface": "lan0"}),
        ],
    )
    def test_a_service_that_keeps_its_packets(
        self, host: Host, run_module: RunModule, service: tuple[str, ...], options: dict[str, Any]
    ) -> None:
        self.listen(host, *service)
        converge(host, run_module, "nat_port_forward", **self.rule(**options))


class TestNamesThatAreNoText:
    """A tenant names its links with bytes that are no UTF-8."""

    LINK, PEER = b"x\xff\xfe'", b"y\xff"
    CALLS: ClassVar[list[tuple[str, dict[str, Any]]]] = [
        ("netns", {"name": "red"}),
        ("netns", {"name": "red", "state": "absent"}),
        ("netns", {"namespaces": [{"name": "blue"}], "owner": "lab", "prune": True}),
        ("topology_info", {}),
        ("link", {"name": "eth0", "namespace": "red", "addresses": ["192.0.2.1/24"]}),
        ("link", {"links": [{"name": "eth0", "namespace": "red"}], "owner": "lab", "prune": True}),
        ("veth", {"pairs": [{"name": "a", "peer": {"name": "b"}}], "owner": "lab", "prune": True}),
        ("route", {"namespace": "red", "destination": "203.0.113.0/24", "device": "eth0", "gateway": "192.0.2.2"}),
        ("nat_masquerade", {"source": "192.0.2.0/24", "namespace": "red"}),
        ("nat_masquerade", {"rules": [{"source": "192.0.2.0/24"}], "owner": "lab", "prune": True}),
        ("ovs_port", {"ports": [], "owner": "lab", "prune": True}),
    ]

    @pytest.fixture(autouse=True, params=[None, b"netns.fabric:lab", b"\xff"])
    def tenant(self, host: Host, request: pytest.FixtureRequest) -> None:
        shell(
            host,
            """
            netns add red
            link add eth0 netns red type veth peer name t0
            -n red addr add 192.0.2.9/24 dev eth0
            -n red link set eth0 up
            """,
        )
        self.ip(b"link", b"add", b"name", self.LINK, b"type", b"veth", b"peer", b"name", self.PEER)
        if request.param:
            self.ip(b"link", b"set", b"dev", self.LINK, b"alias", request.param)

    @staticmethod
    def ip(*words: bytes) -> None:
        subprocess.run([b"ip", b"-n", b"red", *words], check=True)

    @pytest.mark.parametrize(("module", "params"), CALLS)
    def test_they_stop_no_call(self, run_module: RunModule, module: str, params: dict[str, Any]) -> None:
        for check in (True, False):
            result = run_module(module, **params, _check=check)
            assert not result.failed, result.message
            json.dumps(result.returned, ensure_ascii=False).encode()  # fails for a surrogate

    @pytest.mark.parametrize(
        ("module", "params"),
        [
            ("link", {"name": "missing", "namespace": "red"}),
            ("nat_masquerade", {"source": "192.0.2.0/24", "out_interface": "missing", "namespace": "red"}),
        ],
    )
    def test_an_error_shows_them_escaped(self, run_module: RunModule, module: str, params: dict[str, Any]) -> None:
        result = run_module(module, **params)
        assert "there is no link missing" in result.message
        assert "nternal" not in result.message
        json.dumps(result.returned, ensure_ascii=False).encode()  # fails for a surrogate

    def test_commands_can_be_pasted(self, host: Host, run_module: RunModule) -> None:
        self.ip(b"link", b"set", b"dev", self.LINK, b"alias", b"netns.fabric:lab")
        self.ip(b"link", b"set", b"dev", self.PEER, b"alias", b"netns.fabric:lab")
        call: dict[str, Any] = {"pairs": [{"name": "a", "peer": {"name": "b"}}], "owner": "lab", "prune": True}
        checked = run_module("veth", **call, _check=True)
        print_words = """ip() { printf '%s\\n' "$@"; };"""
        script = print_words + "\n".join(line for line in checked.commands if " del" in line)
        words = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.splitlines()
        assert {self.LINK, self.PEER} & set(words)
        assert run_module("veth", **call).commands == checked.commands
        assert "eth0" in host.links("red")
        assert len(host.links("red")) == 2


#: Adds addresses to the namespace that it runs in, and one more again and again, which each dump of them shows.
CHURN = """
import os, socket, struct, subprocess
lines = "".join(f"addr add 10.{n >> 8}.{n & 255}.1/32 dev lo\\n" for n in range(8000))
subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)
open("/run/churn", "w").close()
other = os.fork() and os.fork()  # several at once: one may wait for a processor
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
address = struct.pack("=HH4s", 8, 2, b"\\x0aZ" + (os.getpid() & 0xFFFF).to_bytes(2, "big"))  # IFA_LOCAL
body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, 1) + address
while True:
    for kind, flags in ((20, 0x605), (21, 0x5)):  # RTM_NEWADDR, RTM_DELADDR
        netlink.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body)
        netlink.recv(65536)
"""


class TestEndlessReading:
    """A tenant has what is in its namespace changed faster than it can be read."""

    @pytest.fixture(autouse=True)
    def tenant(self, host: Host) -> Iterator[None]:
        shell(host, "netns add tenant\nnetns add red\nlink add eth0 netns red type veth peer name t0")
        host.start("/usr/bin/python3", "-c", CHURN, namespace="tenant")
        wait_until(Path("/run/churn").exists, 60)
        yield
        Path("/run/churn").unlink()

    @pytest.mark.parametrize(
        ("module", "params"),
        [
            ("netns", {"namespaces": [{"name": "red"}]}),
            ("link", {"links": [{"name": "lo", "namespace": "red", "enabled": True}]}),
            ("veth", {"pairs": [{"name": "eth0", "namespace": "red", "peer": {"name": "t0"}, "enabled": True}]}),
        ],
    )
    def test_it_is_left_alone_where_no_entry_names_it(
        self, run_module: RunModule, module: str, params: dict[str, Any]
    ) -> None:
        for check in (True, False):
            start = time.monotonic()
            result = run_module(module, **params, owner="lab", prune=True, _check=check)
            assert not result.failed, result.message
            assert time.monotonic() - start < 20
            (warning,) = (text for text in result.warnings if "tenant" in text)
            assert warning.startswith("the namespace tenant is left alone: ")
            assert "the addresses of the namespace tenant cannot be read" in warning

    def test_facts_note_it(self, run_module: RunModule) -> None:
        result = run_module("topology_info")
        assert not result.failed, result.message
        assert any("the namespace tenant is left alone" in text for text in result.returned["unreadable"])
        assert [found["name"] for found in result.returned["namespaces"]] == ["red"]

    def test_an_entry_for_it_is_an_error_that_names_it(self, run_module: RunModule) -> None:
        result = run_module("link", name="lo", namespace="tenant", enabled=True)
        assert result.failed
        assert "the addresses of the namespace tenant cannot be read" in result.message
        assert "`ip -n tenant monitor`" in result.message


class TestManyRules:
    """A tenant fills the packet filter of its namespace."""

    @pytest.fixture(autouse=True)
    def tenant(self, host: Host, tmp_path: Path) -> None:
        shell(host, "netns add tenant\nnetns add red")
        rule = "add rule inet t c ip saddr 192.0.2.1 tcp dport 22 counter accept\n"
        path = tmp_path / "rules"
        chain = "add table inet t\nadd chain inet t c { type filter hook forward priority 0; }\n"
        path.write_text(f"{chain}{rule * 40_000}", encoding="ascii")
        host.in_namespace("tenant", "nft", "--file", str(path), timeout=120)

    def test_they_neither_slow_nor_stop_a_run(self, run_module: RunModule) -> None:
        for check in (True, False):
            start = time.monotonic()
            result = run_module(
                "nat_masquerade", rules=[{"source": "192.0.2.0/24"}], owner="l", prune=True, _check=check
            )
            assert not result.failed, result.message
            assert all("the namespace tenant is left alone" in text for text in result.warnings)
            assert time.monotonic() - start < 20

    def test_one_that_looks_like_ours_among_them_is_left_alone(self, host: Host, run_module: RunModule) -> None:
        host.in_namespace("tenant", "nft", 'add rule inet t c accept comment "netns.fabric:l 192.0.2.0/24"')
        start = time.monotonic()
        result = run_module("nat_masquerade", rules=[], owner="l", prune=True)
        assert not result.failed, result.message
        (warning,) = result.warnings
        assert warning.startswith("the packet filter of the namespace tenant is left alone: its rules cannot be read")
        assert time.monotonic() - start < 20

    def test_facts_note_it(self, run_module: RunModule) -> None:
        start = time.monotonic()
        result = run_module("topology_info", gather_subset=["firewall"])
        assert not result.failed, result.message
        assert any("its rules cannot be read" in text and "tenant" in text for text in result.returned["unreadable"])
        assert time.monotonic() - start < 20

    def test_an_entry_for_it_is_an_error_that_names_it(self, run_module: RunModule) -> None:
        result = run_module("nat_masquerade", source="192.0.2.0/24", namespace="tenant")
        assert result.failed
        assert "its rules cannot be read" in result.message
        assert "`ip netns exec tenant nft list ruleset`" in result.message

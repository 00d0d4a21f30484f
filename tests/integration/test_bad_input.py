# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: refused before the first write, by entry, option, cause and cure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTION, COLLECTIONS_PATH, TARGET_PYTHON

MODULES = ("netns", "veth", "link", "qdisc", "route", "rule", "neighbour")
BULK = {
    "netns": "namespaces",
    "veth": "pairs",
    "link": "links",
    "qdisc": "qdiscs",
    "route": "routes",
    "rule": "rules",
    "neighbour": "neighbours",
}
# A good entry of each, which must not be carried out either where another of the same call is bad.
GOOD: dict[str, dict[str, Any]] = {
    "netns": {"name": "good"},
    "veth": {"name": "good", "namespace": "red", "peer": {"name": "good-tap"}},
    "link": {"name": "lo", "namespace": "red", "enabled": True, "addresses": ["203.0.113.1/32"]},
    "qdisc": {"namespace": "red", "link": "eth0", "kind": "pfifo"},
    "route": {"namespace": "red", "destination": "203.0.113.0/24", "device": "eth0"},
    "rule": {"namespace": "red", "priority": 77, "table": 100},
    "neighbour": {"namespace": "red", "address": "192.0.2.77", "device": "eth0", "mac": "02:00:00:00:00:77"},
}
LONG = "a-name-with-16-c"


@pytest.fixture(name="red")
def fixture_red(host: Host) -> Host:
    shell(
        host,
        """
        netns add red
        link add name eth0 netns red type veth peer name t0
        -n red link set eth0 up
        -n red addr add 192.0.2.1/24 dev eth0
        """,
    )
    return host


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    # module, entry, the option at fault, the error
    ("netns", {"name": ""}, "name", "must not be empty"),
    ("netns", {"name": "a/b"}, "name", "has a '/' in it"),
    ("netns", {"name": ".."}, "name", "means a directory"),
    ("netns", {"name": "a b"}, "name", "has a space"),
    ("netns", {"name": "x" * 256}, "name", "at most 255"),
    ("netns", {"name": "blue", "nameservers": ["192.0.2.1/24"]}, "nameservers", "write 192.0.2.1"),
    ("netns", {"name": "blue", "search": ["a b"]}, "search", "not a domain name"),
    (
        "netns",
        {"name": "blue", "sysctls": {"kernel.hostname": "x"}},
        "sysctls.kernel.hostname",
        "only parameters below",
    ),
    ("netns", {"name": "blue", "sysctls": {"net..x": 1}}, "sysctls.net..x", "not the name of a kernel parameter"),
    (
        "netns",
        {"name": "blue", "sysctls": {"net.ipv4.ip_forwrad": 1}},
        "sysctls.net.ipv4.ip_forwrad",
        "no such parameter",
    ),
    (
        "netns",
        {"name": "red", "sysctls": {"net.ipv4.ip_forwrad": 1}},
        "sysctls.net.ipv4.ip_forwrad",
        "no such parameter",
    ),
    (
        "netns",
        {"name": "red", "sysctls": {"net.ipv4.route.flush": 1}},
        "sysctls.net.ipv4.route.flush",
        "that can be read",
    ),
    ("netns", {"name": "red", "sysctls": {"net.ipv4": 1}}, "sysctls.net.ipv4", "no such parameter"),
    (
        "netns",
        {"name": "red", "sysctls": {"net.ipv4.tcp_rmem": [1, 2]}},
        "sysctls.net.ipv4.tcp_rmem",
        "several numbers as one string",
    ),
    ("veth", {"name": LONG, "peer": {"name": "b"}}, "name", "16 characters long, and Linux takes at most 15"),
    ("veth", {"name": "a", "peer": {"name": LONG}}, "peer.name", "16 characters long"),
    ("veth", {"name": "", "peer": {"name": "b"}}, "name", "must not be empty"),
    ("veth", {"name": "a/b", "peer": {"name": "b"}}, "name", "has a '/' in it"),
    ("veth", {"name": "a", "peer": {"name": ""}}, "peer.name", "must not be empty"),
    ("veth", {"name": "a", "peer": {"name": "a"}}, "peer", "both ends cannot be host/a"),
    ("veth", {"name": "a"}, "peer", "`peer.name` is required"),
    (
        "veth",
        {"name": "a", "addresses": ["192.168.100.1"], "peer": {"name": "b"}},
        "addresses",
        "write for instance 192.168.100.1/24",
    ),
    (
        "veth",
        {"name": "a", "peer": {"name": "b", "addresses": ["192.168.100.300/24"]}},
        "peer.addresses",
        "300 is more than 255",
    ),
    (
        "veth",
        {"name": "a", "addresses": ["192.0.2.1/24", "192.0.2.1/24"], "peer": {"name": "b"}},
        "addresses",
        "listed twice",
    ),
    ("veth", {"name": "a", "mtu": 67, "peer": {"name": "b"}}, "mtu", "from 68 to 65535"),
    ("veth", {"name": "a", "mtu": 1000, "addresses": ["fd00::1/64"], "peer": {"name": "b"}}, "mtu", "below 1280"),
    ("veth", {"name": "a", "mac": "01:00:5e:00:00:01", "peer": {"name": "b"}}, "mac", "multicast"),
    ("veth", {"name": "a", "mac": "no", "peer": {"name": "b"}}, "mac", "six octets"),
    (
        "veth",
        {"name": "a", "namespace": "missing", "peer": {"name": "b"}},
        "namespace",
        "create it first, with netns.fabric.netns",
    ),
    ("veth", {"name": "a", "peer": {"name": "b", "namespace": "missing"}}, "peer.namespace", "create it first"),
    ("veth", {"name": "lo", "namespace": "red", "peer": {"name": "b"}}, "name", "is not a veth"),
    ("link", {"name": LONG}, "name", "16 characters long"),
    ("link", {"name": "eth0", "namespace": "red", "addresses": ["192.0.2.1/33"]}, "addresses", "32 bits"),
    (
        "link",
        {"name": "eth0", "namespace": "red", "addresses": ["192.0.2.1/255.255.255.0"]},
        "addresses",
        "write 192.0.2.1/24",
    ),
    ("link", {"name": "eth7"}, "name", "create it first"),
    ("link", {"name": "lo", "namespace": "missing"}, "namespace", "create it first"),
    ("qdisc", {"link": LONG, "kind": "pfifo"}, "link", "16 characters long"),
    ("qdisc", {"link": "eth7", "kind": "pfifo"}, "link", "create it first"),
    ("qdisc", {"link": "eth0", "namespace": "missing", "kind": "pfifo"}, "namespace", "create it first"),
    ("qdisc", {"link": "t0"}, "kind", "is required; give one of netem, tbf"),
    (
        "qdisc",
        {"link": "t0", "kind": "pfifo", "tbf": {"rate": "1mbit"}},
        "tbf",
        "this one is a pfifo; the options of",
    ),
    ("qdisc", {"link": "t0", "kind": "netem", "netem": {"delay": "20"}}, "netem.delay", "no unit; write for instance"),
    ("qdisc", {"link": "t0", "kind": "netem", "netem": {"loss": "1"}}, "netem.loss", "has no percent sign"),
    ("qdisc", {"link": "t0", "kind": "netem", "netem": {"rate": "10m"}}, "netem.rate", "the unit 'm', which is none"),
    ("qdisc", {"link": "t0", "kind": "netem", "netem": {"jitter": "5ms"}}, "netem.jitter", "without `delay`"),
    ("qdisc", {"link": "t0", "kind": "tbf", "tbf": {"rate": "1mbit", "latency": "9ms"}}, "tbf.burst", "is required"),
    ("qdisc", {"link": "t0", "kind": "tbf", "tbf": {"rate": "1mbit", "burst": "9kb"}}, "tbf.latency", "is missing"),
    ("qdisc", {"link": "t0", "kind": "ingress"}, "ingress.redirect", "is required"),
    ("route", {"destination": "192.0.2.1/24", "device": "lo"}, "destination", "write 192.0.2.0/24"),
    ("route", {"destination": "10.0.0.0/8"}, "gateway", "a route needs one of them or both"),
    ("route", {"destination": "10.0.0.0/8", "gateway": "fd00::1"}, "gateway", "another IP version"),
    ("route", {"destination": "10.0.0.0/8", "gateway": "1.2.3"}, "gateway", "not an IP address"),
    (
        "route",
        {"destination": "fd00::/64", "gateway": "fe80::1"},
        "device",
        "link-local, and unique per link only",
    ),
    ("route", {"destination": "10.0.0.0/8", "device": LONG}, "device", "16 characters long"),
    ("route", {"destination": "10.0.0.0/8", "device": "eth0", "metric": -1}, "metric", "from 0"),
    ("route", {"destination": "10.0.0.0/8", "device": "eth0", "table": 0}, "table", "from 1"),
    (
        "route",
        {"namespace": "red", "destination": "default", "gateway": "198.51.100.1"},
        "gateway",
        "addresses here: 192.0.2.1/24",
    ),
    ("route", {"namespace": "red", "destination": "default", "device": "eth9"}, "device", "which has eth0, lo"),
    ("route", {"namespace": "missing", "destination": "default", "device": "eth0"}, "namespace", "create it first"),
    ("route", {"destination": "10.0.0.0/8", "type": "blackhole", "device": "eth0"}, "device", "sends packets nowhere"),
    ("route", {"destination": "10.0.0.0/8", "type": "prohibit", "mtu": 1300}, "mtu", "sends packets nowhere"),
    ("route", {"destination": "10.0.0.0/8", "gateway": "10.9.9.9", "onlink": True}, "onlink", "give the `gateway` and"),
    ("route", {"destination": "10.0.0.0/8", "device": "eth0", "mtu": 60}, "mtu", "from 68 to 65520"),
    ("route", {"destination": "fd00::/64", "device": "eth0", "mtu": 1000}, "mtu", "from 1280 to 65520"),
    ("route", {"destination": "10.0.0.0/8", "device": "eth0", "protocol": "kernel"}, "protocol", "the kernel itself"),
    ("route", {"destination": "10.0.0.0/8", "device": "eth0", "protocol": "256"}, "protocol", "not a protocol"),
    ("route", {"destination": "10.0.0.0/8", "device": "eth0", "table": 7, "vrf": "blue"}, "table", "of the VRF blue"),
    ("route", {"destination": "10.0.0.0/8", "nexthops": [{"gateway": "10.0.0.1"}]}, "nexthops", "several next hops"),
    (
        "route",
        {"destination": "10.0.0.0/8", "nexthops": [{"gateway": "10.0.0.1", "weight": 257}, {"gateway": "10.0.0.2"}]},
        "nexthops[0].weight",
        "from 1 to 256",
    ),
    (
        "route",
        {"destination": "fd00::/64", "nexthops": [{"device": "eth0"}, {"device": "lo"}]},
        "nexthops[0].gateway",
        "in IPv6 each of several next hops has one",
    ),
    (
        "route",
        {"destination": "10.0.0.0/8", "nexthops": [{"device": "eth0"}, {"device": "eth0"}]},
        "nexthops[1].gateway",
        "is the same next hop as nexthops[0]",
    ),
    (
        "route",
        {"destination": "10.0.0.0/8", "device": "eth0", "nexthops": [{"device": "eth0"}, {"device": "lo"}]},
        "device",
        "set it in each of them",
    ),
    (
        "route",
        {"namespace": "red", "destination": "10.0.0.0/8", "nexthops": [{"device": "eth0"}, {"device": "eth9"}]},
        "nexthops[1].device",
        "which has eth0, lo",
    ),
    ("rule", {"priority": -1, "table": 7}, "priority", "whole number from 0"),
    ("rule", {"priority": 7}, "table", "is missing"),
    ("rule", {"priority": 7, "table": 7, "l3mdev": True}, "table", "that of the packet's VRF"),
    ("rule", {"priority": 7, "table": 7, "action": "prohibit"}, "table", "for the action lookup"),
    ("rule", {"priority": 7, "table": 7, "from": "10.0.0.1/8"}, "from", "write 10.0.0.0/8"),
    ("rule", {"priority": 7, "table": 7, "from": "10.0.0.0/8", "version": 6}, "from", "not an IPv6 network"),
    ("rule", {"priority": 7, "table": 7, "iif": LONG}, "iif", "16 characters long"),
    ("rule", {"priority": 7, "table": 7, "fwmark": "red"}, "fwmark", "write 0x10, or 0x10/0xf0"),
    ("rule", {"priority": 7, "table": 7, "fwmark": "0x11/0x10"}, "fwmark", "write 0x10/0x10"),
    ("rule", {"priority": 7, "table": 7, "ipproto": "tpc"}, "ipproto", "give one of icmp, tcp"),
    ("rule", {"priority": 7, "table": 7, "dport": "80-70"}, "dport", "write 70-80"),
    ("rule", {"priority": 7, "table": 7, "suppress_prefixlength": 33}, "suppress_prefixlength", "give 0 to 32"),
    ("rule", {"priority": 7, "table": 0}, "table", "from 1"),
    ("rule", {"namespace": "missing", "priority": 7, "table": 7}, "namespace", "create it first"),
    ("neighbour", {"address": "192.0.2.0/24", "device": "eth0"}, "address", "one address without it"),
    ("neighbour", {"address": "224.0.0.5", "device": "eth0", "proxy": True}, "address", "give a unicast address"),
    ("neighbour", {"address": "192.0.2.7", "mac": "02:00:00:00:00:07"}, "device", "is required"),
    ("neighbour", {"address": "192.0.2.7", "device": "eth0"}, "mac", "is required"),
    ("neighbour", {"address": "192.0.2.7", "device": "eth0", "mac": "02:00"}, "mac", "write six octets"),
    (
        "neighbour",
        {"address": "192.0.2.7", "device": "eth0", "mac": "02:00:00:00:00:07", "proxy": True},
        "mac",
        "leave it out",
    ),
    (
        "neighbour",
        {"namespace": "red", "address": "192.0.2.7", "device": "eth9", "proxy": True},
        "device",
        "which has eth0, lo",
    ),
]


def label(value: object) -> str | None:
    return json.dumps(value)[:60] if isinstance(value, dict) else None


@pytest.mark.parametrize(("module", "entry", "option", "said"), BAD, ids=label)
def test_a_bad_entry_is_refused_before_the_first_write(
    red: Host, run_module: Run, module: str, entry: dict[str, Any], option: str, said: str
) -> None:
    before = snapshot.take()
    result = run_module(module, **{BULK[module]: [GOOD[module], entry]})
    assert result.failed
    identities = ("name", "destination", "link", "priority", "address")
    name = next((entry[key] for key in identities if entry.get(key)), "''")
    assert f"{BULK[module]}[1] ({name}): {option}: " in result.message
    assert said in result.message
    snapshot.assert_unchanged(before)


def test_all_errors_of_the_options_are_reported_at_once(red: Host, run_module: Run) -> None:
    pairs = [
        {"name": LONG, "mtu": 1, "addresses": ["192.0.2.1", "300.0.0.1/8"], "peer": {"name": "a/b", "mac": "x"}},
        GOOD["veth"],
        {"name": "a", "namespace": "x/y", "peer": {"name": "b"}},
    ]
    message = run_module("veth", pairs=pairs).message
    assert len(message.splitlines()) == 7
    assert message.splitlines()[0].startswith(f"pairs[0] ({LONG}): name: ")
    assert message.splitlines()[-1].startswith("pairs[2] (a): namespace: ")


DUPLICATES: list[tuple[str, list[dict[str, Any]], str]] = [
    (
        "netns",
        [{"name": "a"}, {"name": "a", "state": "absent"}],
        "namespaces[1] (a): name: is the same as namespaces[0] (a)",
    ),
    (
        "veth",
        [{"name": "a", "peer": {"name": "b"}}, {"name": "a", "peer": {"name": "c"}}],
        "pairs[1] (a): name: is the same as pairs[0] (a)",
    ),
    (
        "veth",
        [{"name": "a", "peer": {"name": "b"}}, {"name": "b", "peer": {"name": "c"}}],
        "pairs[1] (b): peer: host/b is already an end of pairs[0] (a)",
    ),
    (
        "veth",
        [{"name": "a", "peer": {"name": "b"}}, {"name": "c", "peer": {"name": "b"}}],
        "pairs[1] (c): peer: host/b is already an end of pairs[0] (a)",
    ),
    ("link", [{"name": "lo"}, {"name": "lo"}], "links[1] (lo): name: is the same as links[0] (lo)"),
    (
        "route",
        [{"destination": "default", "device": "lo"}, {"destination": "0.0.0.0/0", "device": "eth0", "metric": 0}],
        "routes[1] (0.0.0.0/0): destination: is the same as routes[0] (default)",
    ),
    (
        "rule",
        [{"priority": 7, "table": 100}, {"priority": 7, "from": "0.0.0.0/0", "action": "prohibit"}],
        "rules[1] (7): priority: is the same as rules[0] (7)",
    ),
    (
        "neighbour",
        [
            {"address": "fd00::9", "device": "lo", "proxy": True},
            {"address": "fd00:0::9", "device": "lo", "proxy": True},
        ],
        "neighbours[1] (fd00:0::9): address: is the same as neighbours[0] (fd00::9)",
    ),
]


@pytest.mark.parametrize(("module", "entries", "said"), DUPLICATES)
def test_one_thing_listed_twice(
    red: Host, run_module: Run, module: str, entries: list[dict[str, Any]], said: str
) -> None:
    before = snapshot.take()
    result = run_module(module, **{BULK[module]: entries})
    assert result.failed
    assert said in result.message
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("module", MODULES)
def test_an_unknown_key_in_an_entry(red: Host, run_module: Run, module: str) -> None:
    before = snapshot.take()
    for params in ({**GOOD[module], "colour": "red"}, {BULK[module]: [{**GOOD[module], "colour": "red"}]}):
        result = run_module(module, **params)
        assert result.failed
        # Ansible reports those of the call, and this collection those of an entry.
        assert "Unsupported parameters" in result.message or "colour: there is no such option" in result.message
        assert "colour" in result.message
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("module", MODULES)
def test_values_of_another_type_name_entry_and_option(red: Host, run_module: Run, module: str) -> None:
    before = snapshot.take()
    bulk, entry = BULK[module], {**GOOD[module], "state": ["present"]}
    for params, errors in (
        ({bulk: "red"}, [f"the call: {bulk}: must be a list, not a string"]),
        ({bulk: [entry, "red"]}, [f"{bulk}[0] (", f"the call: {bulk}[1]: must be a dictionary, not a string"]),
        (entry, ["the call: state: must be a string, not a list"]),
    ):
        for result, prefix in (
            (run_module(module, **params), ""),
            (run_module("sequence", steps=[{"module": module, "options": params}]), f"netns.fabric.{module}: "),
        ):
            assert result.failed
            lines = result.message.splitlines()
            assert len(lines) == len(errors), result.message
            assert all(line.startswith(prefix + error) for line, error in zip(lines, errors)), result.message
    snapshot.assert_unchanged(before)


def test_probes_and_steps_of_another_type_name_entry_and_option(red: Host, run_module: Run) -> None:
    probes = [{"to": "192.0.2.1"}, {"to": "192.0.2.2", "timeout": "soon"}]
    error = "probes[1] (192.0.2.2): timeout: must be a number, not the string 'soon'"
    assert run_module("reachability", probes=probes).message.startswith(error)
    assert run_module("sequence", steps=[], probes=probes).message.startswith(f"netns.fabric.reachability: {error}")
    result = run_module("sequence", steps=[{"module": "netn", "options": "x"}])
    assert [line.split(", ")[0] for line in result.message.splitlines()] == [
        "steps[0] (netn): module: must be one of boot",
        "steps[0] (netn): options: must be a dictionary",
    ]


@pytest.mark.parametrize("module", MODULES)
def test_single_form_and_bulk_list_exclude_each_other(red: Host, run_module: Run, module: str) -> None:
    bulk = BULK[module]
    result = run_module(module, **GOOD[module], **{bulk: [GOOD[module]]})
    assert result.failed
    assert "mutually exclusive" in result.message
    assert run_module(module).failed
    result = run_module(module, **{bulk: []}, state="absent")
    assert f"cannot be combined with `{bulk}`" in result.message


@pytest.mark.parametrize(("module", "option"), [("netns", {"force": True}), ("neighbour", {"proxy": True})])
def test_an_entrys_option_beside_the_bulk_list_is_not_swallowed(
    red: Host, run_module: Run, module: str, option: dict[str, Any]
) -> None:
    """It has a default, so Ansible does not see that it was given."""
    result = run_module(module, **{BULK[module]: [GOOD[module]]}, **option)
    assert result.failed
    assert f"the call: {next(iter(option))}: it cannot be combined with `{BULK[module]}`" in result.message


@pytest.mark.parametrize("module", ["netns", "veth", "link"])
def test_owner_and_prune(red: Host, run_module: Run, module: str) -> None:
    before = snapshot.take()
    for options, said in (
        ({"owner": "a,b"}, "the call: owner: 'a,b' cannot be an owner name"),
        ({"owner": ""}, "the call: owner: '' cannot be an owner name"),
        ({"prune": True}, "the call: prune: it removes objects owned by `owner`"),
    ):
        result = run_module(module, **{BULK[module]: []}, **options)
        assert result.failed
        assert said in result.message
    result = run_module(module, **GOOD[module], owner="lab", prune=True)
    assert "it requires both options" in result.message
    snapshot.assert_unchanged(before)


# The host lacks something


def run_with(python: list[str], module: str, params: dict[str, Any], **environment: str) -> dict[str, Any]:
    """Run a module by an argv of its own and return what it says."""
    ran = subprocess.run(
        [*python, "-m", f"{COLLECTION}.plugins.modules.{module}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": params}),
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS_PATH), **environment},
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ran.stdout + ran.stderr, ran.stdout + ran.stderr
    returned = json.loads(ran.stdout)
    assert isinstance(returned, dict)
    return returned


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("check", [True, False])
def test_without_root(red: Host, module: str, check: bool, tmp_path: Path) -> None:
    before = snapshot.take()
    python = os.environ.get(TARGET_PYTHON) or sys.executable
    setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python]
    if subprocess.run([*setpriv, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("this Python lies where other users cannot start it")
    params = {**GOOD[module], "_ansible_check_mode": check}
    tmp_path.chmod(0o755)
    returned = run_with(setpriv, module, params, HOME="/nonexistent", ANSIBLE_LOCAL_TEMP=str(tmp_path))
    assert returned["failed"]
    assert returned["msg"] == "this needs root on the managed host: set `become: true` on the task or the play"
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("module", MODULES)
def test_without_pyroute2(red: Host, module: str, tmp_path: Path) -> None:
    """A Python that finds another pyroute2 first, one that cannot be imported."""
    (tmp_path / "pyroute2.py").write_text("raise ImportError('No module named pyroute2')\n", encoding="ascii")
    before = snapshot.take()
    python = os.environ.get(TARGET_PYTHON) or sys.executable
    path = f"{tmp_path}{os.pathsep}{COLLECTIONS_PATH}"
    returned = run_with([python], module, GOOD[module], PYTHONPATH=path)
    assert returned["failed"]
    assert "the Python library pyroute2 is missing" in returned["msg"]
    assert "apt install python3-pyroute2" in returned["msg"]
    assert python in returned["msg"]
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("value", ["many", -1, 4294967296])
def test_numbers_that_are_none(red: Host, run_module: Run, value: Any) -> None:
    for option in ("metric", "table"):
        result = run_module("route", destination="10.0.0.0/8", device="lo", **{option: value})
        assert result.failed
        assert option in result.message


# Two entries of one call that only the state of the host makes wrong, by module: bulk list, entries, option at fault.
TWO_WRONG: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "netns": (
        "namespaces",
        [{"name": name, "sysctls": {"net.ipv4.nonsense": 1}} for name in ("red", "new")],
        "sysctls",
    ),
    "veth": (
        "pairs",
        [{"name": name, "namespace": "nowhere", "peer": {"name": f"{name}-tap"}} for name in ("a", "b")],
        "namespace",
    ),
    "link": ("links", [{"name": "nic8"}, {"name": "nic9"}], "name"),
    "qdisc": ("qdiscs", [{"link": "nic8", "kind": "pfifo"}, {"link": "nic9", "kind": "pfifo"}], "link"),
    "route": (
        "routes",
        [{"destination": f"10.{number}.0.0/16", "device": "nic9"} for number in (1, 2)],
        "device",
    ),
    "rule": (
        "rules",
        [{"priority": number, "table": 7, "namespace": "nowhere"} for number in (1, 2)],
        "namespace",
    ),
    "neighbour": (
        "neighbours",
        [{"address": f"192.0.2.{number}", "device": "nic9", "proxy": True} for number in (1, 2)],
        "device",
    ),
    "ovs_bridge": ("bridges", [{"name": "t0"}, {"name": "lo"}], "name"),
    "ovn_chassis": ("chassis", [{"bridge": "br-a"}, {"bridge": "br-b"}], ""),
    "ovs_flow": ("bridges", [{"bridge": name, "flows": ["actions=drop"]} for name in ("t0", "t1")], "bridge"),
    "ovs_mirror": (
        "mirrors",
        [{"name": name, "bridge": "nowhere", "select_all": True, "output_port": "p0"} for name in ("m0", "m1")],
        "",
    ),
    "ovs_qos": ("qos", [{"port": name, "type": "linux-htb"} for name in ("t0", "t1")], "port"),
    "ovs_port": ("ports", [{"name": name, "bridge": "nowhere"} for name in ("t0", "t1")], "bridge"),
    "policy": ("policies", [{"namespace": "nowhere"}, {"namespace": "nobody"}], "namespace"),
    "isolation": ("links", [{"link": "nic8"}, {"link": "nic9"}], "link"),
    "nat_masquerade": (
        "rules",
        [{"source": "10.1.0.0/16", "namespace": "nowhere"}, {"source": "10.2.0.0/16", "out_interface": "nic9"}],
        "",
    ),
    "nat_port_forward": (
        "rules",
        [
            {"port": "80", "to_address": "192.0.2.1", "namespace": "nowhere"},
            {"port": "81", "to_address": "192.0.2.1", "in_interface": "nic9"},
        ],
        "",
    ),
}


def test_every_state_module_is_given_two_wrong_entries() -> None:
    # Those of logical networks need their database: see their own tests.
    assert set(TWO_WRONG) == {name for name, resource in RESOURCES.items() if resource.joint != "ovn"}


@pytest.mark.parametrize("module", sorted(TWO_WRONG))
def test_all_wrong_entries_are_reported_at_once(red: Host, run_module: Run, module: str) -> None:
    bulk, entries, option = TWO_WRONG[module]
    before = snapshot.take()
    result = run_module(module, **{bulk: entries})
    assert result.failed
    errors = result.message.splitlines()
    assert len(errors) == 2, result.message
    for index, error in enumerate(errors):
        assert error.startswith(f"{bulk}[{index}] ("), error
        assert f": {option}" in error, error
    snapshot.assert_unchanged(before)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of links that go together with some others only, or that the kernel keeps in another way than given."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.kinds import STAGE, is_missing
from ansible_collections.netns.fabric.tests.helpers.refusals import refuse_each

Options = dict[str, Any]

#: It stands for none.
NO_ADDRESS = str(IPv4Address(0))


def entry(kind: str, options: Options) -> Options:
    return {"name": "k0", "kind": kind, kind: options}


def skip_missing(kind: str) -> None:
    if is_missing(kind):
        pytest.skip("the kernel of this machine lacks the kind")


def staged(host: Host, line: str = "") -> Callable[[], None]:
    """Return what prepares a host with a link, by a line of ip(8)."""
    return lambda: shell(host, STAGE + line)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("gre", {"remote": NO_ADDRESS, "local": "192.0.2.1", "key": 7}),
        ("gretap", {"remote": NO_ADDRESS, "local": NO_ADDRESS, "key": 7}),
        ("vxlan", {"id": 5, "dstport": 4790, "remote": "::"}),
        ("vxlan", {"id": 5, "dstport": 4790, "remote": NO_ADDRESS, "local": "192.0.2.1"}),
        ("bond", {"mode": "balance-xor", "arp_ip_target": [], "updelay": 0, "lacp_rate": "slow"}),
        ("bond", {"mode": "802.3ad", "updelay": 200, "arp_interval": 0}),
        ("bridge", {"stp_state": 1, "forward_delay": 200}),
        ("bridge", {"stp_state": 0, "forward_delay": 0}),
        ("bridge", {"forward_delay": 201, "hello_time": 101, "max_age": 601, "ageing_time": 30001}),
        ("tap", {"user": 2**32 - 2, "group": 2**31}),
        ("wireguard", {"listen_port": 0, "private_key": "/" * 42 + "8="}),
    ],
)
def test_what_the_kernel_keeps_is_as_wanted(host: Host, run_module: Run, kind: str, options: Options) -> None:
    skip_missing(kind)
    converge(host, run_module, "link", links=[entry(kind, options)])
    host.clear()
    if kind != "wireguard":  # the port would be another one
        converge_and_paste(host, run_module, staged(host), "link", links=[entry(kind, options)])


@pytest.mark.parametrize(
    ("line", "kind", "options"),
    [
        ("vxlan id 5 dstport 4790 remote 192.0.2.9", "vxlan", {"id": 5, "remote": "2001:db8::1"}),
        ("vxlan id 5 dstport 4790 remote 2001:db8::9", "vxlan", {"id": 5, "local": "2001:db8::1"}),
        ("vxlan id 5 dstport 4790 local 2001:db8::9", "vxlan", {"id": 5, "local": NO_ADDRESS}),
        ("bond mode active-backup arp_interval 50 arp_ip_target 192.0.2.1", "bond", {"miimon": 50}),
        ("bond mode active-backup arp_interval 50 arp_ip_target 192.0.2.1", "bond", {"arp_ip_target": []}),
        ("bridge stp_state 1", "bridge", {"stp_state": 0, "forward_delay": 0}),
        ("bridge forward_delay 0", "bridge", {"stp_state": 1, "forward_delay": 300}),
        ("bridge stp_state 1", "bridge", {"forward_delay": 200, "hello_time": 100}),
        ("bond mode active-backup miimon 100 updelay 400", "bond", {"miimon": 50}),
        ("bond mode active-backup miimon 100 updelay 400", "bond", {"miimon": 0}),
        ("bond mode active-backup miimon 100 updelay 400", "bond", {"arp_interval": 50}),
        (
            "bond mode active-backup arp_interval 50 arp_ip_target 192.0.2.1",
            "bond",
            {"miimon": 50, "arp_ip_target": []},
        ),
    ],
)
def test_changes_and_their_rollback(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch, line: str, kind: str, options: Options
) -> None:
    skip_missing(kind)
    prepare = staged(host, f"link add name k0 type {line}")
    converge_and_paste(host, run_module, prepare, "link", links=[entry(kind, options)])
    host.clear()
    prepare()
    calls = {"links": [entry(kind, options), {"name": "last0", "kind": "bridge"}]}
    with monkeypatch.context() as patched:
        assert refuse_each(patched, "the_handler", LinkResource(), calls) >= 2


@pytest.mark.parametrize("line", ["bond mode active-backup", "bridge stp_state 1 forward_delay 200"])
def test_rollback_of_the_deletion(host: Host, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """The kernel reports delays of a bond without miimon, and the rate of LACP in any mode, and takes neither."""
    kind = line.split(maxsplit=1)[0]
    skip_missing(kind)
    staged(host, f"link add name k0 type {line}")()
    links = [{"name": "k0", "kind": kind, "state": "absent"}, {"name": "last0", "kind": "bridge"}]
    with monkeypatch.context() as patched:
        assert refuse_each(patched, "the_handler", LinkResource(), {"links": links}) >= 2


@pytest.mark.parametrize(
    ("line", "kind", "options", "reason"),
    [
        ("", "bridge", {"stp_state": 1, "forward_delay": 199}, "bridge.forward_delay: 199 is not valid while"),
        ("bridge stp_state 1", "bridge", {"forward_delay": 0}, "bridge.forward_delay: 0 is not valid while"),
        ("bridge forward_delay 0", "bridge", {"stp_state": 1}, "bridge.stp_state: needs a `forward_delay` from 200"),
        ("", "bond", {"updelay": 200}, "bond.updelay: is of no effect without `miimon`"),
        ("", "bond", {"lacp_rate": "fast"}, "bond.lacp_rate: is for the mode 802.3ad"),
        ("", "bond", {"mode": "balance-alb", "arp_interval": 50}, "bond.arp_interval: is for the modes balance-rr"),
    ],
)
def test_what_the_kernel_would_refuse_is_refused(
    host: Host, run_module: Run, line: str, kind: str, options: Options, reason: str
) -> None:
    """Before the first write, in check mode too; what a row says does not need the kernel to have the kind."""
    staged(host, f"link add name k0 type {line}" if line else "")()
    before = snapshot.take()
    for check in (True, False):
        result = run_module("link", links=[{"name": "first0", "kind": "bridge"}, entry(kind, options)], _check=check)
        assert f"links[1] (k0): {reason}" in result.message
    snapshot.assert_unchanged(before)


def test_network_of_two_peers_is_refused(host: Host, run_module: Run, tmp_path: Path) -> None:
    before = snapshot.take()
    peers = [{"public_key": letter * 42 + "A=", "allowed_ips": ["10.0.0.0/24"]} for letter in "ab"]
    result = run_module("link", **entry("wireguard", {"peers": peers}), _check=True)
    assert "k0: wireguard.peers: 10.0.0.0/24 is in `allowed_ips` of aaaa" in result.message
    zeros = tmp_path / "key"
    zeros.write_text("A" * 43 + "=", encoding="ascii")
    result = run_module("link", **entry("wireguard", {"private_key_file": str(zeros)}), _check=True)
    assert "k0: wireguard.private_key_file: is all zero" in result.message
    snapshot.assert_unchanged(before)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answers of ovs-appctl."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.answers import (
    count_rules,
    find_port_number,
    parse_internal_ports,
)

DATAPATHS = """\
netdev@ovs-netdev:
  lookups: hit:0 missed:2 lost:0
  flows: 0
  port 0: ovs-netdev (tap)
  port 1: u1 (internal)
system@ovs-system:
  lookups: hit:18 missed:34 lost:0
  masks: hit:121 total:4 hit/pkt:2.33
  caches:
    masks-cache: size:256
  port 0: ovs-system (internal)
  port 1: A (internal)
  port 3: t1
  port 6: i1 (internal)
"""


def test_internal_ports_are_those_of_the_kernel_datapath() -> None:
    assert parse_internal_ports(DATAPATHS) == {"ovs-system", "A", "i1"}
    assert parse_internal_ports("") == frozenset()


@pytest.mark.parametrize(("name", "number"), [("ovs-netdev", "0"), ("123", "7"), ("t1", "3"), ("(x)", "4"), ("t", "")])
def test_the_number_of_a_port_is_found_by_its_whole_name(name: str, number: str) -> None:
    ports = ["port 0: ovs-netdev (tap)", "port 3: t1", "port 7: 123 (tap)", "port 4: (x) (vxlan: packet_type=ptap)"]
    text = "netdev@ovs-netdev:\n  flows: 0\n" + "".join(f"  {port}\n" for port in ports)
    assert find_port_number(text, name) == number


INTERNAL = "table_id=254, duration=0s, n_packets=0, n_bytes=0, priority=0,reg0=0x2,actions=drop\n"
IN_BAND = "duration=0s, n_packets=0, n_bytes=0, priority=180008,tcp,nw_src=127.0.0.1,tp_src=6653,actions=NORMAL\n"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("", 0),
        (INTERNAL, 0),
        (INTERNAL + IN_BAND, 0),
        (INTERNAL + "duration=0s, n_packets=0, n_bytes=0, priority=0,actions=NORMAL\n", 1),
        ("duration=0s, n_packets=0, n_bytes=0, in_port=1,actions=output:2\n" * 2 + INTERNAL, 2),
    ],
)
def test_the_rules_of_the_daemon_itself_do_not_count(rules: str, expected: int) -> None:
    assert count_rules(rules) == expected

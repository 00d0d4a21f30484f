# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges and ports of every name that Linux and Open vSwitch accept.

They are created, changed, healed, moved and rolled back, and their commands are pasted into a shell. A name may be a
number, a keyword, a hash, a UUID, or have any character that a shell, ovs-vsctl or JSON quotes.
"""

from __future__ import annotations

import shlex
from itertools import chain
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OpenVSwitch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import bridge_name, link_name, port_name
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.converge import Step, run
from ansible_collections.netns.fabric.tests.helpers.convergence import paste
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import configuration, rows

CASES = 12

#: Names that users have: numbers, words that mean something elsewhere, hashes, signs. Each line is a case of its own.
FAMILIAR = (
    ("1", "2", "3", "4"),
    ("1br", "10-br", "br+1", "01_tap"),
    ("300cf7d291f454f", "12345678", "007", "true"),
    ("null", "type", "broadcast", "dev"),
    ("-x", "--y", "@x", "#"),
    ("*", "!", "~", "$HOME"),
    ("a'b", 'a"b', "a=b", "a,b"),
    ("[x]", "{}", "a&b", ";"),
    ("brü", "日本語", "^", "|"),
)
UUID = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


def _is_accepted(check: Any, name: str) -> bool:
    try:
        check(name)
    except ValueError:
        return False
    return True


def _printable(excluded: str) -> st.SearchStrategy[str]:
    # Surrogates are no characters; the other categories are not printed.
    return st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"), exclude_characters=excluded)


_LINKS = st.one_of(
    st.sampled_from([*chain.from_iterable(FAMILIAR)]),
    st.text(_printable("/:% "), min_size=1, max_size=15),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/:%"), min_size=1, max_size=15),
    st.text("0123456789abcdef", min_size=1, max_size=15),
)
LINKS = _LINKS.filter(lambda name: _is_accepted(link_name, name))
BRIDGES = _LINKS.filter(lambda name: _is_accepted(bridge_name, name))
PORTS = st.one_of(
    st.sampled_from([UUID, "a b", "a/b", "..", "%d"]), _LINKS, st.text(_printable(""), max_size=40)
).filter(lambda name: _is_accepted(port_name, name))


@st.composite
def five_names(draw: st.DrawFn) -> tuple[str, ...]:
    """Return the names of two bridges, a link, an internal port and a patch port, all different."""
    names: list[str] = []
    for strategy in (BRIDGES, BRIDGES, LINKS, LINKS, PORTS):
        names.append(draw(strategy.filter(lambda name: name not in names and name != "far0")))
    return tuple(names)


def test_names(host: Host, request: pytest.FixtureRequest) -> None:
    """Every promise holds for names of every form."""

    def case(names: tuple[str, ...]) -> None:
        host.clear()
        _check(host, names)

    for names in FAMILIAR:
        case = example(names=(*names, UUID))(case)
    generated(request, CASES)(given(names=five_names())(case))()


def _check(host: Host, names: tuple[str, ...]) -> None:
    bridge, other, link, internal, patch = names
    _create_link(host, link)
    created = [_bridges(bridge, other), _ports(bridge, bridge, other, names, tag=7)]
    commands = _run(created)
    assert {bridge, other} == set(rows("Bridge"))
    assert {name: row["tag"] for name, row in rows("Port").items() if name in (link, internal, patch)} == {
        **dict.fromkeys((link, internal, patch), 7)
    }
    _assert_pasted(host, commands, link)
    _run([_bridges(bridge, other, note="changed"), _ports(bridge, bridge, other, names, tag=8, mtu=1400)])
    assert rows("Interface")[internal]["mtu_request"] == rows("Interface")[link]["mtu_request"] == 1400
    changed = [_bridges(bridge, other, note="changed"), _ports(bridge, bridge, other, names, tag=8)]
    _damage(host, bridge, link)
    assert _run(changed), "the damage is found"
    assert {bridge, link, internal} <= set(host.links())
    _run([_ports(other, other, bridge, names, tag=8)])
    assert {link, internal} <= set(rows("Bridge")[other]["ports"])
    _roll_back(names)


def _create_link(host: Host, name: str) -> None:
    host.run("ip", "link", "add", "name", name, "type", "veth", "peer", "name", "far0")


def _damage(host: Host, bridge: str, link: str) -> None:
    """Delete the bridge's own device, and re-create the link that a port is opened on."""
    host.run("ip", "link", "del", "dev", bridge)
    host.run("ip", "link", "del", "dev", link)
    _create_link(host, link)


def _bridges(bridge: str, other: str, note: str = "new") -> Step:
    bridges = [{"name": name, "external_ids": {"note": note, "peer of": bridge}} for name in (bridge, other)]
    return {"module": "ovs_bridge", "options": {"bridges": bridges, "owner": "lab", "prune": True}}


def _ports(first: str, second: str, third: str, names: tuple[str, ...], **options: Any) -> Step:
    """Return the step that has a link, an internal port and a patch port on these bridges."""
    _bridge, _other, link, internal, patch = names
    with_device = [{"name": link, "bridge": first}, {"name": internal, "bridge": second, "type": "internal"}]
    without = {"name": patch, "bridge": third, "type": "patch", "options": {"peer": internal}, "tag": options["tag"]}
    ports = [*({**port, **options} for port in with_device), without]
    return {"module": "ovs_port", "options": {"ports": ports, "owner": "lab", "prune": True}}


def _run(calls: list[Step]) -> list[str]:
    """Run the calls one by one as check mode predicts them; a second run has nothing to do."""
    commands: list[str] = []
    for call in calls:
        predicted, done = run([call], check=True), run([call], check=False)
        assert predicted["commands"] == done["commands"]
        commands += done["commands"]
    assert run(calls, check=False)["commands"] == []
    return commands


def _assert_pasted(host: Host, commands: list[str], link: str) -> None:
    """Paste the commands into a shell of an equal host."""
    wanted = configuration()
    host.clear()
    _create_link(host, link)
    paste(host, commands)
    assert configuration() == wanted, "pasting the commands gives an equal host:\n" + "\n".join(commands)
    assert all(shlex.split(line) for line in commands)


def _roll_back(names: tuple[str, ...]) -> None:
    """Execute every kind of operation, and roll it back."""
    bridge, other, link, internal, patch = names
    columns = Columns({"tag": 9}, (("external_ids", "k", "v"),))
    for operations in (
        [ovs.SetPort(name, name, columns) for name in (link, internal, patch)],
        [ovs.MovePort(link, other, bridge), ovs.SetBridge(other, Columns({"fail_mode": "secure"}))],
        [ovs.DeletePort(other, link), ovs.DeletePort(other, internal), ovs.DeletePort(bridge, patch)],
        [ovs.DeleteBridge(bridge), ovs.DeleteBridge(other)],
    ):
        before = configuration()
        backend = OpenVSwitch()
        backend.read()
        journal = Journal()
        backend.execute(operations, journal)
        assert configuration() != before
        assert journal.roll_back() == []
        assert configuration() == before, f"rolled back: {operations}"

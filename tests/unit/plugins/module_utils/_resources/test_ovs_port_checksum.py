# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transmit checksums of the far end."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, Link
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.ovs_ports import (
    CHECKSUM_OFF,
    FAR,
    FAR_ON,
    bridge,
    links,
    plan,
    port,
    state,
    veth,
    wanted,
)


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize(
    ("datapath_type", "system_works", "far", "mode", "off"),
    [
        ("netdev", False, FAR_ON, "auto", True),
        ("netdev", True, FAR_ON, "auto", True),
        ("netdev", False, FAR_ON, "keep", False),
        ("netdev", False, FAR, "auto", False),
        ("system", True, FAR_ON, "auto", False),
    ],
)
def test_the_far_end_computes_its_checksums_on_the_userspace_datapath(
    datapath_type: str, system_works: bool, far: Link, mode: str, off: bool, existing: bool
) -> None:
    ports = (port(),) if existing else ()
    near = veth("t1", 10, "red", 2, master=7)
    actual = state(bridge(*ports, datapath_type=datapath_type), kernel=links([near], [far]), system_works=system_works)
    result = plan(actual, wanted(bridge="br", tx_checksum=mode))
    assert (CHECKSUM_OFF in result.commands) is off
    if existing:
        assert [(change.before, change.after) for change in result.changes] == (
            [({"peer.tx_checksum": True}, {"peer.tx_checksum": False})] if off else []
        )


def test_a_far_end_on_the_host_computes_its_checksums_as_well() -> None:
    kernel = links([veth("t1", 10, None, 11), veth("t2", 11, None, 10, tx_checksum=True)])
    assert plan(state(bridge(port()), kernel=kernel), wanted()).commands == ["ethtool -K t2 tx off"]


def test_an_unknown_far_end_is_a_warning() -> None:
    near = Link(10, "t1", "veth", peer=End(None, 5, known=False))
    result = plan(state(bridge(port()), kernel=links([near])), wanted())
    assert not result.changed
    assert "in a namespace without a name" in result.warnings[0]


def test_a_physical_link_has_no_far_end() -> None:
    assert plan(state(bridge(port()), kernel=links([Link(10, "t1")])), wanted()) == Plan()


def test_check_mode_without_a_peer_warns_of_the_unknown_far_end() -> None:
    result = plan(state(kernel=links([], None)), wanted(bridge="br"), check_mode=True)
    assert result.commands == ["ovs-vsctl add-port br t1"]
    assert "give `peer`" in result.warnings[1]

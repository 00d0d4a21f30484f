# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links that become ports while the connection of the call comes in by their address. Pure, but for read_staying().

Without a confirmation a call that does this is refused in any case, as one that cuts its connection. With one the
address has to be the bridge's by then: what the link receives belongs to the bridge (netdev_frame_hook() in
net/openvswitch/vport-netdev.c), and the host would roll back a run that cannot succeed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import planned_addresses


def read_staying(host: Host, new: Collection[str]) -> Mapping[str, str]:
    """Return those of the links which keep the address that the connection comes in by, each with why it is refused."""
    carriers = host.use(KERNEL).carriers() if host.is_kept and new else None
    if carriers is None:
        return {}
    planned = planned_addresses(host).get((None, carriers.link))
    if planned is not None and not carriers.addresses & {str(address) for address in planned}:
        return {}
    address = ", ".join(sorted(carriers.addresses))
    cause = (
        f"the SSH connection from {carriers.connection.peer} comes in by {carriers.link}, which keeps the address "
        f"{address}; what a port of a bridge receives does not reach the host: give the address to the bridge, and "
        f"`addresses: []` to {carriers.link}, in the same run"
    )
    return {name: cause for name in new if name in carriers.names}

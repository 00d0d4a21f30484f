# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of NAT that the modules and the role check alike. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network, ValidationError, network


def client_network(value: Any) -> Network:
    """Parse a network that clients connect from.

    Raises:
        ValueError: It is not one, or everybody is in it.
    """
    clients = network(value)
    if clients.prefixlen == 0:
        raise ValidationError(f"{clients} contains every address, which is the default; omit the option")
    if clients.is_multicast or clients.is_loopback:
        raise ValidationError(f"nobody connects from {clients}; name the networks of the clients")
    return clients

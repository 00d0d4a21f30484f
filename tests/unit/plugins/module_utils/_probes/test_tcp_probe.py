# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much TCP probes send, and how many at a time."""

from __future__ import annotations

from typing import cast

from ansible_collections.netns.fabric.plugins.module_utils._probes.tcp_probe import (
    SENDING,
    SendQueue,
    TcpProbe,
    exchange_size,
)


def test_exchange_size_is_bounded() -> None:
    assert exchange_size(0) == exchange_size(8) == 256 * 1024
    assert exchange_size(16) == 128 * 1024
    assert exchange_size(9900) == 18000
    assert exchange_size(9900, mtu=1500) == 3000


class Exchange:
    sent = False

    def send(self) -> None:
        self.sent = True


def test_only_so_many_exchanges_send_at_the_same_time() -> None:
    queue = SendQueue()
    exchanges = [cast(TcpProbe, Exchange()) for _number in range(SENDING + 2)]
    for exchange in exchanges:
        queue.add(exchange)

    def count_sent() -> int:
        return sum(cast("Exchange", exchange).sent for exchange in exchanges)

    assert count_sent() == SENDING
    queue.remove(exchanges[-1])  # which has not begun
    assert count_sent() == SENDING
    queue.remove(exchanges[0])
    queue.remove(exchanges[0])
    assert count_sent() == SENDING + 1

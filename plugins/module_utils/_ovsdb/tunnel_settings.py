# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a tunnel, which are keys of the column options, as declarations (ovs-vswitchd.conf.db(5)). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ip_address
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import between
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting


def _or_word(check: Callable[[Any], Any], word: str) -> Callable[[Any], str]:
    """Return a check that takes a word as well."""
    return lambda value: word if value == word else str(check(value))


def _option(name: str, kind: str, check: Callable[[Any], Any] = str, **further: Any) -> Setting:
    return Setting(name, {"type": kind, **further}, "options", name, check=check)


def _as_it_is(value: Any) -> Any:
    return value


TUNNEL_SETTINGS = (
    _option("remote_ip", "str", _or_word(ip_address, "flow")),
    _option("local_ip", "str", _or_word(ip_address, "flow")),
    # GRE has 32 bits, the others have 24: ovs-vswitchd ignores what is too much.
    _option("key", "str", _or_word(between(0, 2**32 - 1), "flow"), no_log=False),
    _option("dst_port", "int", between(1, 65535)),
    _option("csum", "bool", _as_it_is),
    _option("tos", "str", _or_word(between(0, 255), "inherit")),
    _option("ttl", "str", _or_word(between(0, 255), "inherit")),
    _option("df_default", "bool", _as_it_is),
    _option("psk", "str", no_log=True),
)

#: The options that only some types of tunnels have.
ONLY_FOR = {
    "dst_port": frozenset({"vxlan", "geneve", "stt", "lisp", "gtpu", "bareudp"}),
    "csum": frozenset({"vxlan", "geneve", "gre", "ip6gre", "stt"}),
}
#: The largest key of the types whose key has fewer than 32 bits.
KEY_MAX = {"vxlan": 2**24 - 1, "geneve": 2**24 - 1, "lisp": 2**24 - 1}

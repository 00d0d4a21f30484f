# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a bridge that are columns, or rows of other tables, as declarations. Pure.

ovs-vswitchd.conf.db(5) has the meaning of each column.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import at_least, between
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.references import Reference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting

_TARGET = re.compile(r"(tcp|ssl|unix|ptcp|pssl|punix):\S*")


def _target(value: Any) -> str:
    """Check how a controller is reached.

    Raises:
        ValueError: ovs-vswitchd would not know how.
    """
    if not _TARGET.fullmatch(str(value)):
        raise ValueError(
            f"{value!r} is not a connection method; write for instance tcp:192.0.2.10:6653, ssl:192.0.2.10:6653 or "
            "unix:/run/controller.sock"
        )
    return str(value)


def _collector(value: Any) -> str:
    """Check the address of a collector.

    Raises:
        ValueError: It has no port.
    """
    if not re.fullmatch(r"\S+:\d{1,5}", str(value)):
        raise ValueError(f"{value!r} is not an address with a port; write for instance 192.0.2.20:6343")
    return str(value)


def _path(value: Any) -> str:
    """Check the path of a file.

    Raises:
        ValueError: It is not absolute.
    """
    if not str(value).startswith("/"):
        raise ValueError(f"{value!r} is not an absolute path; ovs-vswitchd has a working directory of its own")
    return str(value)


def _number(option: str, column: str = "", lowest: int = 0, default: Any = ()) -> Setting:
    return Setting(option, {"type": "int"}, column or option, check=at_least(lowest), default=default)


_TARGETS = Setting("targets", {"type": "list", "elements": "str"}, "targets", check=_collector)

BRIDGE_SETTINGS = (
    Setting("stp", {"type": "bool"}, "stp_enable", default=False),
    Setting("rstp", {"type": "bool"}, "rstp_enable", default=False),
    Setting("mcast_snooping", {"type": "bool"}, "mcast_snooping_enable", default=False),
)

CONTROLLERS = Reference(
    "controllers",
    "Bridge",
    "controller",
    "Controller",
    (
        Setting("target", {"type": "str"}, "target", check=_target),
        Setting("connection_mode", {"type": "str", "choices": ["in-band", "out-of-band"]}, "connection_mode"),
        _number("inactivity_probe"),
        _number("max_backoff", lowest=1000),
        _number("rate_limit", "controller_rate_limit", lowest=100),
        _number("burst_limit", "controller_burst_limit", lowest=25),
    ),
    key="target",
)
FLOW_TABLES = Reference(
    "flow_tables",
    "Bridge",
    "flow_tables",
    "Flow_Table",
    (
        Setting("name", {"type": "str"}, "name"),
        _number("flow_limit"),
        Setting("overflow_policy", {"type": "str", "choices": ["refuse", "evict"]}, "overflow_policy"),
        Setting("groups", {"type": "list", "elements": "str"}, "groups"),
        Setting("prefixes", {"type": "list", "elements": "str"}, "prefixes"),
    ),
    key="id",
    key_type="int",
    key_check=between(0, 254),
    is_map=True,
)
NETFLOW = Reference(
    "netflow",
    "Bridge",
    "netflow",
    "NetFlow",
    (
        _TARGETS,
        Setting("engine_id", {"type": "int"}, "engine_id", check=between(0, 255)),
        Setting("engine_type", {"type": "int"}, "engine_type", check=between(0, 255)),
        Setting("add_id_to_interface", {"type": "bool"}, "add_id_to_interface", default=False),
        Setting("active_timeout", {"type": "int"}, "active_timeout", check=between(-1, 2**31 - 1), default=0),
    ),
    required=("targets",),
)
SFLOW = Reference(
    "sflow",
    "Bridge",
    "sflow",
    "sFlow",
    (
        _TARGETS,
        Setting("agent", {"type": "str"}, "agent"),
        _number("header"),
        _number("polling"),
        _number("sampling"),
    ),
    required=("targets",),
)
IPFIX = Reference(
    "ipfix",
    "Bridge",
    "ipfix",
    "IPFIX",
    (
        _TARGETS,
        _number("sampling", lowest=1),
        _number("obs_domain_id"),
        _number("obs_point_id"),
        Setting("cache_active_timeout", {"type": "int"}, "cache_active_timeout", check=between(0, 4200)),
        _number("cache_max_flows"),
    ),
    required=("targets",),
)
BRIDGE_REFERENCES = (CONTROLLERS, FLOW_TABLES, NETFLOW, SFLOW, IPFIX)

#: Of the host as a whole: the only row of its table.
SSL = Reference(
    "ssl",
    "Open_vSwitch",
    "ssl",
    "SSL",
    (
        Setting("key", {"type": "path", "no_log": False}, "private_key", check=_path),
        Setting("certificate", {"type": "path"}, "certificate", check=_path),
        Setting("ca_certificate", {"type": "path"}, "ca_cert", check=_path),
        Setting("bootstrap", {"type": "bool"}, "bootstrap_ca_cert", default=False),
    ),
    required=("key", "certificate", "ca_certificate"),
)

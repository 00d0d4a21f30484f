# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes a host a chassis of OVN: keys in external_ids of the table Open_vSwitch (ovn-controller(8)). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ip_address, port
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import OvsOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import at_least, bridge_name
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting, describe_settings
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch, find_owners
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns, Command
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value

DEFAULT_BRIDGE = "br-int"

_COLUMN = "external_ids"
_REMOTE = re.compile(r"(?:ssl|tcp):(?:\[[0-9a-fA-F:.]+\]|[^\s,:\[\]]+):(\d+)|unix:/[^\s,]+")


def _remote(value: Any) -> str:
    """Check how the southbound database is reached.

    Raises:
        ValueError: ovn-controller would not know how.
    """
    match = _REMOTE.fullmatch(str(value))
    if match is None:
        raise ValueError(
            f"{value!r} is not a connection to a database; write for instance ssl:192.0.2.10:6642, "
            "ssl:[2001:db8::10]:6642 or unix:/run/ovn/ovnsb_db.sock"
        )
    if match[1] is not None:
        port(match[1])
    return str(value)


def _physical_network(value: Any) -> str:
    """Check the name of a physical network.

    Raises:
        ValueError: The key that maps it could not be read.
    """
    if not re.fullmatch(r"[^\s:,]+", str(value)):
        raise ValueError(
            f"{value!r} cannot be a physical network's name: it is empty, or has a space, ':' or ',' in it"
        )
    return str(value)


def tunnel_addresses(value: Any) -> list[str]:
    """Return the addresses of a chassis for tunnels, which commas separate (chassis_parse_ovs_config() of OVN).

    Raises:
        ValueError: One is not an address.
    """
    return [str(ip_address(part.strip())) for part in str(value).split(",")]


def _join_addresses(value: Any) -> str:
    return ",".join(tunnel_addresses(value))


@dataclass(frozen=True)
class _Joined(Setting):
    """A list that one key holds, separated by commas. Its order means nothing."""

    def parse(self, checks: Checks, place: str, given: Any) -> Value:
        return self._join(map(str, checks.each(place, self.check, given)))

    def read(self, row: Row) -> Value:
        return self._join(row.strings(self.column).get(self.key, "").split(","))

    def describe(self, value: Value) -> Any:
        return self.show(str(value).split(",")) if value else []

    @staticmethod
    def _join(texts: Any) -> Value:
        return ",".join(sorted(set(filter(None, texts)))) or ()


def _mapping(value: Any) -> str:
    return f"{_physical_network(value['network'])}:{bridge_name(value['bridge'])}"


def _show_mappings(texts: Sequence[str]) -> list[dict[str, str]]:
    pairs = (text.partition(":") for text in texts)
    return [{"network": network, "bridge": bridge} for network, _colon, bridge in pairs]


def _number(option: str, key: str) -> Setting:
    return Setting(option, {"type": "int"}, _COLUMN, key, check=at_least(0))


#: The options of a chassis, each with its key. A default is what ovn-controller does without the key.
CHASSIS_SETTINGS: tuple[Setting, ...] = (
    Setting("bridge", {"type": "str"}, _COLUMN, "ovn-bridge", check=bridge_name, default=DEFAULT_BRIDGE),
    _Joined("remotes", {"type": "list", "elements": "str"}, _COLUMN, "ovn-remote", check=_remote),
    Setting("encap_type", {"type": "str", "choices": ["geneve", "vxlan"]}, _COLUMN, "ovn-encap-type"),
    Setting("encap_ip", {"type": "str"}, _COLUMN, "ovn-encap-ip", check=_join_addresses),
    _Joined(
        "bridge_mappings",
        {
            "type": "list",
            "elements": "dict",
            "options": {
                "network": {"type": "str", "required": True},
                "bridge": {"type": "str", "required": True},
            },
        },
        _COLUMN,
        "ovn-bridge-mappings",
        check=_mapping,
        show=_show_mappings,
    ),
    Setting(
        "datapath_type",
        {"type": "str", "choices": ["auto", "system", "netdev"]},
        _COLUMN,
        "ovn-bridge-datapath-type",
    ),
    _number("remote_probe_interval", "ovn-remote-probe-interval"),
    _number("openflow_probe_interval", "ovn-openflow-probe-interval"),
    Setting("monitor_all", {"type": "bool"}, _COLUMN, "ovn-monitor-all", default="false"),
)


@dataclass(frozen=True)
class Chassis:
    """The chassis that a host is."""

    row: Row
    owners: tuple[str, ...]

    def describe(self) -> Mapping[str, Any]:
        """Return all options; None, or an empty list, for what is not set."""
        return describe_settings(CHASSIS_SETTINGS, self.row)

    def set_keys(self) -> list[str]:
        """Return the keys that make it one."""
        found = self.row.strings(_COLUMN)
        return [setting.key for setting in CHASSIS_SETTINGS if setting.key in found]


def find_chassis(switch: Switch) -> Chassis | None:
    """Return the chassis that the host is; None where no key makes it one."""
    chassis = Chassis(switch.root, find_owners(switch.root.strings(_COLUMN)))
    return chassis if chassis.set_keys() else None


@dataclass(frozen=True)
class SetChassis(OvsOperation):
    """Change keys of the only row of the table Open_vSwitch."""

    columns: Columns

    def transaction(self) -> Sequence[Command]:
        return self.columns.commands("Open_vSwitch", ".")

    def is_applied(self, now: Switch) -> bool:
        return self.columns.are_set(now.root)

    def undo(self, before: Switch) -> Sequence[Command]:
        return self.columns.inverse(before.root).commands("Open_vSwitch", ".")

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        return 0

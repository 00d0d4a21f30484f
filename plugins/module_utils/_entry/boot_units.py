# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of systemd by which a stored topology is applied at boot, and repaired. Pure."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import DIRECTORY, SUFFIX

#: The archive, and the command on the host.
COMMAND = "/usr/local/sbin/netns-fabric"
UNITS = "/etc/systemd/system"

#: The first line of every unit: a file without it is somebody else's.
MARK = "# Written by netns.fabric; the next run of the module boot replaces it."

#: Seconds that a boot waits for what the topology needs, for instance for Open vSwitch or a NIC.
PATIENCE = 60

APPLY = "netns-fabric@.service"
HEAL = "netns-fabric-heal@.service"

_APPLY_TEXT = f"""{MARK}
[Unit]
Description=Network topology %i of netns.fabric
ConditionPathExists={DIRECTORY}/%i{SUFFIX}
# What a topology may need, and what writes firewall rules of its own; what is not installed is ignored.
After=network.target
After=openvswitch-switch.service openvswitch.service ovsdb-server.service ovs-vswitchd.service
After=nftables.service iptables.service netfilter-persistent.service ufw.service firewalld.service docker.service
# A gateway of OVN takes over once its way out is there.
Before=ovn-controller.service

[Service]
Type=oneshot
RemainAfterExit=yes
# No ExecStop: a shutdown deletes nothing. No option that gives the unit a mount namespace of its own, in which the
# names of network namespaces would be mounted (ip-netns(8)).
ExecStart={COMMAND} apply --wait {PATIENCE} -- %i
ExecReload={COMMAND} apply -- %i
TimeoutStartSec=600

[Install]
WantedBy=multi-user.target
"""

_HEAL_TEXT = f"""{MARK}
[Unit]
Description=Repair of the network topology %i of netns.fabric
ConditionPathExists={DIRECTORY}/%i{SUFFIX}
After=netns-fabric@%i.service

[Service]
Type=oneshot
ExecStart={COMMAND} apply -- %i
TimeoutStartSec=600
# Repairs and errors, but not each start and end.
LogLevelMax=notice
"""

#: The units that all topologies share: their paths and texts.
TEMPLATES = {f"{UNITS}/{APPLY}": _APPLY_TEXT, f"{UNITS}/{HEAL}": _HEAL_TEXT}


def apply_unit(name: str) -> str:
    """Return the unit that applies a topology."""
    return APPLY.replace("@", f"@{name}")


def timer_unit(name: str) -> str:
    """Return the unit that has a topology repaired at an interval."""
    return HEAL.replace("@.service", f"@{name}.timer")


def heal_unit(name: str) -> str:
    """Return the unit that repairs a topology, which the timer starts."""
    return HEAL.replace("@", f"@{name}")


def all_units(name: str) -> tuple[str, ...]:
    """Return all units of a topology."""
    return apply_unit(name), timer_unit(name), heal_unit(name)


def timer_path(name: str) -> str:
    """Return the path of the timer's file."""
    return f"{UNITS}/{timer_unit(name)}"


def timer_text(name: str, seconds: int) -> str:
    """Return the text of the timer's file."""
    return f"""{MARK}
[Unit]
Description=Repair of the network topology {name} of netns.fabric every {seconds} s

[Timer]
OnActiveSec={seconds}
OnUnitInactiveSec={seconds}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def links(name: str, heal: bool) -> dict[str, str]:
    """Return the links that enable a topology's units: their paths and targets, as `systemctl enable` has them."""
    wanted = {f"{UNITS}/multi-user.target.wants/{apply_unit(name)}": f"{UNITS}/{APPLY}"}
    if heal:
        wanted[f"{UNITS}/timers.target.wants/{timer_unit(name)}"] = timer_path(name)
    return wanted

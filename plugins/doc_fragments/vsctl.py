# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of access to Open vSwitch."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  timeout:
    description:
      - The seconds that Open vSwitch has to answer a request or to carry out a change, from 1. A change gets a tenth of
        a second more for each port that it opens or closes.
      - On timeout, the part of the change that is already in the database is reverted and reported, and the module
        fails.
    type: int
    default: 10
requirements:
  - Open vSwitch, running, with C(ovs-vsctl) in C(PATH)
notes:
  - Everything is read by one call of C(ovs-vsctl) and written in one transaction. Repairing a port whose device Open
    vSwitch has lost takes two, and so do more changes than fit on one command line.
  - After a change the module reads the result of C(ovs-vswitchd), because refusals of the kernel are reported nowhere
    else. If a port or a bridge does not work, the module fails and all changes are rolled back.
  - In check mode, a host where Open vSwitch is not installed or not running is treated as one where an earlier task has
    started it, without bridges.
"""

    DATABASE = r"""
options:
  database:
    description:
      - The database server of Open vSwitch on this host, in the form of C(ovs-vsctl --db), for instance
        V(unix:/run/openvswitch/db.sock).
      - If omitted, C(ovs-vsctl) uses its default.
    type: str
"""

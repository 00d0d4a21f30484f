# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Open vSwitch is spoken to."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  timeout:
    description:
      - Seconds that Open vSwitch has to answer a question or to carry out a change, from 1. For a change a tenth of a
        second is added for each port that is opened or closed by it.
      - When it is over, what the database has stored of the change by then is read back, taken out again, and told.
    type: int
    default: 10
requirements:
  - Open vSwitch, running, with C(ovs-vsctl) in C(PATH)
notes:
  - Everything is read by one call of C(ovs-vsctl) and written in one transaction. A port whose device Open vSwitch
    has lost needs two, and so do more changes than one command line can hold.
  - After a change it is read back what C(ovs-vswitchd) has made of it, since refusals of the kernel show nowhere
    else. A port or bridge that does not work makes the module fail, and everything is taken back.
  - In check mode a host without Open vSwitch, or where it is not running, is taken as one where an earlier task has
    started it, without bridges.
"""

    DATABASE = r"""
options:
  database:
    description:
      - The database server of Open vSwitch on this host, as C(ovs-vsctl --db) takes it, for instance
        V(unix:/run/openvswitch/db.sock).
      - Omitted, C(ovs-vsctl) finds it.
    type: str
"""

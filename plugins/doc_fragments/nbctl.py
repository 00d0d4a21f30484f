# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of access to OVN's northbound database."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  database:
    description:
      - The server of the northbound database, in the form of C(ovn-nbctl --db), for instance
        V(unix:/run/ovn/ovnnb_db.sock) or V(ssl:192.0.2.1:6641). Of a cluster, all servers with commas between them.
      - If omitted, C(ovn-nbctl) uses its default, the socket of this host.
    type: str
  private_key:
    description:
      - The file with the private key of this host, for a O(database) that is reached by TLS.
      - If omitted, C(ovn-nbctl) has none.
    type: path
  certificate:
    description:
      - The file with the certificate for O(private_key).
      - If omitted, C(ovn-nbctl) has none.
    type: path
  ca_certificate:
    description:
      - The file with the certificate of the authority by which the server of O(database) is verified.
      - If omitted, C(ovn-nbctl) has none.
    type: path
  timeout:
    description:
      - The seconds that the database has to answer a request or to commit a change, from 1.
      - On timeout, a change that has been committed all the same is reverted and reported, and the module fails.
    type: int
    default: 10
requirements:
  - OVN 20.03 or newer with C(ovn-nbctl) in C(PATH)
notes:
  - Everything is read by one call of C(ovn-nbctl) and written in one transaction. Steps of M(netns.fabric.sequence)
    that follow each other and are of different modules of OVN with the same O(database) are one transaction together.
  - What OVN itself writes to the database, such as whether a port is up, is not compared.
  - The module does not wait for the hosts to apply a change. A port of a namespace is ready once C(ovn-controller) has
    set C(ovn-installed) in the C(external_ids) of its interface.
  - In check mode, a database that cannot be read is treated as an empty one that an earlier task has started.
"""

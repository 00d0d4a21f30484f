# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin topology; which hosts there are and what variables they have is in module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
name: topology
author:
  - netns.fabric contributors (@netns-fabric)
version_added: 1.0.0
short_description: Make a host of every namespace of a topology
description:
  - Reads the variables of the role P(netns.fabric.topology#role) from the hosts that other inventory sources have
    given, and adds a host for each namespace. Tasks on it run inside the namespace, by the become plugin
    P(netns.fabric.netns#become), over the connection of the host that it is on.
  - The hosts are there in every play and for every ad-hoc command, before the topology was built and without a run of
    the role; that is why this is an inventory plugin and not a task with M(ansible.builtin.add_host).
  - The configuration file's name ends in C(netns.yml) or C(netns.yaml). It comes after the sources of the hosts whose
    variables it reads; in a directory of sources that goes by the alphabet.
  - V(hosts=all) takes in the namespaces. A play for the computers alone has V(hosts=all:!namespaces).
notes:
  - Each host that is added has C(ansible_netns), C(ansible_become), C(ansible_become_method), and the C(ansible_)
    variables of the host that it is on as references to them, except C(ansible_become_user). It also has
    C(netns_host), the name of that host; C(netns_topology), the topology's name; C(netns_interfaces), a list of what
    its interfaces are declared to be; and C(netns_addresses), the addresses of these without prefix lengths, for
    example C(hostvars['ns02.lab'].netns_addresses[0]).
  - Variables that templates need which are known during a play only (facts, C(hostvars)) cannot be read here.
  - A topology with mistakes in it gives the namespaces that can be read, and a warning. The role tells all of the
    mistakes.
options:
  plugin:
    description: The plugin's name.
    type: str
    required: true
    choices: [netns.fabric.topology]
  hosts:
    description:
      - Names of hosts and groups that have a topology. One of them without the variable C(topology_namespaces) has
        the reference topology, the role's default.
      - If it is not given, all hosts are taken that have the variable C(topology_namespaces).
    type: list
    elements: str
  group:
    description: The group that the namespaces are put in.
    type: str
    default: namespaces
  hostname:
    description:
      - The name of a namespace in the inventory, as a Jinja expression (without braces). C(ansible_netns) and
        C(netns_host) are the names of the namespace and of the host, and the variables of the host can be used as
        well.
      - With a single host, V(ansible_netns) serves.
    type: str
    default: ansible_netns ~ '.' ~ netns_host
  use_vars_plugins:
    description:
      - Whether to read C(group_vars/) and C(host_vars/) beside the inventory sources, too. Those beside a playbook
        cannot be read.
    type: bool
    default: true
seealso:
  - plugin: netns.fabric.netns
    plugin_type: become
extends_documentation_fragment:
  - ansible.builtin.constructed
"""

EXAMPLES = r"""
# inventory/namespaces.netns.yml, beside inventory/hosts.yml and inventory/group_vars/: the namespaces of all hosts
# with topologies. Then: ansible --inventory inventory/ namespaces --module-name ansible.builtin.ping
---
plugin: netns.fabric.topology

---
# The reference topology of one host, its namespaces called ns01 and ns02.
plugin: netns.fabric.topology
hosts: [localhost]
hostname: ansible_netns

---
# A group for each host with namespaces (on_lab1), and one for each bridge (int_br).
plugin: netns.fabric.topology
hosts: [labs]
keyed_groups:
  - key: netns_host
    prefix: "on"
  - key: netns_interfaces | selectattr('bridge', 'defined') | map(attribute='bridge') | unique
    separator: ""
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.inventory.helpers import get_group_vars
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.template import trust_as_template
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.inventory_hosts import (
    connection_variables,
    namespace_hosts,
)

ROLE_DEFAULTS = Path(__file__).parents[2] / "roles" / "topology" / "defaults" / "main.yml"

VARIABLES = ("name", "state", "bridges", "namespaces", "links", "nat")
"""Which of the role's variables tell what namespaces there are and what is in them."""


class InventoryModule(BaseInventoryPlugin, Constructable):  # type: ignore[misc]  # ansible-core is untyped
    """What Ansible looks for."""

    NAME = "netns.fabric.topology"

    def verify_file(self, path: str) -> bool:
        """Tell whether a file is a configuration of this plugin."""
        return bool(super().verify_file(path)) and path.endswith(("netns.yml", "netns.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the namespaces of all topologies to the inventory.

        :raises AnsibleParserError: if a host or group of the option is not there, two namespaces have one name, or a
            template fails.
        """
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        self._config_path = path
        group = inventory.add_group(to_safe_group_name(self.get_option("group")))
        defaults = loader.load_from_file(str(ROLE_DEFAULTS))
        for host in list(self._hosts()):
            self._add_namespaces(host, group, defaults)

    def _hosts(self) -> Iterator[str]:
        """The names of the hosts that may have a topology, in the order of the inventory."""
        chosen = self.get_option("hosts")
        if chosen is None:
            yield from (name for name in self.inventory.hosts if "topology_namespaces" in self._variables(name))
            return
        named: dict[str, None] = {}
        for name in chosen:
            if name in self.inventory.groups:
                named.update(dict.fromkeys(host.name for host in self.inventory.groups[name].get_hosts()))
            elif name in self.inventory.hosts:
                named[name] = None
            else:
                raise AnsibleParserError(
                    f"hosts: {name!r} is neither a host nor a group of the inventory so far; correct the name, or name "
                    "its source before this one"
                )
        yield from named

    def _variables(self, name: str) -> dict[str, Any]:
        """A host's variables: the groups' first, the host's own over them."""
        host = self.inventory.hosts[name]
        # Ansible puts groups into `all` only after it has read all sources.
        groups = list(dict.fromkeys([self.inventory.groups["all"], *host.get_groups()]))
        of_groups, of_host = get_group_vars(groups), host.get_vars()
        if self.get_option("use_vars_plugins"):
            # The file that is being read counts as well: what lies beside it may lie beside no other.
            sources = [*self.inventory.processed_sources, self._config_path]
            read = get_vars_from_inventory_sources
            of_groups = combine_vars(of_groups, read(self.loader, sources, groups, "all"))
            of_host = combine_vars(of_host, read(self.loader, sources, [host], "all"))
        return dict(combine_vars(of_groups, of_host))

    def _add_namespaces(self, host: str, group: str, defaults: Mapping[str, Any]) -> None:
        variables = self._variables(host)
        self.templar.available_variables = {**defaults, **variables, "inventory_hostname": host}
        given = {key: self._templated(host, f"topology_{key}") for key in VARIABLES}
        namespaces, mistakes = namespace_hosts(given)
        if mistakes:
            self.display.warning(
                f"the topology of {host} has mistakes, and its namespaces may be incomplete; the first: {mistakes[0]}"
            )
        connection = {key: trust_as_template(value) for key, value in connection_variables(host, variables).items()}
        for namespace, own in namespaces.items():
            names = {**variables, "inventory_hostname": host, "ansible_netns": namespace, "netns_host": host}
            name = self._name(names, host)
            self.inventory.add_host(name, group=group)
            for key, value in {**connection, **own}.items():
                self.inventory.set_variable(name, key, value)
            self._construct(name)

    def _templated(self, host: str, variable: str) -> Any:
        try:
            return self.templar.template(self.templar.available_variables[variable])
        except AnsibleError as error:
            raise AnsibleParserError(f"{variable} of {host} cannot be read in an inventory: {error}") from error

    def _name(self, variables: Mapping[str, Any], host: str) -> str:
        try:
            name = str(self._compose(self.get_option("hostname"), variables))
        except AnsibleError as error:
            raise AnsibleParserError(f"hostname: gives no name for a namespace of {host}: {error}") from error
        if name in self.inventory.hosts:
            raise AnsibleParserError(
                f"hostname: gives the name {name!r} for namespace {variables['ansible_netns']!r} of {host}, and there "
                "is a host of that name; put netns_host into the expression"
            )
        return name

    def _construct(self, name: str) -> None:
        """Do what the options that all inventory plugins have in common say."""
        strict = self.get_option("strict")
        variables = self.inventory.hosts[name].get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)

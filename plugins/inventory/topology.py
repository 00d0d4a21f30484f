# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin topology; the hosts and their variables are derived in plugin_utils, independent of Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
name: topology
author:
  - netns.fabric contributors (@netns-fabric)
version_added: 1.0.0
short_description: Add every namespace of a topology as a host
description:
  - Reads the variables of the role P(netns.fabric.topology#role) from the hosts of other inventory sources, and adds a
    host for each namespace. Tasks on it run inside the namespace, with the become plugin P(netns.fabric.netns#become),
    over the connection of the host that the namespace is on.
  - A namespace with C(topology_namespaces[].host) is on that host only, although all hosts have the same declaration.
  - These hosts exist in every play and for every ad-hoc command, even before the role has built the topology. A task
    with M(ansible.builtin.add_host) would add them for the rest of one run only.
  - The configuration file's name ends in C(netns.yml) or C(netns.yaml). It must come after the sources of the hosts
    whose variables it reads; in a directory, Ansible reads sources in alphabetical order.
  - V(hosts=all) includes the namespaces. To exclude them, set V(hosts=all:!namespaces) in a play.
notes:
  - Each namespace has the variables C(ansible_netns), C(ansible_become) and C(ansible_become_method), and references to
    all C(ansible_) variables of its host, except C(ansible_become_user). It also has C(netns_host), the name of its
    host; C(netns_topology), the topology's name; C(netns_interfaces), a list of its declared interfaces; and
    C(netns_addresses), their addresses without prefix lengths, for example
    C(hostvars['ns02.lab'].netns_addresses[0]).
  - Templates in the role's variables cannot use what is known only during a play (facts, C(hostvars)).
  - If a topology has errors, its valid namespaces are added, with a warning. The role reports all errors.
options:
  plugin:
    description: The plugin's name, which marks the file as a configuration of this plugin.
    type: str
    required: true
    choices: [netns.fabric.topology]
  hosts:
    description:
      - Names of hosts and groups whose namespaces are added. A host without the variable C(topology_namespaces) has the
        reference topology, the role's default.
      - If omitted, the namespaces of all hosts with the variable C(topology_namespaces) are added.
    type: list
    elements: str
  group:
    description: The group that the namespaces are added to. It is created if it does not exist.
    type: str
    default: namespaces
  hostname:
    description:
      - The name of a namespace in the inventory, as a Jinja expression (without braces). C(ansible_netns) and
        C(netns_host) are the names of the namespace and of its host; the variables of the host can be used, too.
      - The names must be unique in the inventory. With a single host, V(ansible_netns) is sufficient.
    type: str
    default: ansible_netns ~ '.' ~ netns_host
  use_vars_plugins:
    description:
      - Whether to read C(group_vars/) and C(host_vars/) next to the inventory sources, too. With V(false), only the
        variables within the sources are read. Those next to a playbook are never read.
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
# The reference topology of one host, with the names ns01 and ns02 in the inventory.
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
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every string that an inventory plugin sets is a template

    def trust_as_template(value: str) -> str:
        """Return the value as it is."""
        return value


from ansible_collections.netns.fabric.plugins.plugin_utils._topology.inventory_hosts import (
    connection_variables,
    namespace_hosts,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.role_variables import find_unknown

ROLE_DEFAULTS = Path(__file__).parents[2] / "roles" / "topology" / "defaults" / "main.yml"

#: The role's variables, without ``topology_``, that declare the namespaces.
VARIABLES = ("name", "state", "bridges", "namespaces", "links", "nat")


class InventoryModule(BaseInventoryPlugin, Constructable):  # type: ignore[misc]  # ansible-core is untyped
    """The inventory plugin, for Ansible."""

    NAME = "netns.fabric.topology"

    def verify_file(self, path: str) -> bool:
        """Return whether a file is a configuration of this plugin."""
        return bool(super().verify_file(path)) and path.endswith(("netns.yml", "netns.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the namespaces of all topologies to the inventory.

        Raises:
            AnsibleParserError: If a host or group of the option `hosts` does not exist, two namespaces have the same
                name, or a template fails.
        """
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        self._config_path = path
        group = inventory.add_group(to_safe_group_name(self.get_option("group")))
        defaults = loader.load_from_file(str(ROLE_DEFAULTS))
        for host in list(self._select_hosts()):
            self._add_namespaces(host, group, defaults)

    def _select_hosts(self) -> Iterator[str]:
        """Yield the names of the hosts that may have a topology, in the order of the inventory."""
        chosen = self.get_option("hosts")
        if chosen is None:
            yield from (name for name in self.inventory.hosts if "topology_namespaces" in self._read_variables(name))
            return
        named: dict[str, None] = {}
        for name in chosen:
            if name in self.inventory.groups:
                named.update(dict.fromkeys(host.name for host in self.inventory.groups[name].get_hosts()))
            elif name in self.inventory.hosts:
                named[name] = None
            else:
                raise AnsibleParserError(
                    f"hosts: {name!r} is neither a host nor a group of the inventory so far; correct the name, or put "
                    "its source before this one"
                )
        yield from named

    def _read_variables(self, name: str) -> dict[str, Any]:
        """Return a host's variables; its own override those of its groups."""
        host = self.inventory.hosts[name]
        # Ansible adds groups to `all` only after it has read all sources.
        groups = list(dict.fromkeys([self.inventory.groups["all"], *host.get_groups()]))
        of_groups, of_host = get_group_vars(groups), host.get_vars()
        if self.get_option("use_vars_plugins"):
            # The file that is being read is a source, too: its directory may have variables that no other one has.
            sources = [*self.inventory.processed_sources, self._config_path]
            read = get_vars_from_inventory_sources
            of_groups = combine_vars(of_groups, read(self.loader, sources, groups, "all"))
            of_host = combine_vars(of_host, read(self.loader, sources, [host], "all"))
        return dict(combine_vars(of_groups, of_host))

    def _add_namespaces(self, host: str, group: str, defaults: Mapping[str, Any]) -> None:
        variables = self._read_variables(host)
        self.templar.available_variables = {**defaults, **variables, "inventory_hostname": host}
        given = {key: self._template(host, f"topology_{key}") for key in VARIABLES}
        namespaces, errors = namespace_hosts(given, host)
        errors = [*find_unknown(variables, "topology"), *errors]
        if errors:
            self.display.warning(
                f"the topology of {host} has errors, and namespaces may be missing in the inventory; the first error: "
                f"{errors[0]}"
            )
        connection = {key: trust_as_template(value) for key, value in connection_variables(host, variables).items()}
        for namespace, own in namespaces.items():
            names = {**variables, "inventory_hostname": host, "ansible_netns": namespace, "netns_host": host}
            name = self._compose_name(names, host)
            self.inventory.add_host(name, group=group)
            for key, value in {**connection, **own}.items():
                self.inventory.set_variable(name, key, value)
            self._construct(name)

    def _template(self, host: str, variable: str) -> Any:
        try:
            return self.templar.template(self.templar.available_variables[variable])
        except AnsibleError as error:
            raise AnsibleParserError(f"{variable} of {host} cannot be evaluated in an inventory: {error}") from error

    def _compose_name(self, variables: Mapping[str, Any], host: str) -> str:
        try:
            name = str(self._compose(self.get_option("hostname"), variables))
        except AnsibleError as error:
            raise AnsibleParserError(f"hostname: the expression fails for a namespace of {host}: {error}") from error
        if name in self.inventory.hosts:
            raise AnsibleParserError(
                f"hostname: {name!r}, the name for namespace {variables['ansible_netns']!r} of {host}, is already the "
                "name of a host; add netns_host to the expression"
            )
        return name

    def _construct(self, name: str) -> None:
        """Apply the options that all constructed inventory plugins share."""
        strict = self.get_option("strict")
        variables = self.inventory.hosts[name].get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)

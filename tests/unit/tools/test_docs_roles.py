# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' variables: the argument spec, what the role takes, and every list of them in the documentation are one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import bridge_ports, link_kinds, schema, switching
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import ROUTING
from ansible_collections.netns.fabric.tools import docs_roles

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
TOPOLOGY = docs_roles.load_variables("topology")
VARIABLES_PAGE = (ROOT / "docs/docsite/rst/variables.rst").read_text(encoding="utf-8")


def load(path: str) -> Any:
    """Return the content of a YAML file."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_of_the_argument_spec(role: str) -> None:
    variables = docs_roles.load_variables(role)
    assert load(f"roles/{role}/defaults/main.yml") == {name: option["default"] for name, option in variables.items()}


@pytest.mark.parametrize("page", docs_roles.PAGES)
def test_table_has_every_variable_and_follows_the_argument_spec(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert docs_roles.generate_page(page, text) == text
    table = text[text.index("BEGIN variables") : text.index("END variables")]
    assert re.findall(r"^ *[|*](?: -)? `+(\w+)`+", table, re.MULTILINE) == list(
        docs_roles.load_variables(docs_roles.PAGES[page])
    )
    with pytest.raises(ValueError, match="add the two lines"):
        docs_roles.generate_page(page, text.replace("BEGIN", "START"))


def test_markup_becomes_that_of_the_page() -> None:
    variables = {
        "x_mode": {
            "description": "A V(a) of O(x.y#module:mode), see M(x.y) and P(x.z#role). More.",
            "choices": ["a", "b"],
            "default": "a",
        },
        "x_list": {"description": ["A list."], "default": [{"name": "one"}, {"name": "two"}]},
        "x_file": {"description": ["A file."], "default": ""},
    }
    assert list(docs_roles.format_markdown(variables))[2:] == [
        "| `x_mode` | `a` | A `a` of `mode`, see `x.y` and `x.z`. Choices: `a`, `b`. |",
        "| `x_list` | `one`, `two` | A list. |",
        "| `x_file` | | A file. |",
    ]
    assert list(docs_roles.format_rst(variables))[6:8] == [
        "   * - ``x_mode``",
        "     - A ``a`` of ``mode``, see :ansplugin:`x.y#module` and :ansplugin:`x.z#role`. Choices: ``a``, ``b``.",
    ]


# What the filter takes


def test_role_passes_every_variable_to_the_filter() -> None:
    checked = load("roles/topology/vars/main.yml")["topology__variables"]
    passed = dict(re.findall(r"'(\w+)': (topology_\w+)", checked))
    # These the role derives, from variables of the same names and from the play.
    derived = {name: passed.pop(name) for name in ("hosts", "ovn_chassis")}
    assert derived == {name: f"topology__{name}" for name in derived}
    assert passed == {name: f"topology_{name}" for name in schema.VARIABLES if name not in (*derived, "this_host")}
    # The diagram is of all hosts, and checked as what is built.
    build = load("roles/topology/tasks/build.yml")
    drawn = next(task["vars"] for task in build if task["name"] == "Draw the topology")
    assert drawn == {"topology__drawn": "{{ topology__variables }}"}
    documented = load("plugins/filter/compile_topology.yml")["DOCUMENTATION"]["options"]["_input"]["suboptions"]
    assert set(documented) == set(schema.VARIABLES)
    # What the filter does not need goes to the modules.
    of_hosts = {"topology_hosts", "topology_tunnel_address", "topology_ovn_chassis"}
    of_modules = {"topology_prune", "topology_nat_backend", "topology_ovs_timeout", "topology_ovs_database"}
    of_modules |= {f"topology_ovn_{name}" for name in ("database", "database_host", "central_group", "tls_files")}
    assert set(TOPOLOGY) == {*passed.values(), *of_modules, *of_hosts}


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("topology_bridges", {"mesh", "ports", "dhcp", *schema.BRIDGE, *schema.SWITCHING}),
        ("topology_bridges/mirrors", switching.MIRROR),
        ("topology_namespaces/interfaces/qos", switching.QOS),
        ("topology_bridges/ports", bridge_ports.PORT),
        ("topology_bridges/ports/peer", {"name", "bridge"}),
        ("topology_bridges/mesh", schema.MESH),
        ("topology_bridges/dhcp", schema.DHCP),
        ("topology_namespaces", {"name", "interfaces", *ROUTING, *schema.NETNS, *schema.DEFAULTS, *schema.PLACE}),
        ("topology_policies", {"from", "to", *schema.POLICY}),
        ("topology_policies/from", schema.SELECTOR),
        ("topology_policies/to", schema.SELECTOR),
        # The options of a kind are the module's, which documents them.
        ("topology_namespaces/interfaces", {"shape", "qos", *schema.INTERFACE, *link_kinds.CREATION}),
        ("topology_namespaces/interfaces/shape", schema.SHAPE),
        ("topology_namespaces/routes", {"nexthops", *schema.ROUTE}),
        ("topology_namespaces/routes/nexthops", schema.NEXT_HOP),
        ("topology_namespaces/rules", schema.RULE),
        ("topology_namespaces/neighbours", schema.NEIGHBOUR),
        ("topology_host", {"interfaces", *ROUTING, *schema.HOST}),
        ("topology_links", {"peer", "shape", *schema.LINK_END}),
        ("topology_nat", {*schema.NAT, *schema.FORWARD}),
        ("topology_verify_probes", schema.PROBE),
    ],
)
def test_documented_keys_of_an_entry_are_those_that_are_accepted(path: str, keys: Iterable[str]) -> None:
    options: Mapping[str, Any] = TOPOLOGY
    for name in path.split("/"):
        options = options[name]["options"]
    assert set(options) == set(keys)


# Other lists


def row(variable: str, page: str = VARIABLES_PAGE) -> set[str]:
    """Return the keys in the row of the page `variables` that begins with a variable."""
    found = re.search(rf"^   \* - ``{re.escape(variable)}``: (.*?)\n     - :", page, re.MULTILINE | re.DOTALL)
    assert found, variable
    return set(re.findall(r"``(\w+)``", found[1]))


def test_rows_from_variables_to_lists_have_every_key() -> None:
    bridge = set(TOPOLOGY["topology_bridges"]["options"])
    namespace = set(TOPOLOGY["topology_namespaces"]["options"])
    # The second row of the bridges is about their local interfaces.
    local = {"addresses", "mtu", "enabled", "isolate", "sysctls", *schema.DEFAULTS}
    assert row("topology_bridges[]") == bridge - {*local, *schema.SWITCHING, "engine", "mesh", "ports", "dhcp"}
    assert row("topology_namespaces[]") == namespace - {"interfaces", *ROUTING, *schema.PLACE, *schema.DEFAULTS}
    assert row("topology_namespaces[].interfaces[]") == set(schema.PORT)


def test_lists_of_tags_have_every_part_of_the_role() -> None:
    parts = set(load("roles/topology/vars/main.yml")["topology__calls"])
    described = load("roles/topology/meta/argument_specs.yml")["argument_specs"]["main"]["description"][-1]
    assert set(re.findall(r"V\((\w+)\)", described)) == {*parts, "topology", "verify", "diagram"}
    readme = (ROOT / "roles/topology/README.md").read_text(encoding="utf-8")
    tags = readme[readme.index("## Tags") : readme.index("## Deletion")]
    assert set(re.findall(r"^\| `(\w+)` \|", tags, re.MULTILINE)) == parts
    recipes = (ROOT / "docs/docsite/rst/recipes.rst").read_text(encoding="utf-8")
    sentence = recipes[recipes.index("The\ntag ``topology``") :].partition("With ``include_role``")[0]
    assert set(re.findall(r"``(\w+)``", sentence)) == {*parts, "topology", "verify", "diagram"}
    built = next(task for task in load("roles/topology/tasks/build.yml") if "netns.fabric.sequence" in task)
    assert set(re.findall(r"'(\w+)'", built["tags"][1])) == {*parts, "verify"}


def test_readme_lists_every_module_playbook_and_filter() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `netns\.fabric\.(\w+)` \|.*\| (.*?) ?\|$", readme, re.MULTILINE))
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    assert set(rows) == modules | playbooks
    assert {name: rows[name] for name in RESOURCES} == {
        name: f"`{resource.list_option}`" for name, resource in RESOURCES.items()
    }
    filters = {path.stem for path in (ROOT / "plugins/filter").glob("*.yml")}
    assert filters <= set(re.findall(r"`netns\.fabric\.(\w+)`", readme))

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of every module against its argument spec, and the lists of modules against the registry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.doc_fragments.attributes import ModuleDocFragment
from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.tools import docs

ROOT = Path(__file__).resolve().parents[4]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
MODULES_MAIN = re.compile(r"^from ansible_collections\..*", re.MULTILINE | re.DOTALL)
GROUPS: Mapping[str, Sequence[str]] = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))[
    "action_groups"
]
#: The options that `module_defaults` sets by each action group.
SHARED: Mapping[str, set[str]] = {
    "all": set(),
    "state": {"owner"},
    "ovs": {"database", "timeout"},
    "ovn": {"database", "timeout", "private_key", "certificate", "ca_certificate"},
    "nat": {"backend"},
}
COMPARED = ("type", "elements", "choices", "default", "required")


def options_of(module: str) -> dict[str, Any]:
    """Return the documented options of a module."""
    return docs.load_options((docs.MODULES / f"{module}.py").read_text(encoding="utf-8"))


def declared(spec: Mapping[str, Any], nested: str) -> dict[str, dict[str, Any]]:
    """Return an argument spec, or documented options, in one form; `nested` is its key for suboptions."""
    return {
        name: {
            **{key: option[key] for key in COMPARED if option.get(key) not in (None, False)},
            "default": option.get("default"),
            "options": declared(option.get(nested, {}), nested),
        }
        for name, option in spec.items()
    }


@pytest.mark.parametrize("module", MODULES)
def test_documented_options_equal_the_argument_spec(module: str) -> None:
    documented = declared(options_of(module), "suboptions")
    assert documented == declared(docs.load_arguments(module)["argument_spec"], "options")


@pytest.mark.parametrize("module", sorted(RESOURCES))
def test_state_module_declares_the_options_of_its_resource(module: str) -> None:
    assert docs.load_arguments(module)["argument_spec"] == argument_spec(RESOURCES[module])


@pytest.mark.parametrize("module", MODULES)
def test_every_option_has_a_description_with_an_end(module: str) -> None:
    def check(options: Mapping[str, Any], prefix: str = "") -> None:
        for name, option in options.items():
            description = option["description"]
            for sentence in [description] if isinstance(description, str) else description:
                assert sentence.endswith("."), f"{prefix}{name}: {sentence}"
            check(option.get("suboptions", {}), f"{prefix}{name}.")

    check(options_of(module))


def test_action_groups_have_the_modules_that_share_their_options() -> None:
    specs = {module: set(docs.load_arguments(module)["argument_spec"]) for module in MODULES}
    expected = {name: [module for module in MODULES if specs[module] >= shared] for name, shared in SHARED.items()}
    # For `topology_info` it is an owner to look for, not the one of what a task creates.
    expected["state"].remove("topology_info")
    # Theirs is another database.
    expected["ovs"] = [module for module in expected["ovs"] if module not in expected["ovn"]]
    assert {name: sorted(modules) for name, modules in GROUPS.items()} == expected


@pytest.mark.parametrize("module", MODULES)
def test_module_documents_its_action_groups(module: str) -> None:
    attribute = yaml.safe_load(_documentation(module))["attributes"]["action_group"]
    assert attribute["membership"] == [f"netns.fabric.{name}" for name, modules in GROUPS.items() if module in modules]


def test_every_action_group_and_what_it_shares_is_documented() -> None:
    fragment = yaml.safe_load(ModuleDocFragment.ACTION_GROUP)["attributes"]["action_group"]
    text = " ".join(fragment["description"])
    assert set(re.findall(r"C\((?:group/)?netns\.fabric\.(\w+)\)", text)) == set(SHARED)
    named = set(re.findall(r"C\((\w+)\)", text)) - {"module_defaults"}
    assert named == set().union(*SHARED.values())


def test_sequence_runs_and_documents_every_resource() -> None:
    step = options_of("sequence")["steps"]["suboptions"]["module"]
    assert step["choices"] == sorted([*RESOURCES, "boot"])
    assert options_of("boot")["steps"]["suboptions"]["module"]["choices"] == sorted(RESOURCES)
    related = {entry.get("module") for entry in yaml.safe_load(_documentation("sequence"))["seealso"]}
    assert {f"netns.fabric.{name}" for name in RESOURCES} <= related


def test_main_of_the_state_modules_differs_by_the_resource_only() -> None:
    endings = set()
    for name, resource in RESOURCES.items():
        found = MODULES_MAIN.search((ROOT / "plugins" / "modules" / f"{name}.py").read_text(encoding="utf-8"))
        assert found, name
        endings.add(found.group().replace(type(resource).__name__, "X").replace(f"_resources.{name} ", "_resources.x "))
    assert len(endings) == 1, endings


def _documentation(module: str) -> str:
    text = (ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")
    found = re.search(r'^DOCUMENTATION = r"""\n(.*?)"""', text, re.MULTILINE | re.DOTALL)
    assert found, module
    return found.group(1)

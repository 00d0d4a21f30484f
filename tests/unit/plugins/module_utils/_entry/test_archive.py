# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive that carries out stored topologies: what is in it, and that it is always the same."""

from __future__ import annotations

import ast
import io
import zipfile

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._entry import archive
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.tests.unit.plugins.imports import ROOT, imports_in, reachable_from

PYTHON = "/usr/bin/python3"


@pytest.fixture(name="packed", scope="module")
def fixture_packed() -> dict[str, str]:
    """Return the files of the archive."""
    with zipfile.ZipFile(io.BytesIO(archive.build(PYTHON))) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def test_it_has_what_its_root_imports_and_no_more(packed: dict[str, str]) -> None:
    """Read from the syntax tree: the archive finds imports by a pattern, which is ten times as fast."""
    targets: dict[str, set[str]] = {}
    for each in imports_in(ROOT):
        targets.setdefault(each.source, set()).add(each.target)
    prefix = "ansible_collections/netns/fabric/"
    root = f"{archive.ROOT.replace('.', '/')}.py".removeprefix(prefix)
    wanted = {f"{prefix}{file}" for file in {root, *reachable_from(targets, root)}}
    assert {name for name in packed if not name.endswith(("__init__.py", "__main__.py"))} == wanted
    assert {f"{prefix}plugins/module_utils/_resources/{name}.py" for name in RESOURCES} <= set(packed)


def test_nothing_in_it_knows_ansible(packed: dict[str, str]) -> None:
    found = {
        name: sorted(modules)
        for name, source in packed.items()
        if (modules := {module for module in _modules_in(source) if module.split(".")[0] == "ansible"})
    }
    assert found == {}


def _modules_in(source: str) -> list[str]:
    nodes = list(ast.walk(ast.parse(source)))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return [*plain, *(str(node.module) for node in nodes if isinstance(node, ast.ImportFrom))]


def test_it_is_the_same_every_time() -> None:
    built = archive.build(PYTHON)
    assert built == archive.build(PYTHON)
    assert built.startswith(b"#!/usr/bin/python3 -I\n")
    with zipfile.ZipFile(io.BytesIO(built)) as packed:
        members = packed.infolist()
    assert [member.filename for member in members] == sorted(member.filename for member in members)
    assert {(member.date_time, member.external_attr, member.compress_type) for member in members} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644 << 16, zipfile.ZIP_STORED)
    }


@pytest.mark.parametrize("interpreter", ["", "/opt/my python/bin/python3", f"/{'a' * 130}"])
def test_an_interpreter_that_no_script_can_have_is_refused(interpreter: str) -> None:
    with pytest.raises(Unavailable, match="ansible_python_interpreter"):
        archive.build(interpreter)


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("from PKG._core.plan import Plan, Change", ["PKG._core.plan"]),
        ("from PKG._core import conditions as c, lock", ["PKG._core.conditions", "PKG._core.lock"]),
        ("from PKG._core import (\n    conditions,\n    lock,\n)", ["PKG._core.conditions", "PKG._core.lock"]),
        ("def f():\n    from PKG._core.plan import Plan", ["PKG._core.plan"]),
        ("from ansible.module_utils.basic import AnsibleModule\nimport os", []),
    ],
)
def test_imports_are_found_in_every_form(source: str, modules: list[str]) -> None:
    package = f"{archive.PACKAGE}plugins.module_utils"
    found = list(archive.find_imports(source.replace("PKG", package)))
    assert found == [module.replace("PKG", package) for module in modules]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The source layout: which layer may import which, no cycles, small files, and unit tests that mirror them.

Imports are read from the syntax tree, so those within functions and under TYPE_CHECKING count: Ansible packs them too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.tests.unit.plugins.imports import (
    COLLECTION,
    ROOT,
    Import,
    imports_in,
    reachable_from,
)

MAX_LINES = 500

#: The layers from the lowest to the highest. Those of one level do not import each other.
MODULE_UTILS = (
    ("_core",),
    ("_system",),
    ("_kernel",),
    ("_ovsdb", "_firewall"),
    ("_resources",),
    ("_probes", "_facts"),
    ("_entry",),
)
PLUGIN_UTILS = (("_become", "_filters", "_topology"), ("_diagrams",))


def _layers(folder: str, levels: Iterable[tuple[str, ...]], *always: str) -> dict[str, frozenset[str]]:
    """Return for each layer of a folder the layers that it may import."""
    allowed: dict[str, frozenset[str]] = {}
    for level in levels:
        lower = frozenset((*always, *allowed))
        allowed.update({f"{folder}/{layer}": lower for layer in level})
    return allowed


CORE = "module_utils/_core"
KINDS = frozenset(f"plugins/module_utils/_kernel/{name}.py" for name in ("kinds", "attributes", "dependencies"))
SWITCHING = frozenset(f"plugins/module_utils/_ovsdb/{name}.py" for name in ("flows", "mirrors", "qos", "settings"))
CONTROLLER = _layers("plugin_utils", PLUGIN_UTILS, CORE)
#: What each layer may import besides itself: layers, and single files.
ALLOWED: Mapping[str, frozenset[str]] = {
    **_layers("module_utils", MODULE_UTILS),
    **CONTROLLER,
    # The rows of the kinds of links and the declarations of what bridges do with packets, from which the controller
    # knows their options; they need neither a kernel nor Open vSwitch.
    "plugin_utils/_topology": frozenset({*CONTROLLER["plugin_utils/_topology"], *KINDS, *SWITCHING}),
    "modules": frozenset({"module_utils/_entry", "module_utils/_resources", "plugins/module_utils/_core/runner.py"}),
    **{kind: frozenset({CORE, *CONTROLLER}) for kind in ("become", "filter", "inventory")},
    "doc_fragments": frozenset(),
}


#: The files of each backend, by the name that resources declare it by.
BACKENDS = {
    "kernel": "plugins/module_utils/_kernel/",
    "files": "plugins/module_utils/_system/files.py",
    "ovsdb": "plugins/module_utils/_ovsdb/",
    "ovn": "plugins/module_utils/_ovsdb/",
    "firewall": "plugins/module_utils/_firewall/",
    "firewalld": "plugins/module_utils/_firewall/",
}


def layer_of(file: str) -> str:
    """Return the layer of a file: the kind of plugin, for module_utils and plugin_utils with the folder in it."""
    parts = file.split("/")
    return "/".join(parts[1:3] if parts[1] in ("module_utils", "plugin_utils") else parts[1:2])


def wrong_imports(root: Path) -> list[str]:
    """Return the imports that the order of the layers does not allow, each with the rule."""
    return [f"{found}; {rule}" for found in imports_in(root) if (rule := _broken_rule(found))]


def _broken_rule(found: Import) -> str:
    if not found.target.startswith("plugins/") or not found.target.endswith(".py"):
        return "an import names a file in plugins/"
    source, target = layer_of(found.source), layer_of(found.target)
    if source not in ALLOWED:
        return f"the layer {source} is unknown; add it to the order in this test and in the documentation"
    is_within_layer = source == target and "/" in source
    if is_within_layer or target in ALLOWED[source] or found.target in ALLOWED[source]:
        return ""
    return f"{source} may import only {', '.join(sorted(ALLOWED[source])) or 'nothing'}"


def imports_in_cycles(root: Path) -> list[str]:
    """Return the imports from which other imports lead back to the file that they are in."""
    found = imports_in(root)
    targets: dict[str, set[str]] = {}
    for each in found:
        targets.setdefault(each.source, set()).add(each.target)
    return [
        f"{each}, which leads back to it; files must not import each other in a cycle"
        for each in found
        if each.source in reachable_from(targets, each.target)
    ]


def test_files_of_tests_are_not_imported() -> None:
    """What tests share is in a file of its own, whose name says what it is."""
    found = [
        f"{path.relative_to(ROOT)} imports {node.module}"
        for folder in ("tests", "extensions")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and ".test_" in f".{node.module}"
    ]
    assert found == []


def test_imports_follow_the_order_of_the_layers() -> None:
    wrong = wrong_imports(ROOT)
    assert not wrong, "\n".join(["", *wrong])


def test_no_cycle_of_files() -> None:
    wrong = imports_in_cycles(ROOT)
    assert not wrong, "\n".join(["", *wrong])


def test_every_file_is_in_a_layer() -> None:
    folders = (ROOT / "plugins" / "module_utils", ROOT / "plugins" / "plugin_utils")
    flat = [file.relative_to(ROOT).as_posix() for folder in folders for file in folder.glob("*.py")]
    assert not flat, f"move into the folder of a layer: {', '.join(flat)}"


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_a_module_ships_only_the_backends_that_its_resource_declares(name: str) -> None:
    """What a module imports, however late, is sent to the managed host with it."""
    declared = {BACKENDS[backend.name] for backend in RESOURCES[name].backends}
    targets: dict[str, set[str]] = {}
    for each in imports_in(ROOT):
        targets.setdefault(each.source, set()).add(each.target)
    shipped = reachable_from(targets, f"plugins/modules/{name}.py")
    others = sorted(file for file in shipped if file.startswith(tuple({*BACKENDS.values()} - declared)))
    assert not others, "\n".join(["", f"{name} declares no backend that these are part of:", *others])
    assert all(any(file.startswith(backend) for file in shipped) for backend in declared)


def test_no_file_is_too_long() -> None:
    """The modules are exempt: they are documentation."""
    lines = {
        file.relative_to(ROOT).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for file in (ROOT / "plugins").rglob("*.py")
        if file.parent != ROOT / "plugins" / "modules"
    }
    too_long = [f"{file}: {count} lines" for file, count in sorted(lines.items()) if count > MAX_LINES]
    assert not too_long, "\n".join(["", f"split what has more than {MAX_LINES} lines:", *too_long])


def test_every_unit_test_has_its_source_file() -> None:
    tests = ROOT / "tests" / "unit"
    missing = []
    for folder in ("module_utils", "plugin_utils"):
        for test in sorted((tests / "plugins" / folder).rglob("test_*.py")):
            name = test.stem[len("test_") :]
            source = test.relative_to(tests).with_name(f"{name}.py")
            # Where there is a folder of that name the test runs the data files in it.
            if not (ROOT / source).is_file() and not test.with_name(name).is_dir():
                missing.append(
                    f"{test.relative_to(ROOT).as_posix()}: a unit test is named test_X.py for X.py: {source}"
                )
    assert not missing, "\n".join(["", *missing])


# The checks themselves

PLUGINS = f"{COLLECTION}.plugins"
UTILS = f"{PLUGINS}.module_utils"


def collection(root: Path, **sources: str) -> Path:
    """Write a small collection: one file in each of these layers, and in them what is given by the file's name."""
    files = {
        "plan": "module_utils/_core/plan.py",
        "runner": "module_utils/_core/runner.py",
        "state": "module_utils/_kernel/state.py",
        "ruleset": "module_utils/_firewall/ruleset.py",
        "rows": "module_utils/_ovsdb/rows.py",
        "route": "module_utils/_resources/route.py",
        "model": "plugin_utils/_topology/model.py",
        "dot": "plugin_utils/_diagrams/dot.py",
        "netns": "modules/netns.py",
        "tree": "filter/tree.py",
    }
    for name, file in files.items():
        path = root / "plugins" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sources.get(name, ""), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (f"from {UTILS}._kernel.state import Link", 1),
        (f"from {UTILS}._kernel import state", 1),
        (f"import {UTILS}._kernel.state", 1),
        (f"def f():\n    from {UTILS}._kernel.state import Link", 2),
        (f"if TYPE_CHECKING:\n    from {UTILS}._kernel.state import Link", 2),
        ("from .._kernel.state import Link", 1),
        ("from .._kernel import state", 1),
    ],
)
def test_a_wrong_import_is_found_in_every_form(tmp_path: Path, source: str, line: int) -> None:
    (wrong,) = wrong_imports(collection(tmp_path, plan=source))
    file = "plugins/module_utils/_kernel/state.py"
    assert wrong.startswith(f"plugins/module_utils/_core/plan.py:{line}: imports {file}; module_utils/_core may import")


@pytest.mark.parametrize(
    ("file", "source", "rule"),
    [
        ("ruleset", f"from {UTILS}._ovsdb import rows", "module_utils/_firewall may import only"),
        ("rows", f"from {UTILS}._resources import route", "module_utils/_ovsdb may import only"),
        ("route", f"from {PLUGINS}.plugin_utils._topology import model", "module_utils/_resources may import only"),
        ("model", f"from {PLUGINS}.plugin_utils._diagrams import dot", "plugin_utils/_topology may import only"),
        ("dot", f"from {UTILS}._kernel import state", "plugin_utils/_diagrams may import only"),
        ("netns", f"from {UTILS}._kernel import state", "modules may import only"),
        ("netns", f"from {UTILS}._core import plan", "modules may import only"),
        ("netns", f"from {PLUGINS}.modules import netns", "modules may import only"),
        ("tree", f"from {UTILS}._kernel import state", "filter may import only"),
        ("tree", f"from {UTILS} import _core", "an import names a file in plugins/"),
        ("tree", f"from {COLLECTION}.tests.helpers import shell", "an import names a file in plugins/"),
    ],
)
def test_an_import_against_the_order_is_found(tmp_path: Path, file: str, source: str, rule: str) -> None:
    (wrong,) = wrong_imports(collection(tmp_path, **{file: source}))
    assert rule in wrong


def test_imports_in_the_order_pass(tmp_path: Path) -> None:
    root = collection(
        tmp_path,
        runner=f"from {UTILS}._core import plan",
        state=f"import ansible\nfrom {UTILS}._core.plan import Plan",
        route=f"from {UTILS}._ovsdb import rows\nfrom {UTILS}._firewall import ruleset",
        model=f"from {UTILS}._core.plan import Plan",
        dot="from .._topology.model import Bridge",
        netns=f"from {UTILS}._core.runner import run\nfrom {UTILS}._resources.route import Route",
        tree=f"from {PLUGINS}.plugin_utils._diagrams.dot import dot",
    )
    assert len(imports_in(root)) == 9
    assert wrong_imports(root) == []
    assert imports_in_cycles(root) == []


def test_every_cycle_is_found_with_its_imports(tmp_path: Path) -> None:
    root = collection(
        tmp_path,
        plan=f"def f():\n    from {UTILS}._core.runner import run",
        runner=f"if TYPE_CHECKING:\n    from {UTILS}._core.plan import Plan",
        state=f"from {UTILS}._core import plan",
        rows=f"from {UTILS}._ovsdb import rows",
    )
    assert wrong_imports(root) == []
    assert [line.split(",")[0] for line in imports_in_cycles(root)] == [
        "plugins/module_utils/_core/plan.py:2: imports plugins/module_utils/_core/runner.py",
        "plugins/module_utils/_core/runner.py:2: imports plugins/module_utils/_core/plan.py",
        "plugins/module_utils/_ovsdb/rows.py:1: imports plugins/module_utils/_ovsdb/rows.py",
    ]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file of the collection imports which."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
COLLECTION = "ansible_collections.netns.fabric"


class Import(NamedTuple):
    """An import of something in the collection. Both files are relative to its root."""

    source: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: imports {self.target}"


@cache
def imports_in(root: Path) -> list[Import]:
    """Return the imports of all files in plugins/ of a collection, each file once in an import statement."""
    found = [
        Import(path.relative_to(root).as_posix(), line, target)
        for path in sorted((root / "plugins").rglob("*.py"))
        for line, target in _imports_of(root, path)
    ]
    return list(dict.fromkeys(found))


def _imports_of(root: Path, path: Path) -> Iterator[tuple[int, str]]:
    package = [*COLLECTION.split("."), *path.relative_to(root).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*parent, *(node.module or "").split(".")]).strip(".")
            names = [(module, alias.name) for alias in node.names]
        else:
            continue
        for module, name in names:
            if module == COLLECTION or module.startswith(f"{COLLECTION}."):
                yield node.lineno, _file_of(root, module, name)


def _file_of(root: Path, module: str, name: str) -> str:
    """Return the file that an import of a module, or of a name from a module, reads; a folder if there is no file."""
    relative = module[len(COLLECTION) + 1 :].replace(".", "/")
    inner = f"{relative}/{name}".strip("/")
    return next((f"{file}.py" for file in (inner, relative) if (root / f"{file}.py").is_file()), inner)


def reachable_from(targets: Mapping[str, set[str]], start: str) -> set[str]:
    reachable: set[str] = set()
    waiting = {start}
    while waiting:
        file = waiting.pop()
        reachable.add(file)
        waiting |= targets.get(file, set()) - reachable
    return reachable

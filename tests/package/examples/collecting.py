# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find every example that the documentation has: of plugins, in READMEs, guides and the example inventory.

Whatever is found is run, by what it is: tasks, plays, the role's variables, an inventory. A word about an example
stands in a comment in front of it, or in its first lines: in reStructuredText, Markdown and YAML

    .. example: docker
    <!-- example: docker -->
    # example: docker

It names what the example presupposes (see PREPARATIONS in test_examples.py), or says `not run:` and why.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]

_WORD = re.compile(r"^\s*(?:\.\.|#|<!--)\s*example:\s*(?P<word>.+?)\s*(?:-->)?$")
_RST_BLOCK = re.compile(r"^(?P<indent>\s*)\.\. code-block:: yaml(\+jinja)?\s*$")
_FENCE = re.compile(r"^\s*```(?P<language>\w*)\s*$")
_DOCUMENT_START = re.compile(r"^---\s*$", re.MULTILINE)
_NOT_RUN = "not run:"


class Kind(Enum):
    """The kind of an example, which decides how it is run."""

    TASKS = "tasks"
    PLAYS = "plays"
    VARIABLES = "the variables of the roles"
    INVENTORY_SOURCE = "the configuration of an inventory plugin"
    HOSTS = "an inventory of hosts"
    OTHER = "something else"


class _Loader(yaml.SafeLoader):
    """Accepts tags such as !unsafe and !vault."""


_Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


@dataclass(frozen=True)
class Example:
    """A piece of YAML, where it comes from (path, and line or `EXAMPLES`), and its comment."""

    origin: str
    text: str
    word: str | None = None

    @cached_property
    def data(self) -> Any:
        """Return its content."""
        return yaml.load(self.text, _Loader)  # noqa: S506  # a safe loader with scalars more

    @property
    def kind(self) -> Kind:
        """Return its kind."""
        data = self.data
        if isinstance(data, list) and all(isinstance(item, dict) for item in data):
            is_play = any("hosts" in item or "import_playbook" in str(sorted(item)) for item in data)
            return Kind.PLAYS if is_play else Kind.TASKS
        if isinstance(data, dict) and "plugin" in data:
            return Kind.INVENTORY_SOURCE
        if isinstance(data, dict) and all(str(key).startswith(("topology_", "openvswitch_")) for key in data):
            return Kind.VARIABLES
        if isinstance(data, dict) and all(
            isinstance(group, dict) and {"hosts", "children"} & set(group) for group in data.values()
        ):
            return Kind.HOSTS
        return Kind.OTHER

    @property
    def not_run(self) -> str | None:
        """Return why it is not run, None if it is."""
        return self.word[len(_NOT_RUN) :].strip() if self.word and self.word.startswith(_NOT_RUN) else None


def _word_in(lines: list[str]) -> str | None:
    found = (_WORD.match(line) for line in lines)
    return next((match["word"] for match in found if match), None)


def _plugins() -> Iterator[Example]:
    """Return the EXAMPLES of every documented plugin: in the file itself, or in the YAML file beside it."""
    for path in sorted((ROOT / "plugins").glob("*/*")):
        if path.parent.name in ("doc_fragments") or path.suffix not in (".py", ".yml"):
            continue
        text = (
            _examples_in_python(path)
            if path.suffix == ".py"
            else yaml.safe_load(path.read_text(encoding="utf-8"))["EXAMPLES"]
        )
        if text is not None:
            yield from _documents(str(path.relative_to(ROOT)), text)


def _documents(origin: str, text: str) -> Iterator[Example]:
    """Return the documents of a text of YAML: those of an inventory plugin are several files in one text."""
    documents = [part for part in _DOCUMENT_START.split(text) if yaml.compose(part) is not None]
    for number, part in enumerate(documents, 1):
        where = origin if len(documents) == 1 else f"{origin}:{number}"
        yield Example(where, part, _word_in(part.splitlines()[:3]))


def _examples_in_python(path: Path) -> str | None:
    """Return the value of EXAMPLES; None for filters, whose documentation is in files of their own beside this one."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(getattr(name, "id", "") == "EXAMPLES" for name in node.targets):
            return str(ast.literal_eval(node.value))
    if path.parent.name == "filter":
        return None
    raise AssertionError(f"{path.relative_to(ROOT)} has no EXAMPLES")


def _in_rst(path: Path) -> Iterator[Example]:
    """Return the blocks of YAML in a guide."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        block = _RST_BLOCK.match(line)
        if not block:
            continue
        body = []
        for following in lines[number + 1 :]:
            if following.strip() and not following.startswith(block["indent"] + "   "):
                break
            body.append(following)
        text = textwrap.dedent("\n".join(body)).strip() + "\n"
        yield Example(f"{path.relative_to(ROOT)}:{number + 1}", text, _word_in(lines[max(0, number - 2) : number]))


def _in_markdown(path: Path) -> Iterator[Example]:
    """Return the blocks of YAML in a Markdown file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start: int | None = None
    language = ""
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if not fence:
            continue
        if start is None:
            start, language = number, fence["language"]
            continue
        if language in ("yaml", "yml"):
            text = textwrap.dedent("\n".join(lines[start + 1 : number])) + "\n"
            yield Example(f"{path.relative_to(ROOT)}:{start + 1}", text, _word_in(lines[max(0, start - 2) : start]))
        start = None


def _example_inventory() -> Iterator[Example]:
    """Return the commented variables of the example inventory."""
    path = ROOT / "playbooks" / "inventory" / "group_vars" / "all.yml"
    commented = [
        line[2:] for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"# (topology_|\s)", line)
    ]
    yield Example(str(path.relative_to(ROOT)), "\n".join(commented) + "\n", "service")


def collect() -> list[Example]:
    """Return every example."""
    markdown = [ROOT / "README.md", *sorted(ROOT.glob("roles/*/README.md")), *sorted(ROOT.glob("docs/*.md"))]
    return [
        *_plugins(),
        *_example_inventory(),
        *(example for path in markdown for example in _in_markdown(path)),
        *(example for path in sorted(ROOT.glob("docs/docsite/rst/*.rst")) for example in _in_rst(path)),
    ]

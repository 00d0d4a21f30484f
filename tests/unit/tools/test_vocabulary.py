# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/vocabulary.py: which words, function names and lines it finds, and which it leaves alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tools import vocabulary


def rules(text: str, path: str = "docs/x.md") -> list[str]:
    return [found.rule for found in vocabulary.check(path, text)]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("# every mistake", "mistake"),
        ("mistakes = []", "mistake"),
        ("_MISTAKES = []", "mistake"),
        ("the cable", "cable"),
        ("cabled", "cable"),
        ("test_what_is_taken_back = 1", "take back"),
        ("# it was taken\n    # back", "take back"),
        ("it bears nobody's mark", "bears the mark"),
        ("bears the mark of O(owner)", "bears the mark"),
        ("sees to it", "see to"),
        ("- name: See to Open vSwitch", "see to"),
        ("- name: Look", "name of a task"),
        ("70000 is no port", "is no"),
        ("it goes with the last of them", "goes"),
        ("to remove an entry, strike it out", "strike out"),
        ("foreseen", "foresee"),
        ("taken as made by an earlier task", "take for done"),
        ("hands it to one medium", "medium"),
        ("each leg", "leg"),
        ("made anew", "anew"),
        ("what is told", "tell"),
    ],
)
def test_word_with_a_better_one_is_found(text: str, rule: str) -> None:
    assert rules(text) == [rule]


@pytest.mark.parametrize(
    "text",
    [
        "legacy, allegedly, legend",
        "there is no such namespace",
        "where there\nis no route",
        "the route is no longer there",
        "a packet goes through the bridge, and goes on",
        "where the time goes, N=2",
        "it sees two namespaces",
        "mediation",
        "hotel, intellectual",
        "take it",
        "the mark of an owner",
    ],
)
def test_plain_words_are_left_alone(text: str) -> None:
    assert rules(text) == []


def test_finding_says_where_what_and_the_better_word() -> None:
    [found] = vocabulary.check("docs/a.md", "one\ntwo\nits mistakes\n")
    assert str(found) == 'docs/a.md:3: "mistakes" -> error'


def test_function_is_named_by_a_verb_but_a_property_need_not_be() -> None:
    assert rules("def _told() -> None: ...\n", "x.py") == ["tell", "function name"]
    assert rules("def given_back() -> None: ...\n", "x.py") == ["function name"]
    assert rules("class A:\n    async def made(self) -> None: ...\n", "x.py") == ["function name"]
    assert rules("class A:\n    @property\n    def given(self) -> int: ...\n", "x.py") == []
    assert rules("def give_back() -> None: ...\ndef madeira() -> None: ...\n", "x.py") == []
    assert rules("def made(): the rest is not Python") == []


LONG = "word " * 30


@pytest.mark.parametrize(
    ("path", "text", "lines"),
    [
        ("a.md", f"{LONG}\nshort\n- {LONG}\n", [1, 3]),
        ("a.md", f"| {LONG} |\n<https://{LONG}>\n", []),
        ("a.md", f"```yaml\n{LONG}\n```\n{LONG}\n", [4]),
        ("a.rst", f"Text::\n\n    {LONG}\n\n{LONG}\n", [5]),
        ("a.rst", f".. code-block:: yaml\n\n    {LONG}\n\n    {LONG}\n\n* {LONG}\n", [7]),
        ("a.rst", f".. note::\n\n    {LONG}\n", [3]),
        ("a.rst", f"+---+\n| {LONG} |\n", []),
        ("a.py", f"# {LONG}\n", []),
    ],
)
def test_long_line_of_prose_is_found(path: str, text: str, lines: list[int]) -> None:
    assert [found.line for found in vocabulary.check(path, text)] == lines


def test_exception_holds_for_its_files_and_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = vocabulary.Allowed("docs/*.md", "leg", "three-legged", "a name")
    monkeypatch.setattr(vocabulary, "EXCEPTIONS", (allowed,))
    assert rules("leg of the three-legged thing", "docs/a.md") == []
    assert rules("leg", "docs/a.md") == ["leg"]
    assert rules("leg of the three-legged thing", "README.md") == ["leg"]
    assert rules("cable of the three-legged thing", "docs/a.md") == ["cable"]


def test_every_exception_has_a_reason_and_a_rule() -> None:
    names = {word.name for word in vocabulary.WORDS} | {vocabulary.FUNCTION_NAME, vocabulary.LONG_LINE, "*"}
    for allowed in vocabulary.EXCEPTIONS:
        assert allowed.reason
        assert allowed.rule in names


@pytest.fixture(name="tree")
def fixture_tree(tmp_path: Path) -> Path:
    """Give a git work tree with a file that is checked, one that is skipped, and one that git does not know."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text("A mistake, and another mistake.\n", encoding="utf-8")
    (tmp_path / "COPYING").write_text("in any medium\n", encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
    (tmp_path / "unknown.md").write_text("a cable\n", encoding="utf-8")
    return tmp_path


def test_files_in_git_are_checked_and_the_findings_fail(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vocabulary.main(["--root", str(tree)]) == 1
    found = 'docs/guide.md:1: "mistake" -> error\n'
    assert capsys.readouterr().out == f"{found}{found}2 findings in 1 of 1 files\n"


def test_count_is_for_each_rule(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vocabulary.main(["--count", "--root", str(tree)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "     2 mistake" in lines
    assert "     0 cable" in lines


def test_nothing_found_is_success(tree: Path) -> None:
    (tree / "docs" / "guide.md").write_text("Errors.\n", encoding="utf-8")
    assert vocabulary.main(["--root", str(tree), "docs"]) == 0

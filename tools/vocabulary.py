# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the language of the files in git: words that have a better one, names of functions, long lines of prose.

    .venv/bin/python tools/vocabulary.py [--count] [--root DIRECTORY] [PATH...]

Prints `FILE:LINE: "words" -> better words` for each finding, or with --count the number of findings for each rule. PATH
restricts the check to a file or directory. The exit status is 1 if anything is found. EXCEPTIONS lists what is allowed.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 120

#: What is not ours to word: licences, code of conduct, pictures, and lists that tools write.
SKIPPED = ("COPYING", "LICENSES/*", "CODE_OF_CONDUCT.md", "*.svg", "requirements/*", "changelogs/changelog.yaml")


@dataclass(frozen=True)
class Word:
    """A rule: words that have a better one. A space in the pattern is any space, a line break, or an underscore."""

    name: str
    pattern: str
    better: str


_TAKE = "(?:takes?|taken|taking|took)"
#: What may follow `is no` in plain English.
_IS_NO = "more|longer|less|one|other|fault|part|place|proof|need|reason|way"

WORDS = (
    Word("anew", "anew", "again, re-created"),
    Word("bears the mark", "(?:bears?|bearing|bore) (?:[a-z'`.()]+ ){0,3}marks?", "is owned by"),
    Word("by itself", "by itself", "on its own, automatically"),
    Word("cable", "(?:un)?cabl(?:es?|ed|ing)", "veth pair"),
    Word("foresee", "(?:un)?fore(?:see[sn]?|saw|tell|told)", "simulate"),
    Word("goes", r"(?<!time\s)goes(?= ?[.,;:)]| with | along | away )", "is deleted"),
    Word("introduce", "introduc(?:e[sd]?|ing|tions?)", "create the neighbour entry"),
    Word("is no", rf"(?<!there\s)is no (?!{_IS_NO})[a-z]+", "is not a"),
    Word("leg", "legs?", "path, probe"),
    Word("lonely", "lonely", "protected"),
    Word("looked at", "look(?:s|ed) at", "read, check"),
    Word("medium", "medium|media", "backend"),
    Word("mistake", "mistakes?", "error"),
    Word("mould", "mou?lds?", "template"),
    Word("mouth", "mouths?", "socket"),
    Word("murky", "murky", "ambiguous"),
    Word("name of a task", "name: (?:look|say|end here)", "what the task does"),
    Word("ours", "ours", "this collection's"),
    Word("said", "(?:is|are|was|be|been|as) said", "is given, is reported"),
    Word("see to", "(?:sees?|seen|seeing|saw) to(?! which)", "install, start, ensure, manage"),
    Word("speak", "(?:un)?speakable|spoken to", "valid; accessed"),
    Word("stray", "stray(?:s|ed|ing)?", "misplaced"),
    Word("strike out", "struck|str(?:ik(?:es?|ing)) (?:it |them )?out", "remove from the list"),
    Word("take away", f"{_TAKE} (?:it |them |that )?away", "delete, remove"),
    Word("take back", f"{_TAKE} (?:it |them |that |all |everything )?back", "roll back"),
    Word(
        "take for done", f"{_TAKE} (?:[a-z]+ )?(?:for|as) (?:done|gone|made|removed|started|there)", "assume, simulate"
    ),
    Word("tell", "tells?|told|telling", "report, return, distinguish"),
    Word("turn to", "turn_to", "begin"),
)

#: A function is named by a verb; these say what has been done to something.
_PARTICIPLES = re.compile(
    "_*(?:asked|brought|carried|drawn|filled|foreseen|foretold|found|given|gone|handed|listed|made|marked|mended|plugged"
    "|refused|said|shown|taken|told|understood|unmarked|written)(?:_|$)"
)
FUNCTION_NAME = "function name"
LONG_LINE = "long line"


@dataclass(frozen=True)
class Allowed:
    """An exception: findings of a rule in files whose path matches, in lines with this text (empty: in all lines)."""

    path: str
    rule: str
    text: str
    reason: str


EXCEPTIONS = (
    Allowed("tools/vocabulary.py", "*", "", "the list of the words"),
    Allowed("tests/unit/tools/test_vocabulary.py", "*", "", "the tests of the list"),
    Allowed("tests/*", "ours", "", "in a test: what the module under test has created, beside what others have"),
)


@dataclass(frozen=True)
class Finding:
    """A place with words that have a better one."""

    path: str
    line: int
    rule: str
    words: str
    better: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.words}" -> {self.better}'


# Words

#: What may be between two words: a space, an underscore, or a line break and the sign of a comment.
_SPACE = r"(?:[ _]|[ \t]*\n[ \t]*(?:(?:#:?|//|\*)[ \t]*)?)"
_RULES = [
    (
        word,
        re.compile(rf"(?<![A-Za-z])(?:{word.pattern.replace(' ', _SPACE)})(?![A-Za-z])", re.IGNORECASE | re.MULTILINE),
    )
    for word in WORDS
]


def find_words(path: str, text: str) -> Iterator[Finding]:
    """Yield the words in a text that have a better one."""
    for word, pattern in _RULES:
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Finding(path, line, word.name, " ".join(match.group().split()), word.better)


# Names of functions


def find_function_names(path: str, text: str) -> Iterator[Finding]:
    """Yield the functions of a Python file that are named by a participle, except properties and fixtures."""
    if not path.endswith(".py"):
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or not _PARTICIPLES.match(node.name):
            continue
        if not any(_names_a_value(decorator) for decorator in node.decorator_list):
            yield Finding(path, node.lineno, FUNCTION_NAME, f"def {node.name}", "a verb")


def _names_a_value(decorator: ast.expr) -> bool:
    """Whether a decorator makes a function a value that is used by its name."""
    text = ast.unparse(decorator)
    return "property" in text or "fixture" in text


# Lines of prose


def find_long_lines(path: str, text: str) -> Iterator[Finding]:
    """Yield the lines of prose that are too long. Code, tables and lines with a URL are not prose."""
    if path.endswith((".md", ".rst")):
        for number, line in _prose(text.splitlines(), rst=path.endswith(".rst")):
            if len(line) > WIDTH and "://" not in line and not re.match(r"\s*[|+]", line):
                yield Finding(
                    path, number, LONG_LINE, f"{line[:40].strip()}...", f"wrap at {WIDTH}, it has {len(line)}"
                )


def _prose(lines: Sequence[str], *, rst: bool) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not code, with their numbers."""
    fenced = False
    indent: int | None = None  # of the paragraph or directive that a literal block of reStructuredText belongs to
    for number, line in enumerate(lines, 1):
        own = len(line) - len(line.lstrip())
        if not rst and line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if indent is not None and line.strip() and own <= indent:
            indent = None
        if fenced or indent is not None:
            continue
        yield number, line
        starts_code = re.match(r"\s*\.\. (?:code-block|parsed-literal)::", line)
        if rst and (starts_code or (line.endswith("::") and not re.match(r"\s*\.\. ", line))):
            indent = own


# All files


def list_files(root: Path, within: Sequence[str]) -> list[str]:
    """Return the files of a git work tree that are checked."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", *within]
    listed = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode()
    return [
        name
        for name in listed.split("\0")
        if name and (root / name).is_file() and not any(fnmatch(name, pattern) for pattern in SKIPPED)
    ]


def check(path: str, text: str) -> list[Finding]:
    """Return the findings in a file, in the order of its lines, without those that are allowed."""
    findings = [*find_words(path, text), *find_function_names(path, text), *find_long_lines(path, text)]
    lines = text.splitlines()
    return sorted(
        (found for found in findings if not is_allowed(found, lines[found.line - 1])), key=lambda one: one.line
    )


def is_allowed(finding: Finding, line: str) -> bool:
    """Whether an exception covers a finding in this line."""
    return any(
        fnmatch(finding.path, allowed.path) and fnmatch(finding.rule, allowed.rule) and allowed.text in line
        for allowed in EXCEPTIONS
    )


def main(arguments: Sequence[str]) -> int:
    """Check the files; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", action="store_true", help="print the number of findings for each rule")
    parser.add_argument("--root", type=Path, default=ROOT, help="another git work tree")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these files or directories")
    options = parser.parse_args(arguments)

    files = list_files(options.root, options.paths)
    findings = [
        found for name in files for found in check(name, (options.root / name).read_text("utf-8", errors="replace"))
    ]
    if options.count:
        counts = Counter(found.rule for found in findings)
        for rule in (*(word.name for word in WORDS), FUNCTION_NAME, LONG_LINE):
            print(f"{counts[rule]:6} {rule}")
    else:
        for found in findings:
            print(found)
    print(f"{len(findings)} findings in {len({found.path for found in findings})} of {len(files)} files")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

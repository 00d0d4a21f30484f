# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How programs are found and run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._system import programs as program
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result


def test_standard_input_and_output() -> None:
    assert program.run(["cat"], "text") == Result(0, "text", "")


def test_text_is_utf_8_whatever_the_locale() -> None:
    code = f"from {program.__name__} import run; print(ascii(run(['cat'], '\\xfc').output))"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {**os.environ, **plain, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout.strip() == r"'\xfc'", done.stderr


def test_missing_program() -> None:
    with pytest.raises(OperationFailed, match="no-such-program: No such file"):
        program.run(["no-such-program"])


def test_program_that_hangs() -> None:
    with pytest.raises(program.TimedOut, match=r"sleep did not end within 0\.05 s and was stopped"):
        program.run(["sleep", "10"], timeout=0.05)


def test_system_directories_are_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    nft = tmp_path / "nft"
    nft.write_text("", encoding="ascii")
    nft.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(program, "SYSTEM_DIRECTORIES", (str(tmp_path),))
    assert program.find("nft") == str(nft)
    assert program.find("iptables") is None


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o777])
def test_directories_that_others_can_write_are_not_searched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, mode: int
) -> None:
    tool = tmp_path / "a-tool"
    tool.write_text("", encoding="ascii")
    tool.chmod(0o755)
    tmp_path.chmod(mode)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program.find("a-tool") == (str(tool) if mode == 0o755 else None)


def test_current_directory_is_not_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    tool = tmp_path / "a-tool"
    tool.write_text("", encoding="ascii")
    tool.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in ("", ".", ":", "/nowhere:"):
        monkeypatch.setenv("PATH", path)
        assert program.find("a-tool") is None


def test_programs_run_in_the_root_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert program.run(["pwd"]).output == "/\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_another_user_can_change_is_found(tmp_path: Path) -> None:
    directory = tmp_path / "bin"
    directory.mkdir(mode=0o755)
    python, link = directory / "python", tmp_path / "link"
    python.touch(mode=0o755)
    link.symlink_to(python)
    assert program.find_untrusted(str(link)) is None
    python.chmod(0o775)
    assert program.find_untrusted(str(link)) == str(link)
    python.chmod(0o755)
    os.chown(directory, 65534, 65534)
    assert program.find_untrusted(str(link)) == str(directory)
    assert program.find_untrusted("/bin/sh") is None

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of galaxy-importer, which Ansible Galaxy runs for an upload."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = ROOT / ".venv-galaxy" / "bin"


@pytest.fixture(scope="module", name="imported")
def fixture_imported(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, object]]:
    """Return the output and result of galaxy-importer, with the settings of Galaxy except for the container.

    ansible-test, which Galaxy runs in a container, is the session `sanity`. flake8 is off by default, and asks for what
    the formatter does otherwise.
    """
    directory = tmp_path_factory.mktemp("importer")
    imported = subprocess.run(
        [str(COMMANDS / "python"), "-m", "galaxy_importer.main", str(artefact)],
        cwd=directory,
        env={
            "PATH": f"{COMMANDS}{os.pathsep}/usr/bin:/bin",
            "HOME": str(directory),
            "GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP": str(directory / "tmp"),
            "GALAXY_IMPORTER_TMP_ROOT_DIR": str(directory),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = imported.stdout + imported.stderr
    assert imported.returncode == 0, output
    return output, json.loads((directory / "importer_result.json").read_text(encoding="utf-8"))


def test_importer_has_no_findings(imported: tuple[str, dict[str, object]]) -> None:
    output, _result = imported
    assert "Importer processing completed successfully" in output, output
    assert "Linting collection via ansible-lint" in output, output
    assert not [line for line in output.splitlines() if line.startswith(("WARNING", "ERROR", "CRITICAL"))], output


def test_importer_finds_every_module_and_its_documentation(imported: tuple[str, dict[str, object]]) -> None:
    _output, result = imported
    docs = result["docs_blob"]
    assert isinstance(docs, dict)
    documented = {
        content["content_name"]
        for content in docs["contents"]
        if content["content_type"] == "module" and content["doc_strings"]["doc"]
    }
    assert documented == {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}

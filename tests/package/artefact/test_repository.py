# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection installed from a git repository, as the documentation says it first."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from ansible_collections.netns.fabric.tests.package.artefact.conftest import Ansible

ROOT = Path(__file__).resolve().parents[3]


def git(*arguments: str, cwd: Path) -> str:
    """Run git and return its output."""
    command = ["git", "-c", "safe.directory=*", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    return subprocess.run(
        [*command, *arguments], cwd=cwd, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def commit_clone(repository: Path) -> None:
    """Create a repository with one commit: the files of the clone that git has, or would add."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, repository / name)
    git("init", "--quiet", cwd=repository)
    git("add", "--all", cwd=repository)
    git("commit", "--quiet", "--message", "The clone", cwd=repository)


def test_repository_is_installed(ansible: Ansible, tmp_path: Path) -> None:
    repository = tmp_path / "fabric"
    repository.mkdir()
    commit_clone(repository)
    collections = tmp_path / "collections"
    ansible.run(
        "ansible-galaxy", "collection", "install", f"git+file://{repository}", "--collections-path", str(collections)
    )
    installed = collections / "ansible_collections" / "netns" / "fabric"
    manifest = json.loads((installed / "MANIFEST.json").read_text(encoding="utf-8"))
    assert manifest["collection_info"]["name"] == "fabric"
    assert (installed / "playbooks" / "site.yml").is_file()
    assert not (installed / "tests").exists()

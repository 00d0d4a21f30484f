# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are written, renamed and removed, and how that is rolled back."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._system.files import Files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text \xff\n")
    assert Files().read(str(tmp_path / "file")) == "text \ufffd\n"
    for missing in ("other", "file/below", "."):
        assert Files().read(str(tmp_path / missing)) is None


def test_a_new_file_and_its_directories(tmp_path: Path) -> None:
    journal, path = Journal(), tmp_path / "netns" / "red" / "resolv.conf"
    Files().execute([op.WriteFile(str(path), "nameserver 192.0.2.53\n")], journal)
    assert path.read_text(encoding="ascii") == "nameserver 192.0.2.53\n"
    assert mode(path) == 0o644
    assert os.listdir(path.parent) == ["resolv.conf"]
    assert journal.roll_back() == []
    assert os.listdir(tmp_path) == []


def test_a_directory_that_somebody_else_uses_meanwhile_stays(tmp_path: Path) -> None:
    journal, path = Journal(), tmp_path / "netns" / "red" / "resolv.conf"
    Files().execute([op.WriteFile(str(path), "")], journal)
    (tmp_path / "netns" / "other").touch()
    assert journal.roll_back() == []
    assert [found.name for found in (tmp_path / "netns").iterdir()] == ["other"]


def test_a_file_that_existed_is_restored_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"old \xff")
    path.chmod(0o600)
    journal = Journal()
    Files().execute([op.WriteFile(str(path), "new")], journal)
    assert (path.read_bytes(), mode(path)) == (b"new", 0o644)
    assert journal.roll_back() == []
    assert (path.read_bytes(), mode(path)) == (b"old \xff", 0o600)


def test_a_removed_file_is_restored_in_a_directory_with_its_mode(tmp_path: Path) -> None:
    directory = tmp_path / "red"
    directory.mkdir()
    directory.chmod(0o750)
    path = directory / "resolv.conf"
    path.write_bytes(b"old")
    journal = Journal()
    Files().execute([op.RemoveFile(str(path))], journal)
    assert not directory.exists()
    assert journal.roll_back() == []
    assert (path.read_bytes(), mode(directory)) == (b"old", 0o750)


def test_a_directory_with_other_files_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").touch()
    (tmp_path / "hosts").touch()
    Files().execute([op.RemoveFile(str(tmp_path / "resolv.conf"))], Journal())
    assert os.listdir(tmp_path) == ["hosts"]


def test_a_rename_over_another_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    journal = Journal()
    Files().execute([op.RenameFile(str(tmp_path / "a"), str(tmp_path / "b"))], journal)
    assert (os.listdir(tmp_path), (tmp_path / "b").read_bytes()) == (["b"], b"a")
    assert journal.roll_back() == []
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"a", b"b")


def test_a_rename_creates_and_removes_directories(tmp_path: Path) -> None:
    old, new = tmp_path / "kept" / "red", tmp_path / "red" / "resolv.conf"
    old.parent.mkdir(mode=0o750)
    old.write_bytes(b"theirs")
    journal = Journal()
    Files().execute([op.RenameFile(str(old), str(new), tidy=True)], journal)
    assert (os.listdir(tmp_path), new.read_bytes()) == (["red"], b"theirs")
    assert journal.roll_back() == []
    assert (os.listdir(tmp_path), old.read_bytes(), mode(old.parent)) == (["kept"], b"theirs", 0o750)


def test_what_a_killed_run_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "red" / "resolv.conf"
    Path(op.temporary_path(str(path))).write_bytes(b"a part")
    Files().execute([op.WriteFile(str(path), "whole")], Journal())
    assert (os.listdir(tmp_path), path.read_bytes()) == (["red"], b"whole")


def test_a_refusal_names_the_operation(tmp_path: Path) -> None:
    (tmp_path / "red").touch()
    refused = op.WriteFile(str(tmp_path / "red" / "resolv.conf"), "")
    journal = Journal()
    with pytest.raises(OperationFailed, match="Not a directory") as caught:
        Files().execute([op.WriteFile(str(tmp_path / "first"), ""), refused], journal)
    assert caught.value.operation is refused
    assert journal.roll_back() == []
    assert os.listdir(tmp_path) == ["red"]


# What is installed


def test_an_installed_file_has_its_mode_and_its_bytes(tmp_path: Path) -> None:
    path, journal = tmp_path / "new" / "lab.json", Journal()
    Files().execute([op.InstallFile(str(path), b"\xff", 0o600)], journal)
    assert (path.read_bytes(), mode(path), os.listdir(path.parent)) == (b"\xff", 0o600, ["lab.json"])
    assert journal.roll_back() == []
    assert not path.parent.exists()


def test_an_installed_file_may_be_longer_than_a_few_lines(tmp_path: Path) -> None:
    path, journal = tmp_path / "lab.json", Journal()
    path.write_bytes(b"x" * (2 << 20))
    path.chmod(0o600)
    operations = [op.InstallFile(str(path), b"new", 0o644)]
    assert list(Files().refusals(operations)) == []
    Files().execute(operations, journal)
    assert len(Files().read_data(str(path)) or b"") == 3
    assert journal.roll_back() == []
    assert (len(Files().read_data(str(path)) or b""), mode(path)) == (2 << 20, 0o600)
    assert Files().read(str(path)) is None


def test_a_link_is_created_replaced_and_restored(tmp_path: Path) -> None:
    path, journal = tmp_path / "wants" / "a.service", Journal()
    Files().execute([op.LinkFile(str(path), "/first")], Journal())
    Files().execute([op.LinkFile(str(path), "/second")], journal)
    assert Files().read_link(str(path)) == "/second"
    assert journal.roll_back() == []
    assert Files().read_link(str(path)) == "/first"


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    target, path, journal = tmp_path / "target", tmp_path / "wants" / "a.service", Journal()
    target.write_text("text", encoding="ascii")
    Files().execute([op.LinkFile(str(path), str(target))], Journal())
    operations = [op.UninstallFile(str(path))]
    assert list(Files().refusals(operations)) == []
    Files().execute(operations, journal)
    assert os.listdir(tmp_path) == ["target"]
    assert journal.roll_back() == []
    assert Files().read_link(str(path)) == str(target)


def test_neither_a_link_nor_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Files().read_link(str(tmp_path / "file")) == str(tmp_path / "file")
    assert Files().read_link(str(tmp_path / "file" / "below")) is None
    assert Files().names(str(tmp_path / "missing")) == []
    assert Files().names(str(tmp_path)) == ["file"]


@pytest.mark.parametrize("content", [b"a 'text'\n\\n %s\n", b"\x00\xffnot text"])
def test_the_commands_of_an_installed_file_write_the_same(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a directory" / "file"
    script = "\n".join(op.InstallFile(str(path), content, 0o600).commands())
    subprocess.run(["bash", "-ec", script], check=True, timeout=20)
    assert (path.read_bytes(), mode(path)) == (content, 0o600)

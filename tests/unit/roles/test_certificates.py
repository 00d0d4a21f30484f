# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that the roles of OVN make on the controller."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles" / "ovn_central" / "files" / "certificates.py"


def make(directory: Path, kind: str, name: str, *options: str) -> list[str]:
    """Run the script as the role does; return what it has made."""
    command = [sys.executable, "-I", str(SCRIPT), str(directory), kind, name, *options]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    made: list[str] = json.loads(ran.stdout)
    return made


def attempt(directory: Path, kind: str, name: str) -> str:
    """Run the script, which fails; return why."""
    command = [sys.executable, "-I", str(SCRIPT), str(directory), kind, name]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 1, ran.stdout
    return ran.stderr


def is_verified(authority: Path, certificate: Path) -> bool:
    command = ["openssl", "verify", "-CAfile", str(authority), str(certificate)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def replace_by_expiring(directory: Path, name: str) -> None:
    """Replace a certificate by one that expires tomorrow."""
    command = ["openssl", "x509", "-in", f"{directory}/{name}.pem", "-signkey", f"{directory}/{name}.key", "-days", "1"]
    subprocess.run([*command, "-out", f"{directory}/new"], capture_output=True, timeout=60, check=True)
    (directory / "new").replace(directory / f"{name}.pem")


def test_certificates_are_made_once(tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    expected = ["central authority", "chassis authority", "certificate of host1 (central)"]
    assert make(pki, "central", "host1", "--check") == expected
    assert not pki.exists()
    assert make(pki, "central", "host1") == expected
    before = {path: path.read_bytes() for path in pki.rglob("*.*") if path.is_file()}
    assert make(pki, "central", "host1") == make(pki, "central", "host1", "--check") == []
    assert {path: path.read_bytes() for path in pki.rglob("*.*") if path.is_file()} == before
    assert make(pki, "chassis", "host1") == ["certificate of host1 (chassis)"]
    assert {path.stat().st_mode & 0o077 for path in [pki, *pki.rglob("*")]} == {0}


def test_a_chassis_is_not_verified_as_a_member(tmp_path: Path) -> None:
    make(tmp_path, "central", "host1")
    make(tmp_path, "chassis", "host2")
    central, chassis = tmp_path / "central" / "host1", tmp_path / "chassis" / "host2"
    assert is_verified(central / "ca.pem", central / "certificate.pem")
    assert not is_verified(central / "ca.pem", chassis / "certificate.pem")
    assert is_verified(central / "clients.pem", chassis / "certificate.pem")
    assert is_verified(chassis / "ca.pem", central / "certificate.pem")
    assert not (chassis / "clients.pem").exists()


def test_a_certificate_of_another_authority_is_replaced(tmp_path: Path) -> None:
    make(tmp_path, "central", "host1")
    for path in tmp_path.glob("central-ca.*"):
        path.unlink()
    assert make(tmp_path, "central", "host1") == ["central authority", "certificate of host1 (central)"]


def test_an_expiring_authority_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "central", "host1")
    replace_by_expiring(tmp_path, "central-ca")
    assert "expires within three months" in attempt(tmp_path, "central", "host1")


def encrypt(file: Path) -> None:
    file.write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n", encoding="ascii")


def test_keys_may_be_encrypted_until_something_is_signed(tmp_path: Path) -> None:
    make(tmp_path, "central", "host1")
    key = tmp_path / "central" / "host1" / "key.pem"
    for file in (key, tmp_path / "central-ca.key", tmp_path / "chassis-ca.key"):
        encrypt(file)
    assert make(tmp_path, "central", "host1") == []
    assert key.read_text(encoding="ascii").startswith("$ANSIBLE_VAULT")
    refused = attempt(tmp_path, "central", "host2")
    assert f"{tmp_path}/central-ca.key is encrypted, and openssl has to read it" in refused


@pytest.mark.parametrize("file", ["central-ca.pem", "chassis-ca.pem", "central/host1/certificate.pem"])
def test_a_certificate_that_is_encrypted_is_named_and_kept(tmp_path: Path, file: str) -> None:
    make(tmp_path, "central", "host1")
    encrypt(tmp_path / file)
    assert f"{tmp_path}/{file} is encrypted, and openssl has to read it" in attempt(tmp_path, "central", "host1")
    assert (tmp_path / file).read_text(encoding="ascii").startswith("$ANSIBLE_VAULT")


@pytest.mark.parametrize("name", ["host.example.org", "2001:db8::1", "a b"])
def test_names_of_the_inventory(tmp_path: Path, name: str) -> None:
    assert make(tmp_path, "chassis", name)[-1] == f"certificate of {name} (chassis)"

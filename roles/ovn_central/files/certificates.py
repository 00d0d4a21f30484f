# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the certificates of a host for OVN, and the authorities that sign them; print as JSON what is made.

Runs on the controller: ``python -I certificates.py DIRECTORY KIND NAME [--check]``, KIND is ``central`` or ``chassis``.
There are two authorities, because the northbound database accepts whom the first has signed, and nobody else: a chassis
cannot write to it. In DIRECTORY are

- ``central-ca.key``, ``central-ca.pem``, ``chassis-ca.key``, ``chassis-ca.pem``: the authorities;
- ``KIND/NAME/``: ``key.pem``, ``certificate.pem``, ``ca.pem``, which verifies the databases, and of a central
  ``clients.pem``, which verifies all who use the southbound database.

What exists is kept, until three months before it expires. Keys may be encrypted by ansible-vault(1): that of a host is
not read here, and that of an authority only to sign. The standard library and openssl(1) are enough.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KINDS = ("central", "chassis")
#: As long as those of ovs-pki(8).
DAYS = 3650
#: Seconds before the end from which a certificate counts as expired.
MARGIN = 90 * 24 * 3600
#: How a file begins that ansible-vault(1) has encrypted.
VAULT = b"$ANSIBLE_VAULT;"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class CertificateError(Exception):
    """openssl failed; the message says why."""


def openssl(*arguments: str) -> None:
    """Run openssl.

    Raises:
        CertificateError: It failed, or is not installed.
    """
    try:
        process = subprocess.run(
            ["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateError(f"openssl cannot be run on the controller: {error}; install it") from error
    if process.returncode:
        raise CertificateError(f"openssl {' '.join(arguments)}: {process.stderr.strip()}")


def is_valid(certificate: Path) -> bool:
    """Return whether a certificate exists and is valid for some time."""
    try:
        openssl("x509", "-in", str(certificate), "-noout", "-checkend", str(MARGIN))
    except CertificateError:
        return False
    return True


def is_signed(certificate: Path, authority: Path) -> bool:
    """Return whether an authority has signed a certificate."""
    try:
        openssl("verify", "-CAfile", str(authority), str(certificate))
    except CertificateError:
        return False
    return True


def require_plain(file: Path) -> None:
    """Check that openssl can read a file.

    Raises:
        CertificateError: It is encrypted by ansible-vault(1).
    """
    if file.exists() and file.read_bytes().startswith(VAULT):
        raise CertificateError(
            f"{file} is encrypted, and openssl has to read it; decrypt it: ansible-vault decrypt {file}"
        )


def make_authority(directory: Path, kind: str) -> None:
    """Make an authority."""
    subject = f"/CN=netns.fabric OVN {kind} authority"
    files = ("-keyout", str(directory / f"{kind}-ca.key"), "-out", str(directory / f"{kind}-ca.pem"))
    openssl("req", "-x509", *CURVE, "-days", str(DAYS), "-subj", subject, *files)


def make_certificate(directory: Path, kind: str, name: str) -> None:
    """Make the key of a host, and have it signed."""
    place = directory / kind / name
    request, new = place / "request", place / "new"
    subject = f"/CN={name.replace('/', '_')}/OU={kind}"
    openssl("req", *CURVE, "-subj", subject, "-keyout", str(new), "-out", str(request))
    authority = ("-CA", str(directory / f"{kind}-ca.pem"), "-CAkey", str(directory / f"{kind}-ca.key"))
    serial = ("-set_serial", f"0x{os.urandom(16).hex()}")
    certificate = str(place / "certificate.pem")
    openssl("x509", "-req", "-in", str(request), *authority, *serial, "-days", str(DAYS), "-out", certificate)
    new.rename(place / "key.pem")
    request.unlink()


def trusted(directory: Path, kind: str) -> dict[str, str]:
    """Return the files by which a host verifies others, with their content."""
    authorities = {each: (directory / f"{each}-ca.pem").read_text(encoding="ascii") for each in KINDS}
    files = {"ca.pem": authorities["central"]}
    return {**files, "clients.pem": "".join(authorities.values())} if kind == "central" else files


def ensure(directory: Path, kind: str, name: str, check: bool) -> list[str]:
    """Make what is missing, and return it; with `check` only return it.

    Raises:
        CertificateError: Something cannot be made.
    """
    made = []
    for each in KINDS:
        authority = directory / f"{each}-ca.pem"
        if authority.exists():
            require_plain(authority)
            if not is_valid(authority):
                raise CertificateError(
                    f"{authority} is not valid, or expires within three months; rename {directory}, and run "
                    "the play for all hosts: all certificates are made again"
                )
            continue
        made.append(f"{each} authority")
        if not check:
            make_authority(directory, each)
    place = directory / kind / name
    certificate = place / "certificate.pem"
    require_plain(certificate)
    if not is_valid(certificate) or not is_signed(certificate, directory / f"{kind}-ca.pem"):
        require_plain(directory / f"{kind}-ca.key")
        made.append(f"certificate of {name} ({kind})")
        if not check:
            place.mkdir(parents=True, exist_ok=True)
            make_certificate(directory, kind, name)
    if not check:
        for file, content in trusted(directory, kind).items():
            (place / file).write_text(content, encoding="ascii")
    return made


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other hosts of the play out: the first one makes the authorities."""
    with (directory / ".lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Make what is missing."""
    directory, kind, name, *options = sys.argv[1:]
    path, check = Path(directory), "--check" in options
    os.umask(0o077)
    try:
        if check:
            made = ensure(path, kind, name, check)
        else:
            path.mkdir(parents=True, exist_ok=True)
            with locked(path):
                made = ensure(path, kind, name, check)
    except (CertificateError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # Ansible shows it
        return 1
    print(json.dumps(made))  # noqa: T201  # the role reads standard output
    return 0


if __name__ == "__main__":
    sys.exit(main())

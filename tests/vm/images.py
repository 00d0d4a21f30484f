# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of Debian machines, built once by mmdebstrap(1) and kept outside the tree.

    python3 -m ansible_collections.netns.fabric.tests.vm.images [--seconds SECONDS] [SUITE...]

builds those that are missing. They are in the directory that NETNS_FABRIC_VM_CACHE names, by default in
``netns.fabric/vm`` of the user's cache (XDG Base Directory Specification). The recipe is part of an image's name, so
that a change of it builds another image; the former one of the suite is deleted.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import inspect
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

#: Debian's releases that the machines have, the one of the shorter run first.
SUITES = ("trixie", "bookworm")

#: The programs that building and running a machine needs, each with Debian's package.
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
}

USER = "ops"

#: The exit status where an image cannot be built here.
UNAVAILABLE = 77

_MIRROR, _SECURITY = "http://deb.debian.org/debian", "http://deb.debian.org/debian-security"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_BARE = (
    *("linux-image-amd64", "systemd", "systemd-sysv", "dbus", "udev", "kmod", "ca-certificates", "netbase"),
    *("python3", "openssh-server", "sudo", "iproute2", "iputils-ping", "ethtool", "procps", "polkitd"),
)
#: Open vSwitch, and other programs that manage the network; these are disabled.
_FULL = (
    *("openvswitch-switch", "python3-pyroute2", "nftables", "iptables"),
    *("firewalld", "ufw", "network-manager", "docker.io", "wpasupplicant-"),
)
_DISABLED = (
    "firewalld",
    "ufw",
    "NetworkManager",
    "NetworkManager-wait-online",
    "docker",
    "docker.socket",
    "containerd",
)
#: What would work in the background.
_MASKED = (
    *("systemd-timesyncd.service", "systemd-networkd-wait-online.service", "e2scrub_all.timer", "fstrim.timer"),
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "man-db.timer"),
)
#: Settings of this machine's apt that its way out may depend on.
_APT_SETTINGS = (
    *("Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Retries"),
    *("Acquire::http::Proxy", "Acquire::https::Proxy"),
)
_SIZE = 8 << 30  # bytes; the file is sparse


class ImageError(Exception):
    """Building an image failed; the text has the reason."""


class Unavailable(ImageError):
    """This machine lacks what building an image needs: programs, the rights of root, or a way to the mirror."""


@dataclass(frozen=True)
class Image:
    """A built image: `bare` without Open vSwitch, `full` with it and with other programs that manage the network."""

    directory: Path

    @property
    def key(self) -> Path:
        """Return the private key of the login."""
        return self.directory / "key"

    @property
    def boot(self) -> tuple[Path, Path]:
        """Return the kernel and its initial file system."""
        return self.directory / "vmlinuz", self.directory / "initrd"

    def disk(self, kind: str) -> Path:
        """Return the disk of this kind; machines write to an overlay of it."""
        return self.directory / f"{kind}.qcow2"


def cache() -> Path:
    """Return the directory of the images."""
    chosen = os.environ.get("NETNS_FABRIC_VM_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netns.fabric" / "vm"


def missing_programs() -> list[str]:
    """Return the packages of programs that this machine lacks."""
    return sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})


def provide(suite: str) -> Image:
    """Return the image of a suite, built if it does not exist.

    Raises:
        Unavailable: It does not exist and cannot be built here.
        ImageError: Building it failed.
    """
    if platform.machine() != "x86_64":
        raise Unavailable(f"the machines are of another architecture than this one, {platform.machine()}")
    lacking = missing_programs()
    if lacking:
        raise Unavailable(f"these packages are missing: {' '.join(lacking)} (`apt-get install` them)")
    directory = cache() / f"{suite}-{_fingerprint(suite)}"
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _locked(directory.parent / f"{suite}.lock"):
            if not directory.exists():
                _build(suite, directory)
    except OSError as error:
        raise Unavailable(f"the image of {suite} cannot be kept in {cache()}: {error}") from error
    return Image(directory)


def _fingerprint(suite: str) -> str:
    steps = [inspect.getsource(step) for step in (_bootstrap, _configure, _add_packages, _write_disk)]
    recipe = (suite, _BARE, _FULL, _DISABLED, _MASKED, _SIZE, *steps)
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock: two runs at the same time build an image once."""
    with path.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(suite: str, directory: Path) -> None:
    if os.geteuid():
        raise Unavailable("an image is built by root only")
    _check_mirror(suite)
    for former in directory.parent.glob(f"{suite}-*"):
        shutil.rmtree(former)
    with tempfile.TemporaryDirectory(prefix=f".{suite}-", dir=directory.parent) as temporary:
        place, tree = Path(temporary, "image"), Path(temporary, "tree")
        place.mkdir()
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / "key"))
        _bootstrap(suite, tree)
        _configure(suite, tree, (place / "key.pub").read_text(encoding="ascii"))
        _write_disk(tree, place / "bare.qcow2")
        _add_packages(tree)
        _write_disk(tree, place / "full.qcow2")
        for name, pattern in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
            shutil.copy(next((tree / "boot").glob(pattern)), place / name)
        place.rename(directory)


def _check_mirror(suite: str) -> None:
    """Check that the mirror is reachable, by apt's own settings.

    Raises:
        Unavailable: It is not.
    """
    url = f"{_MIRROR}/dists/{suite}/InRelease"
    with tempfile.NamedTemporaryFile() as file:
        try:
            _run("/usr/lib/apt/apt-helper", "-o", "Acquire::Retries=2", "download-file", url, file.name)
        except (ImageError, OSError) as error:
            raise Unavailable(f"Debian's mirror cannot be reached: {error}") from error


def _bootstrap(suite: str, tree: Path) -> None:
    sources = [
        f"deb {_MIRROR} {suite} main",
        f"deb {_MIRROR} {suite}-updates main",
        f"deb {_SECURITY} {suite}-security main",
    ]
    options = [f"--aptopt={setting}" for setting in _apt_settings()]
    keyring = [f"--keyring={_KEYRING}"] if _KEYRING.exists() else []
    packages = f"--include={','.join(_BARE)}"
    recommended = '--aptopt=APT::Install-Recommends "false"'
    variant = ("--mode=root", "--variant=minbase", "--quiet")
    _run("mmdebstrap", *variant, *options, recommended, *keyring, packages, suite, str(tree), *sources)


def _apt_settings() -> list[str]:
    """Return the settings of this machine's apt that the images need as well."""
    dumped = _run("apt-config", "dump").splitlines() if shutil.which("apt-config") else []
    return [line.rstrip(";") for line in dumped if line.partition(" ")[0] in _APT_SETTINGS]


def _configure(suite: str, tree: Path, public_key: str) -> None:
    """Add the login, which is not root, and what the machine needs to be reached."""
    name = f"fabric-{suite}"
    files = {
        "etc/hostname": f"{name}\n",
        "etc/hosts": f"127.0.0.1 localhost {name}\n::1 localhost\n",
        "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
        # The addresses of qemu's user network.
        "etc/resolv.conf": "nameserver 10.0.2.3\n",
        "etc/systemd/network/uplink.network": "[Match]\nName=ens3\n[Network]\nDHCP=ipv4\n",
        f"etc/sudoers.d/{USER}": f"{USER} ALL=(ALL) NOPASSWD: ALL\n",
        f"home/{USER}/.ssh/authorized_keys": public_key,
    }
    _run("chroot", str(tree), "useradd", "--create-home", "--shell", "/bin/bash", USER)
    for path, content in files.items():
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(content, encoding="utf-8")
    (tree / "var/log/journal").mkdir(exist_ok=True)  # a journal that survives a reboot
    _run("chroot", str(tree), "chown", "-R", f"{USER}:{USER}", f"/home/{USER}")
    _run("chroot", str(tree), "systemctl", "enable", "systemd-networkd.service", "ssh.service")
    _run("chroot", str(tree), "systemctl", "mask", *_MASKED)


def _add_packages(tree: Path) -> None:
    """Install the packages of a full image: much faster here than in a machine."""
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")  # nothing is started; invoke-rc.d(8)
    policy.chmod(0o755)
    resolver = tree / "etc/resolv.conf"
    theirs = resolver.read_text(encoding="utf-8")
    resolver.write_text(Path("/etc/resolv.conf").read_text(encoding="utf-8"), encoding="utf-8")
    apt = ("chroot", str(tree), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    try:
        _run(*apt, "update")
        _run(*apt, "install", "-y", "--no-install-recommends", *_FULL)
        _run(*apt, "clean")
    finally:
        resolver.write_text(theirs, encoding="utf-8")
        policy.unlink()
    _run("chroot", str(tree), "systemctl", "disable", *_DISABLED)


def _write_disk(tree: Path, disk: Path) -> None:
    for mark in ("etc/.updated", "var/.updated"):
        (tree / mark).touch()  # newer than /usr: the first boot has nothing to rebuild (systemd-update-done.service(8))
    raw = disk.with_suffix(".raw")
    with raw.open("wb") as file:
        file.truncate(_SIZE)
    _run("mkfs.ext4", "-q", "-F", "-d", str(tree), str(raw))
    _run("qemu-img", "convert", "-O", "qcow2", str(raw), str(disk))
    raw.unlink()


def _run(*command: str) -> str:
    """Run a command and return its output.

    Raises:
        ImageError: It failed; the text has its output.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=1200)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGTERM)  # mmdebstrap removes its mounts first
            process.wait(timeout=60)
            if isinstance(error, subprocess.TimeoutExpired):
                raise ImageError(f"`{command[0]}` has not ended after {error.timeout} s") from error
            raise
    if process.returncode:
        lines = (errors or output).strip().splitlines()
        raise ImageError(f"`{' '.join(command[:8])} ...` failed: " + "\n".join(lines[-12:]))
    return output


def main(arguments: Sequence[str]) -> None:
    """Build the images of the suites that are named, or of all, within the seconds that are given."""
    parser = argparse.ArgumentParser(description="Build images of Debian machines.")
    parser.add_argument("--seconds", type=int, default=0, help="how long it may take; 0 for any time")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=" or ".join(SUITES))
    options = parser.parse_args(arguments)

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise Unavailable(f"the image was not complete after {options.seconds} s")

    signal.signal(signal.SIGALRM, end)
    signal.alarm(options.seconds)
    for suite in options.suites or SUITES:
        provide(suite)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Unavailable as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(UNAVAILABLE)
    except ImageError as error:
        sys.exit(str(error))

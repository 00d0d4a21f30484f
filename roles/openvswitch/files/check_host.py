# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check whether a host has what the collection needs, and print it as JSON.

Runs on the managed host, as root, under the interpreter of the modules: ``python -I -c SCRIPT TIMEOUT [DATABASE]`` in
``/``. What a login has put into its home directory or ``PATH`` is neither imported nor run. Changes nothing. A daemon
that does not answer within TIMEOUT seconds counts as stopped. DATABASE is that of ``ovs-vsctl --db``.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import site
import subprocess
import sys
from importlib.machinery import PathFinder

#: Seconds after which a program is killed that has outlived the timeout it was given.
GRACE = 1

#: Directories of programs that only root changes, on every distribution.
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

#: The kernel's modules: those that are loaded, and, by the kernel's release, those that can be.
LOADED = "/sys/module"
INSTALLED = "/lib/modules"

#: Programs that configure links, by a path that only a host has on which each is installed, or runs.
MANAGERS = {"NetworkManager": "/usr/sbin/NetworkManager", "systemd-networkd": "/run/systemd/netif"}
#: The files of the role topology that keep them off its links.
LINK_FILES = ("/etc/udev/rules.d/*netns.fabric-*", "/etc/systemd/network/*netns.fabric-*")

#: The Python for which the distribution has packages.
DISTRIBUTIONS_PYTHON = "/usr/bin/python3"
#: Where Debian's packages are for each of its Pythons (Debian Python Policy, "Module Path").
SHARED_PACKAGES = "/usr/lib/python3/dist-packages"

#: linux/capability.h
CAP_SYS_MODULE = 16


def is_trusted(directory: str) -> bool:
    """Whether only root, or the user who runs this, can put a program into a directory."""
    if directory in SYSTEM_DIRECTORIES:
        return True
    try:
        status = os.stat(directory)
    except OSError:
        return False
    return directory.startswith("/") and status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022


def search_path() -> str:
    """Return the PATH in which programs are searched: what is trusted of the given one, and the system's."""
    given = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([*filter(is_trusted, given), *SYSTEM_DIRECTORIES]))


def succeeds(command: list[str], timeout: int, **environment: str) -> bool:
    """Whether a program of Open vSwitch succeeds within the timeout."""
    program, *arguments = command
    try:
        process = subprocess.run(
            [program, f"--timeout={timeout}", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout + GRACE,
            check=False,
            env={**os.environ, "LC_ALL": "C", **environment},
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return process.returncode == 0


def openvswitch_state(path: str, timeout: int, database: str) -> str:
    """Return ``missing``, ``stopped``, or ``answers``, which holds for both the database and the switch."""
    vsctl, appctl = (shutil.which(program, path=path) for program in ("ovs-vsctl", "ovs-appctl"))
    if vsctl is None or appctl is None:
        return "missing"
    option = [f"--db={database}"] if database else []
    # The daemon's socket lies beside that of its database, wherever OVS_RUNDIR points.
    directory = {"OVS_RUNDIR": os.path.dirname(database[5:])} if database.startswith("unix:") else {}
    if succeeds([vsctl, *option, "--no-wait", "show"], timeout) and succeeds(
        [appctl, "-t", "ovs-vswitchd", "version"], timeout, **directory
    ):
        return "answers"
    return "stopped"


def kernel_module_state() -> str:
    """Return ``loaded``, ``available`` (depmod(8) lists it and this process may load it), or ``none``."""
    if os.path.isdir(f"{LOADED}/openvswitch"):
        return "loaded"
    try:
        with open(f"{INSTALLED}/{os.uname().release}/modules.dep", encoding="utf-8") as known:
            listed = any("/openvswitch.ko" in line.partition(":")[0] for line in known)
        return "available" if listed and may_load_modules() else "none"
    except OSError:
        return "none"


def may_load_modules() -> bool:
    """Whether this process has CAP_SYS_MODULE, which containers lack (proc(5), CapEff)."""
    with open("/proc/self/status", encoding="utf-8", errors="replace") as status:
        return any(int(line.split()[1], 16) >> CAP_SYS_MODULE & 1 for line in status if line.startswith("CapEff:"))


def has_library(name: str) -> bool:
    """Whether the modules find a library: they also search PYTHONPATH and the user's own directory. Imports nothing."""
    further = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry.startswith("/")]
    return PathFinder.find_spec(name, [*further, *sys.path, site.getusersitepackages()]) is not None


def link_files() -> dict[str, str]:
    """Return the files that keep programs off the links of topologies, each with the SHA-256 of its content."""
    found = {}
    for path in (path for pattern in LINK_FILES for path in glob.glob(pattern)):
        try:
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
        except OSError:
            found[path] = ""
    return found


def main() -> None:
    """Print what the host has."""
    timeout, database = int(sys.argv[1]), "".join(sys.argv[2:])
    path = search_path()
    print(  # noqa: T201  # the role reads standard output
        json.dumps(
            {
                "openvswitch": openvswitch_state(path, timeout, database),
                "kernel": kernel_module_state(),
                "pyroute2": has_library("pyroute2"),
                "firewall": any(shutil.which(tool, path=path) for tool in ("nft", "iptables")),
                "python": sys.executable,
                # Without links, of which there may be several to one interpreter.
                "real_python": os.path.realpath(sys.executable),
                "distributions_python": os.path.realpath(DISTRIBUTIONS_PYTHON),
                "shares_packages": SHARED_PACKAGES in sys.path,
                "prefix": sys.prefix,
                "venv": sys.prefix != sys.base_prefix,
                "path": path,
                "managers": [name for name, installed in MANAGERS.items() if os.path.exists(installed)],
                "link_files": link_files(),
            }
        )
    )


if __name__ == "__main__":
    main()

# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line that runs a command inside a network namespace, for the become plugin.

Pure. What comes out is one call of ``/bin/sh``, whatever shell the login has; everything in it is quoted.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import NAMESPACE_DIRECTORY

NSFS_MAGIC = "6e736673"
"""What statfs(2) tells of a namespace's file (``NSFS_MAGIC`` of linux/magic.h), as ``stat --file-system`` prints it."""

ROOT = "root"


@dataclass(frozen=True)
class Sudo:
    """How a login that is not root becomes it."""

    executable: str = "sudo"
    flags: tuple[str, ...] = ()
    prompt: str = ""
    """The password prompt to ask for; empty where no password is given."""

    def words(self) -> list[str]:
        """The call, as far as the command that it is to run."""
        flags = tuple(_asking(self.flags)) if self.prompt else self.flags
        prompt = ("-p", self.prompt) if self.prompt else ()
        return [self.executable, *flags, *prompt, "-u", ROOT, "--"]


def command_line(namespace: str, command: str, *, success: str, user: str = ROOT, sudo: Sudo | None = None) -> str:
    """Return what to have a shell run so that ``command`` runs inside a namespace.

    :param namespace: its name, checked already.
    :param command: shell words, quoted: what Ansible has built to report success and to run its command.
    :param success: the word that tells Ansible that privileges were gained. Where the namespace cannot be entered it
        is
        said too, for what follows it, a module's result that says why, to be taken for the module's.
    :param user: who runs the command inside.
    :param sudo: how to become root; by default as :class:`Sudo` has it.
    """
    inside = command if user == ROOT else f"runuser -s /bin/sh -c {shlex.quote(command)} -- {shlex.quote(user)}"
    path = f"{NAMESPACE_DIRECTORY}/{namespace}"
    script = (
        # The commands of the system, which an ordinary login does not find.
        'PATH="$PATH:/usr/sbin:/sbin"',
        _refuse(success),
        # Not test -e: a crash or a killed run leaves plain files, which no command can enter either.
        (
            f'test "$(stat -f -c %t {shlex.quote(path)} 2> /dev/null)" = {NSFS_MAGIC}'
            f" || refuse {_result(_missing(namespace))}"
        ),
        f"command -v ip > /dev/null || refuse {_result(_NO_IP)}",
        f"set -- ip netns exec {shlex.quote(namespace)} {inside}",
        f'test "$(id -u)" = 0 || set -- {shlex.join((sudo or Sudo()).words())} "$@"',
        'exec "$@"',
    )
    return f"/bin/sh -c {shlex.quote('; '.join(script))}"


_NO_IP = "there is no `ip` on this host, which runs commands in namespaces; install iproute2"


def _missing(namespace: str) -> str:
    return (
        f"there is no network namespace {namespace!r} on this host, so that nothing can run in it; make it with the "
        "module netns.fabric.netns or the role netns.fabric.topology, or correct ansible_netns (`ip netns` lists those "
        "that there are)"
    )


def _result(message: str) -> str:
    return shlex.quote(json.dumps({"failed": True, "msg": message, "rc": 1}))


def _refuse(success: str) -> str:
    """A shell function that ends with a module's result instead of the command's.

    With pipelining the module is still being sent: ended too early, the connection would take the host for
    unreachable.
    Without, nothing comes and nothing ends, hence the time limit in seconds.
    """
    return f'refuse() {{ echo {shlex.quote(success)}; echo "$1"; test -t 0 || timeout 2 cat > /dev/null; exit 1; }}'


def _asking(flags: Sequence[str]) -> list[str]:
    """Sudo's flags without the one that forbids it to ask for a password (``-n`` of sudo(8), alone or among others)."""
    kept = (flag if flag.startswith("--") else re.sub(r"^(-\w*)n", r"\1", flag) for flag in flags)
    return [flag for flag in kept if flag not in ("-", "--non-interactive")]

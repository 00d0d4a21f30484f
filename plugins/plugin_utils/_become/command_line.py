# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line that runs a command inside a network namespace, for the become plugin.

Pure. It is one call of ``/bin/sh``, independent of the login's shell; everything in it is quoted.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import NAMESPACE_DIRECTORY

#: The type of a namespace's file in statfs(2) (``NSFS_MAGIC`` of linux/magic.h), as ``stat --file-system`` prints it.
NSFS_MAGIC = "6e736673"

#: Where the programs are searched that run as root. Not in the login's PATH, in which the login can put others, nor in
#: sudo's (secure_path in sudoers(5)), which may lack the directories of the system's commands.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ROOT = "root"


@dataclass(frozen=True)
class Sudo:
    """The command by which a login that is not root becomes root."""

    executable: str = "sudo"
    flags: tuple[str, ...] = ()
    #: The password prompt that it prints; empty if there is no password.
    prompt: str = ""

    def words(self) -> list[str]:
        """Return the words before the command that it runs."""
        flags = tuple(_allow_prompt(self.flags)) if self.prompt else self.flags
        prompt = ("-p", self.prompt) if self.prompt else ()
        return [self.executable, *flags, *prompt, "-u", ROOT, "--"]


def command_line(namespace: str, command: str, *, success: str, user: str = ROOT, sudo: Sudo | None = None) -> str:
    """Return the command line that runs ``command`` inside a namespace.

    Args:
        namespace: The namespace's name, already checked.
        command: Shell words, quoted, with which Ansible reports success and runs its command.
        success: The word that reports to Ansible that privileges were gained. It is also printed where the namespace
            cannot be entered, so that Ansible reads the error that follows it as the module's result.
        user: The user who runs the command inside the namespace.
        sudo: How a login that is not root becomes root; by default :class:`Sudo`.
    """
    inside = command if user == ROOT else f"-s /bin/sh -c {shlex.quote(command)} -- {shlex.quote(user)}"
    script = _script(namespace, success, with_runuser=user != ROOT, sudo=sudo or Sudo())
    # The words after a script are its arguments, $0 first.
    return f"{shlex.join(['/bin/sh', '-c', script, 'sh'])} {inside}"


def _script(namespace: str, success: str, with_runuser: bool, sudo: Sudo) -> str:
    """Return the script that runs its arguments inside the namespace, with runuser(1) if the user is not root."""
    name, path = shlex.quote(namespace), shlex.quote(f"{NAMESPACE_DIRECTORY}/{namespace}")
    lines = [
        f'given="${{PATH:-{SYSTEM_PATH}}}"; PATH={SYSTEM_PATH}',
        _define_fail(success),
        f"missing={_format_result(_describe_missing(namespace))}; hidden=",
        # A directory that was created with a umask of 077 is root's alone: only `ip` sees what is in it.
        f"test -d {NAMESPACE_DIRECTORY} -a ! -x {NAMESPACE_DIRECTORY} && hidden=yes",
        # Not test -e: a crash or a killed run leaves plain files, which are not namespaces.
        f'test -n "$hidden" || test "$(stat -f -c %t {path} 2> /dev/null)" = {NSFS_MAGIC} || fail "$missing"',
        f'ip="$(command -v ip)" || fail {_format_result(_NO_IP)}',
        # busybox's ip knows no namespaces, and prints its usage.
        f'case "$("$ip" -V 2>&1)" in *iproute2*) ;; *) fail {_format_result(_OTHER_IP)} ;; esac',
    ]
    if with_runuser:
        lines += [f'runuser="$(command -v runuser)" || fail {_format_result(_NO_RUNUSER)}', 'set -- "$runuser" "$@"']
    lines += [
        f'set -- "$ip" netns exec {name} "$@"',
        f'test "$(id -u)" = 0 || set -- {shlex.join(sudo.words())} "$@"',
        # An ordinary login does not search the directories of the system's commands.
        'PATH="$given:/usr/sbin:/sbin"; export PATH',
        'test -n "$hidden" || exec "$@"',
        # The status of `ip` where it cannot open the namespace; ssh(1) has the same for a host that it cannot reach.
        '"$@"; status=$?; test $status != 255 || fail "$missing"; exit $status',
    ]
    return "; ".join(lines)


_INSTALL = "install iproute2, which runs commands in namespaces"
_NO_IP = f"the command `ip` is not installed on this host; {_INSTALL}"
_OTHER_IP = f"the command `ip` of this host is not that of iproute2 (busybox has one without namespaces); {_INSTALL}"
_NO_RUNUSER = (
    "become_user: the command `runuser` is not installed on this host; install util-linux, or leave become_user out to "
    "run the task as root"
)


def _describe_missing(namespace: str) -> str:
    return (
        f"ansible_netns: there is no network namespace {namespace!r} on this host; create it with the module "
        "netns.fabric.netns or the role netns.fabric.topology, or correct ansible_netns (`ip netns` lists the existing "
        "ones)"
    )


def _format_result(message: str) -> str:
    return shlex.quote(json.dumps({"failed": True, "msg": message, "rc": 1}))


def _define_fail(success: str) -> str:
    """Return a shell function that prints a module's result in place of the command's.

    With pipelining the module is still being sent: if the shell ended earlier, the connection plugin would report the
    host as unreachable. Without pipelining nothing is sent, and the input does not end: hence the time limit.
    """
    return f'fail() {{ echo {shlex.quote(success)}; echo "$1"; test -t 0 || timeout 2 cat > /dev/null; exit 1; }}'


def _allow_prompt(flags: Sequence[str]) -> list[str]:
    """Return sudo's flags without ``-n``, which forbids it to ask for a password (sudo(8)), alone or among others."""
    kept = (flag if flag.startswith("--") else re.sub(r"^(-\w*)n", r"\1", flag) for flag in flags)
    return [flag for flag in kept if flag not in ("-", "--non-interactive")]

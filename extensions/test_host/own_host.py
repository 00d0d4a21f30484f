# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command in a host of its own: own network, own processes, own Open vSwitch; the machine's stay untouched.

    python3 own_host.py [--no-ovs] [--outside] -- COMMAND [ARGUMENT...]

The command has a network with nothing but ``lo``, an empty ``/run``, a copy of ``/etc`` and ``/usr/local/sbin``, a
``/sys`` and ``/proc`` of its own, and a fresh Open vSwitch. In ``/etc`` the directories ``netns``, ``netns-fabric``,
``openvswitch`` and ``firewalld`` are empty. Whatever is written or removed below ``/etc``, ``/usr/local/sbin`` and
``/run`` stays in the host. Other directories are the machine's, save ``/var/log/openvswitch``. It is for tests: of this
collection, and of topologies that are built with it.

It is its own pid namespace, too: when the command ends, or this program is killed, the kernel ends everything that was
started inside, and with the last process the namespaces, links and files end. Hosts side by side do not see each other,
and one may be started inside another. Only the standard library is used, so any python3 from 3.9 on runs it, on Linux,
as root.

With ``--outside`` there is a world behind an uplink: the host has ``uplink0`` 198.51.100.1/24 and 2001:db8:51::1/64
(RFC 5737, TEST-NET-2, and RFC 3849) and default routes to 198.51.100.2 and 2001:db8:51::2, which are ``outside0`` in
the network namespace ``outside``.

Exit status: the command's; 128 + N if signal N ended it; 125 if the host could not be created; 126 or 127 if the
command could not be started, as in a shell.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

NOT_CREATED = 125

OUTSIDE_NAMESPACE = "outside"
OUTSIDE_LINK = "outside0"
OUTSIDE_ADDRESS = "198.51.100.2"
UPLINK = "uplink0"
UPLINK_ADDRESS = "198.51.100.1"
OUTSIDE_ADDRESS6 = "2001:db8:51::2"
UPLINK_ADDRESS6 = "2001:db8:51::1"

#: Identifies the host: its network namespace and its file systems. It lies on the host's own /run and ends with it.
MARKER = Path("/run/netns.fabric-own-host")
OVS_CTL = Path("/usr/share/openvswitch/scripts/ovs-ctl")
OVS_LOG = Path("/var/log/openvswitch")
OVS_RUN = Path("/run/openvswitch")

# The host's own file systems. /run has the locks (of xtables, and that of the modules), the namespaces, Open vSwitch's
# sockets, and those of systemd and D-Bus, by which a role could otherwise start services on the machine itself. /etc is
# private as a whole: a mount on one of its directories would be detached if that directory were removed on the machine
# (rmdir(2) of a mount point in another mount namespace, since Linux 3.18), and what the host then writes or removes
# would be the machine's.
_PRIVATE_ETC, _PRIVATE_RUN = Path("/etc"), Path("/run")
_EMPTY_IN_ETC = ("netns", "netns-fabric", "openvswitch", "firewalld")
#: It has the command netns-fabric, which a test may replace or remove.
_PRIVATE_SBIN = Path("/usr/local/sbin")
_DIRECTORIES_IN_RUN = ("lock", "netns", "openvswitch")

# Seconds that a command has to end after SIGTERM, before everything in the host is killed.
_GRACE = 10

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# linux/sched.h, linux/mount.h, linux/prctl.h
_CLONE_NEWNS = 0x00020000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_MOVE = 0x2000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


class OwnHostError(Exception):
    """The host could not be created; the message says why and what to do about it."""


# ---------------------------------------------------------------------------------------------------------------------
# For those who run something in a host of its own


def command_line(
    command: Sequence[str], *, ovs: bool = True, outside: bool = False, python: str = sys.executable
) -> list[str]:
    """Return the argv that runs ``command`` in a host of its own."""
    options = ([] if ovs else ["--no-ovs"]) + (["--outside"] if outside else [])
    return [python, str(Path(__file__).resolve()), *options, "--", *command]


def run(
    command: Sequence[str], *, ovs: bool = True, outside: bool = False, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in a host of its own and return how it went, its output captured as text.

    ``timeout`` is in seconds; raises subprocess.TimeoutExpired when it has passed.
    """
    return subprocess.run(
        command_line(command, ovs=ovs, outside=outside),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


# ---------------------------------------------------------------------------------------------------------------------
# For those who are in one


def is_inside() -> bool:
    """Return whether this process is in a host of its own: its network, its /etc and its /run.

    An environment variable could be inherited or set by hand. The marker is a file on the host's own /run, and it holds
    what identifies the host, so that a process with another network (``ip netns exec``), or one whose /etc is no longer
    the host's, is not taken for one inside.
    """
    try:
        return MARKER.read_text(encoding="ascii") == _identity("self") == _identity("1")
    except OSError:
        return False


def require_inside() -> None:
    """Raise OwnHostError unless this process is in a host of its own."""
    if not is_inside():
        raise OwnHostError(
            "this changes the network and the files in /etc, and runs only in a host of its own: use a session of nox "
            f"(`.venv/bin/nox -s integration`), or `{sys.executable} {__file__} -- COMMAND`"
        )


def _identity(process: str) -> str:
    """Return what identifies the host that a process is in."""
    directory = Path("/proc", process)
    devices = [(directory / "root" / path.relative_to("/")).stat().st_dev for path in (_PRIVATE_ETC, _PRIVATE_RUN)]
    return " ".join([os.readlink(directory / "ns" / "net"), *map(str, devices)])


def start_ovs() -> None:
    """Start Open vSwitch in this host; do nothing if it runs.

    Raises OwnHostError if it is not installed or does not start.
    """
    if not OVS_CTL.exists():
        raise OwnHostError(
            f"Open vSwitch is not installed ({OVS_CTL} is missing): install it (openvswitch-switch on Debian, "
            "openvswitch on Fedora), or use --no-ovs"
        )
    _run([str(OVS_CTL), "start", "--system-id=random"], timeout=60)


def stop_ovs() -> None:
    """Stop this host's Open vSwitch, by the process ids in its own pid files; do nothing if none runs."""
    _run([str(OVS_CTL), "stop"], timeout=60)


def build_outside_world() -> None:
    """Create the outside world behind the uplink, as the module's description has it."""
    for line in (
        f"netns add {OUTSIDE_NAMESPACE}",
        f"link add {UPLINK} type veth peer name {OUTSIDE_LINK} netns {OUTSIDE_NAMESPACE}",
        f"-n {OUTSIDE_NAMESPACE} link set lo up",
        f"-n {OUTSIDE_NAMESPACE} addr add {OUTSIDE_ADDRESS}/24 dev {OUTSIDE_LINK}",
        # Nobody else is there: no need to wait two seconds for the end of duplicate address detection.
        f"-n {OUTSIDE_NAMESPACE} addr add {OUTSIDE_ADDRESS6}/64 dev {OUTSIDE_LINK} nodad",
        f"-n {OUTSIDE_NAMESPACE} link set {OUTSIDE_LINK} up",
        f"addr add {UPLINK_ADDRESS}/24 dev {UPLINK}",
        f"addr add {UPLINK_ADDRESS6}/64 dev {UPLINK} nodad",
        f"link set {UPLINK} up",
        f"route add default via {OUTSIDE_ADDRESS} dev {UPLINK}",
        f"route add default via {OUTSIDE_ADDRESS6} dev {UPLINK}",
    ):
        _run(["ip", *line.split()])
    # A link that has just come up may drop its first packets: the kernel attaches its queue a little later. One echo
    # request a second, ended by the first answer.
    _run(["ping", "-n", "-q", "-c", "1", "-w", "10", OUTSIDE_ADDRESS])


# ---------------------------------------------------------------------------------------------------------------------
# Creating the host


def _run(command: Sequence[str], timeout: float = 20) -> None:
    """Run a command; raise OwnHostError with its output if it fails."""
    # Into a file and not a pipe: a daemon that keeps the pipe open would keep us waiting for its end.
    log = Path("/run/own-host.log")
    with log.open("w", encoding="utf-8") as output:
        try:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=timeout, check=False, cwd="/"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OwnHostError(f"{' '.join(command)}: {error}") from error
    if result.returncode:
        output_text = log.read_text(encoding="utf-8", errors="replace").strip()
        raise OwnHostError(f"{' '.join(command)} failed with {result.returncode}: {output_text}")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OwnHostError(f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(kind: str | None, where: str, flags: int = 0, options: str | None = None) -> None:
    source, target = (kind or "none").encode(), where.encode()
    data = options.encode() if options else None
    _check(_libc.mount(source, target, kind.encode() if kind else None, flags, data), f"mounting {kind} on {where}")


def _mount_private_files() -> None:
    """Mount the host's own file systems, so that nothing of the machine's configuration is changed."""
    _mount(None, "/", _MS_REC | _MS_PRIVATE)
    resolv_conf = _read(_PRIVATE_ETC / "resolv.conf")  # often a link into /run (systemd-resolved's)
    _mount("tmpfs", str(_PRIVATE_RUN), options="mode=0755")
    for name in _DIRECTORIES_IN_RUN:
        (_PRIVATE_RUN / name).mkdir()
    # A mount point, as iproute2 makes it one: namespaces are files mounted below.
    _mount("tmpfs", "/run/netns", options="mode=0755")
    _mount_private_copy(_PRIVATE_ETC, _EMPTY_IN_ETC)
    if _PRIVATE_SBIN.is_dir():
        _mount_private_copy(_PRIVATE_SBIN)
    (_PRIVATE_ETC / "resolv.conf").unlink(missing_ok=True)
    (_PRIVATE_ETC / "resolv.conf").write_bytes(resolv_conf)  # a file in any case: `ip netns exec` mounts over it
    # It comes with the package. Where there is none, nothing is left on the machine by creating it.
    if OVS_LOG.is_dir():
        _mount("tmpfs", str(OVS_LOG), options="mode=0755")
    _mount("proc", "/proc")
    _mount("sysfs", "/sys")


def _mount_private_copy(directory: Path, emptied: Sequence[str] = ()) -> None:
    """Put a copy of a directory in its place.

    A copy of /etc takes 20 ms. An overlay would take less, but the kernel stacks only two (FILESYSTEM_MAX_STACK_DEPTH),
    which a host in a host in a container exceeds, and it leaves out what is mounted below /etc, as in containers.
    """
    copy = _PRIVATE_RUN / "copy"
    copy.mkdir()
    _mount("tmpfs", str(copy), options="mode=0755")
    _run(["cp", "--archive", f"{directory}/.", str(copy)])
    for name in emptied:
        shutil.rmtree(copy / name, ignore_errors=True)
        (copy / name).mkdir()
    _check(_libc.mount(bytes(copy), bytes(directory), None, _MS_MOVE, None), f"moving {copy} to {directory}")
    copy.rmdir()


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _create_host(*, ovs: bool, outside: bool) -> None:
    """Create the host from inside its namespaces, as their first process."""
    _mount_private_files()
    _run(["ip", "link", "set", "lo", "up"])
    # A new network namespace inherits the machine's setting.
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0", encoding="ascii")
    MARKER.write_text(_identity("self"), encoding="ascii")
    if outside:
        build_outside_world()
    if ovs:
        start_ovs()


def _status(wait_status: int) -> int:
    """Translate a wait status into an exit status as a shell does."""
    code = os.WEXITSTATUS(wait_status) if os.WIFEXITED(wait_status) else -os.WTERMSIG(wait_status)
    return 128 - code if code < 0 else code


class _Guard:
    """Passes the signals that are meant to end us on to the one process that we wait for."""

    def __init__(self, grace: int) -> None:
        """``grace``: seconds that the process has to end before it is killed."""
        self._grace = grace
        self._child: int | None = None
        signal.signal(signal.SIGALRM, self._kill)
        for number in _ENDING_SIGNALS:
            signal.signal(number, self._pass_on)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        # A terminal's Ctrl-C reaches the command anyway; a shell inside must outlive it.
        if number == signal.SIGINT and os.isatty(0):
            return
        if self._child is None:
            raise SystemExit(128 + number)
        os.kill(self._child, number)
        signal.alarm(self._grace)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)

    def wait_for(self, child: int) -> int:
        """Return the exit status of ``child``; others that end meanwhile are reaped, as the first process must."""
        self._child = child
        while True:
            pid, wait_status = os.waitpid(-1, 0)
            if pid == child:
                self._child = None
                signal.alarm(0)
                return _status(wait_status)


def _start(command: Sequence[str]) -> int:
    """Start the command as a child with a plain signal set-up; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    for number in _ENDING_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))  # noqa: S606  # this is what the program is for
    except OSError as error:
        print(f"own_host: {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _first_process(arguments: argparse.Namespace, parent_lives: int) -> int:
    """Be the first process of the host: create it, run the command, reap what ends; with us everything in it ends.

    ``parent_lives`` is the reading end of a pipe whose other end is the parent's: at its end the parent is gone.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "asking for the parent's death signal")
    if select.select([parent_lives], [], [], 0)[0]:
        return NOT_CREATED
    guard = _Guard(_GRACE)
    try:
        _create_host(ovs=arguments.ovs, outside=arguments.outside)
    except (OwnHostError, OSError) as error:
        print(f"own_host: {error}", file=sys.stderr)
        return NOT_CREATED
    return guard.wait_for(_start(arguments.command))


def _fork_first_process(arguments: argparse.Namespace) -> int:
    """Start the first process of the new pid namespace and return its pid."""
    parent_lives, writing_end = os.pipe()
    pid = os.fork()
    if pid:
        return pid
    os.close(writing_end)
    status = NOT_CREATED
    try:
        status = _first_process(arguments, parent_lives)
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stderr.flush()
        os._exit(status)  # not through the parent's clean-up


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="own_host.py",
        description="Run a command in a host of its own: own network, processes and Open vSwitch.",
        epilog="The exit status is the command's. Needs root.",
    )
    parser.add_argument("--no-ovs", dest="ovs", action="store_false", help="leave Open vSwitch stopped")
    parser.add_argument(
        "--outside",
        action="store_true",
        help=f"connect the host to an outside world: {UPLINK} {UPLINK_ADDRESS}/24 and {UPLINK_ADDRESS6}/64, and "
        f"{OUTSIDE_ADDRESS} and {OUTSIDE_ADDRESS6} in the namespace {OUTSIDE_NAMESPACE!r}, the default gateway",
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="the command and its arguments, after --")
    return parser.parse_args(argv)


def _prepare_environment() -> None:
    """Make sure that the commands of the system are found: an ordinary user's PATH leaves them out."""
    directories = os.environ.get("PATH", "").split(os.pathsep)
    lacking = [
        name for name in ("/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin") if name not in directories
    ]
    os.environ["PATH"] = os.pathsep.join(filter(None, [*directories, *lacking]))


def main(argv: Sequence[str] | None = None) -> int:
    """Create the namespaces, wait for their first process, pass on signals and its exit status."""
    arguments = _arguments(argv)
    if os.geteuid() != 0:
        print("own_host: needs root: run it with sudo", file=sys.stderr)
        return NOT_CREATED
    _prepare_environment()
    # Longer than the first process gives the command, so that it is the one that decides.
    guard = _Guard(_GRACE + 5)
    try:
        _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET | _CLONE_NEWPID), "creating namespaces (unshare)")
    except OwnHostError as error:
        print(f"own_host: {error}", file=sys.stderr)
        return NOT_CREATED
    return guard.wait_for(_fork_first_process(arguments))


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian machine under qemu: systemd, the kernel's Open vSwitch module, ssh, a login that becomes root by sudo.

Its disk is an overlay of an image, which ends with it. It has three NICs: the first in qemu's user network, by which
ssh comes in and apt goes out, as this machine does; the other two are connected to each other. Where there are two
machines, a fourth one connects them.
"""

from __future__ import annotations

import functools
import json
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.vm.budget import Budget
from ansible_collections.netns.fabric.tests.vm.images import USER, Image

#: The NIC of ssh, and the two that are connected to each other.
SSH_NIC, NICS = "ens3", ("ens4", "ens5")
#: The NIC that leads to another machine.
WIRED_NIC = "ens6"

_PATIENCE = 1800  # seconds until a machine answers: emulated by two busy cores it takes minutes
_MEMORY = 2048  # MiB
_KVM = ("-accel", "kvm", "-cpu", "max")
#: With `max`, a boot takes half as much of the processor again: AVX and five levels of pages are emulated, too.
_EMULATION = ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem")
#: How long a unit may take to start, for instance firewalld, which calls Python twice: kernel-command-line(7). And a
#: clock that is read without a call of the emulator, also where a busy machine makes the kernel distrust it
#: (kernel-parameters.txt, tsc).
_KERNEL_OPTIONS = "systemd.default_timeout_start_sec=600 tsc=reliable"


class MachineError(Exception):
    """A machine does not do what it should; the text has the reason."""


@dataclass(frozen=True)
class Wire:
    """One end of a link between two machines: qemu sends what is on it by UDP, between two ports of this machine."""

    port: int
    far_port: int

    @classmethod
    def make(cls) -> tuple[Wire, Wire]:
        """Return both ends of a link."""
        first, second = _free_port(), _free_port()
        return cls(first, second), cls(second, first)

    def options(self) -> list[str]:
        """Return the options of qemu for the NIC at this end; its address is unique."""
        udp = f"socket,id=wire,udp=127.0.0.1:{self.far_port},localaddr=127.0.0.1:{self.port}"
        mac = f"52:54:00:01:{self.port >> 8:02x}:{self.port & 0xFF:02x}"
        return ["-netdev", udp, "-device", f"virtio-net-pci,netdev=wire,mac={mac},addr=6"]


class Machine:
    """A running machine."""

    def __init__(self, image: Image, kind: str, budget: Budget, wire: Wire | None = None) -> None:
        self.image, self.budget, self.wire = image, budget, wire
        # A path of a socket has at most 107 bytes (unix(7)), which that of a test's directory may exceed.
        self.directory = Path(tempfile.mkdtemp(prefix="netns-vm-"))
        self.port = _free_port()
        disk = ["-b", str(image.disk(kind)), "-F", "qcow2", str(self._disk)]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *disk], check=True, timeout=60)
        shutil.copy(image.key, self.key)
        self.key.chmod(0o600)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _disk(self) -> Path:
        return self.directory / "disk.qcow2"

    @property
    def key(self) -> Path:
        """Return the private key of the login."""
        return self.directory / "key"

    @property
    def serial_log(self) -> Path:
        """Return the log of the serial console."""
        return self.directory / "serial.log"

    @property
    def ssh_options(self) -> list[str]:
        """Return the options of ssh, for commands and for Ansible."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"]
        shared = ["ControlMaster=auto", f"ControlPath={self.directory}/ssh", "ControlPersist=900"]
        # A key exchange takes a machine seconds that is emulated.
        patience = ["ConnectTimeout=60", "ServerAliveInterval=20", "ServerAliveCountMax=15"]
        return ["-F", "none", *(word for option in options + shared + patience for word in ("-o", option))]

    # Power

    def start(self) -> None:
        """Switch the machine on and wait until ssh answers."""
        with (self.directory / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(_qemu(self), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait()

    def wait(self) -> None:
        """Wait until ssh answers.

        Raises:
            MachineError: It does not, or qemu has ended.
        """
        deadline = time.monotonic() + _PATIENCE
        while self.attempt("true", timeout=90).returncode:
            if self._process is None or self._process.poll() is not None:
                log = (self.directory / "qemu.log").read_text(encoding="utf-8", errors="replace")
                raise MachineError(f"qemu has ended: {log}")
            if time.monotonic() > deadline:
                raise MachineError(f"no answer to ssh within {_PATIENCE} s; {self._console()}")
            time.sleep(1)  # nothing announces the end of a boot

    def _console(self) -> str:
        """Return the last line of the serial console, in words."""
        written = self.serial_log.read_bytes().decode(errors="replace") if self.serial_log.exists() else ""
        return f"the console's last line: {(written.strip().splitlines() or ['none'])[-1]}"

    def kill(self) -> None:
        """Cut the power, in the middle of what runs over ssh."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=60)
            self._process = None
        self.disconnect()

    def close(self) -> None:
        """Cut the power and delete the disk."""
        self.kill()
        shutil.rmtree(self.directory)

    def reboot(self) -> None:
        """Restart the machine, orderly, and wait until ssh answers."""
        former = self.root("cat /proc/sys/kernel/random/boot_id")
        self.attempt("sudo systemctl reboot")
        self.disconnect()
        deadline = time.monotonic() + _PATIENCE
        while self.attempt("cat /proc/sys/kernel/random/boot_id", timeout=90).stdout in ("", former):
            if time.monotonic() > deadline:
                raise MachineError(f"not rebooted within {_PATIENCE} s; {self._console()}")
            self.disconnect()
            time.sleep(1)  # nothing announces the end of a boot

    # Snapshots of the running machine, memory included

    def save(self, name: str) -> None:
        """Keep the machine as it is now."""
        self.monitor(f"savevm {name}")

    def restore(self, name: str) -> None:
        """Return to what was kept."""
        self.disconnect()
        self.monitor(f"loadvm {name}")
        self.wait()

    def monitor(self, command: str) -> None:
        """Run a command of qemu's monitor.

        Raises:
            MachineError: It printed something, which is an error.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(self.budget.bound(300))
            connection.connect(str(self.directory / "monitor"))
            stream = connection.makefile("rw", encoding="utf-8")
            stream.readline()  # the greeting
            asked = {"execute": "human-monitor-command", "arguments": {"command-line": command}}
            try:
                _ask(stream, {"execute": "qmp_capabilities"})
                printed = _ask(stream, asked)
            except TimeoutError:
                self.budget.check()
                raise
        if printed:
            raise MachineError(f"qemu, {command}: {printed}")

    # Commands

    def attempt(self, command: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command of the shell as the login, and return the result, whether it fails or not."""
        ended = self._ssh(command, self.budget.bound(timeout))
        if ended.returncode:
            self.budget.check()
        return ended

    def _ssh(self, command: str, timeout: float) -> subprocess.CompletedProcess[str]:
        argv = self.ssh(command)
        try:
            # Not by pipes: the master of shared connections keeps them open after the command has ended.
            with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
                ended = subprocess.run(
                    argv, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, check=False, timeout=timeout
                )
                for file in (output, errors):
                    file.seek(0)
                return subprocess.CompletedProcess(argv, ended.returncode, output.read(), errors.read())
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(argv, 255, "", f"no end within {timeout} s")

    def ssh(self, command: str) -> list[str]:
        """Return the command that runs a command of the shell as the login."""
        return ["ssh", *self.ssh_options, "-i", str(self.key), "-p", str(self.port), f"{USER}@127.0.0.1", command]

    def root(self, command: str, timeout: float = 300) -> str:
        """Run commands of the shell as root by sudo and return their output; raise AssertionError if one fails."""
        ended = self.attempt(f"sudo -n bash -euo pipefail -c {shlex.quote(command)}", timeout)
        assert ended.returncode == 0, f"{command}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def json(self, command: str) -> Any:
        """Run a command as root that prints JSON, and return the value."""
        return json.loads(self.root(command) or "null")

    def copy(self, source: Path, destination: str) -> None:
        """Copy a small text file into the machine."""
        self.root(f"printf %s {shlex.quote(source.read_text(encoding='utf-8'))} >{shlex.quote(destination)}")

    def disconnect(self) -> None:
        """End the shared connection, which does not survive a return to a snapshot."""
        command = ["ssh", *self.ssh_options, "-O", "exit", "-p", str(self.port), f"{USER}@127.0.0.1"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
        (self.directory / "ssh").unlink(missing_ok=True)

    def collect(self, directory: Path) -> list[Path]:
        """Write the serial log and the journal below a directory, and return the files."""
        directory.mkdir(parents=True, exist_ok=True)
        serial, journal = directory / "serial.log", directory / "journal.log"
        shutil.copy(self.serial_log, serial)
        read = self._ssh("sudo journalctl --boot --no-pager --output=short-monotonic", timeout=120)
        journal.write_text(read.stdout or f"the journal cannot be read: {read.stderr}\n", encoding="utf-8")
        return [serial, journal]


def _qemu(machine: Machine) -> list[str]:
    """Return the command that runs a machine."""
    kernel, initrd = machine.image.boot
    accelerator = _KVM if _kvm_works(kernel) else _EMULATION
    nics = ["-netdev", f"user,id=n1,hostfwd=tcp:127.0.0.1:{machine.port}-:22"]
    nics += [word for number in (2, 3) for word in ("-netdev", f"hubport,hubid=1,id=n{number}")]
    for number in (1, 2, 3):
        nics += ["-device", f"virtio-net-pci,netdev=n{number},mac=52:54:00:00:00:0{number},addr={number + 2}"]
    nics += machine.wire.options() if machine.wire else []
    return [
        *("qemu-system-x86_64", "-nodefaults", *accelerator),
        *("-smp", "1", "-m", str(_MEMORY)),
        *("-kernel", str(kernel), "-initrd", str(initrd)),
        *("-append", f"root=/dev/vda rw console=ttyS0 mitigations=off net.ifnames=1 {_KERNEL_OPTIONS}"),
        *("-drive", f"file={machine.directory}/disk.qcow2,if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=disk,addr=8", "-device", "virtio-rng-pci,addr=9", *nics),
        *("-display", "none", "-serial", f"file:{machine.serial_log}"),
        *("-qmp", f"unix:{machine.directory}/monitor,server=on,wait=off"),
    ]


@functools.cache
def _kvm_works(kernel: Path) -> bool:
    """Whether KVM runs a kernel, which ends for want of a disk: a device may be there and the processor still fail it.

    qemu waits for ever where KVM fails, so the time decides.
    """
    command = [
        *("qemu-system-x86_64", "-nodefaults", *_KVM, "-m", "512", "-display", "none"),
        *("-kernel", str(kernel), "-append", "panic=-1", "-no-reboot"),
    ]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _ask(stream: Any, question: dict[str, Any]) -> str:
    """Ask qemu by QMP and return the answer; events are passed over."""
    stream.write(json.dumps(question) + "\n")
    stream.flush()
    for line in stream:
        answer = json.loads(line)
        if "error" in answer:
            raise MachineError(f"qemu: {answer['error'].get('desc')}")
        if "return" in answer:
            return str(answer["return"] or "").strip()
    raise MachineError("qemu has closed its monitor")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

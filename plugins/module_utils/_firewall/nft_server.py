# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""libnftables(3), the library that is nft(8), in one process for all namespaces.

To start nft takes three times as long as its work in one namespace. The library has a process of its own, because no
call of it can be interrupted, and because it may end its process (nft_ctx_new() does where memory is short).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import TIMEOUT, Result, TimedOut

LIBRARY = "libnftables.so.1"
# nftables/libnftables.h
NFT_CTX_DEFAULT, NFT_CTX_OUTPUT_JSON, NFT_CTX_OUTPUT_TERSE = 0, 1 << 4, 1 << 11
_FLAGS = {"-j": NFT_CTX_OUTPUT_JSON, "-t": NFT_CTX_OUTPUT_TERSE}
_LENGTH = struct.Struct("=I")


class NftServer:
    """A process that does what `nft ARGUMENTS` does, in the namespace that the thread is in."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._pid = 0
        # Between two requests it is in the namespace that this process is in now: it must not keep another one in use.
        self._home = os.open(setns.OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def is_running(self) -> bool:
        return self._socket is not None

    def start(self) -> bool:
        """Start the process; return whether the library is there."""
        near, far = socket.socketpair()
        try:
            self._pid = os.fork()
        except OSError:  # no process more is allowed
            near.close()
            far.close()
            return False
        if self._pid == 0:
            status = 1
            try:
                near.close()
                with setns.entered(self._home):
                    _serve(far, _Library())
                status = 0
            finally:
                os._exit(status)  # nothing of the parent is to be run at its end
        far.close()
        self._socket = near
        near.settimeout(TIMEOUT)
        try:
            return bool(_receive(near))
        except OSError:
            self.close()
            return False

    def run(self, arguments: Sequence[str], text: str) -> Result:
        """Run nft with these arguments, and `text` on its standard input.

        Raises:
            OperationFailed: It ended, or took too long.
        """
        if self._socket is None:
            raise OperationFailed(None, "nft has ended")
        flags = sum(_FLAGS.get(word, 0) for word in arguments)
        words = [word for word in arguments if word not in _FLAGS]
        command = text if words == ["--file", "-"] else " ".join(words)
        try:
            _send(self._socket, {"thread": threading.get_native_id(), "flags": flags, "command": command})
            answer = _receive(self._socket)
        except socket.timeout as error:
            self.close()
            raise TimedOut(None, f"nft did not end within {TIMEOUT} s and was stopped") from error
        except OSError as error:
            self.close()
            raise OperationFailed(None, f"nft has ended: {error}") from error
        return Result(answer["status"], answer["output"], answer["error"])

    def close(self) -> None:
        """End the process."""
        if self._home >= 0:
            os.close(self._home)
            self._home = -1
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _send(connection: socket.socket, message: Any) -> None:
    content = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(content)) + content)


def _receive(connection: socket.socket) -> Any:
    """Return a message.

    Raises:
        OSError: The other side has ended, or takes too long.
    """
    (length,) = _LENGTH.unpack(_receive_bytes(connection, _LENGTH.size))
    return json.loads(_receive_bytes(connection, length))


def _receive_bytes(connection: socket.socket, count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            raise ConnectionError("the process has ended")
        content += part
    return bytes(content)


# The process


def _serve(connection: socket.socket, library: _Library) -> None:
    """Answer requests until the other side closes the connection."""
    _send(connection, True)
    parent = os.getppid()
    while True:
        try:
            request = _receive(connection)
        except ConnectionError:
            return
        _send(connection, _answer(library, parent, request))


def _answer(library: _Library, parent: int, request: dict[str, Any]) -> dict[str, Any]:
    path = f"/proc/{parent}/task/{request['thread']}/ns/net"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with setns.entered(descriptor):
                return library.run(request["command"], request["flags"])
        finally:
            os.close(descriptor)
    except OSError as error:
        return {"status": 1, "output": "", "error": f"Error: {error.strerror}"}


class _Library:
    """What is used of the library."""

    def __init__(self) -> None:
        library = ctypes.CDLL(LIBRARY)
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        for name in ("nft_ctx_free", "nft_ctx_buffer_output", "nft_ctx_buffer_error"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
            getattr(library, name).restype = ctypes.c_char_p
        library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self._library = library

    def run(self, command: str, flags: int) -> dict[str, Any]:
        """Run a command in the namespace that the process is in: a context has a socket in one namespace."""
        library = self._library
        context = library.nft_ctx_new(NFT_CTX_DEFAULT)
        try:
            library.nft_ctx_buffer_output(context)
            library.nft_ctx_buffer_error(context)
            library.nft_ctx_output_set_flags(context, flags)
            status = library.nft_run_cmd_from_buffer(context, command.encode("utf-8", "surrogateescape"))
            output, error = library.nft_ctx_get_output_buffer(context), library.nft_ctx_get_error_buffer(context)
            return {
                "status": 1 if status else 0,
                "output": output.decode(errors="replace"),
                "error": error.decode(errors="replace"),
            }
        finally:
            library.nft_ctx_free(context)

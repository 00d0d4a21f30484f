# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace without a name, in which kernel parameters are tried before they are set where they are wanted.

What the kernel refuses differs from release to release: some parameters are missing in a namespace or only the host may
set them, and each has a range of its own. The namespace is empty, belongs to this process alone and ends with it.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ansible_collections.netns.fabric.plugins.module_utils._core import sysctl_names
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl
from ansible_collections.netns.fabric.plugins.module_utils._system.paths import read_only_mount


class Trial:
    """The kernel parameters of a new namespace. It is created at its first use."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._is_impossible = False
        self._refusals: dict[tuple[str, str], str] = {}

    def read(self, key: str) -> str | None:
        """Return the value that a new namespace has; None where it has no such parameter.

        The parameter of a link is that of the loopback: a new link has the same ones. Where no namespace can be
        created, the value is the host's.
        """
        descriptor = self._open()
        if descriptor is None:
            return sysctl.read(_on_loopback(key))
        with setns.entered(descriptor):
            return sysctl.read(_on_loopback(key))

    def refusal(self, key: str, value: str) -> str:
        """Return why the kernel refuses a value in a namespace; empty where it accepts it, or nothing is known."""
        if (key, value) not in self._refusals:
            self._refusals[key, value] = self._try(_on_loopback(key), value)
        return self._refusals[key, value]

    def _try(self, key: str, value: str) -> str:
        descriptor = self._open()
        if descriptor is None or read_only_mount(sysctl.SYSCTLS):  # the latter is refused for a cause of its own
            return ""
        with setns.entered(descriptor):
            if not os.access(sysctl.path_of(key), os.W_OK):
                return "only the host's own namespace may set it" if sysctl.read(key) is not None else ""
            captured = _capture(key)
            try:
                sysctl.write(key, value)
            except OSError as error:
                return f"{error.strerror}"
            finally:
                with suppress(OSError):  # the kernel may refuse a value that it had by default
                    sysctl.restore(captured)
        return ""

    def _open(self) -> int | None:
        if self._descriptor is None and not self._is_impossible:
            try:
                self._descriptor = setns.create_unnamed()
            except OSError:  # no CAP_SYS_ADMIN, or too many namespaces (namespaces(7), max_net_namespaces)
                self._is_impossible = True
        return self._descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
        self._refusals.clear()


def _capture(key: str) -> dict[str, str]:
    """Return the values that change with a parameter: read() is to find them as they are in a new namespace."""
    try:
        return sysctl.capture(key)
    except OSError:  # one that can only be written
        return {}


def _on_loopback(key: str) -> str:
    found = sysctl_names.split_key(key)
    return key if found is None else sysctl_names.join_key(found[0], "lo", found[2])

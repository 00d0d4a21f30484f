# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that a file of hosts may have (hosts(5)). Pure."""

from __future__ import annotations

import re

#: The name that every host has for itself.
LOCALHOST = "localhost"
# RFC 952 and RFC 1123 2.1, and the underscore that names of namespaces often have.
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def is_host_name(name: str) -> bool:
    """Return whether a name can stand in the file, and does not mean the host itself."""
    return _NAME.fullmatch(name) is not None and name != LOCALHOST

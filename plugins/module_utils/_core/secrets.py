# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets in options and results: found by the names of their keys, so that they can be hidden wherever they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: What stands in the place of a secret, as in Ansible's own output.
HIDDEN = "********"
#: What Open vSwitch, WireGuard and others call a secret.
_SECRET = re.compile(
    r"([a-z0-9]+[_-])*(psk|pre[_-]?shared[_-]?key|private[_-]?key|password|passphrase|secret|token)", re.IGNORECASE
)


def is_secret(key: object) -> bool:
    """Return whether a key's value is a secret, as its name says."""
    return bool(_SECRET.fullmatch(str(key)))


def find_secrets(data: Any) -> Iterator[str]:
    """Return the values of all keys, at any depth, whose names say that they are secret."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if isinstance(value, (Mapping, list, tuple)):
                yield from find_secrets(value)
            elif is_secret(key) and value not in (None, ""):
                yield str(value)
    elif isinstance(data, (list, tuple)):
        for element in data:
            yield from find_secrets(element)


def find_notations(secret: str) -> set[str]:
    """Return a secret as it is, and as it stands in Python's notation, in OVSDB's, and in that for a shell."""
    quoted = json.dumps(secret)[1:-1]
    return {secret, repr(secret)[1:-1], quoted, *(text.replace("'", "'\"'\"'") for text in (secret, quoted))}

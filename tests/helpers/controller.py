# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ansible commands of the controller under test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Names the directory with the ansible commands of the controller under test; by default those beside the tests' Python.
CONTROLLER = "NETNS_FABRIC_CONTROLLER"


def controller_commands() -> Path:
    """Return the directory with the ansible commands."""
    # Not resolved: the interpreter of a virtual environment is a link out of it.
    return Path(os.environ.get(CONTROLLER) or Path(sys.executable).parent)

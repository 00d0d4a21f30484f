# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What entries of one module of OVN ensure and entries of others need: resources do not know each other. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ALogicalPort:
    """A port of a logical switch."""

    name: str

    def __str__(self) -> str:
        return f"logical port {self.name}"

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors of the filters."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.plugin_utils._filters.errors import filter_errors


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("mtu: is wrong"), r"^mtu: is wrong$"),
        (KeyError("links"), r"^tree: the input is not a result of .* \(KeyError\('links'\)\)"),
        (TypeError("x"), "^tree: the input is not a result of"),
        (AttributeError("x"), "^tree: the input is not a result of"),
    ],
)
def test_errors_of_the_input(error: Exception, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message), filter_errors("tree"):
        raise error


def test_other_errors_are_passed_on() -> None:
    with pytest.raises(ZeroDivisionError), filter_errors("tree"):
        raise ZeroDivisionError

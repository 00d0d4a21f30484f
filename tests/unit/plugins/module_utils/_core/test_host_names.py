# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that a file of hosts may have."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.host_names import is_host_name


@pytest.mark.parametrize("name", ["ns01", "web_1", "a.b", "x", "300", "a-b"])
def test_names_that_can_be(name: str) -> None:
    assert is_host_name(name)


@pytest.mark.parametrize("name", ["", "a b", "a#", "-a", "a-", "a.", "é", "localhost", "a\n"])
def test_names_that_cannot_be(name: str) -> None:
    assert not is_host_name(name)

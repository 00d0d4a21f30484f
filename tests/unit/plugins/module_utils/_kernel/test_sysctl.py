# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel parameters: their files, and those that change with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.rp_filter", "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"),
    ],
)
def test_the_file_of_a_parameter(key: str, path: str) -> None:
    assert sysctl.path_of(key) == path


def test_what_is_read() -> None:
    assert (sysctl.read("kernel.ostype"), sysctl.read("kernel.no_such_thing"), sysctl.read("net")) == (
        "Linux",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("current", "wanted", "same"),
    [
        ("16", "0x10", True),
        ("7", "007", True),
        ("4096 65536", "4096  65536", True),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1", True),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::2", False),
        ("8080-8081,9000-9010", "9001-9010,8081,9000,8080", True),
        ("8080-8082", "8080,8082", False),
        ("1-9", "2-3,1-9", True),
        ("0,65535", "65535,0", True),
        ("00000000,00000003", "00000003,00000000", False),
        ("00000000,00000003", "00000000,00000003", True),
        ("3,00000000", "00000000,3", False),
        ("10000000,20000000", "20000000,10000000", False),
        ("", "8080", False),
        ("", "", True),
        ("-1", "-1", True),
        ("cubic", "cubic", True),
        (None, "", False),
    ],
)
def test_what_is_the_same_to_the_kernel(current: str | None, wanted: str, same: bool) -> None:
    assert sysctl.same_value(current, wanted) is same


@pytest.fixture(name="parameters")
def fixture_parameters(tmp_path: Path) -> Path:
    for link in ("all", "default", "eth0"):
        (tmp_path / "conf" / link).mkdir(parents=True)
        for name in ("forwarding", "accept_redirects", "rp_filter"):
            (tmp_path / "conf" / link / name).write_text("0\n", encoding="ascii")
    (tmp_path / "ip_forward").write_text("0\n", encoding="ascii")
    return tmp_path


def test_a_parameter_of_each_link(parameters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysctl, "SYSCTLS", str(parameters))
    (parameters / "conf" / "eth0.100").mkdir()
    (parameters / "conf" / "eth0.100" / "forwarding").write_text("1\n", encoding="ascii")
    assert sysctl.of_links("conf.*.forwarding") == {"all": "0", "default": "0", "eth0": "0", "eth0.100": "1"}


def below(directory: Path, paths: list[str]) -> list[str]:
    return [str(Path(path).relative_to(directory)) for path in paths]


def test_forwarding_changes_that_of_every_link_and_redirects(parameters: Path) -> None:
    along = [
        f"conf/{link}/{name}" for name in ("forwarding", "accept_redirects") for link in ("all", "default", "eth0")
    ]
    found = below(parameters, sysctl.affected_paths(str(parameters / "ip_forward")))
    assert found == ["ip_forward", *along]
    found = below(parameters, sysctl.affected_paths(str(parameters / "conf" / "all" / "forwarding")))
    assert found == ["conf/all/forwarding", *along]


def test_a_parameter_of_one_link_changes_nothing_else(parameters: Path) -> None:
    found = below(parameters, sysctl.affected_paths(str(parameters / "conf" / "eth0" / "forwarding")))
    assert found == ["conf/eth0/forwarding"]


def test_values_are_restored_where_the_parameter_still_exists(
    parameters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysctl, "path_of", lambda key: str(parameters / key))  # nothing of the machine is written
    captured = sysctl.capture("ip_forward")
    sysctl.write("ip_forward", "1")
    (parameters / "conf" / "all" / "forwarding").write_text("1\n", encoding="ascii")
    (parameters / "conf" / "eth0" / "forwarding").unlink()
    sysctl.restore(captured)
    assert (parameters / "ip_forward").read_text(encoding="ascii") == "0\n"
    assert (parameters / "conf" / "all" / "forwarding").read_text(encoding="ascii") == "0\n"
    assert not (parameters / "conf" / "eth0" / "forwarding").exists()

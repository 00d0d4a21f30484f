# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the command netns-fabric prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import Document
from ansible_collections.netns.fabric.plugins.module_utils._entry.command_report import (
    DIFFERS,
    FAILED,
    OK,
    Report,
    describe_difference,
    render,
)

LINK = {
    "before_header": "link red/eth0",
    "after_header": "link red/eth0",
    "before": "mtu: 1400\nup: false\n",
    "after": "mtu: 1500\nup: true\n",
}
RESULT: dict[str, Any] = {"changed": True, "diff": [LINK], "commands": ["ip link set dev eth0 up"], "warnings": ["w"]}
SECRET = Document("lab", None, 0, ({"module": "ovs_port", "options": {"options": {"psk": "open sesame"}}},), ())


def lines(action: str, report: Report, journal: bool = False) -> list[str]:
    return list(render(action, [report], as_json=False, for_journal=journal))


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("mtu: 1400\nup: false\n", "mtu: 1500\nup: true\n", "x: mtu: 1400 -> 1500, up: false -> true"),
        ("", "loopback: up\n", "x: missing"),
        ("loopback: up\n", "", "x: not declared"),
    ],
)
def test_an_object_is_one_line(before: str, after: str, line: str) -> None:
    assert describe_difference({"after_header": "x", "before": before, "after": after}) == line


def test_status_check_and_apply() -> None:
    report = Report("lab", DIFFERS, "", RESULT)
    differs = "lab: differs: link red/eth0: mtu: 1400 -> 1500, up: false -> true"
    summary = "lab: 1 object differs; `netns-fabric apply lab` repairs that"
    assert lines("status", report) == ["lab: warning: w", differs, summary]
    assert lines("check", report)[1:] == [
        differs.replace("differs", "would change"),
        "lab: command: ip link set dev eth0 up",
        summary,
    ]
    applied = Report("lab", OK, "", RESULT)
    assert lines("apply", applied)[1:] == [differs.replace("differs", "repaired")]


def test_the_journal_gets_priorities() -> None:
    assert lines("apply", Report("lab", OK, "", RESULT), journal=True)[0] == "<4>lab: warning: w"
    assert lines("apply", Report("lab", OK, ""), journal=True) == ["<6>lab: as stored"]
    failed = lines("apply", Report("lab", FAILED, "one\ntwo"), journal=True)
    assert failed == ["<3>lab: error: one", "<3>lab: error: two"]


def test_no_topology() -> None:
    assert list(render("status", [], as_json=False, for_journal=False)) == ["no topology is stored on this host"]
    assert list(render("status", [], as_json=True, for_journal=False)) == ["[]"]


def test_no_secret_in_any_form() -> None:
    result = {**RESULT, "commands": ["set options:psk='open sesame'"], "diff": [{**LINK, "after": "x: open sesame\n"}]}
    report = Report("lab", FAILED, "open sesame is refused", result, SECRET)
    output = "\n".join([*lines("check", report), *render("check", [report], as_json=True, for_journal=False)])
    assert "sesame" not in output
    assert "********" in output


def test_json_has_all_of_it() -> None:
    [text] = render("status", [Report("lab", DIFFERS, "", RESULT, SECRET)], as_json=True, for_journal=True)
    assert json.loads(text) == [
        {
            "name": "lab",
            "state": "differs",
            "action": "status",
            "message": "",
            "heal": 0,
            **RESULT,
        }
    ]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exposure as lines for people."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.exposure_lines import exposure_lines
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.tree import render_tree
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils.facts import info

Entry = dict[str, Any]


def group(verdict: str = "open", *namespaces: str, **more: Any) -> Entry:
    return {
        "verdict": verdict,
        "namespaces": list(namespaces),
        "host": False,
        "outside": [],
        "at": ["10.0.0.1"],
        "routers": [],
        "published": False,
        "reasons": [],
        **more,
    }


def service(*groups: Entry, **more: Any) -> Entry:
    processes = [{"pid": 7, "command": "/usr/bin/python3 -m http.server", "user": "nobody"}]
    return {"protocol": "tcp", "port": 80, "device": None, "processes": processes, "reached_from": groups, **more}


def exposed(*paths: Entry, **more: Any) -> Entry:
    return {"namespace": "red", "paths": paths, "services": [], "further_services": 0, **more}


def test_paths_and_services() -> None:
    near = group("open", "blue", host=True)
    far = group("open", "green", routers=[None], outside=["lan0"])
    published = group("open", "green", published=True, at=["192.0.2.1:8080"], outside=["lan0"])
    closed = group("closed", "green", reasons=["a rule"])
    entry = exposed(near, far, closed, services=[service(near, far), service(near, published), service(closed)])
    assert list(exposure_lines(entry)) == [
        "from the host and blue",
        "from green and outside by lan0, through the host",
        "tcp 80 (python3) from the same",
        "tcp 80 (python3) from the host and blue",
        "tcp 80 (python3) from green and outside by lan0, published at 192.0.2.1:8080",
        "tcp 80 (python3) from nowhere",
    ]


def test_what_depends_names_one_reason() -> None:
    entry = exposed(group("depends", "blue", reasons=["a rule", "another rule", "a third one"]), further_services=3)
    assert list(exposure_lines(entry)) == [
        "perhaps from blue, depends on a rule and 2 more",
        "3 more services",
    ]


def test_answers_that_differ_in_addresses_only_are_one_line() -> None:
    entry = exposed(group("open", "blue"), group("open", "green", at=["10.0.0.2"]), group("closed", "white"))
    assert list(exposure_lines(entry)) == ["from blue and green"]


def test_many_names() -> None:
    names = [f"n{number}" for number in range(20)]
    entry = exposed(group("open", *names, outside=["lan0"]))
    assert list(exposure_lines(entry)) == ["from n0, n1, n2, n3, n4, n5 and 14 more and outside by lan0"]
    assert list(exposure_lines(exposed(group("closed", *names)))) == ["from nowhere"]


def test_below_the_tree() -> None:
    entries = [exposed(group("open", "red"), namespace=None), exposed(group("open", host=True))]
    assert render_tree(info(exposure=entries))[-5:] == [
        "reached from",
        "├─ host",
        "│  └─ from red",
        "└─ red",
        "   └─ from the host",
    ]

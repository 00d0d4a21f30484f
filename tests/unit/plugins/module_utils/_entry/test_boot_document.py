# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of a stored topology."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._entry import boot_document as documents
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import Document


def step(module: str, **options: Any) -> dict[str, Any]:
    return {"module": module, "options": options}


NETNS = step("netns", namespaces=[{"name": "red"}], owner="lab")
LAB = Document("lab", "lab", 60, (NETNS,), ())


def test_what_is_written_is_read() -> None:
    assert documents.load("lab", LAB.dump()) == LAB
    assert json.loads(LAB.dump())["format"] == documents.FORMAT


def test_the_order_of_names_and_of_steps_is_kept() -> None:
    """The host writes a namespace's names in the order in which they are given; hosts(5) has them in order."""
    names = {f"n{number}": f"192.0.2.{number}" for number in (1, 2, 10)}
    document = replace(LAB, steps=(step("netns", namespaces=[{"name": "red"}], hosts=names), step("veth", pairs=[])))
    read = documents.load("lab", document.dump())
    assert list(read.steps[0]["options"]["hosts"]) == ["n1", "n2", "n10"]
    assert [each["module"] for each in read.steps] == ["netns", "veth"]


def test_a_name_that_is_not_utf_8_is_kept() -> None:
    document = replace(LAB, steps=(step("netns", namespaces=[{"name": "r\udce9d"}]),))
    assert documents.load("lab", document.dump()) == document


def test_a_newer_format_is_refused_as_such() -> None:
    data = {**json.loads(LAB.dump()), "format": documents.FORMAT + 1}
    with pytest.raises(documents.NewerDocument, match="upgrade the collection"):
        documents.load("lab", json.dumps(data).encode())


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"format": "1"}', b'{"format": 1, "name": "lab"}', b"\xff"]
)
def test_a_damaged_file_is_refused(content: bytes) -> None:
    with pytest.raises(documents.UnreadableDocument, match=r"/etc/netns-fabric/lab.json is damaged"):
        documents.load("lab", content)


def test_stored_steps_get_the_defaults_of_what_they_do_not_have() -> None:
    [parsed] = documents.parse_steps([NETNS])
    [wanted] = parsed.call.entries
    assert (parsed.module, parsed.call.owner, parsed.call.prune) == ("netns", "lab", False)
    assert (wanted.name, wanted.present, wanted.force) == ("red", True, False)


def test_all_errors_of_stored_steps() -> None:
    with pytest.raises(InvalidEntries) as caught:
        documents.parse_steps(
            [step("netns", names=[]), step("magic"), step("netns", namespaces=[{}]), step("veth", pairs=[])]
        )
    assert str(caught.value).splitlines() == [
        "netns.fabric.netns: unknown options: names",
        "netns.fabric.magic is not a module that a stored step can call",
        "netns.fabric.netns: missing options: name",
    ]


def test_a_part_replaces_the_steps_of_its_modules() -> None:
    stored = [NETNS, step("veth", pairs=[1]), step("ovs_port", ports=[1])]
    veth, route = step("veth", pairs=[2]), step("route", routes=[1])
    assert documents.replace_steps(stored, [veth, route]) == (NETNS, veth, stored[2], route)
    assert documents.replace_steps(stored, [veth, veth]) == (NETNS, veth, stored[2])

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of links that the module link creates, by the same tests, with its samples (tests/helpers/kinds.py).

A kind that the kernel lacks has to be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import (
    Run,
    assert_unchanged,
    converge,
    converge_and_paste,
    shell,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.kinds import SAMPLES, STAGE, Sample, is_missing
from ansible_collections.netns.fabric.tests.helpers.refusals import refuse_deletions, refuse_each

#: What the tests add to a sample's options, for a link that has all that any link can have.
SETTINGS = {"addresses": ["10.1.0.1/24", "10.1.0.2/24"], "enabled": True}
RED = {"name": "k1", "namespace": "red", "addresses": ["10.2.0.1/24"]}


@pytest.fixture(name="kind", params=sorted(SAMPLES))
def fixture_kind(request: pytest.FixtureRequest, host: Host) -> str:
    kind: str = request.param
    if is_missing(kind):
        pytest.skip("the kernel of this machine lacks the kind: see test_missing_kind_is_refused")
    write_files(kind)
    shell(host, STAGE)
    return kind


def write_files(kind: str) -> None:
    for path, content in SAMPLES[kind].get("files", {}).items():
        Path(path).write_text(content, encoding="utf-8")


def merge(*options: Sample) -> Sample:
    """Return options together; dictionaries key by key."""
    merged: Sample = {}
    for each in options:
        for name, value in each.items():
            merged[name] = {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    return merged


def entry(kind: str, *changes: str, **options: Any) -> Sample:
    """Return the entry of the kind's link k0, with these changes of its sample."""
    sample = SAMPLES[kind]
    return {
        **merge(sample["create"], {"addresses": SETTINGS["addresses"]}, *(sample[change] for change in changes)),
        "name": "k0",
        "kind": kind,
        **options,
    }


def in_red(kind: str) -> Sample:
    """Return the entry of a second link, in a namespace; what it is on, or its outer packets, are on the host."""
    # Not the number and the port of the first one, in the same underlay.
    own = {name: 77 for name in ("id", "listen_port") if name in KINDS[kind].spec}
    options = merge(SAMPLES[kind]["create"], {kind: own} if own else {})
    underlay: Sample = {"underlay": {}} if KINDS[kind].underlay else {}
    parent = {"parent": {"name": "base1"}} if KINDS[kind].on_parent else {}
    return {**options, **RED, **underlay, **parent, "kind": kind}


def created(host: Host, run_module: Run, *entries: Sample) -> Callable[[], None]:
    """Return what prepares a host on which these links were created, on the stage."""

    def prepare() -> None:
        if "red" not in host.namespaces():  # not by its links: those of ip_gre stay
            shell(host, STAGE)
        result = run_module("link", links=list(entries), owner="lab")
        assert not result.failed, result.message

    return prepare


def link_of(host: Host, namespace: str | None = None, name: str = "k0") -> dict[str, Any]:
    return host.links(namespace)[name]


def test_every_kind_has_samples_and_nothing_else_has() -> None:
    assert set(SAMPLES) == set(KINDS)


# Create, change, delete


def test_link_is_created_on_the_host_and_in_a_namespace(host: Host, run_module: Run, kind: str) -> None:
    entries = [entry(kind), in_red(kind)]
    shell(host, "netns del blue")

    def prepare() -> None:
        if "red" not in host.namespaces():  # not by its links: those of ip_gre stay
            shell(host, STAGE + "netns del blue")

    result = converge_and_paste(host, run_module, prepare, "link", links=entries, owner="lab")
    assert {change["before"] for change in result.diff} == {""}
    for link in (link_of(host), link_of(host, "red", "k1")):
        assert link["linkinfo"]["info_kind"] == KINDS[kind].kernel_name
        assert "UP" in link["flags"]
        assert link["ifalias"] == "netns.fabric:lab created"


def test_options_change_in_place(host: Host, run_module: Run, kind: str) -> None:
    prepare = created(host, run_module, entry(kind))
    prepare()
    index = link_of(host)["ifindex"]
    changed = entry(kind, "in_place")
    assert run_module("link", links=[changed], owner="lab").changed
    assert link_of(host)["ifindex"] == index
    host.clear()
    converge_and_paste(host, run_module, prepare, "link", links=[changed], owner="lab")


def test_other_options_recreate_the_link_with_all_that_it_had(host: Host, run_module: Run, kind: str) -> None:
    if "recreate" not in SAMPLES[kind]:
        pytest.skip("every option of the kind changes in place")
    given = entry(kind)
    prepare = created(host, run_module, given)
    prepare()
    before = link_of(host)
    changed = entry(kind, "recreate")
    undeclared = {name: value for name, value in changed.items() if name not in ("addresses", "mtu")}
    converge(host, run_module, "link", links=[undeclared], owner="lab")
    after = link_of(host)
    assert after["ifindex"] != before["ifindex"]
    same = ("mtu", "ifalias", "flags")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert [each["local"] for each in after["addr_info"] if each["family"] == "inet"] == ["10.1.0.1", "10.1.0.2"]
    host.clear()
    converge_and_paste(host, run_module, prepare, "link", links=[undeclared], owner="lab")


def test_link_is_deleted(host: Host, run_module: Run, kind: str) -> None:
    before = snapshot.take()
    host.clear()
    prepare = created(host, run_module, entry(kind), in_red(kind))
    links = [{"name": "k0", "kind": kind, "state": "absent"}, {"name": "k1", "namespace": "red", "state": "absent"}]
    converge_and_paste(host, run_module, prepare, "link", links=links, owner="lab")
    snapshot.assert_equal_host(before, "the host after the deletion")


# Ownership


def test_only_what_the_owner_has_created_is_pruned(host: Host, run_module: Run, kind: str) -> None:
    created(host, run_module, in_red(kind))()
    shell(host, SAMPLES[kind]["by_hand"])
    before = link_of(host)
    result = converge(host, run_module, "link", links=[], owner="lab", prune=True)
    assert [change["before_header"] for change in result.diff] == ["link red/k1"]
    assert "k1" not in host.links("red")
    assert link_of(host)["ifindex"] == before["ifindex"]


def test_link_of_another_owner_is_left_alone(host: Host, run_module: Run, kind: str) -> None:
    shell(host, SAMPLES[kind]["by_hand"])
    shell(host, "link set dev k0 alias 'netns.fabric:web created'")
    before = snapshot.take()
    refused = run_module("link", links=[entry(kind)], owner="lab")
    assert "links[0] (k0): name: k0 is owned by web, not by lab" in refused.message
    kept = run_module("link", links=[{"name": "k0", "kind": kind, "state": "absent"}], owner="lab")
    assert (kept.failed, kept.changed) == (False, False)
    assert not run_module("link", links=[], owner="lab", prune=True).changed
    snapshot.assert_unchanged(before)


def test_link_of_another_kind_is_refused(host: Host, run_module: Run, kind: str) -> None:
    shell(host, "link add name k0 type veth peer name k9")
    before = snapshot.take()
    for options in (entry(kind), {"name": "k0", "kind": kind, "state": "absent"}):
        result = run_module("link", links=[options], owner="lab")
        assert "links[0] (k0): kind: " in result.message
        assert f"is not a {kind} but veth" in result.message
    snapshot.assert_unchanged(before)


def test_own_link_becomes_one_of_another_kind(host: Host, run_module: Run, kind: str) -> None:
    other = "tap" if kind != "tap" else "bridge"
    prepare = created(host, run_module, {"name": "k0", "kind": other, "addresses": ["10.1.0.3/24"]})
    result = converge_and_paste(host, run_module, prepare, "link", links=[entry(kind)], owner="lab")
    assert result.changed
    assert link_of(host)["ifalias"] == "netns.fabric:lab created"
    # A deletion does not need to know what it was.
    converge(host, run_module, "link", links=[{"name": "k0", "kind": other, "state": "absent"}], owner="lab")
    assert "k0" not in host.links()


def test_renamed_link_is_not_in_the_way_of_a_new_one(host: Host, run_module: Run, kind: str) -> None:
    def prepare() -> None:
        created(host, run_module, entry(kind))()
        shell(host, "link set k0 down name k9")

    converge_and_paste(host, run_module, prepare, "link", links=[entry(kind)], owner="lab", prune=True)
    assert "k9" not in host.links()


def test_link_without_an_owner_is_taken_over(host: Host, run_module: Run, kind: str) -> None:
    """As after a run that was killed between the creation and the rest."""
    shell(host, SAMPLES[kind]["by_hand"])
    converge(host, run_module, "link", links=[entry(kind)], owner="lab")
    assert link_of(host)["ifalias"] == "netns.fabric:lab created"


# Rollback


@pytest.mark.parametrize("by", ["the_handler", "the_kernel"])
def test_every_operation_refused_in_turn(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch, kind: str, by: str
) -> None:
    """Creation, and a change that deletes the link first: it is the same link again, with all of its attributes."""
    created(host, run_module, entry(kind, mac="02:00:00:00:00:77") if takes_mac(kind) else entry(kind))()
    shell(host, "link set dev k0 txqueuelen 77 group 5\nroute add 10.9.0.0/16 dev k0")
    doomed = {"name": "k0", "kind": kind, "state": "absent"}
    changed = entry(kind, *(["recreate"] if "recreate" in SAMPLES[kind] else ["in_place"]))
    # The kernel deletes links many at a time: see test_rollback_of_a_deletion_that_is_refused_half_way.
    deletions = 2 if by == "the_handler" else 0
    for links, least in (([in_red(kind), changed], 2), ([{**in_red(kind), "state": "absent"}, doomed], deletions)):
        with monkeypatch.context() as patched:
            assert refuse_each(patched, by, LinkResource(), {"links": links, "owner": "lab"}) >= least


def test_rollback_of_the_deletion(host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    last = {"name": "last0", "namespace": "blue", "kind": "bridge"}
    mac = {"mac": "02:00:00:00:00:77"} if takes_mac(kind) else {}  # a random one of a bridge is not restored
    created(host, run_module, entry(kind, "in_place", **mac), last)()
    before = snapshot.take()
    absent = [{"name": "k0", "kind": kind, "state": "absent"}, {**last, "state": "absent"}]
    refuse_deletions(monkeypatch, LinkResource(), {"links": absent, "owner": "lab"})
    snapshot.assert_unchanged(before)


def takes_mac(kind: str) -> bool:
    """Return whether links of the kind have an Ethernet address."""
    return kind not in ("tun", "gre", "wireguard", "ipvlan")


def test_entry_that_the_kernel_refuses_in_the_middle_of_a_list(host: Host, run_module: Run, kind: str) -> None:
    created(host, run_module, entry(kind))()
    before = snapshot.take()
    refused = {"name": "base1", "addresses": ["::1/128"]}
    changed = entry(kind, *(["recreate"] if "recreate" in SAMPLES[kind] else ["in_place"]))
    result = run_module("link", links=[changed, refused, in_red(kind)], owner="lab")
    assert "links[1] (base1)" in result.message
    assert result.message.endswith("All changes made by this call were rolled back; the host is unchanged.")
    snapshot.assert_unchanged(before)


# Facts


def test_facts_fed_back_change_nothing_and_build_the_same_again(host: Host, run_module: Run, kind: str) -> None:
    created(host, run_module, entry(kind, "in_place"), in_red(kind))()
    wanted = snapshot.take()
    facts = run_module("topology_info", owner="lab").returned["declarations"]["links"]
    assert [found["kind"] for found in facts] == [kind, kind]
    assert_unchanged(run_module("link", links=facts, owner="lab", prune=True))
    secrets = {each.name for each in KINDS[kind].attributes if each.secret or each.form_of}
    reported = run_module("topology_info").returned["host"]["links"]
    found = next(each for each in reported if each["name"] == "k0")
    given = entry(kind, "in_place").get(kind, {})
    own = {name: value for name, value in given.items() if name not in secrets | {"peers"}}
    assert {name: found["options"][name] for name in own} == own
    host.clear()
    shell(host, STAGE)
    assert run_module("link", links=facts, owner="lab").changed
    if not secrets:
        snapshot.assert_equal_host(wanted, "the host built from its facts")


# Kinds that the kernel lacks


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_missing_kind_is_refused(host: Host, run_module: Run, kind: str) -> None:
    """Before the first write, in check mode too, and by name."""
    if not is_missing(kind):
        pytest.skip("the kernel has the kind")
    write_files(kind)
    shell(host, STAGE)
    before = snapshot.take()
    for check in (True, False):
        result = run_module("link", links=[{"name": "new0", "kind": "ifb"}, entry(kind)], _check=check)
        assert f"links[1] (k0): kind: the kernel of this host has no links of the kind {kind}" in result.message
        assert f"`modprobe {KINDS[kind].module}`" in result.message
    snapshot.assert_unchanged(before)
    assert not run_module("link", links=[{"name": "k0", "kind": kind, "state": "absent"}]).changed

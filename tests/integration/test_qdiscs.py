# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of qdiscs that the module qdisc sets, by the same tests: a kind's samples are the file qdiscs/KIND.yml.

    by_hand   the end of a tc(8) line that sets one of the kind, with other options
    create    the options of a new one
    in_place  options that it is changed to, without being re-created, if there are any
    recreate  options by which it is re-created, if there are any
    encoded   options, their words, and TCA_OPTIONS as tc of iproute2 6.1 sends it: for the unit test

A kind that the kernel lacks has to be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.module_utils._kernel.distributions import find
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import QDISC_KINDS
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.qdisc import QdiscResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.veth import VethResource
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import (
    Run,
    assert_unchanged,
    converge,
    converge_and_paste,
    shell,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.refusals import refuse_each

Sample = dict[str, Any]

SAMPLES: dict[str, Sample] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).with_name("qdiscs").glob("*.yml"))
}
#: Two namespaces with a link, whose owner is lab, and what its arriving packets may be led to.
STAGE = "\n".join(
    f"""
    netns add {name}
    link add name eth0 netns {name} type veth peer name {name}0
    -n {name} link set eth0 up alias netns.fabric:lab
    link set {name}0 up
    -n {name} link add name in0 type ifb
    -n {name} link add name in1 type ifb
    -n {name} link set in0 up
    -n {name} link set in1 up
    -n {name} addr add 192.0.{number}.1/24 dev eth0
    addr add 192.0.{number}.254/24 dev {name}0
    """
    for number, name in enumerate(("red", "blue"), 2)
)


@cache
def is_missing(kind: str) -> bool:
    """Return whether the kernel has no qdiscs of a kind, by trying it."""
    host = Host()
    shell(host, "link add name q0 type veth peer name q1")
    result = host.run("tc", "qdisc", "add", "dev", "q0", *by_hand(kind), check=False)
    host.clear()
    assert result.returncode == 0 or "unknown" in result.stderr, result.stderr
    return result.returncode != 0


def by_hand(kind: str) -> list[str]:
    place = [] if QDISC_KINDS[kind].ingress else ["root"]
    return [*place, *SAMPLES[kind]["by_hand"].split()]


def set_by_hand(host: Host, kind: str) -> None:
    host.run("tc", "-n", "red", "qdisc", "add", "dev", "eth0", *by_hand(kind))


@pytest.fixture(name="kind", params=sorted(SAMPLES))
def fixture_kind(request: pytest.FixtureRequest, host: Host) -> str:
    kind: str = request.param
    if is_missing(kind):
        pytest.skip("the kernel of this machine lacks the kind: see test_missing_kind_is_refused")
    shell(host, STAGE)
    return kind


def entry(kind: str, sample: str = "create", namespace: str = "red", **options: Any) -> Sample:
    """Return the entry of the link of a namespace."""
    found = {"link": "eth0", "namespace": namespace, "kind": kind, **options}
    return found if "state" in options else {**found, kind: SAMPLES[kind][sample]}


def prepared(host: Host, run_module: Run, *entries: Sample) -> Callable[[], None]:
    """Return what prepares a host on which these qdiscs were set, on the stage."""

    def prepare() -> None:
        if not host.namespaces():
            shell(host, STAGE)
        if entries:
            result = run_module("qdisc", qdiscs=list(entries), owner="lab")
            assert not result.failed, result.message

    return prepare


def show(host: Host, namespace: str = "red") -> list[dict[str, Any]]:
    """Return the qdiscs of eth0 that are not the kernel's own choice."""
    listed = host.json("tc", "-n", namespace, "-json", "qdisc", "show", "dev", "eth0")
    return [each for each in listed if each["handle"] != "0:"]


def changes(kind: str) -> list[str]:
    return [name for name in ("in_place", "recreate") if name in SAMPLES[kind]]


def test_every_kind_has_samples_and_nothing_else_has() -> None:
    assert set(SAMPLES) == set(QDISC_KINDS)


# Set, change, delete


def test_qdisc_is_set_on_links_of_two_namespaces(host: Host, run_module: Run, kind: str) -> None:
    entries = [entry(kind), entry(kind, namespace="blue")]
    result = converge_and_paste(host, run_module, prepared(host, run_module), "qdisc", qdiscs=entries, owner="lab")
    assert [change["before"] for change in result.diff] == ["", ""]
    for namespace in ("red", "blue"):
        (found,) = show(host, namespace)
        assert (found["kind"], found["handle"]) == (kind, "ffff:" if kind == "ingress" else "7ab0:")


def test_options_change(host: Host, run_module: Run, kind: str) -> None:
    """In place nothing that waits is lost: the one line is `tc qdisc change`."""
    for sample in changes(kind):
        if "distribution" in SAMPLES[kind][sample] and find(SAMPLES[kind][sample]["distribution"]) is None:
            continue  # see test_missing_table_is_refused
        prepare = prepared(host, run_module, entry(kind))
        result = converge_and_paste(host, run_module, prepare, "qdisc", qdiscs=[entry(kind, sample)], owner="lab")
        verbs = [line.split()[4] for line in result.commands if " qdisc " in line]
        assert verbs == (["change"] if sample == "in_place" else verbs)
        assert sample == "in_place" or verbs in (["del", "add"], ["replace"])
        host.clear()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("tbf", {"rate": "10gbit", "burst": "15000b", "latency": "50ms"}),
        ("tbf", {"rate": "622mbit", "burst": "777500b", "latency": "50ms"}),
        ("tbf", {"rate": "2.5gbit", "burst": "3125000b", "limit": "1mb"}),
        ("tbf", {"rate": "100gbit", "burst": "125000000b", "latency": "50ms"}),
        ("tbf", {"rate": "64kbit", "burst": "3028b", "latency": "50ms"}),
        ("fq_codel", {"quantum": 256, "memory_limit": "2gb", "target": "7ms", "ce_threshold": "1ms"}),
        ("pfifo", {"limit": 0}),
        ("bfifo", {"limit": "3gb"}),
        ("netem", {"delay": "333us", "rate": "10gbit", "limit": 1}),
    ],
)
def test_what_the_kernel_keeps_is_as_wanted(host: Host, run_module: Run, kind: str, options: Sample) -> None:
    """A token bucket has its burst as a time, which several sizes take at a high rate."""
    if is_missing(kind):
        pytest.skip("the kernel of this machine lacks the kind")
    wanted = {"link": "eth0", "namespace": "red", "kind": kind, kind: options}
    converge_and_paste(host, run_module, prepared(host, run_module), "qdisc", qdiscs=[wanted], owner="lab")


def test_another_kind_takes_the_place(host: Host, run_module: Run, kind: str) -> None:
    if kind == "ingress":
        pytest.skip("no other kind is for what arrives")
    other = "pfifo" if kind != "pfifo" else "tbf"
    prepare = prepared(host, run_module, entry(other))
    result = converge_and_paste(host, run_module, prepare, "qdisc", qdiscs=[entry(kind)], owner="lab")
    assert f"kind: {kind}" in result.diff[0]["after"]
    assert [found["kind"] for found in show(host)] == [kind]


def test_absent_restores_the_default(host: Host, run_module: Run, kind: str) -> None:
    before = snapshot.take()
    prepared(host, run_module, entry(kind))()
    converge(host, run_module, "qdisc", qdiscs=[entry(kind, state="absent")], owner="lab")
    snapshot.assert_equal_host(before, "the host after the deletion")


# Ownership


def test_only_marked_qdiscs_on_links_of_the_owner_are_pruned(host: Host, run_module: Run, kind: str) -> None:
    prepared(host, run_module, entry(kind, namespace="blue"))()
    set_by_hand(host, kind)
    assert run_module("qdisc", link="red0", kind="pfifo").changed  # nobody owns the link
    result = converge(host, run_module, "qdisc", qdiscs=[], owner="lab", prune=True)
    assert [change["before_header"].removesuffix(" ingress") for change in result.diff] == ["qdisc blue/eth0"]
    assert show(host, "blue") == []
    assert [found["kind"] for found in show(host)] == [kind]


def test_link_of_another_owner_is_left_alone(host: Host, run_module: Run, kind: str) -> None:
    prepared(host, run_module, entry(kind))()
    before = snapshot.take()
    refused = run_module("qdisc", qdiscs=[entry(kind, changes(kind)[0])], owner="web")
    assert "qdiscs[0] (eth0): link: red/eth0 is owned by lab, not by web" in refused.message
    kept = run_module("qdisc", qdiscs=[entry(kind, state="absent")], owner="web")
    assert (kept.failed, kept.changed) == (False, False)
    assert not run_module("qdisc", qdiscs=[], owner="web", prune=True).changed
    snapshot.assert_unchanged(before)


def test_qdisc_of_another_program_is_replaced_where_it_is_declared(host: Host, run_module: Run, kind: str) -> None:
    def prepare() -> None:
        prepared(host, run_module)()
        set_by_hand(host, kind)

    host.clear()
    result = converge_and_paste(host, run_module, prepare, "qdisc", qdiscs=[entry(kind)], owner="lab")
    assert result.diff[0]["before"] != ""
    assert len(show(host)) == 1


def test_ingress_with_filters_of_another_program_is_refused(host: Host, run_module: Run) -> None:
    shell(host, STAGE)
    set_by_hand(host, "ingress")
    where = (
        "dev eth0 parent ffff: protocol ip pref 5 u32 match ip dst 203.0.113.9 action mirred egress redirect dev in1"
    )
    host.run("tc", "-n", "red", "filter", "add", *where.split())
    before = snapshot.take()
    result = run_module("qdisc", qdiscs=[entry("ingress")])
    assert "another program has set a qdisc (ingress) with filters" in result.message
    assert "`tc -n red qdisc del dev eth0 ingress`" in result.message
    snapshot.assert_unchanged(before)


# Rollback


@pytest.mark.parametrize("by", ["the_handler", "the_kernel"])
def test_every_operation_refused_in_turn(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch, kind: str, by: str
) -> None:
    prepared(host, run_module, entry(kind))()
    calls = [
        [entry(kind, changes(kind)[0]), entry(kind, namespace="blue")],
        [entry(kind, namespace="blue"), entry(kind, state="absent")],
    ]
    for qdiscs in calls:
        with monkeypatch.context() as patched:
            assert refuse_each(patched, by, QdiscResource(), {"qdiscs": qdiscs, "owner": "lab"}) >= 2
        run_module("qdisc", qdiscs=[entry(kind, namespace="blue", state="absent"), entry(kind)], owner="lab")


def test_classes_and_filters_of_another_program_are_restored(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell(host, STAGE)
    for line in (
        "qdisc add dev eth0 root handle 1: htb default 20",
        "class add dev eth0 parent 1: classid 1:1 htb rate 10mbit",
        "class add dev eth0 parent 1:1 classid 1:10 htb rate 4mbit ceil 10mbit prio 1",
        "class add dev eth0 parent 1:1 classid 1:20 htb rate 6mbit",
        "qdisc add dev eth0 parent 1:10 handle 10: pfifo limit 33",
        "qdisc add dev eth0 parent 1:20 handle 20: tbf rate 1mbit burst 10kb latency 50ms",
        "filter add dev eth0 parent 1: protocol ip pref 3 u32 match ip dst 203.0.113.0/24 flowid 1:10",
    ):
        host.run("tc", "-n", "red", *line.split())

    def tree() -> list[str]:
        shown = (host.run("tc", "-n", "red", kind, "show", "dev", "eth0").stdout for kind in ("class", "filter"))
        return sorted(line for text in shown for line in text.splitlines())

    wanted = tree()
    assert len(wanted) >= 7
    refused = {"qdiscs": [entry("pfifo"), entry("tbf", namespace="blue")]}
    restored = []

    def compare(*_arguments: object, **_options: object) -> None:
        restored.append(tree() == wanted)

    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "assert_unchanged", _both(snapshot.assert_unchanged, compare))
        assert refuse_each(patched, "the_kernel", QdiscResource(), refused) == 2
    assert restored == [True, True]
    assert [found["kind"] for found in show(host)] == ["pfifo"]
    assert run_module("qdisc", qdiscs=refused["qdiscs"]).changed is False


def _both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def call(*arguments: Any, **options: Any) -> None:
        first(*arguments, **options)
        second(*arguments, **options)

    return call


def test_links_return_with_their_qdiscs(host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel deletes the qdiscs of a link that is moved or deleted: the rollback restores both."""
    prepared(host, run_module, entry("tbf"), entry("ingress"))()
    refused = {"name": "new0", "peer": {"name": "new1"}}
    for pair in (
        {"name": "eth0", "namespace": "red", "state": "absent"},
        {"name": "eth1", "namespace": "blue", "peer": {"name": "red0"}},
    ):
        with monkeypatch.context() as patched:
            assert refuse_each(patched, "the_handler", VethResource(), {"pairs": [pair, refused]}) >= 2
        host.clear()
        prepared(host, run_module, entry("tbf"), entry("ingress"))()


def test_qdisc_whose_target_is_deleted(host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter stays and leads nowhere: it is repaired, and pruned; a rollback leads to the restored link again."""
    prepared(host, run_module, entry("ingress"))()
    doomed = [{"name": "in0", "namespace": "red", "kind": "ifb", "state": "absent"}, {"name": "new0", "kind": "ifb"}]
    with monkeypatch.context() as patched:
        assert refuse_each(patched, "the_handler", LinkResource(), {"links": doomed}) >= 2
    assert not host.pings("192.0.2.254", "red")
    repaired = {**entry("ingress"), "ingress": {"redirect": "in1"}}
    result = converge(host, run_module, "qdisc", qdiscs=[repaired], owner="lab")
    assert result.diff[0]["after"] == "ingress.redirect: in1\n"
    assert host.pings("192.0.2.254", "red")
    shell(host, "-n red link del in1")
    converge(host, run_module, "qdisc", qdiscs=[], owner="lab", prune=True)
    assert show(host) == []
    assert host.pings("192.0.2.254", "red")


# Facts


def test_facts_fed_back_change_nothing_and_build_the_same_again(host: Host, run_module: Run, kind: str) -> None:
    prepared(host, run_module, entry(kind), entry(kind, namespace="blue"))()
    wanted = snapshot.take()
    for owner in ({"owner": "lab"}, {}):
        facts = run_module("topology_info", **owner).returned["declarations"]["qdiscs"]
        assert [found["kind"] for found in facts] == [kind, kind]
        assert_unchanged(run_module("qdisc", qdiscs=facts, **owner))
    reported = run_module("topology_info").returned["namespaces"]
    (space,) = [each for each in reported if each["name"] == "red"]
    (link,) = [each for each in space["links"] if each["name"] == "eth0"]
    (found,) = link["qdiscs"]
    assert (found["kind"], found["parent"]) == (kind, "ingress" if kind == "ingress" else "root")
    given = {name: value for name, value in SAMPLES[kind]["create"].items() if name != "latency"}
    assert {name: found["options"][name] for name in given} == given
    host.clear()
    shell(host, STAGE)
    assert run_module("qdisc", qdiscs=facts, owner="lab").changed
    snapshot.assert_equal_host(wanted, "the host built from its facts")


# What is refused


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_missing_kind_is_refused(host: Host, run_module: Run, kind: str) -> None:
    """Before the first write, in check mode too, and by name."""
    if not is_missing(kind):
        pytest.skip("the kernel has the kind")
    shell(host, STAGE)
    before = snapshot.take()
    for check in (True, False):
        result = run_module("qdisc", qdiscs=[entry("pfifo", namespace="blue"), entry(kind)], _check=check)
        assert f"qdiscs[1] (eth0): kind: the kernel of this host has no qdiscs of the kind {kind}" in result.message
        assert f"`modprobe -a {' '.join(QDISC_KINDS[kind].modules)}`" in result.message
    snapshot.assert_unchanged(before)
    assert not run_module("qdisc", qdiscs=[entry(kind, state="absent")]).changed


def test_missing_table_is_refused(host: Host, run_module: Run) -> None:
    shell(host, STAGE)
    before = snapshot.take()
    options = {"delay": "20ms", "jitter": "5ms", "distribution": "pareto"}
    path = find("pareto")
    if path is not None:
        host.run("mount", "-t", "tmpfs", "none", str(Path(path).parent))
    for check in (True, False):
        result = run_module("qdisc", link="eth0", namespace="red", kind="netem", netem=options, _check=check)
        assert "eth0: netem: the table of the distribution pareto, /usr/lib/tc/pareto.dist, is" in result.message
        assert "install iproute2 with it" in result.message
    if path is not None:
        host.run("umount", str(Path(path).parent))
    snapshot.assert_unchanged(before)


def test_burst_below_the_largest_packet_is_refused(host: Host, run_module: Run) -> None:
    """The kernel takes it, and drops every packet that is larger."""
    shell(host, STAGE)
    before = snapshot.take()
    result = run_module(
        "qdisc", link="eth0", namespace="red", kind="tbf", tbf={**SAMPLES["tbf"]["create"], "burst": 1500}
    )
    assert "eth0: tbf.burst: 1500b is less than the largest packet of eth0, 1514 bytes" in result.message
    assert "give at least 1514b" in result.message
    snapshot.assert_unchanged(before)


def test_link_that_is_down_takes_nothing(host: Host, run_module: Run) -> None:
    shell(host, STAGE + "-n red link set in0 down")
    result = run_module("qdisc", qdiscs=[entry("ingress")])
    assert "ingress.redirect: in0 is down, and what is led there would be lost; bring it up first" in result.message
    result = run_module("qdisc", qdiscs=[{**entry("ingress"), "ingress": {"redirect": "eth0"}}])
    assert "ingress.redirect: eth0 is the link itself" in result.message
    result = run_module("qdisc", qdiscs=[{**entry("ingress"), "ingress": {"redirect": "in7"}}])
    assert "ingress.redirect: there is no link in7 in the namespace red" in result.message


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("tbf", {"rate": "200000000tbit", "burst": "10kb", "latency": "1ms"}, "tbf.rate: '200000000tbit' is above"),
        ("netem", {"rate": "200000000tbit"}, "netem.rate: '200000000tbit' is above 147573952tbit"),
        ("tbf", {"rate": "1kbit", "burst": "1mb", "latency": "1ms"}, "tbf.burst: 1mb take longer than 274 s"),
        ("fq_codel", {"quantum": 255}, "fq_codel.quantum: 255 is not a valid number"),
        ("fq_codel", {"memory_limit": "3gb"}, "fq_codel.memory_limit: '3gb' is above 2048mb"),
    ],
)
def test_what_the_kernel_cannot_keep_is_refused(
    host: Host, run_module: Run, kind: str, options: Sample, reason: str
) -> None:
    shell(host, STAGE)
    before = snapshot.take()
    for check in (True, False):
        result = run_module("qdisc", link="eth0", namespace="red", kind=kind, **{kind: options}, _check=check)
        assert f"eth0: {reason}" in result.message
    snapshot.assert_unchanged(before)


# Alternative names, links that do not exist yet


def test_alternative_names(host: Host, run_module: Run) -> None:
    shell(
        host,
        STAGE + "-n red link property add dev eth0 altname uplink-of-the-red-one\n"
        "-n red link property add dev in0 altname inlet-of-the-red-one",
    )
    entries = [
        {**entry("tbf"), "link": "uplink-of-the-red-one"},
        {**entry("ingress"), "ingress": {"redirect": "inlet-of-the-red-one"}},
    ]
    result = converge(host, run_module, "qdisc", qdiscs=entries)
    assert "dev eth0" in result.commands[0]
    assert result.commands[2].endswith("redirect dev in0")
    twice = run_module("qdisc", qdiscs=[*entries, entry("pfifo")])
    assert "qdiscs[2] (eth0): link: is the same link as that of qdiscs[0] (uplink-of-the-red-one)" in twice.message


def test_link_of_an_earlier_task_is_assumed_in_check_mode(host: Host, run_module: Run) -> None:
    shell(host, "netns add red")
    checked = run_module("qdisc", qdiscs=[entry("tbf"), entry("ingress")], _check=True)
    assert (checked.failed, checked.changed) == (False, True)
    assert any("red/eth0" in warning for warning in checked.warnings)
    real = run_module("qdisc", qdiscs=[entry("tbf")])
    assert "link: there is no link eth0 in the namespace red" in real.message

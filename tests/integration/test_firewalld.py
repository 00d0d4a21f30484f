# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT on a host with firewalld, which by default rejects whatever is forwarded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import firewalld
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import UPLINK, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    OUTSIDE6,
    SOURCE,
    SOURCE6,
    UPLINK6,
    Cycle,
    World,
    clear_legacy,
)

pytestmark = pytest.mark.skipif(
    shutil.which("firewall-cmd") is None, reason="firewalld is not installed, which `make setup-checks` does on Debian"
)

BOTH = [{"source": SOURCE}, {"source": SOURCE6}]
OUT = f'rule family="ipv4" source address="{SOURCE}" destination NOT address="{SOURCE}" accept'


@pytest.fixture
def running(outside_world: Host) -> Iterator[Host]:
    """Give a host with an outside world on which firewalld runs."""
    processes = firewalld.start()
    yield outside_world
    firewalld.stop(processes)


@pytest.fixture
def world(running: Host) -> Iterator[World]:
    yield World(running)
    clear_legacy(running)


@pytest.fixture
def masquerade(world: World, run_module: RunModule) -> Cycle:
    return Cycle(run_module, world, "nat_masquerade")


class Policies:
    """The policies of this collection in firewalld, permanent and running."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def owned(self) -> list[str]:
        """Return the names of this collection's policies in both configurations."""
        listed = (self._host.run("firewall-cmd", *where, "--get-policies").stdout for where in ((), ("--permanent",)))
        return [name for names in listed for name in names.split() if name.startswith("netnsfab-")]

    def everything(self) -> list[str]:
        """Return both configurations."""
        return [
            self._host.run("firewall-cmd", *where, option).stdout
            for where in ((), ("--permanent",))
            for option in ("--list-all-zones", "--list-all-policies")
        ]


@pytest.fixture
def policies(running: Host) -> Policies:
    return Policies(running)


def cmd(host: Host, *arguments: str) -> str:
    return host.run("firewall-cmd", *arguments).stdout.strip()


def test_created_modified_deleted(world: World, masquerade: Cycle, policies: Policies) -> None:
    before = policies.everything()
    masquerade(rules=BOTH, owner="lab-a", accept_forward="auto")
    assert (world.seen_as(), world.seen_as(OUTSIDE6)) == (UPLINK_ADDRESS, UPLINK6)
    assert len(policies.owned()) == 2
    masquerade(rules=[BOTH[0], {**BOTH[1], "accept_forward": "never"}], owner="lab-a")
    assert world.seen_as() == UPLINK_ADDRESS
    assert world.unanswered(OUTSIDE6)
    masquerade(rules=[], prune=True, owner="lab-a")
    assert policies.owned() == []
    assert policies.everything() == before
    assert world.unanswered()


def test_it_is_reported_as_an_obstacle(world: World, masquerade: Cycle, policies: Policies) -> None:
    result = masquerade(source=SOURCE, accept_forward="never")
    assert "firewalld filter_FORWARD (ends with reject), left alone: accept_forward" in result.returned["blocked_by"][0]
    assert world.unanswered()
    result = masquerade(source=SOURCE)
    assert result.returned["blocked_by"] == []
    assert world.seen_as() == UPLINK_ADDRESS
    # The host itself is as closed to the network behind it as before.
    assert world.seen_as("192.168.100.254", timeout=0.4) == ""
    masquerade(source=SOURCE, state="absent")
    assert policies.owned() == []


def test_interface_that_no_rule_of_firewalld_can_match(world: World, masquerade: Cycle) -> None:
    result = masquerade(source=SOURCE, out_interface=UPLINK)
    assert "or omit `out_interface`" in result.returned["blocked_by"][0]
    assert world.unanswered()


@pytest.mark.parametrize("event", ["reload", "complete-reload", "flush", "runtime", "permanent"])
def test_after_rules_were_removed(
    running: Host, world: World, masquerade: Cycle, policies: Policies, event: str
) -> None:
    masquerade.simply(source=SOURCE, owner="lab-a")
    (name,) = set(policies.owned())
    if event == "flush":
        running.run("nft", "flush", "ruleset")
        assert world.unanswered()
        # firewalld 1.3 fails to reload without its table, which it deletes first.
        running.run("nft", "add", "table", "inet", "firewalld")
    elif "reload" in event:
        cmd(running, f"--{event}")
        assert world.seen_as() == UPLINK_ADDRESS
        assert not masquerade.check(source=SOURCE, owner="lab-a").changed
    else:
        where = [] if event == "runtime" else ["--permanent"]
        cmd(running, *where, f"--policy={name}", f"--remove-rich-rule={OUT}")
        assert world.unanswered() == (event == "runtime")
    masquerade.simply(source=SOURCE, owner="lab-a")
    assert world.seen_as() == UPLINK_ADDRESS
    assert not masquerade.simply(source=SOURCE, owner="lab-a").changed
    cmd(running, "--reload")
    assert world.seen_as() == UPLINK_ADDRESS


def test_the_commands_do_the_same(running: Host, masquerade: Cycle) -> None:
    for wanted in (BOTH, [{**entry, "state": "absent"} for entry in BOTH]):
        checked = masquerade.check(rules=wanted, owner="lab-a")
        assert checked.changed
        running.run("sh", "-ec", "\n".join(checked.commands))
        assert not masquerade.simply(rules=wanted, owner="lab-a").changed


def test_no_reload_that_would_lose_something(
    running: Host, world: World, masquerade: Cycle, policies: Policies
) -> None:
    cmd(running, "--zone=public", "--add-port=4242/tcp")
    before = policies.everything()
    result = masquerade(source=SOURCE)
    assert "would change zone public" in result.returned["blocked_by"][0]
    assert policies.everything() == before
    assert world.unanswered()
    cmd(running, "--runtime-to-permanent")
    assert masquerade(source=SOURCE).returned["blocked_by"] == []
    assert world.seen_as() == UPLINK_ADDRESS
    # Once the policy exists, neither a further network nor the removal needs a reload.
    cmd(running, "--zone=public", "--add-port=4343/tcp")
    masquerade(rules=[{"source": SOURCE}, {"source": SOURCE6}])
    assert world.seen_as(OUTSIDE6) == UPLINK6
    masquerade(rules=[{"source": SOURCE, "state": "absent"}, {"source": SOURCE6, "state": "absent"}])
    assert world.unanswered()
    assert "4343/tcp" in cmd(running, "--zone=public", "--list-ports")


def test_two_owners_and_a_policy_of_somebody_else(
    running: Host, world: World, masquerade: Cycle, policies: Policies
) -> None:
    for owner in ("lab-a", "lab-b"):
        masquerade.simply(source=SOURCE, owner=owner)
    assert len(set(policies.owned())) == 2
    masquerade(owner="lab-a", rules=[], prune=True)
    assert len(set(policies.owned())) == 1
    assert world.seen_as() == UPLINK_ADDRESS
    (name,) = set(policies.owned())
    cmd(running, "--permanent", f"--policy={name}", "--set-description=somebody's")
    cmd(running, "--reload")
    assert "belongs to somebody else" in masquerade(owner="lab-b", rules=[{"source": SOURCE}]).returned["blocked_by"][0]
    masquerade(owner="lab-b", rules=[], prune=True)
    assert set(policies.owned()) == {name}


def test_refused_change_is_rolled_back(
    running: Host, world: World, masquerade: Cycle, policies: Policies, tmp_path: Path
) -> None:
    real = shutil.which("firewall-cmd")
    script = tmp_path / "firewall-cmd"
    script.write_text(f'#!/bin/sh\ncase "$*" in *add-rich-rule*) exit 99 ;; esac\nexec {real} "$@"\n', "ascii")
    script.chmod(0o755)
    masquerade.env = {"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"}
    before = policies.everything()
    message = masquerade.fails(source=SOURCE, owner="lab-a")
    assert "firewalld refused" in message
    assert "rolled back; the host is unchanged" in message
    assert policies.everything() == before
    assert cmd(running, "--state") == "running"
    assert world.unanswered()


def test_call_that_fails_after_firewalld_has_done_it(
    world: World, masquerade: Cycle, policies: Policies, tmp_path: Path
) -> None:
    """The call fails when firewalld has done it, and so do those of the rollback."""
    for verb, ending in (("add-rich-rule", "kill -9 $$"), ("reload", "exit 99")):
        masquerade.env = failing_call(tmp_path, verb, ending)
        before = policies.everything()
        message = masquerade.fails(source=SOURCE, owner="lab-a")
        assert "rolled back; the host is unchanged" in message, message
        assert policies.everything() == before
        assert world.unanswered()
    masquerade.env = {}
    masquerade.simply(source=SOURCE, owner="lab-a")
    masquerade.env = failing_call(tmp_path, "delete-policy", "kill -9 $$")
    before = policies.everything()
    message = masquerade.fails(source=SOURCE, owner="lab-a", state="absent")
    assert "rolled back; the host is unchanged" in message, message
    assert policies.everything() == before
    assert world.seen_as() == UPLINK_ADDRESS


def failing_call(directory: Path, verb: str, ending: str) -> dict[str, str]:
    """Return an environment in which firewall-cmd does what it is called for, and then fails for some calls."""
    script = directory / "firewall-cmd"
    real = "/usr/bin/firewall-cmd"
    words = f"*{verb}*|*delete-policy*|*remove-*" if verb != "delete-policy" else f"*{verb}*|*new-policy*|*add-*"
    script.write_text(f'#!/bin/sh\n{real} "$@" || exit\ncase "$*" in {words}) {ending} ;; esac\n', "ascii")
    script.chmod(0o755)
    return {"PATH": f"{directory}:/usr/sbin:/usr/bin:/sbin:/bin"}


def test_firewalld_that_is_not_running(running: Host, masquerade: Cycle, run_module: RunModule) -> None:
    masquerade.simply(source=SOURCE)
    bus = Path("/run/dbus/system_bus_socket")
    bus.rename("/run/dbus/elsewhere")
    result = run_module("nat_masquerade", source=SOURCE, state="absent")
    assert "firewall-offline-cmd --delete-policy=" in str(result.warnings)
    Path("/run/dbus/elsewhere").rename(bus)
    masquerade(source=SOURCE, state="absent")
    assert "netnsfab" not in cmd(running, "--permanent", "--get-policies")


def test_firewall_cmd_is_not_called_where_firewalld_does_not_run(
    outside_world: Host, run_module: RunModule, tmp_path: Path
) -> None:
    processes = firewalld.start()
    calls = tmp_path / "calls"
    script = tmp_path / "firewall-cmd"
    script.write_text(f'#!/bin/sh\necho "$*" >>{calls}\nexec /usr/bin/firewall-cmd "$@"\n', "ascii")
    script.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        processes[-1].terminate()
        processes[-1].wait(timeout=20)
        run_module("nat_masquerade", source=SOURCE, _env=environment)
        assert not calls.exists()
    finally:
        firewalld.stop(processes)
    run_module("nat_masquerade", source=SOURCE, state="absent")


def test_no_reload_that_would_end_an_isolation(
    world: World, masquerade: Cycle, policies: Policies, run_module: RunModule
) -> None:
    """A reload of firewalld flushes iptables: what is closed there would be open."""
    isolated: dict[str, Any] = {"link": "to-ns01", "networks": [SOURCE], "backend": "iptables"}
    run_module("isolation", **isolated)
    blocked = masquerade(source=SOURCE).returned["blocked_by"]
    assert "with it the rules of netns.fabric.isolation there; set `backend: nftables`" in blocked[0]
    assert policies.owned() == []
    run_module("isolation", **isolated, state="absent")
    masquerade(source=SOURCE)
    # The policy is there, and is emptied without a reload.
    run_module("isolation", **isolated)
    masquerade.simply(source=SOURCE, state="absent")
    assert "fabric-from-to-ns01" in world.save("nft")
    assert "rich" not in cmd(world._host, f"--info-policy={policies.owned()[0]}").partition("rich rules:")[2]

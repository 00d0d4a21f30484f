# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role topology derives for OVN: who writes to which database, with which keys, and what is waited for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import build_diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.mermaid import write_mermaid
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import logical, reference

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19, which trusts every string

    def trust_as_template(value: str) -> str:
        return value


ROLE = Path(__file__).parents[3] / "roles" / "topology"
HOSTS = ["one", "two", "three"]
#: The topology after its last logical switch was removed.
WITHOUT_OVN = {
    "topology_bridges": reference()["bridges"],
    "topology__lists": compile_topology({**reference(), "name": "lab"}),
}
KEYS = {
    "key": "/etc/ovn/netns.fabric-central/key.pem",
    "certificate": "/etc/ovn/netns.fabric-central/certificate.pem",
    "ca_certificate": "/etc/ovn/netns.fabric-central/ca.pem",
}


def load(name: str) -> Any:
    """Return a file of the role, with its templates trusted as Ansible trusts them."""
    return trust(DataLoader().load_from_file(str(ROLE / name)))


def trust(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: trust(each) for key, each in value.items()}
    if isinstance(value, list):
        return [trust(each) for each in value]
    return trust_as_template(value) if isinstance(value, str) else value


def task(file: str, name: str) -> dict[str, Any]:
    """Return a task of the role by its name."""

    def find(tasks: list[dict[str, Any]]) -> Any:
        for each in tasks:
            found = each if each["name"] == name else find(each.get("block", []))
            if found:
                return found
        return None

    found = find(load(f"tasks/{file}.yml"))
    assert found, name
    return dict(found)


def evaluate(expression: Any, **given: Any) -> Any:
    """Return a value of the role as host `one` evaluates it."""
    members = {
        "one": {"ovn_central_address": "192.0.2.1"},
        "two": {"ovn_central_address": "2001:db8::2", "topology_ovn_chassis": "c2"},
        "three": {},
    }
    variables = {
        **load("defaults/main.yml"),
        **load("vars/main.yml"),
        "inventory_hostname": "one",
        "ansible_play_hosts": HOSTS,
        "ansible_play_hosts_all": HOSTS,
        "ansible_play_batch": HOSTS,
        "ansible_check_mode": False,
        "groups": {"ovn_central": ["one", "two"]},
        "hostvars": members,
        "topology_bridges": logical()["bridges"],
        "topology__lists": compile_topology(logical(this_host="one")),
        **given,
    }
    return Templar(loader=DataLoader(), variables=variables).template(expression)


def variable(name: str, **given: Any) -> Any:
    return evaluate(load("vars/main.yml")[name], **given)


@pytest.mark.parametrize(
    ("given", "database", "keys"),
    [
        ({}, "ssl:192.0.2.1:6641,ssl:[2001:db8::2]:6641", KEYS),
        ({"topology_ovn_database": "unix:/run/ovn/ovnnb_db.sock"}, "unix:/run/ovn/ovnnb_db.sock", {}),
        (
            {"hostvars": {"one": {"ovn_central_address": "192.0.2.1", "ovn_central_tls": False}, "two": {}}},
            "tcp:192.0.2.1:6641",
            {},
        ),
        ({"topology_ovn_tls_files": {"key": "k"}}, "ssl:192.0.2.1:6641,ssl:[2001:db8::2]:6641", {"key": "k"}),
        ({"groups": {}}, "", {}),
    ],
)
def test_the_database_is_that_of_the_group(given: dict[str, Any], database: str, keys: dict[str, str]) -> None:
    assert variable("topology__database", **given) == database
    assert variable("topology__database_keys", **given) == keys


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ({}, "one"),
        # One that is lost, or that the play is not about.
        ({"ansible_play_hosts": ["two", "three"]}, "two"),
        ({"ansible_play_hosts": ["three"]}, "one"),
        ({"topology_ovn_database_host": "three"}, "three"),
        ({"groups": {}}, "one"),
    ],
)
def test_a_member_writes_that_is_reached(given: dict[str, Any], host: str) -> None:
    assert variable("topology__database_host", **given) == host


def test_one_host_writes_for_all_that_have_the_topology() -> None:
    writer = task("northbound", "Converge the logical networks in OVN's northbound database")["vars"][
        "topology__writer"
    ]
    lists = {name: compile_topology(logical(this_host="one", name=name)) for name in ("lab", "dmz")}
    hostvars = {
        "one": {"topology__checked": "dmz", "topology__lists": lists["dmz"]},
        "two": {"topology__checked": "lab", "topology__lists": lists["lab"]},
        "three": {"topology__checked": "lab", "topology__lists": lists["lab"]},
    }
    assert evaluate(writer, hostvars=hostvars, topology_name="lab") == "two"
    assert evaluate(writer, hostvars=hostvars, topology_name="dmz") == "one"
    assert evaluate(writer, hostvars={**hostvars, "two": {}}, topology_name="lab") == "three"
    # One host deletes what is not declared any more; another topology has the name by chance.
    hostvars["three"]["topology__lists"] = compile_topology({**reference(), "name": "lab"})
    assert evaluate(writer, hostvars=hostvars, topology_name="lab", **WITHOUT_OVN) == "three"


def test_steps_of_the_northbound_database_are_one_transaction() -> None:
    found = task("northbound", "Converge the logical networks in OVN's northbound database")
    steps = evaluate(found["netns.fabric.sequence"]["steps"], **found["vars"], topology_name="lab")
    assert [step["module"] for step in steps] == ["ovn_switch", "ovn_router", "ovn_acl"]
    absent = {**found["vars"], "topology_state": "absent"}
    assert evaluate(found["netns.fabric.sequence"]["steps"], **absent, topology_name="lab") == steps[::-1]
    emptied = evaluate(found["netns.fabric.sequence"]["steps"], **found["vars"], topology_name="lab", **WITHOUT_OVN)
    assert [(step["module"], next(iter(step["options"].items()))) for step in emptied] == [
        ("ovn_acl", ("groups", [])),
        ("ovn_router", ("routers", [])),
        ("ovn_switch", ("switches", [])),
    ]
    shared = [
        {name: value for name, value in step["options"].items() if name not in ("switches", "routers", "groups")}
        for step in steps
    ]
    assert shared[0] == shared[1] == shared[2]
    assert {**shared[0], "timeout": int(shared[0]["timeout"])} == {
        "owner": "lab",
        "prune": True,
        "database": "ssl:192.0.2.1:6641,ssl:[2001:db8::2]:6641",
        "timeout": 10,
        "private_key": KEYS["key"],
        "certificate": KEYS["certificate"],
        "ca_certificate": KEYS["ca_certificate"],
    }


@pytest.mark.parametrize(("check_mode", "third"), [(False, ""), (True, "three")])
def test_the_name_in_ovn_is_the_one_that_is_set_or_read(check_mode: bool, third: str) -> None:
    collect = task("read_ovn", "Collect the names of all hosts in OVN")["ansible.builtin.set_fact"]
    hostvars = {
        "one": {"topology__chassis": {"stdout": '"0a1b"'}},
        "two": {"topology_ovn_chassis": "c2", "topology__chassis": {"skipped": True}},
        "three": {"topology__chassis": {"stdout": "", "rc": 1}},
    }
    given = {"hostvars": hostvars, "ansible_check_mode": check_mode, "topology_hosts": [*HOSTS, "gone"]}
    found = evaluate(collect["topology__named_in_ovn"], **given)
    assert found == {"one": "0a1b", "two": "c2", "three": third}
    names = load("vars/main.yml")["topology__ovn_chassis"]
    assert evaluate(names, **given, topology__named_in_ovn=found) == {**found, "gone": ""}
    # A deletion does not read them.
    assert evaluate(names, **given) == {"one": "", "two": "c2", "three": "", "gone": ""}
    assert evaluate(names, **given, topology_bridges=reference()["bridges"]) == {}


@pytest.mark.parametrize(
    ("given", "is_logical"),
    [({}, True), ({"topology_bridges": reference()["bridges"]}, False), ({"topology_bridges": None}, False)],
)
def test_ovn_is_asked_only_where_it_has_a_part(given: dict[str, Any], is_logical: bool) -> None:
    assert variable("topology__logical", **given) is is_logical


@pytest.mark.parametrize(
    ("bridges", "address"), [([{"name": "br", "mesh": {"vni": 7}}], "192.0.2.1"), (logical()["bridges"], "")]
)
@pytest.mark.parametrize("given", [{}, {"topology_hosts": ["one", "n.one"], "ansible_limit": "one"}])
def test_a_namespace_in_the_inventory_is_none_of_the_hosts(
    bridges: list[Any], address: str, given: dict[str, Any]
) -> None:
    """The play begins with it and ends for it, where the inventory plugin adds it to a group of another name."""
    play = {
        "topology_bridges": bridges,
        "hostvars": {"one": {"ansible_host": "192.0.2.1"}, "n.one": {"netns_host": "one"}},
        "ansible_play_hosts": ["one"],
        "ansible_play_hosts_all": ["one", "n.one"],
        **given,
    }
    assert variable("topology__hosts", **play) == {"one": address}
    assert "n.one" not in variable("topology__ovn_chassis", **play)
    deleting = task("build", "Delete the logical networks")["when"]
    assert all(evaluate(trust(f"{{{{ {each} }}}}"), **play, topology_state="absent") for each in deleting)


@pytest.mark.parametrize(
    ("given", "is_done"),
    [
        ({}, True),
        # A host that has failed, or that the run does not reach, is one that the play has left behind as well.
        ({"ansible_play_hosts": ["one", "two"]}, False),
        ({"ansible_limit": "one"}, False),
        ({"ansible_limit": "one", "topology_hosts": [*HOSTS, "four"]}, False),
        ({"topology_state": "present"}, False),
    ],
)
def test_the_logical_networks_are_deleted_with_the_last_host(given: dict[str, Any], is_done: bool) -> None:
    conditions = task("build", "Delete the logical networks")["when"]
    given = {"topology_state": "absent", **given}
    assert all(evaluate(trust(f"{{{{ {condition} }}}}"), **given) for condition in conditions) is is_done


def test_the_diagram_is_checked_as_what_was_built() -> None:
    """By all variables: that of the underlay's MTU allows more than the default."""
    lab = logical()
    lab["namespaces"][0]["interfaces"][0]["mtu"] = 8000
    given = {f"topology_{name}": value for name, value in lab.items()}
    given["topology__named_in_ovn"] = {name: f"c-{name}" for name in HOSTS}
    drawn = task("build", "Draw the topology")["vars"]["topology__drawn"]
    assert "eth0" in write_mermaid(build_diagram(evaluate(drawn, **given, topology_ovn_underlay_mtu=9000)))
    with pytest.raises(ValueError, match="OVN's tunnels over a network with an MTU of 1500"):
        build_diagram(evaluate(drawn, **given))


def ports_in_ovn(*names: str) -> dict[str, Any]:
    """Return what a host answers that has ports of these names in OVN, and other links."""
    data = [[["map", [["iface-id", name], ["ovn-installed", "true"]]]] for name in names]
    return {"stdout": json.dumps({"data": [[["map", []]], *data], "headings": ["external_ids"]})}


@pytest.mark.parametrize(
    ("given", "is_left"),
    [
        (WITHOUT_OVN, True),
        ({}, False),
        ({**WITHOUT_OVN, "topology_name": "dmz"}, False),
        ({**WITHOUT_OVN, "topology_prune": False}, False),
        ({**WITHOUT_OVN, "topology_state": "absent"}, True),
        ({**WITHOUT_OVN, "topology_state": "absent", "ansible_limit": "one"}, False),
        ({**WITHOUT_OVN, "ansible_limit": "one"}, True),
    ],
)
def test_what_is_not_declared_any_more_is_known_by_ports(given: dict[str, Any], is_left: bool) -> None:
    collect = task("read_ovn", "Collect the topologies that have ports in OVN")["ansible.builtin.set_fact"]
    hostvars = {
        "one": {"topology__ports_in_ovn": ports_in_ovn()},
        "two": {"topology__ports_in_ovn": ports_in_ovn("lab/a/eth0", "of/the/edge/b/eth0", "2b7a-11ee")},
        "three": {"topology__ports_in_ovn": {"stdout": "", "rc": 1}},
    }
    found = evaluate(collect["topology__seen_in_ovn"], hostvars=hostvars)
    assert found == ["lab", "of/the/edge", "2b7a-11ee"]
    assert variable("topology__left", **{"topology_name": "lab", "topology__seen_in_ovn": found, **given}) is is_left
    assert variable("topology__left", **{"topology_name": "lab", **given}) is False


@pytest.mark.parametrize(
    ("given", "is_named"),
    [
        ({}, True),
        (WITHOUT_OVN, False),
        # Deleted from the database once all hosts are confirmed.
        ({"topology_state": "absent"}, False),
        ({**WITHOUT_OVN, "topology__seen_in_ovn": ["lab"]}, True),
    ],
)
def test_a_run_that_is_rolled_back_says_what_becomes_of_the_logical_networks(
    given: dict[str, Any], is_named: bool
) -> None:
    """The confirmation fails where OVN has no part, and else the task that names it."""
    given = {"topology_name": "lab", "topology__confirmed": {"failed": True, "msg": "All were rolled back."}, **given}
    confirm, fail = (task("confirm", name) for name in ("Confirm the run", "Fail if the run was not confirmed"))
    assert evaluate(trust(f"{{{{ {confirm['failed_when']} }}}}"), **given) is not is_named
    assert evaluate(trust(f"{{{{ {fail['when']} }}}}"), **given) is True
    message = evaluate(fail["ansible.builtin.fail"]["msg"], **given)
    assert message.startswith(
        "All were rolled back. The logical networks in OVN's northbound database are not of the host"
    )
    confirmed = {**given, "topology__confirmed": {"changed": True}}
    assert evaluate(trust(f"{{{{ {confirm['failed_when']} }}}}"), **confirmed) is False
    assert evaluate(trust(f"{{{{ {fail['when']} }}}}"), **confirmed) is False


@pytest.mark.parametrize(
    ("given", "is_read"),
    [
        ({}, True),
        ({"topology_state": "absent"}, False),
        (WITHOUT_OVN, True),
        ({**WITHOUT_OVN, "topology_prune": False}, False),
        # No OVN that the play knows of.
        ({**WITHOUT_OVN, "groups": {}}, False),
    ],
)
def test_a_topology_without_ovn_asks_nothing_of_it(given: dict[str, Any], is_read: bool) -> None:
    condition = task("check", "Read what the hosts have of OVN")["when"]
    assert evaluate(trust(f"{{{{ {condition} }}}}"), **given) is is_read


def test_each_host_waits_for_its_own_ports() -> None:
    waiting = task("verify_hosts", "Wait until OVN has connected the namespaces")
    assert evaluate(waiting["ansible.builtin.command"]["argv"], **waiting["vars"]) == [
        "ovs-vsctl",
        "--timeout=60",
        *("--", "wait-until", "Interface", "a-eth0", "external_ids:ovn-installed=true"),
        *("--", "wait-until", "Interface", "d-eth0", "external_ids:ovn-installed=true"),
    ]
    assert variable("topology__logical_ports", topology__lists=compile_topology(reference())) == []


@pytest.mark.parametrize(
    ("given", "is_done"),
    [
        ({"topology__built": {"changed": True}}, True),
        ({"topology__built": {"changed": False}}, False),
        ({"topology__built": {"changed": False, "skipped": True}}, False),
        ({}, False),
        ({"topology__built": {"changed": True}, "topology__lists": compile_topology(reference())}, False),
    ],
)
def test_open_vswitch_decides_again_after_a_change(given: dict[str, Any], is_done: bool) -> None:
    conditions = task("verify_hosts", "Have Open vSwitch decide again on packets")["when"]
    assert all(evaluate(trust(f"{{{{ {condition} }}}}"), **given) for condition in conditions) is is_done


def test_ports_that_are_not_connected_are_named() -> None:
    failing = task("verify_hosts", "Fail if OVN has not connected all namespaces")["vars"]["topology__unconnected"]
    listed = {
        "headings": ["name", "external_ids"],
        "data": [
            ["a-eth0", ["map", [["iface-id", "lab/a/eth0"], ["ovn-installed", "true"]]]],
            ["d-eth0", ["map", [["iface-id", "lab/d/eth0"]]]],
        ],
    }
    assert evaluate(failing, topology__listed_ports={"stdout": json.dumps(listed)}) == ["d-eth0"]


@pytest.mark.parametrize(
    ("given", "is_complete"),
    [
        ({}, True),
        ({"ansible_limit": "one"}, False),
        ({"ansible_limit": "one", "topology_hosts": HOSTS, "ansible_play_hosts_all": ["one"]}, False),
        ({"ansible_limit": "all", "topology_hosts": HOSTS}, True),
    ],
)
def test_a_host_that_leaves_takes_the_network_from_none(given: dict[str, Any], is_complete: bool) -> None:
    conditions = task("build", "Delete the logical networks")["when"]
    given = {**given, "topology_state": "absent"}
    assert all(evaluate(trust(f"{{{{ {condition} }}}}"), **given) for condition in conditions) is is_complete


def test_a_missing_database_is_an_error() -> None:
    nowhere = task("check", "Fail if the topology has errors")["vars"]["topology__nowhere"]
    assert evaluate(nowhere) == []
    (error,) = evaluate(nowhere, groups={})
    assert error.startswith("topology_ovn_database: is empty")
    assert evaluate(nowhere, groups={}, topology_bridges=reference()["bridges"]) == []

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read from the host, and in which namespaces."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.journal import BackendType
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import WantedMasquerade
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import Actual
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.nat_samples import (
    ALL_TOOLS,
    RESOURCE,
    wanted,
)


class TestRead:
    class Kernel:
        def __init__(self) -> None:
            self.requested: list[Any] = []

        def namespace_names(self, preferred: Any) -> set[str]:  # noqa: ARG002  # as the kernel's
            return {"blue", "red"}

        def read(self, namespaces: Any) -> KernelState:
            self.requested = list(namespaces)
            return KernelState({name: NamespaceState(name) for name in self.requested})

        def sysctl(self, namespace: str | None, key: str) -> str | None:
            return f"{namespace}:{key}"

    class Firewall:
        tools = ALL_TOOLS

        def read(self, namespaces: Any, *, all_nat: bool, others: list[str]) -> dict[str | None, Ruleset]:
            assert all_nat
            return {name: Ruleset() for name in [*namespaces, *others] if name != "new"}

    class Firewalld:
        def policy(self, *_arguments: Any) -> None:
            return None

        def has_policy_file(self, _name: str) -> bool:
            return False

    class Host:
        def __init__(self) -> None:
            self.simulated: dict[str, Any] = {}
            self.kernel = TestRead.Kernel()
            self.opened = {
                "firewalld": TestRead.Firewalld(),
                "kernel": self.kernel,
                "firewall": TestRead.Firewall(),
            }

        def use(self, backend: BackendType[Any]) -> Any:
            return self.opened[backend.name]

    def read(self, *entries: WantedMasquerade, **call: Any) -> tuple[Actual, list[Any]]:
        host = self.Host()
        return RESOURCE.read(host, Call(entries=entries, **call)), host.kernel.requested  # type: ignore[arg-type]  # a stand-in for the host

    def test_no_more_than_needed(self) -> None:
        found, requested = self.read(wanted())
        assert requested == []
        assert set(found.rulesets) == {None}
        assert found.forwarding == {(None, 4): "None:net.ipv4.ip_forward"}

    def test_links_where_an_interface_is_named(self) -> None:
        assert self.read(wanted(out_interface="eth0"), wanted("10.0.0.0/8", namespace="blue"))[1] == [None, "blue"]

    def test_prune_reads_every_namespace(self) -> None:
        found, _requested = self.read(wanted(namespace="red"), owner="mine", prune=True)
        assert set(found.rulesets) == {None, "blue", "red"}

    def test_forwarding_is_not_read_without_need(self) -> None:
        found, _requested = self.read(wanted(ip_forward=False), wanted("10.0.0.0/8", state="absent"))
        assert found.forwarding == {}

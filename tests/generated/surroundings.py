# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other people put beside a topology: further names of namespaces, files that are none, alternative names."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, Host

#: One before all names of a topology in the order of the alphabet, one between them, one after them.
NAMES = ("a", "ns2-other", "zebra")


def _attach_host(host: Host, name: str, _namespace: str) -> None:
    host.run("ip", "netns", "attach", name, str(os.getpid()))


def _link_host(_host: Host, name: str, _namespace: str) -> None:
    (NAMESPACES / name).symlink_to("/proc/1/ns/net")


def _attach(host: Host, name: str, namespace: str) -> None:
    (NAMESPACES / name).touch()
    host.run("mount", "--bind", str(NAMESPACES / namespace), str(NAMESPACES / name))


def _link(_host: Host, name: str, namespace: str) -> None:
    (NAMESPACES / name).symlink_to(NAMESPACES / namespace)


def _dangling_link(_host: Host, name: str, _namespace: str) -> None:
    (NAMESPACES / name).symlink_to("/nowhere")


def _loop_of_links(_host: Host, name: str, _namespace: str) -> None:
    (NAMESPACES / name).symlink_to(name)


def _named_pipe(_host: Host, name: str, _namespace: str) -> None:
    os.mkfifo(NAMESPACES / name)


def _unix_socket(_host: Host, name: str, _namespace: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(NAMESPACES / name))


def _directory(_host: Host, name: str, _namespace: str) -> None:
    (NAMESPACES / name).mkdir()


def _plain_file(_host: Host, name: str, _namespace: str) -> None:
    (NAMESPACES / name).touch()


#: What is put into /run/netns, by a name for it: the host, the name that it gets, a namespace of the topology.
ODDITIES: Mapping[str, Callable[[Host, str, str], None]] = {
    "host's namespace attached": _attach_host,
    "link to the host's namespace": _link_host,
    "namespace attached": _attach,
    "link to a namespace": _link,
    "dangling link": _dangling_link,
    "loop of links": _loop_of_links,
    "named pipe": _named_pipe,
    "socket": _unix_socket,
    "directory": _directory,
    "plain file": _plain_file,
}

#: Kinds of oddities, each with the number of a namespace; the names are those of NAMES, in their order.
ODD = st.lists(st.tuples(st.sampled_from(sorted(ODDITIES)), st.integers(0, 2)), min_size=1, max_size=len(NAMES))


def put(host: Host, odd: Sequence[tuple[str, int]], variables: Mapping[str, Any]) -> None:
    """Put oddities into /run/netns."""
    namespaces = [namespace["name"] for namespace in variables["namespaces"]]
    for name, (kind, number) in zip(NAMES, odd):
        ODDITIES[kind](host, name, namespaces[number % len(namespaces)])


def names_of_links(variables: Mapping[str, Any]) -> list[str]:
    """Return the names of the links that a topology creates on the host."""
    return [
        *(bridge["name"] for bridge in variables["bridges"]),
        *(interface["peer"] for namespace in variables["namespaces"] for interface in namespace["interfaces"]),
    ]

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace's file of the name service switch, /etc/netns/NAME/nsswitch.conf (nsswitch.conf(5)). Pure.

Services such as nss-resolve(8) ask a daemon of the host by a socket in the file system. It answers for the host's
network, whatever resolv.conf and the file of hosts of the namespace say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import (
    FilePlan,
    belongs_to_another,
    header,
    is_managed,
    lines_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op

HOST_FILE = "/etc/nsswitch.conf"
#: The services that do what the files of a namespace say, or ask nobody.
_KEPT = ("files", "dns", "myhostname", "db")
_HOSTS = re.compile(r"^(\s*hosts\s*:)([^#\n]*)", re.MULTILINE)
#: A service with what happens at each of its answers, as in `resolve [!UNAVAIL=return]`.
_SERVICE = re.compile(r"([^\s\[\]]+)((?:\s*\[[^\]]*\])*)")


def path(namespace: str) -> str:
    """Return the path of a namespace's file."""
    return f"/etc/netns/{namespace}/nsswitch.conf"


def plan(namespace: str, files: Mapping[str, str | None], owner: str | None) -> FilePlan:
    """Plan the file of a namespace whose names are this collection's: only needed where the host's goes round them."""
    current = files.get(path(namespace))
    if current is not None and not is_managed(current):
        return FilePlan()  # who has written it has decided
    switched = switch(files.get(HOST_FILE) or "")
    if switched is None:
        return plan_absent(namespace, files, owner)
    text = f"{header(current, owner)}\n{switched}"
    if text == current:
        return FilePlan(is_managed=True)
    return FilePlan(
        before={"nsswitch.conf": _hosts_line(current)},
        after={"nsswitch.conf": _hosts_line(text)},
        operations=(op.WriteFile(path(namespace), text),),
        is_managed=True,
    )


def plan_absent(namespace: str, files: Mapping[str, str | None], owner: str | None) -> FilePlan:
    """Plan the removal of the file that this collection has written."""
    current = files.get(path(namespace))
    if current is None or not is_managed(current) or belongs_to_another(current, owner):
        return FilePlan()
    return FilePlan(
        before={"nsswitch.conf": _hosts_line(current)},
        after={"nsswitch.conf": None},
        operations=(op.RemoveFile(path(namespace)),),
    )


def switch(text: str) -> str | None:
    """Return the host's file with files and name servers only for hosts; None where it asks nobody else."""
    found = _HOSTS.search(text)
    if found is None:
        return None  # the default asks name servers and files
    services = _SERVICE.findall(found[2])
    kept = [(name, actions) for name, actions in services if name in _KEPT]
    if len(kept) == len(services):
        return None
    words = [f"{name}{actions}" for name, actions in kept]
    names = [name for name, _actions in kept]
    words = [*([] if "files" in names else ["files"]), *words, *([] if "dns" in names else ["dns"])]
    return text[: found.start()] + f"{found[1]} {' '.join(words)}" + text[found.end() :]


def _hosts_line(text: str | None) -> list[str] | None:
    """Return what the diff shows: the other lines are the host's."""
    found = _HOSTS.search(text or "")
    return lines_of(found[0].strip() if found else None)

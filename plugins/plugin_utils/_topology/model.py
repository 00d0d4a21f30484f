# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A topology as its user wrote it, read into dataclasses.

Pure. Every value is checked by itself here (type, form, range, spelling of the keys); what concerns several entries
together is for ``_topology_checks``. Mistakes are collected, not raised: the user sees all of them at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    Address,
    Interface,
    Network,
    ValidationError,
)

VARIABLE_PREFIX = "topology_"
"""What the role's variables have before the key of the filter's input; messages name the variables."""

METRIC_MAX = TABLE_MAX = 2**32 - 1
"""RTA_PRIORITY and RTA_TABLE of linux/rtnetlink.h are 32 bits wide."""


class Mistakes:
    """Collects what is wrong, one line each, in the order of finding."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, path: str, option: str, message: str) -> None:
        """Note one mistake: the entry (as a path into the variables), its option (or ``""``), cause and cure."""
        self._lines.append(f"{path}: {option}: {message}" if option else f"{path}: {message}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


@dataclass(frozen=True)
class Each:
    """A list whose elements have to pass ``check``."""

    check: Callable[[Any], Any]


Check = Union[Callable[[Any], Any], Each]


@dataclass(frozen=True)
class Bridge:
    """An entry of ``bridges``: the bridge and its own local interface."""

    path: str
    name: str
    switch: Mapping[str, Any]
    """Options of the module ovs_bridge, without the name."""
    enabled: bool
    """Whether the local interface is up."""
    addresses: tuple[Interface, ...] | None


@dataclass(frozen=True)
class End:
    """One end of a cable, or a link that exists already, in a namespace or on the host (``namespace`` is None)."""

    path: str
    name: str
    namespace: str | None
    addresses: tuple[Interface, ...] | None
    """None: not declared, hence unknown."""
    options: Mapping[str, Any]
    """``mac``, ``mtu``, ``enabled``, ``tx_checksum``, as far as given."""
    unsure: bool = False
    """Some of the addresses could not be read (and that is noted)."""


@dataclass(frozen=True)
class Attachment(End):
    """An entry of a namespace's ``interfaces``: an end cabled to a bridge, or (without one) an existing link."""

    bridge: str | None = None
    peer: str = ""
    port: Mapping[str, Any] = field(default_factory=dict)
    """Options of the module ovs_port, as far as given."""


@dataclass(frozen=True)
class Link:
    """An entry of ``links``: a cable between two ends, no switch."""

    path: str
    near: End
    far: End


@dataclass(frozen=True)
class Route:
    """An entry of a namespace's ``routes``."""

    path: str
    destination: Network | None
    """None: the default route."""
    gateway: Address | None
    device: str | None
    source: Address | None
    metric: int | None
    table: int | None

    @property
    def version(self) -> int:
        """4 or 6: what the destination says, for a default route what the gateway or the source says, else 4."""
        known: Any = self.destination or self.gateway or self.source
        return known.version if known else 4

    @property
    def shown(self) -> str:
        """The destination as ip-route(8) writes it."""
        return str(self.destination) if self.destination else "default"


@dataclass(frozen=True)
class Namespace:
    """An entry of ``namespaces``."""

    path: str
    name: str
    options: Mapping[str, Any]
    """Options of the module netns, without the name."""
    interfaces: tuple[Attachment, ...]
    routes: tuple[Route, ...]
    unsure: bool = False
    """Some of the interfaces could not be read (and that is noted)."""


@dataclass(frozen=True)
class Nat:
    """An entry of ``nat``."""

    path: str
    source: Network
    options: Mapping[str, Any]

    @property
    def namespace(self) -> str | None:
        """The router namespace; None is the host."""
        return self.options.get("namespace")


@dataclass(frozen=True)
class Forward:
    """An entry of ``nat`` that publishes a port, or several in a row."""

    path: str
    ports: str
    """``PORT`` or ``FIRST-LAST``."""
    to: Address | str
    """An address, or the name of a namespace."""
    protocol: str
    address: Address | None
    options: Mapping[str, Any]
    """Options of the module nat_port_forward that are passed on as they are."""

    @property
    def namespace(self) -> str | None:
        """The router namespace; None is the host."""
        return self.options.get("namespace")

    @property
    def first_and_last(self) -> tuple[int, int]:
        """The port numbers, both included."""
        first, _hyphen, last = self.ports.partition("-")
        return int(first), int(last or first)


@dataclass(frozen=True)
class Target:
    """An entry of ``verify_outside``; without a port it is pinged."""

    path: str
    address: Address
    port: int | None = None


@dataclass(frozen=True)
class UserProbe:
    """An entry of ``verify_probes``."""

    path: str
    namespace: str | None
    """None is the host."""
    to: Address
    protocol: str
    port: int | None
    reachable: bool
    timeout: float | None
    """Seconds; None: what the role's own probes take."""


@dataclass(frozen=True)
class Topology:
    """The whole."""

    name: str
    state: str
    verify: bool
    bridges: tuple[Bridge, ...]
    namespaces: tuple[Namespace, ...]
    links: tuple[Link, ...]
    nat: tuple[Nat, ...]
    forwards: tuple[Forward, ...]
    outside: tuple[Target, ...]
    probes: tuple[UserProbe, ...]
    unread: frozenset[str] = frozenset()
    """Which of ``bridges``, ``namespaces`` and ``links`` have entries that could not be read (and that is noted)."""

    def ends(self) -> Iterator[End]:
        """All declared ends and existing links, in the order of the variables."""
        for namespace in self.namespaces:
            yield from namespace.interfaces
        for link in self.links:
            yield link.near
            yield link.far


def plain(value: Any) -> Any:
    """Copy variables as Ansible hands them over (lazy, tagged) into plain dicts, lists and strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if not names:
        return "there are none"
    shown = ", ".join(names[:20])
    return f"there are: {shown}" + (f" and {len(names) - 20} more" if len(names) > 20 else "")


# --- checks of single values ---------------------------------------------------------------------------------------


def _boolean(value: Any) -> bool:
    words = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValidationError(f"must be true or false, not {value!r}")


def _one_of(*choices: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise ValidationError(f"{value!r} is not one of {', '.join(choices)}; give one of these")

    return check


def _text(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValidationError(f"must be a string that is not empty, not {value!r}")


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValidationError(f"must be a dictionary (key: value), not {value!r}")
    for key, item in value.items():
        if isinstance(item, (dict, list)):
            raise ValidationError(f"the value of {key!r} must be a string, a number, a boolean or null, not {item!r}")
    return value


def _whole(lowest: int, highest: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
            raise ValidationError(f"must be a whole number from {lowest} to {highest}, not {value!r}")
        return number

    return check


def _destination(value: Any) -> Network | None:
    if value == "default":
        return None
    return validation.network(value)


def _address_or_namespace(value: Any) -> Address | str:
    try:
        return validation.ip_address(value)
    except ValidationError:
        return validation.namespace_name(value)


def _target(value: Any) -> Target:
    if not isinstance(value, str):
        raise ValidationError(f"must be ADDRESS or ADDRESS:PORT, not {value!r}")
    text = value.strip()
    head, colon, tail = text.rpartition(":")
    if colon and tail.isdigit() and (head.startswith("[") or text.count(":") == 1):
        return Target("", validation.ip_address(head.strip("[]")), validation.port(tail))
    return Target("", validation.ip_address(text.strip("[]")))


_END: dict[str, Check] = {
    "name": validation.interface_name,
    "addresses": Each(validation.interface_address),
    "mac": validation.mac_address,
    "mtu": validation.mtu,
    "enabled": _boolean,
    "tx_checksum": _boolean,
}
_PORT: dict[str, Check] = {
    "tag": validation.vlan,
    "trunks": Each(validation.vlan),
    "vlan_mode": _one_of(*validation.VLAN_MODES),
    "external_ids": _map,
    "other_config": _map,
    "protected": _boolean,
}
_INTERFACE: dict[str, Check] = {
    **_END,
    **_PORT,
    "bridge": validation.interface_name,
    "peer": validation.interface_name,
}
_LINK_END: dict[str, Check] = {**_END, "namespace": validation.namespace_name}
_SWITCH: dict[str, Check] = {
    "datapath_type": _one_of("auto", "system", "netdev"),
    "fail_mode": _one_of("standalone", "secure"),
    "mac": validation.mac_address,
    "mtu": validation.mtu,
    "external_ids": _map,
    "other_config": _map,
    "protocols": Each(_text),
}
_BRIDGE: dict[str, Check] = {
    "name": validation.interface_name,
    **_SWITCH,
    "addresses": Each(validation.interface_address),
    "enabled": _boolean,
}
_ROUTE: dict[str, Check] = {
    "destination": _destination,
    "gateway": validation.ip_address,
    "device": validation.interface_name,
    "source": validation.ip_address,
    "metric": _whole(0, METRIC_MAX),
    "table": _whole(1, TABLE_MAX),
}
_NETNS: dict[str, Check] = {
    "nameservers": Each(validation.ip_address),
    "search": Each(_text),
    "sysctls": _map,
    "force": _boolean,
}
_ROUTER: dict[str, Check] = {
    "namespace": validation.namespace_name,
    "ip_forward": _boolean,
    "accept_forward": _one_of("auto", "never"),
}
_PROBE: dict[str, Check] = {
    "namespace": validation.namespace_name,
    "to": validation.probe_destination,
    "protocol": _one_of("icmp", "tcp"),
    "port": validation.port,
    "expect": _one_of("reachable", "unreachable"),
    "timeout": validation.probe_timeout,
}
_NAT: dict[str, Check] = {
    "source": validation.network,
    "out_interface": validation.interface_name,
    **_ROUTER,
}
_FORWARD: dict[str, Check] = {
    "publish": validation.ports,
    "protocol": _one_of("tcp", "udp"),
    "to": _address_or_namespace,
    "to_port": validation.port,
    "address": validation.ip_address,
    "in_interface": validation.interface_name,
    **_ROUTER,
}
_DIAGRAMS = (".mmd", ".md", ".dot", ".svg")
"""The suffixes of what a topology can be drawn into."""


def _diagram(value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError(f"must be the path of a file, not {value!r}")
    if value and not value.endswith(_DIAGRAMS):
        raise ValidationError(
            f"{value!r} does not end in one of {', '.join(_DIAGRAMS)}, which say how to draw; add one"
        )
    return value


_TOP = (
    "name",
    "state",
    "verify",
    "verify_outside",
    "verify_probes",
    "diagram",
    "bridges",
    "namespaces",
    "links",
    "nat",
)


# --- reading -------------------------------------------------------------------------------------------------------


class Reader:
    """Reads plain variables into a :class:`Topology`, noting mistakes."""

    def __init__(self) -> None:
        self.mistakes = Mistakes()

    def topology(self, variables: Any) -> Topology:
        """Read all; entries whose name is no name are left out (and noted)."""
        given = plain(variables)
        if not isinstance(given, dict):
            self.mistakes.add(
                "the topology", "", f"must be a dictionary with the keys {', '.join(_TOP)}, not {given!r}"
            )
            given = {}
        for key in given:
            if key not in _TOP:
                self.mistakes.add("the topology", key, f"is not an option; {did_you_mean(key, _TOP)}")
        self._value(VARIABLE_PREFIX + "diagram", "", _diagram, given.get("diagram", ""))
        bridges = tuple(self._each(given, "bridges", self._bridge))
        namespaces = tuple(self._each(given, "namespaces", self._namespace))
        links = tuple(self._each(given, "links", self._link))
        nat = tuple(self._each(given, "nat", self._nat))
        return Topology(
            name=self._value("the topology", "name", validation.owner_name, given.get("name", "default"), "default"),
            state=self._value(
                "the topology", "state", _one_of("present", "absent"), given.get("state", "present"), "present"
            ),
            verify=self._value("the topology", "verify", _boolean, given.get("verify", True), fallback=True),
            bridges=bridges,
            namespaces=namespaces,
            links=links,
            nat=tuple(rule for rule in nat if isinstance(rule, Nat)),
            forwards=tuple(rule for rule in nat if isinstance(rule, Forward)),
            outside=self._outside(given),
            probes=tuple(self._each(given, "verify_probes", self._probe)),
            unread=frozenset(
                key
                for key, read in (("bridges", bridges), ("namespaces", namespaces), ("links", links))
                if _unread(given, key, read)
            ),
        )

    def _each(self, given: Mapping[str, Any], key: str, read: Callable[[str, Any], Any]) -> Iterator[Any]:
        """Read every entry of one of the variables."""
        variable = VARIABLE_PREFIX + key
        for index, entry in enumerate(self._list(variable, "", given.get(key, []))):
            result = read(_path(variable, index, entry), entry)
            if result is not None:
                yield result

    def _nested(self, path: str, key: str, given: Any, read: Callable[[str, Any], Any]) -> Iterator[Any]:
        """Read every entry of a list within an entry."""
        for index, entry in enumerate(self._list(path, key, given)):
            result = read(_path(f"{path} {key}", index, entry), entry)
            if result is not None:
                yield result

    def _list(self, path: str, option: str, value: Any) -> list[Any]:
        """The value, if it is a list; else note it and return an empty one."""
        if isinstance(value, list):
            return value
        if value is None:
            self.mistakes.add(path, option, "has no value; give it a list, or [] for none")
        else:
            self.mistakes.add(path, option, f"must be a list, not {value!r}; put it in brackets or after a hyphen")
        return []

    def _value(self, path: str, option: str, check: Check, value: Any, fallback: Any = None) -> Any:
        """The value in its normal form, or the fallback if it is wrong (and noted)."""
        if value is None:
            self.mistakes.add(path, option, "has no value; give it one, or leave the option out")
            return [] if isinstance(check, Each) else fallback
        if isinstance(check, Each):
            return self._values(path, option, check, value)
        try:
            return check(value)
        except ValueError as error:
            self.mistakes.add(path, option, str(error))
            return fallback

    def _values(self, path: str, option: str, check: Each, value: Any) -> list[Any]:
        read = []
        for index, item in enumerate(self._list(path, option, value)):
            count = len(self.mistakes)
            result = self._value(path, f"{option}[{index}]", check.check, item)
            if len(self.mistakes) == count:
                read.append(result)
        return read

    def _fields(self, path: str, entry: Any, known: Mapping[str, Check | None], required: str) -> dict[str, Any] | None:
        """All good options of an entry, in their normal form; None if it is no dictionary or lacks its required option.

        An option whose check is None is passed on as it is.
        """
        if not isinstance(entry, dict):
            self.mistakes.add(path, "", f"must be a dictionary with the keys {', '.join(known)}, not {entry!r}")
            return None
        fields: dict[str, Any] = {}
        for option, value in entry.items():
            if option not in known:
                self.mistakes.add(path, option, f"is not an option here; {_key_hint(option, known)}")
                continue
            check = known[option]
            count = len(self.mistakes)
            result = value if check is None else self._value(path, option, check, value)
            if len(self.mistakes) == count or isinstance(check, Each):
                fields[option] = result
        if required not in entry:
            self.mistakes.add(path, required, "is missing; every entry needs it")
        return fields if required in fields else None

    def _bridge(self, path: str, entry: Any) -> Bridge | None:
        fields = self._fields(path, entry, _BRIDGE, "name")
        if fields is None:
            return None
        return Bridge(
            path=path,
            name=fields["name"],
            switch={key: fields[key] for key in _SWITCH if key in fields},
            enabled=fields.get("enabled", True),
            addresses=_addresses(fields),
        )

    def _namespace(self, path: str, entry: Any) -> Namespace | None:
        known: dict[str, Check | None] = {
            "name": validation.namespace_name,
            **_NETNS,
            "interfaces": None,
            "routes": None,
        }
        fields = self._fields(path, entry, known, "name")
        # A namespace without a usable name is read on, so that the mistakes within it are told in the same run.
        given = (
            fields
            if fields is not None
            else {key: entry[key] for key in known if isinstance(entry, dict) and key in entry}
        )
        name = fields["name"] if fields is not None else ""
        interfaces = tuple(
            self._nested(
                path, "interfaces", given.get("interfaces", []), lambda at, item: self._attachment(at, item, name)
            )
        )
        routes = tuple(self._nested(path, "routes", given.get("routes", []), self._route))
        if fields is None:
            return None
        options = {key: fields[key] for key in _NETNS if key in fields}
        if "nameservers" in options:
            options["nameservers"] = [str(address) for address in options["nameservers"]]
        return Namespace(path, name, options, interfaces, routes, _unread(given, "interfaces", interfaces))

    def _attachment(self, path: str, entry: Any, namespace: str) -> Attachment | None:
        fields = self._fields(path, entry, _INTERFACE, "name")
        if fields is None:
            return None
        bridge = fields.get("bridge")
        if "bridge" not in entry:
            for option in ("peer", "tx_checksum", *_PORT):
                if option in entry:
                    self.mistakes.add(path, option, _no_bridge(option))
        return Attachment(
            path=path,
            name=fields["name"],
            namespace=namespace,
            addresses=_addresses(fields),
            options={key: fields[key] for key in ("mac", "mtu", "enabled", "tx_checksum") if key in fields},
            unsure=_addresses_unread(entry, fields),
            bridge=bridge,
            peer=self._peer(path, entry, fields, namespace),
            port={key: fields[key] for key in _PORT if key in fields},
        )

    def _peer(self, path: str, entry: Mapping[str, Any], fields: Mapping[str, Any], namespace: str) -> str:
        """The name of the far end, on the host: as given, or NAMESPACE-NAME."""
        if "bridge" not in entry or "peer" in entry or not namespace:
            return str(fields.get("peer", ""))
        name = f"{namespace}-{fields['name']}"
        try:
            return validation.interface_name(name)
        except ValueError:
            self.mistakes.add(
                path,
                "peer",
                f"is not given, and the name made for the end on the host, {name!r}, is not an interface name of at "
                f"most {validation.INTERFACE_NAME_MAX} characters; give a name with `peer:`",
            )
            return ""

    def _route(self, path: str, entry: Any) -> Route | None:
        fields = self._fields(path, entry, _ROUTE, "destination")
        if fields is None:
            return None
        if "gateway" not in entry and "device" not in entry:
            self.mistakes.add(path, "gateway", "is missing, and so is `device`; a route needs one of them, or both")
        return Route(
            path,
            fields["destination"],
            *(fields.get(key) for key in ("gateway", "device", "source", "metric", "table")),
        )

    def _link(self, path: str, entry: Any) -> Link | None:
        known: dict[str, Check | None] = {**_LINK_END, "peer": None}
        near = self._fields(path, entry, known, "name")
        if not isinstance(entry, dict):
            return None
        if "peer" not in entry:
            self.mistakes.add(
                path, "peer", "is missing; it is the other end: {name: ..., namespace: ..., addresses: [...]}"
            )
            return None
        far_path = f"{path} peer"
        far = self._fields(far_path, entry["peer"], {**_LINK_END}, "name")
        if near is None or far is None:
            return None
        return Link(path, _link_end(path, entry, near), _link_end(far_path, entry["peer"], far))

    def _nat(self, path: str, entry: Any) -> Nat | Forward | None:
        if isinstance(entry, dict) and "publish" in entry:
            return self._forward(path, entry)
        if isinstance(entry, dict) and "source" not in entry:
            self.mistakes.add(
                path,
                "source",
                "is missing; an entry is about a network that is let out (`source`) or a port (`publish`)",
            )
            return None
        fields = self._fields(path, entry, _NAT, "source")
        if fields is None:
            return None
        return Nat(path, fields["source"], {key: value for key, value in fields.items() if key != "source"})

    def _probe(self, path: str, entry: Any) -> UserProbe | None:
        fields = self._fields(path, entry, _PROBE, "to")
        if fields is None:
            return None
        protocol = fields.get("protocol", "icmp")
        if "port" in entry and protocol != "tcp":
            self.mistakes.add(path, "port", "only TCP has ports; add `protocol: tcp`, or leave the port out")
        return UserProbe(
            path=path,
            namespace=fields.get("namespace"),
            to=fields["to"],
            protocol=protocol,
            port=fields.get("port"),
            reachable=fields.get("expect", "reachable") == "reachable",
            timeout=fields.get("timeout"),
        )

    def _forward(self, path: str, entry: Mapping[str, Any]) -> Forward | None:
        if "source" in entry:
            self.mistakes.add(
                path, "source", "is for a network that is let out, and `publish` for a port; make two entries of it"
            )
            return None
        fields = self._fields(path, entry, _FORWARD, "publish")
        if "to" not in entry:
            self.mistakes.add(path, "to", "is missing; name the namespace that the port leads to, or its address")
        if fields is None or "to" not in fields:
            return None
        if "to_port" in fields and "-" in fields["publish"]:
            self.mistakes.add(
                path,
                "to_port",
                f"the ports {fields['publish']} keep their numbers; leave it out, or publish each alone",
            )
        passed_on = ("to_port", "in_interface", *_ROUTER)
        return Forward(
            path=path,
            ports=fields["publish"],
            to=fields["to"],
            protocol=fields.get("protocol", "tcp"),
            address=fields.get("address"),
            options={key: fields[key] for key in passed_on if key in fields},
        )

    def _outside(self, given: Mapping[str, Any]) -> tuple[Target, ...]:
        variable = VARIABLE_PREFIX + "verify_outside"
        targets = []
        for index, item in enumerate(self._list(variable, "", given.get("verify_outside", []))):
            target = self._value(f"{variable}[{index}]", "", _target, item)
            if target is not None:
                targets.append(Target(f"{variable}[{index}]", target.address, target.port))
        return tuple(targets)


def _path(base: str, index: int, entry: Any) -> str:
    """Where an entry is, with the name that its reader knows it by."""
    known = ""
    if isinstance(entry, dict):
        keys = ("name", "destination", "source", "publish", "to")
        known = next((str(entry[key]) for key in keys if isinstance(entry.get(key), (str, int))), "")
    return f"{base}[{index}] ({known})" if known else f"{base}[{index}]"


def _unread(given: Mapping[str, Any], key: str, read: tuple[Any, ...]) -> bool:
    """Whether entries are missing from what was read: what follows from their absence is then no mistake."""
    value = given.get(key, [])
    return not isinstance(value, list) or len(value) != len(read)


def _addresses(fields: Mapping[str, Any]) -> tuple[Interface, ...] | None:
    return tuple(fields["addresses"]) if "addresses" in fields else None


def _addresses_unread(entry: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    given = entry.get("addresses", [])
    return not isinstance(given, list) or len(given) != len(fields.get("addresses", ()))


def _link_end(path: str, entry: Mapping[str, Any], fields: Mapping[str, Any]) -> End:
    return End(
        path=path,
        name=fields["name"],
        namespace=fields.get("namespace"),
        addresses=_addresses(fields),
        options={key: fields[key] for key in ("mac", "mtu", "enabled", "tx_checksum") if key in fields},
        unsure=_addresses_unread(entry, fields),
    )


def _key_hint(option: str, known: Iterable[str]) -> str:
    if option == "state":
        return (
            "strike the entry out to have it removed (`topology_prune`), or set `topology_state: absent` for the whole"
            " topology"
        )
    return did_you_mean(option, known)


def _no_bridge(option: str) -> str:
    what = {
        "peer": "it names the end of the cable that is a port of a bridge",
        "tx_checksum": "it is for a cable, and without a bridge this is an existing link",
    }.get(option, "it is for a port of a bridge")
    return f"{what}, and no `bridge` is given; add it (a cable between two namespaces goes to `topology_links`)"

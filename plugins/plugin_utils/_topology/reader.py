# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the role's variables into a :class:`Topology`.

Pure. Every value is checked on its own here (type, form, range, spelling of the keys); what concerns several entries
together is in ``checks``. Errors are collected, not raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.confirmation import confirmation_time
from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import REACHABLE, is_forbidding
from ansible_collections.netns.fabric.plugins.module_utils._core.policies import IN, OUT
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS, name_transports
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import describe
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_ports import read_ports
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import is_logical, read_ovn
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.exits import EXIT, read_exit
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.host import read_host
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.hosts_reader import read_hosts, read_mesh
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.interface_reader import (
    END_OPTIONS,
    addresses_of,
    lacks_addresses,
    read_attachment,
    read_shape,
    select,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.leases import read_dhcp
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.link_kinds import with_domains
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Bridge,
    End,
    Forward,
    Link,
    Namespace,
    Nat,
    PolicyEntry,
    Selector,
    Shape,
    Target,
    Topology,
    UserProbe,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import ROUTING, read_routing
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.schema import Check, Each
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import read_flows, read_mirrors

#: What a role variable has before the key of the filter's input; error messages name the variables.
VARIABLE_PREFIX = "topology_"


def to_plain(value: Any) -> Any:
    """Copy variables as Ansible passes them (lazy, tagged) into plain dicts, lists and strings."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


class Reader:
    """Reads variables into a :class:`Topology` and collects the errors in them."""

    def __init__(self) -> None:
        self.errors = Errors()

    def read(self, variables: Any) -> Topology:
        """Return the topology without the entries that are invalid."""
        given = to_plain(variables)
        if not isinstance(given, dict):
            keys = ", ".join(schema.VARIABLES)
            self.errors.add("the topology", "", f"must be a dictionary with the keys {keys}, not {describe(given)}")
            given = {}
        for key in given:
            if key not in schema.VARIABLES:
                self.errors.add("the topology", key, f"is not an option; {suggest(key, schema.VARIABLES)}")
        # These are for the role's tasks, and are only checked here.
        self._read_scalar(given, "diagram", schema.check_diagram, "")
        self._read_scalar(given, "prune", schema.check_boolean, fallback=True)
        self._read_scalar(given, "nat_backend", schema.one_of("auto", "nftables", "iptables"), "auto")
        boot = self._read_scalar(given, "boot", schema.check_boolean, fallback=False)
        self._read_scalar(given, "confirm", confirmation_time, 0)
        heal = self._read_scalar(given, "heal", validation.repair_interval, 0)
        if heal and not boot:
            self.errors.add("topology_heal", "", "repairs a stored topology; set topology_boot: true as well")
        bridges = tuple(self._read_entries(given, "bridges", self._read_bridge))
        namespaces = tuple(self._read_entries(given, "namespaces", self._read_namespace))
        links = tuple(self._read_entries(given, "links", self._read_link))
        nat = tuple(self._read_entries(given, "nat", self._read_nat))
        return Topology(
            name=self._read_scalar(given, "name", validation.owner_name, "default"),
            state=self._read_scalar(given, "state", schema.one_of("present", "absent"), "present"),
            verify=self._read_scalar(given, "verify", schema.check_boolean, fallback=True),
            bridges=bridges,
            namespaces=with_domains(namespaces),
            links=links,
            nat=tuple(rule for rule in nat if isinstance(rule, Nat)),
            forwards=tuple(rule for rule in nat if isinstance(rule, Forward)),
            outside=self._read_outside(given),
            probes=tuple(self._read_entries(given, "verify_probes", self._read_probe)),
            policies=tuple(self._read_entries(given, "policies", self._read_policy)),
            host=read_host(self, given),
            names=self._read_scalar(given, "names", schema.check_boolean, fallback=True),
            **read_hosts(self, given),
            ovn=read_ovn(self, given),
            incomplete=frozenset(
                key
                for key, entries in (("bridges", bridges), ("namespaces", namespaces), ("links", links))
                if _is_incomplete(given, key, entries)
            ),
        )

    # --- variables, lists, options -----------------------------------------------------------------------------

    def _read_scalar(self, given: Mapping[str, Any], key: str, check: Check, fallback: Any) -> Any:
        """Return the value of a variable that is not a list, or the fallback if it is missing or invalid."""
        return self._check_value(VARIABLE_PREFIX + key, "", check, given.get(key, fallback), fallback)

    def _read_entries(self, given: Mapping[str, Any], key: str, read: Callable[[str, Any], Any]) -> Iterator[Any]:
        """Yield every valid entry of a variable that is a list."""
        variable = VARIABLE_PREFIX + key
        yield from self._read_each(variable, self._check_list(variable, "", given.get(key, [])), read)

    def read_nested(self, path: str, key: str, given: Any, read: Callable[[str, Any], Any]) -> Iterator[Any]:
        """Yield every valid entry of a list within an entry."""
        yield from self._read_each(f"{path} {key}", self._check_list(path, key, given), read)

    def _read_each(self, path: str, entries: Iterable[Any], read: Callable[[str, Any], Any]) -> Iterator[Any]:
        for index, entry in enumerate(entries):
            result = read(_format_path(path, index, entry), entry)
            if result is not None:
                yield result

    def _check_list(self, path: str, option: str, value: Any) -> list[Any]:
        """Return the value if it is a list; otherwise note an error and return an empty list."""
        if isinstance(value, list):
            return value
        if value is None:
            self.errors.add(path, option, "has no value; set a list, or [] for none")
        else:
            self.errors.add(
                path, option, f"must be a list, not {describe(value)}; {_explain_list(path, option, value)}"
            )
        return []

    def _check_value(self, path: str, option: str, check: Check, value: Any, fallback: Any = None) -> Any:
        """Return the value in its normal form, or the fallback if it is invalid."""
        if value is None:
            self.errors.add(path, option, "has no value; set one, or omit the option")
            return [] if isinstance(check, Each) else fallback
        if isinstance(check, Each):
            return self._check_values(path, option, check, value)
        try:
            return check(value)
        except ValueError as error:
            self.errors.add(path, option, str(error))
            return fallback

    def _check_values(self, path: str, option: str, check: Each, value: Any) -> list[Any]:
        valid = []
        for index, item in enumerate(self._check_list(path, option, value)):
            count = len(self.errors)
            result = self._check_value(path, f"{option}[{index}]", check.check, item)
            if len(self.errors) == count:
                valid.append(result)
        return valid

    def check_options(
        self, path: str, entry: Any, known: Mapping[str, Check | None], required: str
    ) -> dict[str, Any] | None:
        """Return all valid options of an entry, in their normal form.

        None if the entry is not a dictionary or has no valid value for its required option, if there is one. An option
        whose check is None is passed on unchanged.
        """
        if not isinstance(entry, dict):
            self.errors.add(path, "", f"must be a dictionary with the keys {', '.join(known)}, not {describe(entry)}")
            return None
        options: dict[str, Any] = {}
        for option, value in entry.items():
            if option not in known:
                self.errors.add(path, option, f"is not an option here; {_suggest_option(option, known)}")
                continue
            check = known[option]
            count = len(self.errors)
            result = value if check is None else self._check_value(path, option, check, value)
            if len(self.errors) == count or isinstance(check, Each):
                options[option] = result
        if required and required not in entry:
            self.errors.add(path, required, "is missing; every entry requires it")
        return options if not required or required in options else None

    # --- entries -----------------------------------------------------------------------------------------------

    def _read_bridge(self, path: str, entry: Any) -> Bridge | None:
        known = {**schema.BRIDGE, **schema.SWITCHING, "ports": None, "mesh": None, "dhcp": None}
        options = self.check_options(path, entry, known, "name")
        if options is None:
            return None
        if options.get("engine") != "ovn":  # There is no rule about a logical switch.
            self._check_isolated(path, options)
        return Bridge(
            path=path,
            name=options["name"],
            switch=select(options, schema.SWITCH),
            enabled=options.get("enabled", True),
            addresses=addresses_of(options),
            isolate=options.get("isolate"),
            defaults=_read_defaults(options),
            sysctls=options.get("sysctls", {}),
            ports=read_ports(self, path, options, options["name"]),
            flows=read_flows(self, path, options),
            mirrors=read_mirrors(self, path, options),
            mesh=read_mesh(self, path, options),
            logical=is_logical(self, path, options),
            dhcp=read_dhcp(self, path, options),
        )

    def _read_namespace(self, path: str, entry: Any) -> Namespace | None:
        known: dict[str, Check | None] = {
            "name": validation.namespace_name,
            **schema.NETNS,
            **schema.DEFAULTS,
            **schema.PLACE,
            "interfaces": None,
            **dict.fromkeys(ROUTING),
        }
        options = self.check_options(path, entry, known, "name")
        # A namespace without a valid name is read further, so that the errors within it are reported in the same run.
        given = options if options is not None else select(entry if isinstance(entry, dict) else {}, known)
        name = options["name"] if options is not None else ""
        interfaces = tuple(
            self.read_nested(
                path, "interfaces", given.get("interfaces", []), lambda at, item: read_attachment(self, at, item, name)
            )
        )
        routing = read_routing(self, path, given)
        if options is None:
            return None
        netns = select(options, schema.NETNS)
        if "nameservers" in netns:
            netns["nameservers"] = [str(address) for address in netns["nameservers"]]
        return Namespace(
            path,
            name,
            netns,
            interfaces,
            routing.routes,
            declares=frozenset(routing.declared),
            rules=routing.rules,
            neighbours=routing.neighbours,
            incomplete=_is_incomplete(given, "interfaces", interfaces),
            labels=tuple(options.get("labels", ())),
            defaults=_read_defaults(options),
            host=options.get("host"),
        )

    def _read_link(self, path: str, entry: Any) -> Link | None:
        known: dict[str, Check | None] = {**schema.LINK_END, "peer": None, "shape": None}
        near = self.check_options(path, entry, known, "name")
        if not isinstance(entry, dict):
            return None
        if "peer" not in entry:
            self.errors.add(
                path, "peer", "is missing; declare the other end: {name: ..., namespace: ..., addresses: [...]}"
            )
            return None
        far_path = f"{path} peer"
        far = self.check_options(far_path, entry["peer"], {**schema.LINK_END, "shape": None}, "name")
        shapes = [read_shape(self, at, options) for at, options in ((path, near), (far_path, far))]
        if near is None or far is None:
            return None
        for at, options in ((path, near), (far_path, far)):
            if "isolate" in options and "namespace" in options:
                self.errors.add(at, "isolate", "is for an end on the host, and this one is in a namespace; omit it")
            else:
                self._check_isolated(at, options)
        return Link(path, _build_end(path, entry, near, shapes[0]), _build_end(far_path, entry["peer"], far, shapes[1]))

    def _check_isolated(self, path: str, options: Mapping[str, Any]) -> None:
        """Check that a rule can match the name of a link that is to be isolated."""
        if options.get("isolate"):
            self._check_value(path, "isolate", validation.rule_safe_interface, options["name"])

    def _read_nat(self, path: str, entry: Any) -> Nat | Forward | None:
        if isinstance(entry, dict) and "publish" in entry:
            return self._read_forward(path, entry)
        if isinstance(entry, dict) and "source" not in entry:
            self.errors.add(
                path,
                "source",
                "is missing; an entry requires `source` (a network to masquerade) or `publish` (a port to publish)",
            )
            return None
        # What OVN translates may be of every source.
        is_exit = isinstance(entry, dict) and any(option in entry for option in EXIT)
        known = {**schema.NAT, "source": validation.network} if is_exit else schema.NAT
        options = self.check_options(path, entry, known, "source")
        if options is None:
            return None
        source, excluded, pool = options["source"], options.get("excluded_destinations", []), options.get("to_source")
        given = [(f"excluded_destinations[{index}]", network) for index, network in enumerate(excluded)]
        for option, value in [*given, *([("to_source", pool[0])] if pool else [])]:
            if value.version != source.version:
                cause = f"{value} is not IPv{source.version}, which {source} is; write one entry for each IP version"
                self.errors.add(path, option, cause)
        passed_on = select(options, ("out_interface", "clamp_mss", *schema.ROUTER))
        return Nat(path, source, tuple(excluded), pool, passed_on, read_exit(self, path, options))

    def _read_forward(self, path: str, entry: Mapping[str, Any]) -> Forward | None:
        if "source" in entry:
            self.errors.add(
                path,
                "source",
                "cannot be combined with `publish`; write one entry that masquerades and another one that publishes",
            )
            return None
        options = self.check_options(path, entry, schema.FORWARD, "publish")
        if "to" not in entry:
            self.errors.add(path, "to", "is missing; set the namespace that the port is forwarded to, or its address")
        if options is None or "to" not in options:
            return None
        if "to_port" in options and "-" in options["publish"]:
            self.errors.add(
                path,
                "to_port",
                f"cannot be combined with the range {options['publish']}, whose ports keep their numbers; omit it, or "
                "write an entry for each port",
            )
        if entry.get("from") == []:
            self.errors.add(path, "from", "names nobody who may connect; name a network, or omit it for everybody")
        return Forward(
            path=path,
            ports=options["publish"],
            to=options["to"],
            protocol=options.get("protocol", "tcp"),
            address=options.get("address"),
            sources=tuple(options.get("from", ())),
            options=select(options, ("to_port", "in_interface", "take_over", "loopback", *schema.ROUTER)),
        )

    def _read_probe(self, path: str, entry: Any) -> UserProbe | None:
        options = self.check_options(path, entry, schema.PROBE, "to")
        if options is None:
            return None
        protocol = options.get("protocol", "icmp")
        if "port" in entry and protocol == "icmp":
            self.errors.add(path, "port", "ICMP has no ports; add `protocol: tcp` or `protocol: udp`, or omit `port`")
        expect = options.get("expect", REACHABLE)
        full_size = options.get("full_size", False)
        if full_size and (protocol != "icmp" or is_forbidding(expect)):
            self.errors.add(path, "full_size", "only for `protocol: icmp`, and where an answer is expected; omit it")
        return UserProbe(
            path=path,
            namespace=options.get("namespace"),
            to=options["to"],
            protocol=protocol,
            port=options.get("port"),
            expect=expect,
            timeout=options.get("timeout"),
            full_size=full_size,
        )

    def _read_policy(self, path: str, entry: Any) -> PolicyEntry | None:
        known: dict[str, Check | None] = {**schema.POLICY, "from": None, "to": None}
        options = self.check_options(path, entry, known, "action")
        given = entry if isinstance(entry, dict) else {}
        source, destination = (self._read_selector(path, side, given) for side in ("from", "to"))
        for option, protocols in (("ports", tuple(TRANSPORTS)), ("icmp_types", ("icmp",))):
            if option in given and given.get("protocol") not in protocols:
                cure = name_transports() if option == "ports" else "`protocol: icmp`"
                self.errors.add(path, option, f"requires {cure}; add it, or omit `{option}`")
            if given.get(option) == []:
                what = "port" if option == "ports" else "type"
                self.errors.add(path, option, f"names no {what}; name one, or omit it for all {what}s")
        if options is None:
            return None
        return PolicyEntry(
            path=path,
            source=source,
            destination=destination,
            ports=tuple(options.get("ports", ())),
            icmp_types=tuple(options.get("icmp_types", ())),
            **select(options, ("action", "protocol", "priority", "log")),
        )

    def _read_selector(self, path: str, side: str, given: Mapping[str, Any]) -> Selector | None:
        """Return one side of a policy; None where it is not given."""
        if side not in given:
            return None
        value = given[side]
        if not isinstance(value, dict) or not value:
            keys = ", ".join(schema.SELECTOR)
            self.errors.add(path, side, f"must be a dictionary with some of the keys {keys}, not {describe(value)}")
            return Selector()
        count = len(self.errors)
        options = self.check_options(f"{path} {side}", value, {**schema.SELECTOR}, "") or {}
        if len(self.errors) == count and not any(options.values()):
            cure = f"name some of {', '.join(schema.SELECTOR)}, or omit `{side}` for everybody"
            self.errors.add(path, side, f"selects nobody; {cure}")
        lists = {key: tuple(options[key]) for key in ("namespaces", "groups", "bridges", "networks") if key in options}
        return Selector(**lists, outside=options.get("outside", False), host=options.get("host", False))

    def _read_outside(self, given: Mapping[str, Any]) -> tuple[Target, ...]:
        targets = []
        for index, item in enumerate(self._check_list("topology_verify_outside", "", given.get("verify_outside", []))):
            path = f"topology_verify_outside[{index}]"
            target = self._check_value(path, "", schema.check_target, item)
            if target is not None:
                targets.append(Target(path, target.address, target.port))
        return tuple(targets)


def _read_defaults(options: Mapping[str, Any]) -> dict[str, str]:
    """Return by direction what becomes of connections that no policy is about, as far as it is given."""
    return {
        direction: options[option] for direction, option in ((IN, "incoming"), (OUT, "outgoing")) if option in options
    }


def _explain_list(path: str, option: str, value: Any) -> str:
    """Return how a list is written; `KEY=VALUE` of ansible-playbook's --extra-vars gives strings only."""
    if isinstance(value, str) and value.lstrip().startswith("[") and not option:
        return f"on the command line give it as JSON: --extra-vars '{{\"{path}\": {value}}}'"
    return "write it in brackets, or with hyphens"


def _format_path(base: str, index: int, entry: Any) -> str:
    """Return where an entry is, with the name that identifies it to its reader."""
    name = ""
    if isinstance(entry, dict):
        keys = ("name", "destination", "source", "publish", "priority", "address", "to", "action")
        name = next((str(entry[key]) for key in keys if isinstance(entry.get(key), (str, int))), "")
    return f"{base}[{index}] ({name})" if name else f"{base}[{index}]"


def _is_incomplete(given: Mapping[str, Any], key: str, entries: tuple[Any, ...]) -> bool:
    """Return whether invalid entries were left out: what seems to be wrong because of their absence is not an error."""
    value = given.get(key, [])
    return not isinstance(value, list) or len(value) != len(entries)


def _build_end(path: str, entry: Mapping[str, Any], options: Mapping[str, Any], shape: Shape | None) -> End:
    return End(
        path=path,
        name=options["name"],
        namespace=options.get("namespace"),
        addresses=addresses_of(options),
        options=select(options, END_OPTIONS),
        incomplete=lacks_addresses(entry, options),
        isolate=options.get("isolate"),
        shape=shape,
        master=options.get("master"),
    )


def _suggest_option(option: str, known: Iterable[str]) -> str:
    if option == "state":
        return (
            "to delete the object, remove the entry from the list (see `topology_prune`), or set "
            "`topology_state: absent` for the whole topology"
        )
    return suggest(option, known)

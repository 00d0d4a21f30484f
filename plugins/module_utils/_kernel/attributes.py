# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds and their attributes: how each is encoded, written for ip-link(8), and what it goes together with. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import HIDDEN
from ansible_collections.netns.fabric.plugins.module_utils._kernel.encodings import Data, Encoding, IpAddress
from ansible_collections.netns.fabric.plugins.module_utils._kernel.outer_packets import is_ipv6

Words = Callable[[str, Any], Sequence[str]]


def valued(name: str, value: Any) -> Sequence[str]:
    """Return the words of an option with a value: `id 10`; true and false are 1 and 0."""
    return [
        name,
        ",".join(value) if isinstance(value, tuple) else str(int(value) if isinstance(value, bool) else value),
    ]


def hexadecimal(name: str, value: Any) -> Sequence[str]:
    """Return the words of a number that iproute2 reads as hexadecimal (rtnl_dsfield_a2n()): `tos 0x10`."""
    return [name, hex(value)]


def on_off(name: str, value: Any) -> Sequence[str]:
    """Return the words of a switch: `gvrp on`."""
    return [name, "on" if value else "off"]


def negated(name: str, value: Any) -> Sequence[str]:
    """Return the word of a switch: `learning`, or `nolearning`."""
    return [name if value else f"no{name}"]


def present(name: str, value: Any) -> Sequence[str]:
    """Return the word of a switch that is off by being left out."""
    return [name] if value else []


def bare(_name: str, value: Any) -> Sequence[str]:
    """Return the value alone."""
    return [str(value)]


@dataclass(frozen=True)
class Bound:
    """A range that holds while the option `by` is not 0."""

    by: str
    lowest: int
    highest: int


@dataclass(frozen=True)
class Attribute:
    """An option of a kind, named as ip-link(8) names it.

    `default` is what the kernel takes where it is not given. `in_place`: it can be changed on a link; `rigid` are the
    values that can neither be left nor entered that way.
    """

    name: str
    encoding: Encoding
    description: str
    default: Any = None
    required: bool = False
    in_place: bool = True
    rigid: frozenset[Any] = frozenset()
    words: Words = valued
    #: It is never shown.
    secret: bool = False
    #: The option that it is another form of.
    form_of: str = ""
    #: The values of the option `mode` with which the kernel takes it; empty for any.
    modes: tuple[Any, ...] = ()
    #: What the kernel takes instead of `default` where the option `mode` has one of these values.
    in_modes: Mapping[Any, Any] = field(default_factory=dict)
    #: The option that, unless it is 0, rules it out.
    excluded_by: str = ""
    #: The option that it is a multiple of; while that is 0 the kernel does not take it.
    multiple_of: str = ""
    #: The range that it has in addition while another option is not 0.
    bound: Bound | None = None
    #: What else its argument spec has.
    more: Mapping[str, Any] = field(default_factory=dict)
    #: The descriptions of the options of each element.
    details: Mapping[str, str] = field(default_factory=dict)

    def matches(self, old: Any, new: Any) -> bool:
        """Whether a value is as wanted; some are, although they are not the same."""
        there = self.default if old is None else old
        compare: Callable[[Any, Any], bool] | None = getattr(self.encoding, "matches", None)
        return bool(new == there) if compare is None else compare(there, new)

    def show(self, value: Any) -> Any:
        """Return a value as a diff has it."""
        if self.secret and value is not None:
            return HIDDEN
        return list(map(str, value)) if isinstance(value, tuple) else value

    @property
    def is_address(self) -> bool:
        """Whether the kernel takes one value as well as another of its version, unless it is a group's."""
        return isinstance(self.encoding, IpAddress)

    @property
    def has_versions(self) -> bool:
        """Whether it is an address of any IP version."""
        return isinstance(self.encoding, IpAddress) and self.encoding.ipv6 is not None

    @property
    def choices(self) -> Sequence[str]:
        return list(getattr(self.encoding, "words", ()))

    def changes_in_place(self, old: Any, new: Any) -> bool:
        """Whether the kernel changes it from one value to another."""
        return self.in_place and old not in self.rigid and new not in self.rigid

    @property
    def spec(self) -> Mapping[str, Any]:
        """The argument spec of the option."""
        kind = self.encoding.option_type
        return {
            "type": kind,
            **({"elements": "str"} if kind == "list" else {}),
            **({"choices": self.choices} if self.choices else {}),
            **self.more,
        }


#: The values of a kind's options by their names.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of links.

    `kernel` is the kernel's name for it (IFLA_INFO_KIND) where that is another, `constant` what distinguishes it then.
    `module` is the kernel module that has it. `on_parent`: it is on another link (IFLA_LINK); `lower`: it may be bound
    to one, by this attribute of IFLA_INFO_DATA. `underlay`: its outer packets may travel in another namespace than its
    own. `takes_members`: other links may have it as their master; `down`: they are down as they become members.
    `whole`: a change has to repeat what stays. `headroom` returns how many bytes the MTU of its parent has to be above
    its own. `mtu` is that of a new link where it is always the same, and 0 where it is not. `mtu_by_members`: its MTU
    is that of its members until another one is set than it has. `sets_mac`: it has a hardware address that can be set;
    `changes_mac`: later than at its creation, too. `up_with_parent`: it is up only while that is, unless this option is
    set. `flat`: on a link of these kinds the kernel puts it on what that one is on. `device`: it is created by
    /dev/net/tun, and not by netlink. `generic`: its options are read and set by generic netlink. `reported` are the
    attributes that cannot be set, `restored` what a new link gets of others for what was reported of one; nothing is
    left out.
    """

    name: str
    description: str
    module: str
    attributes: tuple[Attribute, ...] = ()
    kernel: str = ""
    constant: Data = field(default_factory=dict)
    on_parent: bool = False
    lower: int | None = None
    underlay: bool = False
    takes_members: bool = False
    down: bool = False
    whole: bool = False
    headroom: Callable[[Values], int] | None = None
    mtu: int = 0
    mtu_by_members: bool = False
    sets_mac: bool = True
    changes_mac: bool = True
    up_with_parent: str = ""
    flat: frozenset[str] = frozenset()
    device: bool = False
    generic: bool = False
    reported: frozenset[int] = frozenset()
    restored: Mapping[int, Callable[[bytes], bytes]] = field(default_factory=dict)

    @property
    def takes_parent(self) -> bool:
        return self.on_parent or self.lower is not None

    @property
    def follows_parent(self) -> bool:
        """Whether the kernel lowers its MTU with that of its parent (vlan_device_event(), macvlan_device_event())."""
        return self.headroom is not None and not self.headroom({})

    @property
    def is_fixed_tunnel(self) -> bool:
        """Whether it sends outer packets, and in its own namespace only."""
        return self.lower is not None and not self.underlay

    @property
    def kernel_name(self) -> str:
        return self.kernel or self.name

    @property
    def spec(self) -> Mapping[str, Mapping[str, Any]]:
        """The argument spec of its options."""
        return {attribute.name: attribute.spec for attribute in self.attributes}

    def encode(self, values: Values) -> dict[int, bytes]:
        """Return what these values are in IFLA_INFO_DATA."""
        data: dict[int, bytes] = dict(self.constant)
        for name, value in values.items():
            for number, content in self._by_name[name].encoding.encode(value).items():
                data[number] = merge(data[number], content) if number in data else content
        return data

    def decode(self, data: Data) -> dict[str, Any]:
        """Return the values in IFLA_INFO_DATA."""
        return {attribute.name: attribute.encoding.decode(data) for attribute in self.attributes}

    def report(self, values: Values) -> dict[str, Any]:
        """Return the values that are set, as a module takes and returns them."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            if value is not None and not self._by_name[name].secret:
                report = getattr(self._by_name[name].encoding, "report", None)
                found[name] = report(value) if report else list(value) if isinstance(value, tuple) else value
        return found

    def has_secrets(self, values: Values) -> bool:
        """Whether something of these values cannot be reported."""
        return any(
            self._by_name[name].secret or any(getattr(each, "preshared_key", None) for each in as_tuple(value))
            for name, value in values.items()
            if value is not None
        )

    def deviations(self, data: Data) -> dict[str, Any]:
        """Return the values in IFLA_INFO_DATA that are not the kernel's own choice in any mode.

        That of one mode is another value for a link that gets another mode.
        """
        values = self.decode(data)
        return {
            each.name: value
            for each, value in ((each, values[each.name]) for each in self.attributes)
            if value is not None and not value == each.default == self.default_of(each.name, values)
        }

    def restorable(self, data: Data) -> Data:
        """Return what the kernel reported of a link as it takes it for a new one.

        Of a field with a mask it reports the mask of all bits, and refuses those that do not exist (vlan_changelink()).
        It also reports options that it does not take beside others.
        """
        decoded = self.decode(data)
        encoded = [each.name for each in self.attributes if hasattr(each.encoding, "restored")]
        known = self.encode({name: decoded[name] for name in encoded if decoded[name] is not None})
        refused = {
            number
            for each in self.attributes
            if not self.takes(each.name, decoded)
            for number in each.encoding.encode(None)
        }
        kept = {number: content for number, content in data.items() if number not in self.reported | refused}
        for number in self.restored.keys() & kept.keys():
            kept[number] = self.restored[number](kept[number])
            if not kept[number]:
                del kept[number]
        return {**kept, **known}

    def keep(self, former: Values, given: Values) -> dict[str, Any]:
        """Return options together: of a former link those that the kernel takes with the ones that are given.

        One that is given, and that it does not take, is left out where it is at its default in the kernel.
        """
        kept = {name: value for name, value in former.items() if not given.get(self._by_name[name].excluded_by)}
        # The outer packets are all of one version: an address of the other one cannot stay.
        versions = {is_ipv6(given[name]) for name in self.addresses if name in given}
        kept = {name: each for name, each in kept.items() if name not in self.addresses or versions <= {is_ipv6(each)}}
        values = {**kept, **given}
        asked = {name for name, value in given.items() if value != self.default_of(name, values)}
        return {name: value for name, value in values.items() if name in asked or self.takes(name, values)}

    def takes(self, name: str, values: Values) -> bool:
        """Return whether the kernel takes an option, whatever its value, on a link with these values."""
        attribute = self._by_name[name]
        fits = not attribute.modes or self.effective("mode", values) in attribute.modes
        return fits and bool(not attribute.multiple_of or self.effective(attribute.multiple_of, values))

    def effective(self, name: str, values: Values) -> Any:
        """Return the value that an option has, also where it is not among these."""
        value = values.get(name)
        return self.default_of(name, values) if value is None else value

    def default_of(self, name: str, values: Values) -> Any:
        """Return what the kernel takes for an option that is not given, in the mode of these values."""
        attribute = self._by_name[name]
        in_modes = attribute.in_modes
        return in_modes.get(self.effective("mode", values), attribute.default) if in_modes else attribute.default

    def words(self, values: Values) -> list[str]:
        """Return the values as ip-link(8) takes them."""
        given = [each for each in self.attributes if values.get(each.name) is not None]
        return [word for each in given for word in each.words(each.name, values[each.name])]

    @cached_property
    def addresses(self) -> Sequence[str]:
        """The options with an address of the outer packets."""
        return [each.name for each in self.attributes if each.is_address]

    def attribute(self, name: str) -> Attribute:
        return self._by_name[name]

    def changes_in_place(self, name: str, current: Values, new: Any) -> bool:
        """Return whether the kernel changes an option of a link that has the `current` values."""
        attribute = self._by_name[name]
        stays = not attribute.has_versions or is_ipv6(new) == is_ipv6(self.no_address(current))
        return stays and attribute.changes_in_place(current.get(name), new)

    def no_address(self, current: Values) -> str:
        """Return the unspecified address of the IP version of a tunnel with these values.

        That is the version of its addresses, for good (vxlan_nl2conf(), geneve_nl2info()).
        """
        return str(ip_address(bytes(16 if any(is_ipv6(current.get(name)) for name in self.addresses) else 4)))

    @cached_property
    def _by_name(self) -> Mapping[str, Attribute]:
        return {each.name: each for each in self.attributes}


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a value that is a list, and nothing for any other."""
    return value if isinstance(value, tuple) else ()


def merge(one: bytes, other: bytes) -> bytes:
    """Return two contents of one attribute together: each has the bits of its own option."""
    if len(one) != len(other):
        return other
    return bytes(first | second for first, second in zip(one, other))

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes of a link kind: how each is checked, encoded, decoded and written for ip-link(8). Pure."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any, ClassVar, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import HIDDEN
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.outer_packets import is_ipv6

#: The contents of IFLA_INFO_DATA, by the numbers of its attributes.
Data = Mapping[int, bytes]


class Encoding(Protocol):
    """How the value of an option stands in IFLA_INFO_DATA; several options may share one of its attributes."""

    @property
    def option_type(self) -> str:
        """The type of the option."""

    def check(self, value: Any) -> Any:
        """Return the checked value.

        Raises:
            ValueError: It is not valid.
        """

    def encode(self, value: Any) -> Data:
        """Return the attributes for a value; None stands for one that is not set."""

    def decode(self, data: Data) -> Any:
        """Return the value in these attributes; None where it is not set."""


@dataclass(frozen=True)
class Number:
    """A number; `code` is that of the struct module, with the byte order. `words` are what ip-link(8) calls them."""

    number: int
    code: str
    words: Mapping[str, int] = field(default_factory=dict)
    lowest: int = 0
    highest: int | None = None

    @property
    def option_type(self) -> str:
        return "str" if self.words else "int"

    def check(self, value: Any) -> Any:
        if self.words:
            return value  # one of the option's choices
        highest = 256 ** struct.calcsize(self.code) - 1 if self.highest is None else self.highest
        return validation.whole_number(value, "number", self.lowest, highest)

    def encode(self, value: Any) -> Data:
        return {self.number: struct.pack(self.code, self.words.get(value, value or 0))}

    def decode(self, data: Data) -> Any:
        if self.number not in data:
            return None
        found = struct.unpack(self.code, data[self.number])[0]
        return next((word for word, each in self.words.items() if each == found), found)


@dataclass(frozen=True)
class Switch:
    """True or false in a byte."""

    number: int
    option_type: str = "bool"

    def check(self, value: Any) -> Any:
        return bool(value)

    def encode(self, value: Any) -> Data:
        return {self.number: bytes([bool(value)])}

    def decode(self, data: Data) -> Any:
        return bool(data[self.number][0]) if self.number in data else None


@dataclass(frozen=True)
class SwitchOr(Switch):
    """True or false in a byte; some links report it as the reverse, in another attribute, which cannot set it."""

    reverse: int = 0
    restored: ClassVar[bool] = True

    def decode(self, data: Data) -> Any:
        return not data[self.reverse][0] if self.reverse in data else super().decode(data)


@dataclass(frozen=True)
class Presence:
    """True by being there (NLA_FLAG)."""

    number: int
    option_type: str = "bool"

    def check(self, value: Any) -> Any:
        return bool(value)

    def encode(self, value: Any) -> Data:
        return {self.number: b""} if value else {}

    def decode(self, data: Data) -> Any:
        return self.number in data


@dataclass(frozen=True)
class MaskedBit:
    """A bit of a field that has a mask of the bits to change (struct ifla_vlan_flags of linux/if_link.h)."""

    number: int
    bit: int
    option_type: str = "bool"
    restored: ClassVar[bool] = True

    def check(self, value: Any) -> Any:
        return bool(value)

    def encode(self, value: Any) -> Data:
        return {self.number: struct.pack("=II", self.bit if value else 0, self.bit)}

    def decode(self, data: Data) -> Any:
        return bool(struct.unpack("=II", data[self.number])[0] & self.bit) if self.number in data else None


@dataclass(frozen=True)
class Bits:
    """A bit of the flags of both directions of a GRE tunnel (linux/if_tunnel.h)."""

    numbers: Sequence[int]
    bit: int
    option_type: str = "bool"

    def check(self, value: Any) -> Any:
        return bool(value)

    def encode(self, value: Any) -> Data:
        return {number: struct.pack(">H", self.bit if value else 0) for number in self.numbers}

    def decode(self, data: Data) -> Any:
        return all(struct.unpack(">H", data.get(number, b"\0\0"))[0] & self.bit for number in self.numbers)


@dataclass(frozen=True)
class Key:
    """The key of both directions of a GRE tunnel (RFC 2890), with the bit that says that there is one."""

    numbers: Sequence[int]
    flags: Bits
    option_type: str = "int"

    def check(self, value: Any) -> Any:
        return validation.whole_number(value, "key", 0, 2**32 - 1)

    def encode(self, value: Any) -> Data:
        keys = {number: struct.pack(">I", value or 0) for number in self.numbers}
        return {**self.flags.encode(value is not None), **keys}

    def decode(self, data: Data) -> Any:
        keys = {data.get(number, bytes(4)) for number in self.numbers}
        return struct.unpack(">I", keys.pop())[0] if self.flags.decode(data) and len(keys) == 1 else None


@dataclass(frozen=True)
class IpAddress:
    """An IP address; IPv6 has an attribute of its own. None of it is 0.0.0.0 to the kernel."""

    ipv4: int
    ipv6: int | None = None
    option_type: str = "str"

    def check(self, value: Any) -> Any:
        found = validation.ip_address(value)
        if found.version == 6 and self.ipv6 is None:
            raise validation.ValidationError(f"{found} is an IPv6 address, and this kind takes IPv4; give one of IPv4")
        return str(found)

    def encode(self, value: Any) -> Data:
        if value is not None and self.ipv6 is not None and ":" in value:
            return {self.ipv6: socket.inet_pton(socket.AF_INET6, value)}
        return {self.ipv4: socket.inet_aton(value) if value else bytes(4)}

    def decode(self, data: Data) -> Any:
        content = data.get(self.ipv4) or data.get(self.ipv6 or 0) or b""
        return str(ip_address(content)) if any(content) else None


@dataclass(frozen=True)
class IpAddresses:
    """IPv4 addresses, one attribute for each in the attribute."""

    number: int
    option_type: str = "list"

    def check(self, value: Any) -> Any:
        found = [validation.ip_address(each) for each in value]
        if any(address.version == 6 for address in found):
            raise validation.ValidationError("these are IPv4 addresses; give others")
        return tuple(map(str, found))

    def encode(self, value: Any) -> Data:
        addresses = (socket.inet_aton(each) for each in value or ())
        return {self.number: b"".join(netlink.attribute(place, each) for place, each in enumerate(addresses))}

    def decode(self, data: Data) -> Any:
        found = netlink.attributes_of(data.get(self.number, b""), 0)
        return tuple(socket.inet_ntoa(found[place]) for place in sorted(found)) or None


@dataclass(frozen=True)
class MacAddress:
    """A hardware address."""

    number: int
    option_type: str = "str"

    def check(self, value: Any) -> Any:
        return validation.mac_address(value)

    def encode(self, value: Any) -> Data:
        return {self.number: bytes.fromhex((value or "00" * 6).replace(":", ""))}

    def decode(self, data: Data) -> Any:
        content = data.get(self.number, b"")
        return content.hex(":") if any(content) else None


Words = Callable[[str, Any], Sequence[str]]


def valued(name: str, value: Any) -> Sequence[str]:
    """Return the words of an option with a value: `id 10`; true and false are 1 and 0."""
    return [
        name,
        ",".join(value) if isinstance(value, tuple) else str(int(value) if isinstance(value, bool) else value),
    ]


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
    modes: frozenset[Any] = frozenset()
    #: The option that, unless it is 0, rules it out.
    excluded_by: str = ""
    #: What else its argument spec has.
    more: Mapping[str, Any] = field(default_factory=dict)
    #: The descriptions of the options of each element.
    details: Mapping[str, str] = field(default_factory=dict)

    def matches(self, old: Any, new: Any) -> bool:
        """Whether a value is as wanted; some are, although they are not the same."""
        compare: Callable[[Any, Any], bool] | None = getattr(self.encoding, "matches", None)
        if compare is not None:
            return compare(old, new)
        return bool(new == (self.default if old is None else old))

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
    def choices(self) -> Sequence[str]:
        return list(getattr(self.encoding, "words", ()))

    def changes_in_place(self, old: Any, new: Any) -> bool:
        """Whether the kernel changes it from one value to another.

        A tunnel keeps the version of its outer packets (vxlan_nl2conf(), geneve_nl2info()). It is 4 without an address.
        """
        same_version = not self.is_address or is_ipv6(old) == is_ipv6(new)
        return self.in_place and same_version and old not in self.rigid and new not in self.rigid

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
    its own. `mtu_by_members`: its MTU is that of its members until another one is set than it has. `sets_mac`: it has a
    hardware address that can be set; `changes_mac`: later than at its creation, too. `up_with_parent`: it is up only
    while that is, unless this option is set. `flat`: on a link of these kinds the kernel puts it on what that one is
    on. `device`: it is created by /dev/net/tun, and not by netlink. `generic`: its options are read and set by generic
    netlink. `reported` are the attributes that cannot be set, `restored` what a new link gets of others for what was
    reported of one; nothing is left out.
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
        """Return the values in IFLA_INFO_DATA that are not the kernel's own choice."""
        values = self.decode(data)
        return {
            each.name: values[each.name] for each in self.attributes if values[each.name] not in (None, each.default)
        }

    def restorable(self, data: Data) -> Data:
        """Return what the kernel reported of a link as it takes it for a new one.

        Of a field with a mask it reports the mask of all bits, and refuses those that do not exist (vlan_changelink()).
        """
        encoded = [each for each in self.attributes if hasattr(each.encoding, "restored")]
        values = {each.name: each.encoding.decode(data) for each in encoded}
        known = self.encode({name: value for name, value in values.items() if value is not None})
        kept = {number: content for number, content in data.items() if number not in self.reported}
        for number in self.restored.keys() & kept.keys():
            kept[number] = self.restored[number](kept[number])
            if not kept[number]:
                del kept[number]
        return {**kept, **known}

    def keep(self, former: Values, given: Values) -> dict[str, Any]:
        """Return options together: of a former link those that the kernel takes with the ones that are given."""
        kept = {name: value for name, value in former.items() if not given.get(self._by_name[name].excluded_by)}
        # The outer packets are all of one version: an address of the other one cannot stay.
        versions = {is_ipv6(given[name]) for name in self.addresses if name in given}
        kept = {name: each for name, each in kept.items() if name not in self.addresses or versions <= {is_ipv6(each)}}
        values = {**kept, **given}
        mode = values.get("mode", self._by_name["mode"].default) if "mode" in self._by_name else None
        fits = {each.name for each in self.attributes if not each.modes or mode in each.modes}
        return {name: value for name, value in values.items() if name in given or name in fits}

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

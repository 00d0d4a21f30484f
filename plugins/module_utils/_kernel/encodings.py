# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the value of an option stands in the attributes of a message: how it is checked, encoded and decoded. Pure."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, ClassVar, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink

#: Codes of the struct module, in the byte order of the host.
U8, U16, U32 = "=B", "=H", "=I"

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
class Hundredths(Number):
    """A time in 1/100 s, which the kernel keeps in ticks of its timer (clock_t_to_jiffies()).

    With 250 ticks in a second, the usual number, it reports a hundredth less of an odd one.
    """

    def matches(self, old: Any, new: Any) -> bool:
        """Return whether a time is as wanted, as far as the kernel can keep it."""
        return bool(old in ((new, new - 1) if new % 2 else (new,)))


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

    def matches(self, old: Any, new: Any) -> bool:
        """Return whether an address is as wanted: 0.0.0.0 and :: are none, and are reported so."""
        return old == new or (old is None and ip_address(new).is_unspecified)


@dataclass(frozen=True)
class IpAddresses:
    """IPv4 addresses, one attribute for each in the attribute."""

    number: int
    most: int
    option_type: str = "list"

    def check(self, value: Any) -> Any:
        found = [validation.ip_address(each) for each in value]
        if any(address.version == 6 for address in found):
            raise validation.ValidationError("these are IPv4 addresses; give others")
        if len(found) > self.most:
            raise validation.ValidationError(f"{len(found)} addresses are too many; give at most {self.most}")
        for address in found:
            if found.count(address) > 1:
                raise validation.ValidationError(f"{address} is listed twice; leave one of them out")
        return tuple(map(str, found))

    def encode(self, value: Any) -> Data:
        addresses = (socket.inet_aton(each) for each in value or ())
        return {self.number: b"".join(netlink.attribute(place, each) for place, each in enumerate(addresses))}

    def decode(self, data: Data) -> Any:
        found = netlink.attributes_of(data.get(self.number, b""), 0)
        return tuple(socket.inet_ntoa(found[place]) for place in sorted(found)) or None

    def matches(self, old: Any, new: Any) -> bool:
        """Return whether the addresses are as wanted: an empty list is reported as none."""
        return (old or ()) == (new or ())


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

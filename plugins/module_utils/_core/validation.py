# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of single values, shared by the modules and by the filter ``compile_topology``.

Pure: nothing here reads the host or needs Ansible. Each function returns the value in its normal form or raises
``ValueError``. The text of the error names the value, the cause and the cure; the caller adds the entry and the option.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Union


class ValidationError(ValueError):
    """A value that is not valid; the text is for the user."""


Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

#: Bytes: IFNAMSIZ of linux/if.h less the closing NUL.
INTERFACE_NAME_MAX = 15
#: Characters that an interface name can have, and that a rule cannot quote or reads as a pattern.
_UNQUOTABLE = frozenset("\"'\\*+")

#: Bytes: ALTIFNAMSIZ of linux/if.h less the closing NUL.
ALTERNATIVE_NAME_MAX = 127

#: Bytes: NAME_MAX of linux/limits.h; a named namespace is a file below /run/netns.
NAMESPACE_NAME_MAX = 255

#: Bytes: ETH_MIN_MTU of linux/if_ether.h, the smallest datagram that RFC 791 lets a host refuse to fragment.
MTU_MIN = 68

#: Bytes: ETH_MAX_MTU of linux/if_ether.h.
MTU_MAX = 65535

#: IEEE 802.1Q: the ID has twelve bits, 4095 is reserved.
VLAN_MAX = 4094

#: How a port of Open vSwitch treats VLAN tags (vlan_mode of ovs-vswitchd.conf.db(5)).
VLAN_MODES = ("access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel")

#: Bytes: RFC 8200, section 5; below it the kernel disables IPv6 on the link.
IPV6_MTU_MIN = 1280

#: Seconds: a repair that comes more often is hardly over before the next one, and a day is as good as never.
REPAIR_MIN, REPAIR_MAX = 10, 86400

#: RT_TABLE_MAIN of linux/rtnetlink.h.
MAIN_TABLE = 254

#: Where ip-netns(8) keeps the names of network namespaces.
NAMESPACE_DIRECTORY = "/run/netns"

#: By IP version: the parameter that makes a namespace a router (Documentation/networking/ip-sysctl.rst).
FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}

# isspace() of the kernel's lib/ctype.c knows Latin-1, where 0xa0 is a space: "à" (0xc3 0xa0 in UTF-8) is refused too.
_KERNEL_SPACES = frozenset(b"\t\n\v\f\r \xa0")
_OWNER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAC_FORMS = (
    re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}"),
    re.compile(r"[0-9a-f]{2}(?:-[0-9a-f]{2}){5}"),
    re.compile(r"[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}"),
)


def describe_type(value: Any) -> str:
    """Return what a value is, in YAML's terms."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"a boolean ({str(value).lower()})"
    if isinstance(value, (int, float)):
        return f"a number ({value})"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "a dictionary"
    return "a string" if isinstance(value, str) else f"a {type(value).__name__}"


#: Characters of a value that an error repeats.
REPEATED_MAX = 60


def describe(value: Any) -> str:
    """Return a value for an error: of what is long, or has a structure, only the type."""
    if isinstance(value, str) and len(value) <= REPEATED_MAX:
        return f"the string {value!r}"
    return describe_type(value)


def _text(value: Any, what: str, example: str) -> str:
    """Return ``value`` as a plain string.

    Raises:
        ValidationError: It is not a string; the text says that ``what`` must be one.
    """
    if not isinstance(value, str):
        raise ValidationError(f"{what} must be a string, not {describe_type(value)}; write for instance {example!r}")
    return str(value)


def whole_number(value: Any, what: str, lowest: int, highest: int) -> int:
    """Return ``value`` (an integer, or its digits in a string) as an integer of the given range, both ends included."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip(), re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        shown = repr(value) if isinstance(value, str) else describe_type(value)
        raise ValidationError(f"{what} must be a whole number, not {shown}; give one from {lowest} to {highest}")
    if not lowest <= value <= highest:
        raise ValidationError(f"{value} is not a valid {what}; give a whole number from {lowest} to {highest}")
    return int(value)


def repair_interval(value: Any) -> int:
    """Check the seconds between two repairs of a stored topology; 0 is none.

    Raises:
        ValueError: It is shorter than a repair may take, or longer than a day.
    """
    seconds = whole_number(value, "interval of repairs", 0, REPAIR_MAX)
    if 0 < seconds < REPAIR_MIN:
        raise ValidationError(f"{seconds} s between repairs are too few; give 0 for none, or at least {REPAIR_MIN}")
    return seconds


def interface_name(value: Any) -> str:
    """Check the name of a network interface by the kernel's rules.

    Args:
        value: The name, a string.

    Raises:
        ValueError: The kernel would refuse the name (``dev_valid_name`` in net/core/dev.c), or would take it
            for a pattern to be numbered (``dev_alloc_name``: a name with ``%``).
    """
    return _interface_name(value, INTERFACE_NAME_MAX, "an interface name")


def existing_interface_name(value: Any) -> str:
    """Check the name or the alternative name of a network interface that exists (ip-link(8), ``altname``).

    Args:
        value: The name, a string.

    Raises:
        ValueError: The kernel has no interface with this name.
    """
    return _interface_name(value, ALTERNATIVE_NAME_MAX, "the alternative name of an interface")


def _interface_name(value: Any, longest: int, what: str) -> str:
    name = _text(value, "an interface name", "veth-ns01")
    raw = name.encode("utf-8", "surrogatepass")
    if not raw:
        raise ValidationError("an interface name must not be empty; give it a name, for instance 'veth-ns01'")
    if len(raw) > longest:
        size = f"{len(raw)} characters" if len(raw) == len(name) else f"{len(raw)} bytes"
        raise ValidationError(f"{name!r} is {size} long, and Linux takes at most {longest} for {what}; shorten it")
    if name in ("all", "default"):
        # The kernel refuses both (sysctl_dev_name_is_allowed() in net/ipv4/devinet.c).
        raise ValidationError(f"{name!r} cannot be an interface name (sysctls use it); choose another one")
    if name in (".", ".."):
        raise ValidationError(f"{name!r} cannot be an interface name (it means a directory); choose another one")
    if _KERNEL_SPACES.intersection(raw) or not name.isprintable():
        raise ValidationError(
            f"{name!r} has a space or an unprintable character in it, and Linux refuses it; remove it"
        )
    for bad in "/:%":
        if bad in name:
            raise ValidationError(f"{name!r} has a {bad!r} in it, which an interface name cannot have; remove it")
    return name


def rule_safe_interface(value: Any) -> str:
    """Return the name of an interface that a rule can match.

    Raises:
        ValueError: It is not a valid name, or a rule cannot match it.
    """
    name = interface_name(value)
    for character in sorted(_UNQUOTABLE.intersection(name)):
        raise ValidationError(
            f"{name!r} contains the character {character}, which a firewall rule reads as a pattern or a quote; rename "
            "the link"
        )
    return name


def is_rule_safe(name: str) -> bool:
    """Return whether a rule can match an interface of this name."""
    return not _UNQUOTABLE.intersection(name)


def namespace_name(value: Any) -> str:
    """Check the name of a network namespace: a file name below ``/run/netns`` (ip-netns(8)).

    Args:
        value: The name, a string.

    Raises:
        ValueError: It cannot be a file name, or has a character in it that no tool would print.
    """
    name = _text(value, "a namespace name", "ns01")
    raw = name.encode("utf-8", "surrogatepass")
    if not raw:
        raise ValidationError("a namespace name must not be empty; give it a name, for instance 'ns01'")
    if len(raw) > NAMESPACE_NAME_MAX:
        raise ValidationError(
            f"{name[:20] + '...'!r} is {len(raw)} bytes long, and a namespace name has at most {NAMESPACE_NAME_MAX}; "
            "shorten it"
        )
    if name in (".", ".."):
        raise ValidationError(f"{name!r} cannot be a namespace name (it means a directory); choose another one")
    if "/" in name:
        raise ValidationError(
            f"{name!r} has a '/' in it, and a namespace name is a file name below /run/netns; remove it"
        )
    if any(char.isspace() for char in name) or not name.isprintable():
        raise ValidationError(
            f"{name!r} has a space or an unprintable character in it; remove it from the namespace name"
        )
    return name


def owner_name(value: Any) -> str:
    """Check the name of an owner, the mark on objects.

    Args:
        value: The name, a string.

    Raises:
        ValueError: It is not 1 to 64 ASCII letters, digits, dots, underscores and hyphens.
    """
    name = _text(value, "an owner name", "lab-a")
    if not _OWNER.fullmatch(name):
        raise ValidationError(
            f"{name!r} cannot be an owner name; use 1 to 64 ASCII letters, digits, '.', '_' and '-', "
            "for instance 'lab-a'"
        )
    return name


def _bare_address(text: str, whole: str) -> Address:
    """Parse an address without prefix length; ``whole`` is what the user gave, for the message."""
    if "%" in text:
        raise ValidationError(
            f"{whole!r} names an interface after '%'; leave that part out and name the interface by its option"
        )
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    octets = text.split(".")
    if len(octets) == 4 and all(re.fullmatch(r"[0-9]+", octet, re.ASCII) for octet in octets):
        for octet in octets:
            if int(octet) > 255:
                raise ValidationError(f"{whole!r} is not an IPv4 address: {octet} is more than 255; correct it")
            if len(octet) > 1 and octet.startswith("0"):
                raise ValidationError(f"{whole!r} is not an IPv4 address: for {octet} write {int(octet)}")
    raise ValidationError(f"{whole!r} is not an IP address; write for instance 192.168.100.1 or fd00::1")


def _split_prefix(text: str, what: str) -> tuple[Address, int]:
    """Parse ADDRESS/PREFIX; both parts are needed, and the prefix is a length (not a netmask)."""
    head, slash, tail = text.partition("/")
    address = _bare_address(head, text)
    if not slash:
        usual = 24 if address.version == 4 else 64
        raise ValidationError(
            f"{text!r} has no prefix length; {what} needs one, write for instance {head}/{usual} "
            f"(a single host: {head}/{address.max_prefixlen})"
        )
    if not re.fullmatch(r"[0-9]{1,3}", tail, re.ASCII):
        raise ValidationError(_prefix_hint(text, head, tail, address))
    if int(tail) > address.max_prefixlen:
        raise ValidationError(
            f"{text!r} has a prefix length of {int(tail)}, and an IPv{address.version} address has "
            f"{address.max_prefixlen} bits; give one from 0 to {address.max_prefixlen}"
        )
    return address, int(tail)


def _prefix_hint(text: str, head: str, tail: str, address: Address) -> str:
    """Return the error for a prefix length that is not a number; a netmask is translated."""
    if address.version == 4:
        try:
            length = ipaddress.IPv4Network(f"0.0.0.0/{tail}").prefixlen
        except ValueError:
            pass
        else:
            return f"{text!r} has a netmask where a prefix length belongs; write {head}/{length}"
    return f"{text!r} has {tail!r} where a prefix length belongs; give a number from 0 to {address.max_prefixlen}"


def interface_address(value: Any) -> Interface:
    """Parse an address of an interface, ADDRESS/PREFIX (ip-address(8)), IPv4 or IPv6.

    Args:
        value: For instance ``192.168.100.1/24`` or ``fd00::1/64``.

    Raises:
        ValueError: It is not an address, has no prefix length, or cannot be the address of an interface
            (unspecified: RFC 1122 3.2.1.3 and RFC 4291 2.5.2; multicast: RFC 1112 and RFC 4291 2.7).
    """
    text = _text(value, "an address", "192.168.100.1/24").strip()
    address, length = _split_prefix(text, "an interface's address")
    if address.is_unspecified:
        raise ValidationError(f"{text!r} is the unspecified address, which no interface can have; give another")
    if address.is_multicast:
        raise ValidationError(f"{text!r} is a multicast address, which no interface can have; give a unicast one")
    return ipaddress.ip_interface(f"{address}/{length}")


def network(value: Any) -> Network:
    """Parse a network, ADDRESS/PREFIX with no host bits set, IPv4 or IPv6.

    Args:
        value: For instance ``192.168.100.0/24`` or ``fd00::/64``.

    Raises:
        ValueError: It is not a network; where host bits are set, the message names the network that was meant.
    """
    text = _text(value, "a network", "192.168.100.0/24").strip()
    address, length = _split_prefix(text, "a network")
    meant = ipaddress.ip_network(f"{address}/{length}", strict=False)
    if meant.network_address != address:
        raise ValidationError(
            f"{text!r} is an address within a network, not a network; write {meant} "
            f"(a single host: {address}/{address.max_prefixlen})"
        )
    return meant


def ip_address(value: Any) -> Address:
    """Parse one IPv4 or IPv6 address without a prefix length: a gateway, a source, a name server.

    Args:
        value: For instance ``192.168.100.254`` or ``fe80::1``.

    Raises:
        ValueError: It is not an address, or has a prefix length.
    """
    text = _text(value, "an address", "192.168.100.254").strip()
    head, slash, _tail = text.partition("/")
    address = _bare_address(head, text)
    if slash:
        raise ValidationError(f"{text!r} has a prefix length, and one address without it belongs here; write {address}")
    return address


def hardware_address(value: Any) -> str:
    """Check a MAC address, which may be one of a group.

    Args:
        value: Six octets in hexadecimal, ``02:00:00:00:00:01``; hyphens, and three groups with dots, are taken
            too.

    Returns:
        The address in lower case with colons, as the kernel prints it.

    Raises:
        ValueError: It is not a MAC address, or is all zero.
    """
    if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
        raise ValidationError(
            f"the MAC address has become a number ({value}), as YAML does with digits and colons; put it in quotes: "
            "'02:00:00:00:00:01'"
        )
    text = _text(value, "a MAC address", "02:00:00:00:00:01").strip().lower()
    if not any(form.fullmatch(text) for form in _MAC_FORMS):
        raise ValidationError(
            f"{text!r} is not a MAC address; write six octets in hexadecimal, for instance 02:00:00:00:00:01"
        )
    digits = re.sub(r"[^0-9a-f]", "", text)
    mac = ":".join(digits[i : i + 2] for i in range(0, 12, 2))
    if mac == "00:00:00:00:00:00":
        raise ValidationError(
            "00:00:00:00:00:00 stands for no MAC address at all; give another one, for instance 02:00:00:00:00:01"
        )
    return mac


def mac_address(value: Any) -> str:
    """Check the MAC address of an interface: see hardware_address().

    Raises:
        ValueError: It is none, or is a group address (IEEE 802: lowest bit of the first octet set).
    """
    mac = hardware_address(value)
    first = int(mac[:2], 16)
    if first & 1:
        raise ValidationError(
            f"{mac} is a group (multicast) address, which no interface can have; make the first octet even, "
            f"for instance {first & 0xFE | 0x02:02x}{mac[2:]}"
        )
    return mac


def mtu(value: Any) -> int:
    """Check an MTU in bytes, 68 to 65535 (``ETH_MIN_MTU`` and ``ETH_MAX_MTU`` of linux/if_ether.h).

    Args:
        value: An integer, or its decimal digits in a string.

    Raises:
        ValueError: It is not a whole number in that range.
    """
    return whole_number(value, "MTU", MTU_MIN, MTU_MAX)


def vlan(value: Any) -> int:
    """Check a VLAN ID, 0 to 4094 (IEEE 802.1Q; 0 is the priority tag, as ovs-vswitchd.conf.db(5) takes it).

    Args:
        value: An integer, or its decimal digits in a string.

    Raises:
        ValueError: It is not a whole number in that range.
    """
    return whole_number(value, "VLAN ID", 0, VLAN_MAX)


#: Seconds. Longer than any repair takes: what waits longer is stuck.
PROBE_TIMEOUT_MAX = 300.0


def probe_destination(value: Any) -> Address:
    """Check the address that a probe leads to.

    Args:
        value: The address, a string.

    Raises:
        ValueError: It is not the IP address of one host.
    """
    address = ip_address(value)
    if address.is_unspecified or address.is_multicast or address == ipaddress.IPv4Address("255.255.255.255"):
        raise ValidationError(f"{address} is not the address of one host; give a unicast address")
    if isinstance(address, ipaddress.IPv6Address) and address.is_link_local:
        raise ValidationError(
            f"{address} is link-local: it has a meaning on one link only; give a global or unique local address"
        )
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise ValidationError(f"{address} is an IPv4 address in IPv6 notation; write {address.ipv4_mapped}")
    return address


def probe_timeout(value: Any) -> float:
    """Check how long a probe waits for its answer.

    Args:
        value: Seconds, a number or its digits.

    Raises:
        ValueError: It is not a number above 0 and up to :data:`PROBE_TIMEOUT_MAX`.
    """
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= PROBE_TIMEOUT_MAX:
        shown = f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else repr(value)
        raise ValidationError(
            f"{shown} is not a time to wait; give a number of seconds above 0 and up to {PROBE_TIMEOUT_MAX:g}"
        )
    return seconds


#: The port numbers of RFC 9293 and RFC 768 have 16 bits.
PORT_MAX = 65535


def port(value: Any) -> int:
    """Check a port number.

    Raises:
        ValidationError: It is not a whole number from 1 to 65535.
    """
    return whole_number(value, "port", 1, PORT_MAX)


def ports(value: Any) -> str:
    """Check a port, or several in a row as FIRST-LAST; return them in the shortest form.

    Raises:
        ValidationError: It is neither.
    """
    first, hyphen, last = str(value).partition("-")
    lowest, highest = port(first.strip()), port(last.strip()) if hyphen else 0
    if hyphen and highest < lowest:
        raise ValidationError(f"{value!r} ends before it begins; write {highest}-{lowest}")
    return f"{lowest}-{highest}" if highest > lowest else str(lowest)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests of rtnetlink(7), encoded by pyroute2: once for each form, from then on by filling in a template.

pyroute2 takes longer to encode a message than the kernel to execute it, and most messages of a call differ from each
other in a name, an address or an index only.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    ATTRIBUTE,
    IFA_ADDRESS,
    IFA_LOCAL,
    IFLA_IFNAME,
    IFLA_NET_NS_FD,
    NETNSA_FD,
    NLM_F_REQUEST,
    RTA_DST,
    RTA_GATEWAY,
    RTA_OIF,
    RTA_PREFSRC,
)

try:
    from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    from pyroute2.netlink.rtnl.nsidmsg import nsidmsg
    from pyroute2.netlink.rtnl.rtmsg import rtmsg
except ImportError as error:
    #: Why pyroute2 cannot be imported; None where it can.
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

Attributes = Sequence[tuple[str, Any]]


def link_message(kind: int, request_flags: int, attributes: Attributes, **fields: int) -> bytearray:
    """Return a message about a link (RTM_NEWLINK, ...)."""
    return _build(ifinfmsg(), kind, request_flags, attributes, fields)


def address_message(kind: int, request_flags: int, attributes: Attributes, **fields: int) -> bytearray:
    """Return a message about an address (RTM_NEWADDR, ...)."""
    return _build(ifaddrmsg(), kind, request_flags, attributes, fields)


def route_message(kind: int, request_flags: int, attributes: Attributes, **fields: int) -> bytearray:
    """Return a message about a route (RTM_NEWROUTE, ...)."""
    return _build(rtmsg(), kind, request_flags, attributes, fields)


def nsid_message(kind: int, request_flags: int, attributes: Attributes) -> bytearray:
    """Return a message about a namespace's id (RTM_GETNSID, ...)."""
    return _build(nsidmsg(), kind, request_flags, attributes, {})


def _encode_text(text: str) -> bytes:
    return encode_name(text) + b"\0"


def _encode_number(number: int) -> bytes:
    return struct.pack("=I", number)


def _encode_address(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


#: The attributes that differ between messages of one form: the number of each, and how its content is encoded.
_VARIABLE_ATTRIBUTES: Mapping[str, tuple[int, Callable[[Any], bytes]]] = {
    "IFLA_IFNAME": (IFLA_IFNAME, _encode_text),
    "IFLA_NET_NS_FD": (IFLA_NET_NS_FD, _encode_number),
    "IFA_ADDRESS": (IFA_ADDRESS, _encode_address),
    "IFA_LOCAL": (IFA_LOCAL, _encode_address),
    "NETNSA_FD": (NETNSA_FD, _encode_number),
    "RTA_DST": (RTA_DST, _encode_address),
    "RTA_GATEWAY": (RTA_GATEWAY, _encode_address),
    "RTA_OIF": (RTA_OIF, _encode_number),
    "RTA_PREFSRC": (RTA_PREFSRC, _encode_address),
}


class _MessageTemplate:
    """An encoded message, and the offsets of the contents of its variable attributes."""

    def __init__(self, message: bytes, placeholders: Sequence[bytes]) -> None:
        """`placeholders` are the variable attributes as encoded in this message, each of them unique in it."""
        self._message = message
        self._offsets = [message.index(placeholder) + ATTRIBUTE.size for placeholder in placeholders]

    def render(self, contents: Sequence[bytes]) -> bytearray:
        """Return the message with these contents of its variable attributes."""
        message = bytearray(self._message)
        for offset, content in zip(self._offsets, contents):
            message[offset : offset + len(content)] = content
        return message


#: By everything that a message consists of except the contents of variable attributes, of which the lengths count.
_TEMPLATES: dict[object, _MessageTemplate] = {}


def _build(message: Any, kind: int, flags: int, attributes: Attributes, fields: Mapping[str, int]) -> bytearray:
    """Return a message; pyroute2 encodes the first of each form."""
    contents: list[bytes] = []
    form = _template_key(attributes, contents)
    key = (type(message), kind, flags, form, tuple(fields.items()))
    if key not in _TEMPLATES:
        placeholders: list[bytes] = []
        encoded = _encode(message, kind, flags, _with_placeholders(attributes, placeholders), fields)
        _TEMPLATES[key] = _MessageTemplate(encoded, placeholders)
    return _TEMPLATES[key].render(contents)


def _template_key(attributes: Attributes, contents: list[bytes]) -> tuple[object, ...]:
    """Return what the attributes have in common with those of other messages; append what differs to `contents`."""
    found: list[object] = []
    for name, value in attributes:
        if name in _VARIABLE_ATTRIBUTES:
            content = _VARIABLE_ATTRIBUTES[name][1](value)
            contents.append(content)
            found.append((name, len(content)))
        elif isinstance(value, dict):
            others = tuple((key, one) for key, one in value.items() if key != "attrs")
            found.append((name, _template_key(value["attrs"], contents), others))
        else:
            found.append((name, repr(value)))
    return tuple(found)


def _with_placeholders(attributes: Attributes, placeholders: list[bytes]) -> list[tuple[str, Any]]:
    """Return the attributes with placeholders for variable contents; append these, encoded, to `placeholders`."""
    found: list[tuple[str, Any]] = []
    for name, value in attributes:
        if name in _VARIABLE_ATTRIBUTES:
            number, encode = _VARIABLE_ATTRIBUTES[name]
            placeholder = _PLACEHOLDERS[encode](len(encode(value)), len(placeholders))
            placeholders.append(attribute(number, encode(placeholder)))
            found.append((name, placeholder))
        elif isinstance(value, dict):
            found.append((name, {**value, "attrs": _with_placeholders(value["attrs"], placeholders)}))
        else:
            # pyroute2 knows strict UTF-8 only, and takes bytes as they are.
            is_plain = not isinstance(value, str) or value.isascii()
            found.append((name, value if is_plain else encode_name(value)))
    return found


#: By encoding: a value whose encoding has this length, another one for each count.
_PLACEHOLDERS: Mapping[Callable[[Any], bytes], Callable[[int, int], Any]] = {
    _encode_text: lambda length, count: chr(ord("a") + count) * (length - 1),
    _encode_number: lambda _length, count: 0xF0F0F0F0 + count,
    _encode_address: lambda length, count: str(ip_address(bytes([0xF0 + count]) * length)),
}


def _encode(message: Any, kind: int, flags: int, attributes: Attributes, fields: Mapping[str, int]) -> bytes:
    message["header"]["type"] = kind
    message["header"]["flags"] = NLM_F_REQUEST | flags
    message["header"]["pid"] = 0
    message["header"]["sequence_number"] = 0
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = list(attributes)
    message.encode()
    return bytes(message.data)

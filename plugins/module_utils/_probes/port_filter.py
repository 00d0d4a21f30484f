# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A filter for raw sockets: the kernel then copies the datagrams to one port only, and not all of the namespace's."""

from __future__ import annotations

import ctypes
import socket
import struct

#: asm-generic/socket.h
SO_ATTACH_FILTER = 26
#: struct sock_filter and struct sock_fprog of linux/filter.h.
INSTRUCTION = struct.Struct("=HBBI")
PROGRAM = struct.Struct("@HP")

# linux/bpf_common.h: BPF_LDX | BPF_B | BPF_MSH, BPF_LD | BPF_H | BPF_IND, BPF_LD | BPF_H | BPF_ABS,
# BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K
LOAD_IP_HEADER_LENGTH, LOAD_HALF_AFTER, LOAD_HALF_AT, JUMP_IF_EQUAL, RETURN = 0xB1, 0x48, 0x28, 0x15, 0x06
#: Where the destination port is in the UDP header (RFC 768).
DESTINATION_PORT = 2


def port_filter(version: int, port: int) -> bytes:
    """Return the instructions: a raw socket of IPv4 has the IP header, one of IPv6 does not (raw(7), ipv6(7))."""
    load = [(LOAD_IP_HEADER_LENGTH, 0, 0, 0), (LOAD_HALF_AFTER, 0, 0, DESTINATION_PORT)]
    if version == 6:
        load = [(LOAD_HALF_AT, 0, 0, DESTINATION_PORT)]
    accept, refuse = (RETURN, 0, 0, 0xFFFFFFFF), (RETURN, 0, 0, 0)
    return b"".join(INSTRUCTION.pack(*one) for one in (*load, (JUMP_IF_EQUAL, 0, 1, port), accept, refuse))


def attach_port_filter(sock: socket.socket, version: int, port: int) -> None:
    """Have a raw UDP socket get only datagrams to a port (socket(7), SO_ATTACH_FILTER).

    Raises:
        OSError: The kernel refuses it.
    """
    instructions = port_filter(version, port)
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = PROGRAM.pack(len(instructions) // INSTRUCTION.size, ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of delays that iproute2 brings for netem, each a file with a line of numbers after the other."""

from __future__ import annotations

import glob
import struct
from collections.abc import Sequence

#: Where they are: by the makefile of iproute2, and by the packages of distributions (get_tc_lib() of iproute2).
DIRECTORIES = ("/usr/lib/tc", "/usr/lib64/tc", "/usr/lib/*-linux-gnu*/tc", "/usr/share/tc")
#: Numbers of a table that the kernel takes (NETEM_DIST_MAX of linux/pkt_sched.h).
LONGEST = 16384


def find(name: str) -> str | None:
    """Return the path of a table; None where there is none."""
    return next((path for place in DIRECTORIES for path in sorted(glob.glob(f"{place}/{name}.dist"))), None)


def fault(name: str) -> str:
    """Return what is wrong with a table, with the cure; empty where it can be read."""
    try:
        read(name)
    except ValueError as error:
        return f"{find(name)} is {error}; install iproute2 again (`apt install --reinstall iproute2`)"
    except OSError as error:
        return str(error)
    return ""


def _describe_missing(name: str) -> str:
    return (
        f"the table of the distribution {name}, {DIRECTORIES[0]}/{name}.dist, is missing on this host; install "
        "iproute2 with it (`apt install --reinstall iproute2`, `dnf install iproute-tc`; a minimal image may have left "
        "it out), or leave out `distribution`"
    )


def read(name: str) -> bytes:
    """Return a table as the kernel takes it.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is not a table.
    """
    path = find(name)
    if path is None:
        raise FileNotFoundError(_describe_missing(name))
    with open(path, encoding="ascii") as table:
        return encode(table.read().splitlines())


def encode(lines: Sequence[str]) -> bytes:
    """Return the numbers in the lines of a table, as the kernel takes them.

    Raises:
        ValueError: They are not numbers of 16 bits, or too many.
    """
    numbers = [int(word) for line in lines if not line.startswith("#") for word in line.split()]
    if not 0 < len(numbers) <= LONGEST or not all(-(2**15) <= number < 2**15 for number in numbers):
        raise ValueError("not a table of delays")
    return struct.pack(f"={len(numbers)}h", *numbers)

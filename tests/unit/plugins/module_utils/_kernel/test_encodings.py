# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that the kernel reports in another way than given: those that stand for none, and times."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.encodings import IpAddress, IpAddresses
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS

#: It stands for none.
NO_ADDRESS = str(IPv4Address(0))


@pytest.mark.parametrize(
    ("kind", "option", "none"),
    [
        ("gre", "remote", NO_ADDRESS),
        ("gretap", "local", NO_ADDRESS),
        ("vxlan", "remote", "::"),
        ("vxlan", "local", "0:0::0"),
        ("geneve", "remote", NO_ADDRESS),
    ],
)
def test_unspecified_address_is_none(kind: str, option: str, none: str) -> None:
    attribute = KINDS[kind].attribute(option)
    wanted = attribute.encoding.check(none)
    assert attribute.encoding.decode(attribute.encoding.encode(wanted)) is None
    assert attribute.matches(None, wanted)
    other = "2001:db8::1" if kind == "vxlan" else "192.0.2.1"
    assert not attribute.matches(other, wanted)
    assert not attribute.matches(None, other)
    assert attribute.matches(other, other)


@pytest.mark.parametrize("option", ["forward_delay", "hello_time", "max_age", "ageing_time"])
def test_odd_hundredths_are_reported_as_even_ones(option: str) -> None:
    """The timer of the kernel has 250 ticks in a second, 2.5 in a hundredth."""
    attribute = KINDS["bridge"].attribute(option)
    assert attribute.encoding.check("701") == 701
    assert [attribute.matches(old, 701) for old in (699, 700, 701, 702, None)] == [False, True, True, False, False]
    assert [attribute.matches(old, 700) for old in (699, 700, 701)] == [False, True, False]
    assert attribute.encoding.decode(attribute.encoding.encode(701)) == 701


@pytest.mark.parametrize(
    ("kind", "option", "wrong"), [("vxlan", "ageing", 0), ("tap", "user", 2**32 - 1), ("tun", "group", 2**32 - 1)]
)
def test_numbers_that_mean_something_else_to_the_kernel(kind: str, option: str, wrong: int) -> None:
    encoding = KINDS[kind].attribute(option).encoding
    assert encoding.check(1 if wrong == 0 else wrong - 1) == (wrong - 1 if wrong else 1)
    with pytest.raises(ValueError, match=f"{wrong} is not a valid number"):
        encoding.check(wrong)


def test_empty_list_of_addresses_is_none() -> None:
    attribute = KINDS["bond"].attribute("arp_ip_target")
    wanted = attribute.encoding.check([])
    assert attribute.encoding.decode(attribute.encoding.encode(wanted)) is None
    assert attribute.matches(None, wanted)
    assert not attribute.matches(("192.0.2.1",), wanted)
    assert not attribute.matches(None, ("192.0.2.1",))
    assert attribute.words("arp_ip_target", wanted) == ["arp_ip_target", ""]


def test_addresses_that_the_kernel_refuses() -> None:
    targets = IpAddresses(8, 2)
    with pytest.raises(ValueError, match=r"192[.]0[.]2[.]1 is listed twice; leave one of them out"):
        targets.check(["192.0.2.1", "192.0.2.1"])
    with pytest.raises(ValueError, match="3 addresses are too many; give at most 2"):
        targets.check(["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    with pytest.raises(ValueError, match="this kind takes IPv4"):
        IpAddress(7).check("::")

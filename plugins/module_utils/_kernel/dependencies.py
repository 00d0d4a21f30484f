# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the options of a link's kind need of each other, by the kind's row: what is refused, and what is sent. Pure.

The kernel refuses some with EPERM or EACCES, as if a right were missing, and keeps others in another way than given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Attribute, Kind, Values

#: An option, and what is wrong with it.
Fault = tuple[str, str]


def find_faults(kind: Kind, former: Values, given: Values) -> Iterator[Fault]:
    """Yield what is wrong with options together; `former` are those of the link that get the given ones."""
    values = kind.keep(former, given)
    excluded: set[frozenset[str]] = set()
    for attribute in kind.attributes:
        name = attribute.name
        if values.get(name) in (None, attribute.default, kind.default_of(name, values)):
            continue
        pair = frozenset({name, attribute.excluded_by})
        if attribute.modes and kind.effective("mode", values) not in attribute.modes:
            yield name, _describe_mode(kind, attribute, values)
        elif values.get(attribute.excluded_by):
            if pair not in excluded:
                yield name, f"and `{attribute.excluded_by}` exclude each other; set one of them to 0, or leave it out"
            excluded.add(pair)
        elif attribute.multiple_of:
            yield from _find_no_multiple(kind, attribute, values, name in given)
        elif attribute.bound and kind.effective(attribute.bound.by, values):
            yield from _find_out_of_bound(kind, attribute, values[name], name in given)


def _describe_mode(kind: Kind, attribute: Attribute, values: Values) -> str:
    modes = ", ".join(map(str, attribute.modes))
    mode = kind.effective("mode", values)
    plural = "s" if len(attribute.modes) > 1 else ""
    return f"is for the mode{plural} {modes}, and this {kind.name} has {mode}; leave it out, or set another `mode`"


def _find_no_multiple(kind: Kind, attribute: Attribute, values: Values, is_given: bool) -> Iterator[Fault]:
    name, other = attribute.name, attribute.multiple_of
    value, base = values[name], kind.effective(other, values)
    if not base:
        yield name, f"is of no effect without `{other}`, which is 0; set that as well, for instance to 100"
    elif value % base:
        nearest = max(base, (value + base // 2) // base * base)
        if is_given:
            kept = value // base * base
            yield (
                name,
                f"{value} is not a multiple of `{other}`, {base}, and the kernel would keep {kept}; give {nearest}",
            )
        else:
            about = f"the {kind.name} has a `{name}` of {value}, which is not a multiple of {base}"
            yield other, f"{about}; give `{name}` as well, for instance {nearest}"


def _find_out_of_bound(kind: Kind, attribute: Attribute, value: Any, is_given: bool) -> Iterator[Fault]:
    name, bound = attribute.name, attribute.bound
    if bound is None or bound.lowest <= value <= bound.highest:
        return
    allowed = f"from {bound.lowest} to {bound.highest}"
    if is_given:
        yield name, f"{value} is not valid while `{bound.by}` is set; give a number {allowed}, or set that to 0"
    else:
        about = f"needs a `{name}` {allowed}, and the {kind.name} has {value}"
        yield bound.by, f"{about}; give `{name}` as well"


def plan_requests(kind: Kind, current: Values, changed: Values) -> list[Values]:
    """Return the changes of options in place, one request each; `current` are the values that the link has.

    What is a multiple of an option is sent along with it: the kernel keeps how many times it is that option.
    """
    values = {**current, **changed}
    along = {
        each.name: values[each.name]
        for each in kind.attributes
        if each.multiple_of in changed and values.get(each.name) is not None
    }
    wanted = {**along, **changed}
    sent = {
        each.name: wanted[each.name]
        for each in kind.attributes
        if each.name in wanted and kind.takes(each.name, values)
    }
    # The kernel sets what is bound before that which it is bound by, and would refuse it.
    released = {
        each.bound.by: sent[each.bound.by]
        for each in kind.attributes
        if each.bound and each.name in sent and sent.get(each.bound.by) == 0
    }
    rest = {name: value for name, value in sent.items() if name not in released}
    return [request for request in (released, rest) if request]


def find_former(kind: Kind, current: Values, changed: Values) -> Values:
    """Return what restores the options that are changed, and those that the kernel changes along with them."""
    former: dict[str, Any] = {}
    for each in kind.attributes:
        causes = {each.excluded_by, each.multiple_of, each.bound.by if each.bound else ""}
        value = current.get(each.name)
        if each.name in changed and value is None and each.has_versions:
            former[each.name] = kind.no_address(current)
        elif each.name in changed or (value is not None and causes & changed.keys()):
            former[each.name] = value
    return former

# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors of the filters: one way to turn those of pure functions into Ansible's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ansible.errors import AnsibleFilterError


@contextmanager
def filter_errors(name: str) -> Iterator[None]:
    """Convert the errors of a filter's input.

    Args:
        name: The filter's name.

    Raises:
        AnsibleFilterError: If the input is invalid, or is not the facts that the filter reads.
    """
    try:
        yield
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None
    except (KeyError, TypeError, AttributeError) as error:
        raise AnsibleFilterError(
            f"{name}: the input is not a result of netns.fabric.topology_info with the subsets that {name} needs "
            f"({error!r}); pass the registered result of the module"
        ) from None

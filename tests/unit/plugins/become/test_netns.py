# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The become plugin, configured by Ansible."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.shell.sh import ShellModule

from ansible_collections.netns.fabric.plugins.become.netns import DOCUMENTATION, BecomeModule


def become(**variables: str) -> Any:
    """Return the plugin with options from variables, like Ansible's loader."""
    plugin = BecomeModule()
    plugin._load_name = plugin.name
    options = yaml.safe_load(DOCUMENTATION)["options"]
    constants.config.initialize_plugin_configuration_definitions("become", plugin.name, options)
    plugin.set_options(var_options=variables)
    return plugin


def shell() -> Any:
    """Return Ansible's ordinary shell plugin."""
    plugin = ShellModule()
    plugin.executable = "/bin/sh"
    return plugin


def test_command() -> None:
    plugin = become(ansible_netns="ns01")
    command = plugin.build_become_command("true", shell())
    assert '"$ip" netns exec ns01 "$@"' in command
    assert plugin.success in command
    assert "sudo -H -S -n -u root --" in command
    assert not plugin.expect_prompt()


def test_user_is_root_unless_another_is_named() -> None:
    """Ansible expands a tilde as this user's home directory."""
    assert become(ansible_netns="ns01").get_option("become_user") == "root"


def test_options() -> None:
    plugin = become(
        ansible_netns="ns01",
        ansible_become_user="nobody",
        ansible_become_exe="/opt/sudo",
        ansible_become_flags="-E -n",
        ansible_become_password="secret",  # noqa: S106  # a test's
    )
    command = plugin.build_become_command("true", shell())
    assert "sh -s /bin/sh -c" in command
    assert command.endswith("-- nobody")
    assert "/opt/sudo -E -p" in command
    assert plugin.expect_prompt()
    assert plugin.check_password_prompt(plugin.prompt.encode())
    assert "secret" not in command


@pytest.mark.parametrize("user", ["root", "alice"])
def test_user_with_the_name_of_the_login(user: str) -> None:
    """Ansible's `buser != ruser` decides whether become is used at all, and `in` whose files must be readable."""
    chosen = become(ansible_netns="ns01", ansible_become_user=user).get_option("become_user")
    assert chosen != user
    assert chosen in ["other", user]


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "", "a\nb"])
def test_invalid_names(name: str) -> None:
    with pytest.raises(AnsibleError, match="ansible_netns: "):
        become(ansible_netns=name).build_become_command("true", shell())


def test_name_is_not_set() -> None:
    with pytest.raises(AnsibleError, match="ansible_netns: is not set; set it"):
        become().build_become_command("true", shell())


def test_no_command() -> None:
    assert become(ansible_netns="ns01").build_become_command("", shell()) == ""

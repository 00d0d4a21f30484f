# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation as HTML, reference and guides, as Ansible's own site does; any warning is an error.

    .venv/bin/python tools/docsite.py [DIRECTORY]

The pages are in DIRECTORY/build/html, .nox/docsite by default. No network is needed: references to Ansible's own
documentation become links without a lookup.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(sys.prefix)
ANSIBLE_DOCS = "https://docs.ansible.com/projects/ansible/devel/"

#: Labels of Ansible's documentation that antsibull-docs refers to, and their pages.
APPENDICES = {
    "common_return_values": "reference_appendices/common_return_values.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
}
# The forms of a reference: that of antsibull-docs, and that of the guides.
_KINDS = "(become|filter|inventory|lookup|module)"
_LABEL = re.compile(rf"\bansible_collections\.(\w+)\.(\w+)\.(\w+)_{_KINDS}\b")
_ROLE = re.compile(rf":ansplugin:`(\w+)\.(\w+)\.(\w+)#{_KINDS}`")
_VARIABLE = re.compile(r":envvar:`([A-Z_\\]+)`")

SETTINGS = f"""
extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {{"ansible_devel": ("{ANSIBLE_DOCS}", "../ansible.inv")}}
html_theme_options = {{"page_width": "1200px", "sidebar_width": "260px"}}
html_sidebars = {{"**": ["about.html", "globaltoc.html", "searchbox.html"]}}
"""


def run(*command: str, cwd: Path) -> None:
    """Run a command of .venv.

    Raises:
        SystemExit: It fails; with its status.
    """
    environment = {
        **os.environ,
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "ANSIBLE_COLLECTIONS_PATH": str(VENV / "collections"),
    }
    status = subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, timeout=300, check=False)
    if status.returncode:
        raise SystemExit(status.returncode)


def foreign_labels(directory: Path) -> dict[str, str]:
    """Return the labels of other collections that the pages refer to, each with its page in Ansible's documentation."""
    labels = dict(APPENDICES)
    for page in directory.rglob("*.rst"):
        text = page.read_text(encoding="utf-8")
        for namespace, collection, plugin, kind in {*_LABEL.findall(text), *_ROLE.findall(text)}:
            if (namespace, collection) != ("netns", "fabric"):
                label = f"ansible_collections.{namespace}.{collection}.{plugin}_{kind}"
                labels[label] = f"collections/{namespace}/{collection}/{plugin}_{kind}.html"
    return labels


def foreign_variables(directory: Path) -> set[str]:
    """Return the environment variables that the pages refer to and do not describe: these are Ansible's own."""
    text = "".join(page.read_text(encoding="utf-8") for page in directory.rglob("*.rst"))
    described = set(re.findall(r"^\.\. envvar:: (\w+)$", text, re.MULTILINE))
    return {name.replace("\\", "") for name in _VARIABLE.findall(text)} - described


def write_inventory(path: Path, labels: dict[str, str], variables: set[str]) -> None:
    """Write labels and environment variables as a Sphinx inventory, version 2."""
    entries = "".join(f"{label} std:label -1 {page} {label.rpartition('.')[2]}\n" for label, page in labels.items())
    configuration = APPENDICES["ansible_configuration_settings"]
    entries += "".join(f"{name} std:envvar -1 {configuration}#envvar-{name} -\n" for name in sorted(variables))
    head = "# Sphinx inventory version 2\n# Project: ansible\n# Version: \n# The remainder is compressed using zlib.\n"
    path.write_bytes(head.encode() + zlib.compress(entries.encode()))


def read_repository() -> str:
    """Return the address of the repository, from galaxy.yml."""
    return str(yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["repository"])


def format_addresses(repository: str) -> str:
    """Return the settings of antsibull-docs that say where every page's collection is and how to install it.

    Its defaults are those of Ansible Galaxy, where nothing is before the first release.
    """
    return (
        f'collection_url = {{\n  netns.fabric = "{repository}"\n}}\n'
        f'collection_install = {{\n  netns.fabric = "ansible-galaxy collection install git+{repository}"\n}}\n'
    )


def main(arguments: list[str]) -> None:
    """Build the pages."""
    site = Path(arguments[0]) if arguments else ROOT / ".nox" / "docsite"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    title = "netns.fabric"
    named = [
        "--project",
        title,
        "--title",
        title,
        "--html-short-title",
        title,
        "--copyright",
        "netns.fabric contributors",
    ]
    options = ["--use-current", "--squash-hierarchy", "--sphinx-theme", "alabaster", "--fail-on-error"]
    addresses = site / "addresses.cfg"
    addresses.write_text(format_addresses(read_repository()), encoding="utf-8")
    # sphinx-init writes them into antsibull-docs.cfg, with its other settings.
    initialise = ["--config-file", str(addresses), "sphinx-init", "--dest-dir", str(site)]
    run("antsibull-docs", *initialise, *options, *named, "netns.fabric", cwd=site)
    pages = site / "rst"
    pages.chmod(0o700)  # antsibull-docs refuses one that others may write to
    options = ["--cleanup", "everything", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    configuration = ["--config-file", "antsibull-docs.cfg"]
    run("antsibull-docs", *configuration, "collection", *options, "--dest-dir", "rst", "netns.fabric", cwd=site)
    # antsibull-docs copies the guides only; their images are in ../images.
    shutil.copytree(ROOT / "docs" / "docsite" / "images", pages / "images")
    write_inventory(site / "ansible.inv", foreign_labels(pages), foreign_variables(pages))
    with (site / "conf.py").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    run("sphinx-build", "-M", "html", "rst", "build", "-c", ".", "-q", "-W", "--keep-going", cwd=site)
    print(f"see {site / 'build' / 'html' / 'index.html'}")


if __name__ == "__main__":
    main(sys.argv[1:])

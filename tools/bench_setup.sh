#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs what only `make bench` compares with, as far as it is available: mininet, and the collections with existing
# modules for namespaces and Open vSwitch. The benchmark reports what is not installed.
#
# The two collections are unpacked from the package `ansible`; 10 is its last version with openvswitch.openvswitch.

set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
rivals=$root/.venv/rivals
ansible=10.7.0

say() { printf 'setup: %s\n' "$*"; }

if ! command -v mnexec >/dev/null 2>&1; then
    say "installing mininet"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends mininet; } </dev/null >/dev/null ||
        say "mininet is not available"
fi

if [ ! -d "$rivals/ansible_collections" ]; then
    say "fetching community.general and openvswitch.openvswitch"
    mkdir -p "$rivals/download"
    if "$root/.venv/bin/python" -m pip download -qq --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$rivals/download" "ansible==$ansible"; then
        "$root/.venv/bin/python" - "$rivals" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

rivals = Path(sys.argv[1])
wanted = ("ansible_collections/community/general/", "ansible_collections/openvswitch/openvswitch/")
for wheel in rivals.glob("download/*.whl"):
    with zipfile.ZipFile(wheel) as package:
        package.extractall(rivals, [name for name in package.namelist() if name.startswith(wanted)])
PYTHON
    else
        say "they are not available"
    fi
    rm -rf "$rivals/download"
fi

#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs what only `make bench` measures against, as far as it can be had: mininet, and the collections with today's
# modules for namespaces and Open vSwitch. What cannot be had is reported by the benchmark as not installed.
#
# The collections come from the package `ansible`: 10 is the last that has openvswitch.openvswitch. Only the two are
# unpacked.

set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
rivals=$root/.venv/rivals
ansible=10.7.0

say() { printf 'setup: %s\n' "$*"; }

if ! command -v mnexec >/dev/null 2>&1; then
    say "installing mininet"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends mininet; } </dev/null >/dev/null ||
        say "mininet cannot be had"
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
        say "they cannot be had"
    fi
    rm -rf "$rivals/download"
fi

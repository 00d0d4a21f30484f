#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Updates requirements/dev.txt to the newest versions that requirements/dev.in allows. Needs a network.

set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

.venv/bin/python -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -qq -r requirements/dev.in
{
    sed -n '1,2p' requirements/dev.in
    printf '\n# requirements/dev.in with every version pinned, as "make pins" wrote it.\n'
    "$scratch/venv/bin/pip" freeze
} >"$scratch/dev.txt"
cp "$scratch/dev.txt" requirements/dev.txt

#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Updates requirements/plays.txt and requirements/checks.txt to the newest versions that the .in files allow. Needs a
# network.

set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# pin NAME OPTION...: writes NAME.txt from NAME.in; the options are those of pip.
pin() {
    name=$1
    shift
    .venv/bin/python -m venv --clear "$scratch/venv"
    "$scratch/venv/bin/pip" install -qq -r "requirements/$name.in" "$@"
    {
        sed -n '1,2p' "requirements/$name.in"
        printf '\n# requirements/%s.in with every version pinned, as "make pins" wrote it.\n' "$name"
        "$scratch/venv/bin/pip" freeze
    } >"$scratch/$name.txt"
    cp "$scratch/$name.txt" "requirements/$name.txt"
}

pin checks
# Both are installed in one .venv.
pin plays --constraint requirements/checks.txt

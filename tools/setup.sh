#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prepares a clone: the system packages that are lacking, a .venv with the pinned tools, a second one with the oldest
# supported pyroute2, a third one with what Galaxy checks uploads with, and what ansible-test fetches at its first run.
# After it nothing needs a network. Where all this is there already it ends at once.
#
# PYTHON=/path/to/python3 chooses another interpreter for the .venv (3.11 to 3.13, what ansible-core 2.19 runs on).

set -eu
PATH=$PATH:/usr/sbin:/sbin
root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"

venv=$root/.venv
venv_oldest=$root/.venv-pyroute2-0.7
venv_galaxy=$root/.venv-galaxy
stamp=$venv/.setup-stamp

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# COMMAND=PACKAGE: the package is installed where the command is not found.
needed='ovs-vswitchd=openvswitch-switch ovs-vsctl=openvswitch-switch nft=nftables iptables=iptables ip=iproute2
ethtool=ethtool ping=iputils-ping git=git shellcheck=shellcheck cc=gcc sudo=sudo'

lacking_packages() {
    {
        for pair in $needed; do
            command -v "${pair%%=*}" >/dev/null 2>&1 || echo "${pair#*=}"
        done
        # gcc only recommends what its programs are compiled against.
        [ -e /usr/include/stdlib.h ] || echo libc6-dev
        # A host whose modules run under the system's Python is one of those that are tested.
        /usr/bin/python3 -c 'import importlib.util as u; raise SystemExit(not u.find_spec("pyroute2"))' ||
            echo python3-pyroute2
    } | sort -u
}

# What the set-up was made from: when any of it changes it is made anew. The path is part of it because a venv does
# not work at another one.
fingerprint() {
    { cat requirements/*.txt tools/setup.sh; echo "$root"; echo "${PYTHON:-}"; } | sha256sum | cut -d ' ' -f 1
}

install_packages() {
    [ "$(id -u)" = 0 ] || die "these packages are lacking, and installing them needs root: $*"
    command -v apt-get >/dev/null 2>&1 ||
        die "this system has no apt-get; install by hand what gives these Debian packages' commands: $*"
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends "$@" </dev/null >/dev/null
}

# The real path of an interpreter that serves, or nothing. A pyenv shim answers differently in another directory, hence
# the interpreter's own word for where it is.
usable_python() {
    command -v "$1" >/dev/null 2>&1 || return 0
    "$1" -c 'import sys; (3, 11) <= sys.version_info < (3, 14) and print(getattr(sys, "_base_executable", sys.executable))' \
        2>/dev/null || true
}

choose_python() {
    for candidate in ${PYTHON:-python3 /usr/bin/python3 python3.13 python3.12 python3.11}; do
        python=$(usable_python "$candidate")
        if [ -n "$python" ]; then
            echo "$python"
            return
        fi
    done
    die "needs Python 3.11, 3.12 or 3.13 (for ansible-core 2.19); name one with PYTHON=/path/to/python3"
}

# Only what is lacking: a machine that has all of them needs neither root nor a package list.
packages=$(lacking_packages)
if [ -z "$packages" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ]; then
    exit 0
fi

python=$(choose_python)
# Debian's python3 comes without ensurepip.
"$python" -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
# shellcheck disable=SC2086  # a list of packages
[ -z "$packages" ] || install_packages $packages
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    die "$python cannot make virtual environments; name another one with PYTHON=/path/to/python3"

rm -f "$stamp"
say "making .venv with $python"
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check -r requirements/dev.txt
say "making .venv-pyroute2-0.7"
"$python" -m venv --clear "$venv_oldest"
"$venv_oldest/bin/python" -m pip install -qq --disable-pip-version-check --no-deps -r requirements/pyroute2-0.7.txt
say "making .venv-galaxy"
"$python" -m venv --clear "$venv_galaxy"
"$venv_galaxy/bin/python" -m pip install -qq --disable-pip-version-check -r requirements/galaxy.txt

# The collection's name leads to the clone, whatever the clone's own path is.
mkdir -p "$venv/collections/ansible_collections/netns"
ln -sfn ../../../.. "$venv/collections/ansible_collections/netns/fabric"

say "preparing ansible-test"
"$venv/bin/python" tools/sanity.py --prepare

fingerprint >"$stamp"
say "done"

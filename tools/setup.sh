#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prepares a clone. `tools/setup.sh` makes what the playbooks need: the system packages that are lacking and a .venv with
# the pinned tools. `tools/setup.sh checks` makes what the checks need besides: more packages, a .venv with the oldest
# supported pyroute2, one with what Galaxy checks uploads with, and what ansible-test fetches at its first run. After it
# nothing needs a network. What is there already ends at once.
#
# PYTHON=/path/to/python3 chooses another interpreter for the .venv (3.11 to 3.13, what ansible-core 2.19 runs on).

set -eu
PATH=$PATH:/usr/sbin:/sbin
root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"

venv=$root/.venv
stamp=$venv/.setup-stamp
stamp_checks=$venv/.setup-stamp-checks

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# COMMAND=PACKAGE: the package is installed where the command is not found.
for_plays='ovs-vswitchd=openvswitch-switch ovs-vsctl=openvswitch-switch nft=nftables ip=iproute2'
for_checks='iptables=iptables ethtool=ethtool ping=iputils-ping git=git shellcheck=shellcheck cc=gcc
dot=graphviz ssh=openssh-client dropbear=dropbear-bin sudo=sudo firewall-cmd=firewalld dbus-daemon=dbus'

lacking() {
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null 2>&1 || echo "${pair#*=}"
    done | sort -u
}

lacking_for_checks() {
    # shellcheck disable=SC2086  # a list
    lacking $for_checks
    # gcc only recommends what its programs are compiled against.
    [ -e /usr/include/stdlib.h ] || echo libc6-dev
    # A host whose modules run under the system's Python is one of those that are tested.
    /usr/bin/python3 -c 'import importlib.util as u; raise SystemExit(not u.find_spec("pyroute2"))' ||
        echo python3-pyroute2
}

# What the set-up was made from: when any of it changes it is made anew. The path is part of it because a venv does
# not work at another one.
fingerprint() {
    { cat requirements/*.txt tools/setup.sh; echo "$root"; echo "${PYTHON:-}"; } | sha256sum | cut -d ' ' -f 1
}

is_made() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$(fingerprint)" ]
}

# Debian starts a service when its package comes, and firewalld would take over this machine's packet filter. The tests
# start it in hosts of their own; `systemctl unmask firewalld` for who wants it here.
keep_firewalld_down() {
    unit=/etc/systemd/system/firewalld.service
    [ -e "$unit" ] || [ -L "$unit" ] || { mkdir -p "${unit%/*}" && ln -s /dev/null "$unit"; }
}

install_packages() {
    [ $# -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "these packages are lacking, and installing them needs root: $*"
    command -v apt-get >/dev/null 2>&1 ||
        die "this system has no apt-get; install by hand what gives these Debian packages' commands: $*"
    case " $* " in *" firewalld "*) keep_firewalld_down ;; esac
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

# make_venv NAME OPTION...: the options are pip's.
make_venv() {
    name=$1
    shift
    say "making $name"
    "$python" -m venv --clear "$root/$name"
    "$root/$name/bin/python" -m pip install -qq --disable-pip-version-check "$@"
}

set_up_plays() {
    # shellcheck disable=SC2086  # a list
    packages=$(lacking $for_plays)
    if [ -z "$packages" ] && is_made "$stamp"; then
        return
    fi
    # Debian's python3 comes without ensurepip.
    "$python" -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
    # shellcheck disable=SC2086  # a list
    install_packages $packages
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$python cannot make virtual environments; name another one with PYTHON=/path/to/python3"
    rm -f "$stamp" "$stamp_checks"
    make_venv .venv -r requirements/dev.txt
    # The collection's name leads to the clone, whatever the clone's own path is.
    mkdir -p "$venv/collections/ansible_collections/netns"
    ln -sfn ../../../.. "$venv/collections/ansible_collections/netns/fabric"
    fingerprint >"$stamp"
    say "done"
}

set_up_checks() {
    packages=$(lacking_for_checks)
    if [ -z "$packages" ] && is_made "$stamp_checks"; then
        return
    fi
    # shellcheck disable=SC2086  # a list
    install_packages $packages
    rm -f "$stamp_checks"
    make_venv .venv-pyroute2-0.7 --no-deps -r requirements/pyroute2-0.7.txt
    make_venv .venv-galaxy -r requirements/galaxy.txt
    say "preparing ansible-test"
    "$venv/bin/python" tools/sanity.py --prepare
    fingerprint >"$stamp_checks"
    say "done with what the checks need"
}

# Found before anything is installed.
python=$(choose_python)
case ${1:-plays} in
    plays) set_up_plays ;;
    checks) set_up_plays && set_up_checks ;;
    *) die "prepares for 'plays' or for 'checks', not for '$1'" ;;
esac

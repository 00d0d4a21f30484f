#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prepares a clone. `tools/setup.sh` installs what the playbooks need: missing system packages, and a .venv with
# ansible-core and pyroute2. `tools/setup.sh checks` also installs what the checks need: more packages, the tools in the
# .venv, a .venv with the oldest supported ansible-core and pyroute2, one with the tools that Galaxy checks uploads
# with, and what ansible-test fetches at its first run. Every step says what it installs. Later runs skip what is up to
# date and need no network.
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

# COMMAND=PACKAGE: the package is installed if the command is not found.
for_plays='ovs-vswitchd=openvswitch-switch ovs-vsctl=openvswitch-switch nft=nftables ip=iproute2'
for_checks='iptables=iptables ethtool=ethtool ping=iputils-ping git=git shellcheck=shellcheck cc=gcc
dot=graphviz ssh=openssh-client dropbear=dropbear-bin sudo=sudo firewall-cmd=firewalld dbus-daemon=dbus
ufw=ufw ovn-nbctl=ovn-common ovn-northd=ovn-central ovn-controller=ovn-host
udhcpc=udhcpc'
# What the machines of tests/vm need; without it, as on a system that has no such packages, they are skipped.
for_machines='qemu-system-x86_64=qemu-system-x86 qemu-img=qemu-utils mmdebstrap=mmdebstrap mkfs.ext4=e2fsprogs'

missing() {
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null 2>&1 || echo "${pair#*=}"
    done | sort -u
}

missing_for_checks() {
    # shellcheck disable=SC2086  # a list
    missing $for_checks
    # gcc only recommends what its programs are compiled against.
    [ -e /usr/include/stdlib.h ] || echo libc6-dev
    # The tests compile a locale that is not UTF-8.
    [ -e /usr/share/i18n/charmaps/ISO-8859-1.gz ] || echo locales
    # One of the tested hosts runs the modules with the system's Python.
    /usr/bin/python3 -c 'import importlib.util as u; raise SystemExit(not u.find_spec("pyroute2"))' ||
        echo python3-pyroute2
}

missing_for_machines() {
    # shellcheck disable=SC2086  # a list
    missing $for_machines
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
}

# fingerprint FILE...: the input of a setup, which is repeated when any of it changes. The path is part of it because a
# venv does not work at another path.
fingerprint() {
    { cat "$@" tools/setup.sh; echo "$root"; echo "${PYTHON:-}"; } | sha256sum | cut -d ' ' -f 1
}

# is_current STAMP FILE...
is_current() {
    written=$1
    shift
    [ -f "$written" ] && [ "$(cat "$written")" = "$(fingerprint "$@")" ]
}

# Debian starts a service when its package is installed: firewalld would replace this machine's packet filter, and OVN
# would serve databases and add a bridge. The tests start them in their own hosts. To use one on this machine, run
# `systemctl unmask UNIT`.
keep_down() {
    for name in "$@"; do
        unit=/etc/systemd/system/$name.service
        [ -e "$unit" ] || [ -L "$unit" ] || { mkdir -p "${unit%/*}" && ln -s /dev/null "$unit"; }
    done
}

install_packages() {
    [ $# -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "these packages are missing, and installing them needs root: $*"
    command -v apt-get >/dev/null 2>&1 ||
        die "this system has no apt-get; install the commands of these Debian packages by hand: $*"
    case " $* " in *" firewalld "*) keep_down firewalld ;; esac
    case " $* " in *" ovn-central "*) keep_down ovn-central ovn-northd ovn-ovsdb-server-nb ovn-ovsdb-server-sb ;; esac
    case " $* " in *" ovn-host "*) keep_down ovn-host ovn-controller ;; esac
    say "installing the system packages $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends "$@" </dev/null >/dev/null
}

# Prints the real path of a usable interpreter, or nothing. The interpreter reports its own path, because a pyenv shim
# gives different results in different directories.
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

# make_venv NAME FILE: creates a virtual environment with the packages of requirements/FILE.
make_venv() {
    say "creating $1 with $("$python" --version)"
    "$python" -m venv --clear "$root/$1"
    install_requirements "$1" "$2"
}

# install_requirements NAME FILE
install_requirements() {
    say "installing the $(grep -c '==' "requirements/$2") Python packages of requirements/$2 in $1"
    "$root/$1/bin/python" -m pip install -qq --disable-pip-version-check -r "requirements/$2"
}

set_up_plays() {
    # shellcheck disable=SC2086  # a list
    packages=$(missing $for_plays)
    if [ -z "$packages" ] && is_current "$stamp" requirements/plays.txt; then
        return
    fi
    # Debian's python3 comes without ensurepip.
    "$python" -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
    # shellcheck disable=SC2086  # a list
    install_packages $packages
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$python cannot create virtual environments; name another one with PYTHON=/path/to/python3"
    rm -f "$stamp" "$stamp_checks"
    make_venv .venv plays.txt
    # The collection is found by its name, whatever the path of the clone is.
    mkdir -p "$venv/collections/ansible_collections/netns"
    ln -sfn ../../../.. "$venv/collections/ansible_collections/netns/fabric"
    fingerprint requirements/plays.txt >"$stamp"
    say "done"
}

# Side by side: pip waits for the network, and unpacks with one processor.
install_checks() {
    make_venv .venv-oldest oldest.txt &
    jobs=$!
    make_venv .venv-galaxy galaxy.txt &
    jobs="$jobs $!"
    {
        install_requirements .venv checks.txt
        say "installing what ansible-test needs"
        "$venv/bin/python" tools/sanity.py --prepare
    } &
    # What a script runs in the background ignores Ctrl-C: end the whole group, as Ctrl-C does otherwise.
    trap 'trap - INT; kill 0' INT
    failed=
    for job in $jobs $!; do
        wait "$job" || failed=yes
    done
    trap - INT
    [ -z "$failed" ] || die "not everything could be installed, see above"
}

set_up_checks() {
    packages=$(missing_for_checks)
    if [ -z "$packages" ] && is_current "$stamp_checks" requirements/*.txt; then
        return
    fi
    # shellcheck disable=SC2086  # a list
    install_packages $packages
    # shellcheck disable=SC2046  # a list
    (install_packages $(missing_for_machines)) || say "going on without machines (tests/vm)"
    rm -f "$stamp_checks"
    install_checks
    fingerprint requirements/*.txt >"$stamp_checks"
    say "done, for the checks"
}

# Chosen before anything is installed.
python=$(choose_python)
case ${1:-plays} in
    plays) set_up_plays ;;
    checks)
        # One after the other, not joined by &&: `set -e` has no effect in a function on the left of it.
        set_up_plays
        set_up_checks
        ;;
    *) die "usage: tools/setup.sh [plays|checks], not '$1'" ;;
esac

#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# On each host: files of OVN that are its own, and the address on the NIC, as on a machine before it is a chassis.
set -eu
for directory in /var/lib/ovn /var/log/ovn; do
  mkdir -p "$directory"
  mount -t tmpfs -o mode=0755 tmpfs "$directory"
done
ovs-vsctl --timeout=10 del-br br-phy
ip address add "$1/24" dev eth0
# Unlike a NIC, a veth pair leaves checksums to others, and the userspace datapath of the others computes none.
ethtool --offload eth0 tx off
ip route add 203.0.113.0/24 via 10.0.0.254
ip link set eth1 up

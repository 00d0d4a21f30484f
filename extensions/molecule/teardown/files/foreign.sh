#!/bin/sh
# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Objects of another owner. Every name and address is similar to one of the reference topology.
set -eu

for namespace in ns01-test ns0 ns011; do
    ip netns add $namespace
    ip -n $namespace link set lo up
done
mkdir -p /etc/netns/ns01-test
echo 'nameserver 192.0.2.53' >/etc/netns/ns01-test/resolv.conf

# A veth pair from a namespace to a bridge, with an address of our network and a route to our gateway.
ip link add ns01_tap0 type veth peer name veth-ns01 netns ns01-test
ip -n ns01-test addr add 192.168.100.1/24 dev veth-ns01
ip -n ns01-test link set veth-ns01 up
ip -n ns01-test route add default via 192.168.100.254
ip link set ns01_tap0 up alias 'netns.fabric:default2'
ovs-vsctl --timeout=10 -- add-br int_br2 -- set Bridge int_br2 datapath_type=netdev external_ids:netns.fabric/default2=owner \
    -- add-port int_br2 ns01_tap0 -- add-port int_br2 ns01_int -- set Interface ns01_int type=internal
ip addr add 192.168.200.254/24 dev int_br2
ip link set int_br2 up

# A veth pair on the host, whose ends have no owner.
ip link add veth-ns01 type veth peer name veth-ns011
ip link set veth-ns01 up
ip link set veth-ns011 up

# Masquerading of the same network by another owner, and of another network by an owner whose name begins alike.
iptables -w -t nat -A POSTROUTING -s 192.168.100.0/24 -o uplink0 -m comment --comment 'somebody else' -j MASQUERADE
nft add table ip netns_fabric
nft add chain ip netns_fabric postrouting '{ type nat hook postrouting priority srcnat; policy accept; }'
nft add rule ip netns_fabric postrouting ip saddr 192.168.101.0/24 ip daddr != 192.168.101.0/24 ip daddr != 224.0.0.0/4 \
    masquerade comment '"netns.fabric:default2"'

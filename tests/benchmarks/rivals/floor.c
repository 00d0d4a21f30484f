/*
 * Copyright (c) 2026, netns.fabric contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The least that the kernel objects of a topology cost: network namespaces, each with a veth created in place, its
 * address, its default route and its links up, over raw netlink (rtnetlink(7), veth(4), linux/if_link.h).
 *
 *     floor add|del GATEWAY PREFIX_LENGTH
 *
 * Standard input has one line for each namespace: NAMESPACE LINK TAP ADDRESS INDEX, the last being that of the tap.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The index of the link in its namespace is ours to choose, so that the messages about it need no answer first; the
 * kernel takes it only where the near end's is chosen too.
 */
#define LINK_INDEX 100
#define BUFFER 4096

static char buffer[BUFFER];
static size_t used;       /* bytes of messages that are not sent yet */
static unsigned expected; /* and the acknowledgements that they will bring */

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void *extend(size_t length) {
    void *place = buffer + used;
    if (used + NLMSG_ALIGN(length) > BUFFER) {
        errno = EMSGSIZE;
        die("buffer");
    }
    memset(place, 0, NLMSG_ALIGN(length));
    used += NLMSG_ALIGN(length);
    return place;
}

static struct nlmsghdr *begin(unsigned type, unsigned flags, const void *header, size_t length) {
    struct nlmsghdr *message = extend(NLMSG_HDRLEN);
    message->nlmsg_type = (unsigned short)type;
    message->nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
    message->nlmsg_seq = ++expected;
    memcpy(extend(length), header, length);
    return message;
}

static void end(struct nlmsghdr *message) {
    message->nlmsg_len = (unsigned)(buffer + used - (char *)message);
}

static struct rtattr *attribute(unsigned type, const void *data, size_t length) {
    struct rtattr *made = extend(RTA_LENGTH(length));
    made->rta_type = (unsigned short)type;
    made->rta_len = (unsigned short)RTA_LENGTH(length);
    if (length)
        memcpy(RTA_DATA(made), data, length);
    return made;
}

static void close_nest(struct rtattr *nest) {
    nest->rta_len = (unsigned short)(buffer + used - (char *)nest);
}

/* Sends all messages in one go and reads an acknowledgement for each. */
static void submit(int netlink) {
    char answer[BUFFER];
    if (send(netlink, buffer, used, 0) < 0)
        die("send");
    while (expected) {
        ssize_t length = recv(netlink, answer, sizeof answer, 0);
        if (length < 0)
            die("recv");
        for (struct nlmsghdr *one = (void *)answer; NLMSG_OK(one, (size_t)length); one = NLMSG_NEXT(one, length)) {
            if (one->nlmsg_type != NLMSG_ERROR)
                continue;
            struct nlmsgerr *error = NLMSG_DATA(one);
            if (error->error) {
                errno = -error->error;
                die("netlink");
            }
            expected--;
        }
    }
    used = 0;
}

static int open_netlink(void) {
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int yes = 1;
    if (netlink < 0)
        die("socket");
    setsockopt(netlink, SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof yes);
    return netlink;
}

static void make_veth(int netlink, const char *tap, int index, const char *link, int namespace) {
    struct ifinfomsg up = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}, far = {.ifi_index = LINK_INDEX};
    struct nlmsghdr *message = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &up, sizeof up);
    attribute(IFLA_IFNAME, tap, strlen(tap) + 1);
    struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
    attribute(IFLA_INFO_KIND, "veth", 5);
    struct rtattr *data = attribute(IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = attribute(VETH_INFO_PEER, NULL, 0);
    memcpy(extend(sizeof far), &far, sizeof far);
    attribute(IFLA_IFNAME, link, strlen(link) + 1);
    attribute(IFLA_NET_NS_FD, &namespace, sizeof namespace);
    close_nest(peer);
    close_nest(data);
    close_nest(info);
    end(message);
    submit(netlink);
}

static void set_up(int index) {
    struct ifinfomsg up = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    end(begin(RTM_NEWLINK, 0, &up, sizeof up));
}

static void settle(int netlink, const char *address, const char *gateway, int prefix_length) {
    struct in_addr own, router, broadcast;
    struct ifaddrmsg assigned = {
        .ifa_family = AF_INET, .ifa_prefixlen = (unsigned char)prefix_length, .ifa_index = LINK_INDEX};
    struct rtmsg route = {.rtm_family = AF_INET,
                          .rtm_table = RT_TABLE_MAIN,
                          .rtm_protocol = RTPROT_STATIC,
                          .rtm_scope = RT_SCOPE_UNIVERSE,
                          .rtm_type = RTN_UNICAST};
    int out = LINK_INDEX;
    if (inet_pton(AF_INET, address, &own) != 1 || inet_pton(AF_INET, gateway, &router) != 1)
        die(address);
    broadcast.s_addr = own.s_addr | htonl(0xffffffffU >> prefix_length);

    set_up(1);
    set_up(LINK_INDEX);
    struct nlmsghdr *message = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &assigned, sizeof assigned);
    attribute(IFA_LOCAL, &own, sizeof own);
    attribute(IFA_ADDRESS, &own, sizeof own);
    attribute(IFA_BROADCAST, &broadcast, sizeof broadcast);
    end(message);
    message = begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
    attribute(RTA_GATEWAY, &router, sizeof router);
    attribute(RTA_OIF, &out, sizeof out);
    end(message);
    submit(netlink);
}

static void make(int home, int netlink, const char *path, const char *link, const char *tap, int index,
                 const char *address, const char *gateway, int prefix_length) {
    int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (file < 0 || close(file) || unshare(CLONE_NEWNET) || mount("/proc/self/ns/net", path, "none", MS_BIND, NULL))
        die(path);
    int namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int inside = open_netlink();
    if (namespace < 0 || setns(home, CLONE_NEWNET))
        die("setns");
    make_veth(netlink, tap, index, link, namespace);
    settle(inside, address, gateway, prefix_length);
    close(inside);
    close(namespace);
}

int main(int argc, char **argv) {
    char namespace[64], link[64], tap[64], address[64], path[128];
    int index, home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (argc != 4 || home < 0)
        return 2;
    int netlink = open_netlink();
    while (scanf("%63s %63s %63s %63s %d", namespace, link, tap, address, &index) == 5) {
        snprintf(path, sizeof path, "/run/netns/%s", namespace);
        if (!strcmp(argv[1], "add"))
            make(home, netlink, path, link, tap, index, address, argv[2], atoi(argv[3]));
        else if (umount2(path, MNT_DETACH) || unlink(path))
            die(path);
    }
    return 0;
}

/* Addresses, routes, rules and interfaces, asked of the kernel (rtnetlink(7)). */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

typedef void teller(const struct nlmsghdr *message);

static const void *attribute(const struct rtattr *first, int length, unsigned short wanted, int least)
{
    for (; RTA_OK(first, length); first = RTA_NEXT(first, length))
        if (first->rta_type == wanted && (int)RTA_PAYLOAD(first) >= least)
            return RTA_DATA(first);
    return NULL;
}

static uint32_t number_of(const struct rtattr *first, int length, unsigned short wanted)
{
    const uint32_t *found = attribute(first, length, wanted, 4);
    return found ? *found : 0;
}

static const char *address_of(int family, const void *bytes, char *text, size_t size)
{
    if (!bytes || !inet_ntop(family, bytes, text, (socklen_t)size))
        snprintf(text, size, "-");
    return text;
}

static const char *interface_of(uint32_t index, char *name)
{
    return index && if_indextoname(index, name) ? name : "-";
}

static void tell_interface(const struct nlmsghdr *message)
{
    const struct ifinfomsg *body = NLMSG_DATA(message);
    const struct rtattr *first = IFLA_RTA(body);
    int length = (int)IFLA_PAYLOAD(message);
    const char *name = attribute(first, length, IFLA_IFNAME, 1);
    char master[IF_NAMESIZE];
    if (name)
        entry("interface", name, "%s mtu %u master %s", body->ifi_flags & IFF_UP ? "up" : "down",
              number_of(first, length, IFLA_MTU),
              interface_of(number_of(first, length, IFLA_MASTER), master));
}

static void tell_address(const struct nlmsghdr *message)
{
    const struct ifaddrmsg *body = NLMSG_DATA(message);
    const struct rtattr *first = IFA_RTA(body);
    int length = (int)IFA_PAYLOAD(message), least = body->ifa_family == AF_INET ? 4 : 16;
    const void *local = attribute(first, length, IFA_LOCAL, least);
    char text[64], name[80], interface[IF_NAMESIZE];
    address_of(body->ifa_family, local ? local : attribute(first, length, IFA_ADDRESS, least), text, sizeof text);
    snprintf(name, sizeof name, "%s/%u", text, body->ifa_prefixlen);
    entry("address", name, "%s", interface_of(body->ifa_index, interface));
}

static void tell_route(const struct nlmsghdr *message)
{
    const struct rtmsg *body = NLMSG_DATA(message);
    const struct rtattr *first = RTM_RTA(body);
    int length = (int)RTM_PAYLOAD(message), least = body->rtm_family == AF_INET ? 4 : 16;
    if (body->rtm_flags & RTM_F_CLONED)
        return; /* the kernel's own notes */
    char to[64], by[64], from[64], name[256], interface[IF_NAMESIZE];
    address_of(body->rtm_family, attribute(first, length, RTA_DST, least), to, sizeof to);
    address_of(body->rtm_family, attribute(first, length, RTA_GATEWAY, least), by, sizeof by);
    address_of(body->rtm_family, attribute(first, length, RTA_PREFSRC, least), from, sizeof from);
    snprintf(name, sizeof name, "%s %s/%u table %u", body->rtm_family == AF_INET ? "inet" : "inet6", to,
             body->rtm_dst_len, number_of(first, length, RTA_TABLE));
    entry("route", name, "via %s dev %s src %s metric %u type %u", by,
          interface_of(number_of(first, length, RTA_OIF), interface), from,
          number_of(first, length, RTA_PRIORITY), body->rtm_type);
}

static void tell_rule(const struct nlmsghdr *message)
{
    const struct fib_rule_hdr *body = NLMSG_DATA(message);
    const struct rtattr *each = (const struct rtattr *)((const char *)body + NLMSG_ALIGN(sizeof *body));
    int length = (int)NLMSG_PAYLOAD(message, sizeof *body);
    char value[1024] = "", name[64];
    size_t at = 0;
    snprintf(name, sizeof name, "%s %u", body->family == AF_INET ? "inet" : "inet6",
             number_of(each, length, FRA_PRIORITY));
    for (; RTA_OK(each, length); each = RTA_NEXT(each, length)) {
        at += (size_t)snprintf(value + at, sizeof value - at, "%u:", each->rta_type);
        for (size_t i = 0; i < RTA_PAYLOAD(each) && at + 16 < sizeof value; i++)
            at += (size_t)snprintf(value + at, sizeof value - at, "%02x", ((unsigned char *)RTA_DATA(each))[i]);
        if (at + 16 >= sizeof value)
            break;
        value[at++] = ' ';
    }
    entry("rule", name, "%u %u %u/%u %s", body->action, body->tos, body->src_len, body->dst_len, value);
}

static void all_of(int sock, unsigned short what, unsigned char family, teller *tell)
{
    static char answer[65536];
    struct {
        struct nlmsghdr head;
        struct rtmsg body; /* the longest of the bodies, which all begin with the family */
    } ask = {.head = {.nlmsg_len = sizeof ask, .nlmsg_type = what, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    ask.body.rtm_family = family;
    if (send(sock, &ask, sizeof ask, 0) < 0)
        return;
    for (;;) {
        ssize_t n = recv(sock, answer, sizeof answer, 0);
        struct nlmsghdr *each = (struct nlmsghdr *)answer;
        if (n <= 0)
            return;
        for (; NLMSG_OK(each, (uint32_t)n); each = NLMSG_NEXT(each, n)) {
            if (each->nlmsg_type == NLMSG_DONE || each->nlmsg_type == NLMSG_ERROR)
                return;
            tell(each);
        }
    }
}

void network_state(void)
{
    struct timeval patience = {5, 0};
    int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    all_of(sock, RTM_GETLINK, AF_UNSPEC, tell_interface);
    all_of(sock, RTM_GETADDR, AF_UNSPEC, tell_address);
    all_of(sock, RTM_GETROUTE, AF_INET, tell_route);
    all_of(sock, RTM_GETROUTE, AF_INET6, tell_route);
    all_of(sock, RTM_GETRULE, AF_INET, tell_rule);
    all_of(sock, RTM_GETRULE, AF_INET6, tell_rule);
    close(sock);
}

/*
 * What the host may ask of a guest besides running programs. Each verb runs in a child of the agent,
 * with its arguments as words; answers go to stdout, reasons to stderr, and the exit status is 0 or 1.
 * They need nothing of the image, so they work in guests where nothing of the image runs.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int fail(const char *what)
{
    int why = errno;
    fprintf(stderr, why ? "%s: %s\n" : "%s\n", what, strerror(why));
    errno = why;
    return 1;
}

int pour(int from, int to, uint64_t most, const char *what)
{
    static char piece[65536];
    while (most) {
        ssize_t n = read(from, piece, most < sizeof piece ? (size_t)most : sizeof piece);
        if (n < 0)
            return fail(what);
        if (n == 0)
            break;
        most -= (uint64_t)n;
        for (ssize_t at = 0; at < n;) {
            ssize_t k = write(to, piece + at, (size_t)(n - at));
            if (k <= 0)
                return fail(what);
            at += k;
        }
    }
    return 0;
}

static int sync_(int argc, char **argv)
{
    (void)argc, (void)argv;
    sync();
    return 0;
}

/* clock SECONDS NANOSECONDS since 1970 */
static int clock_(int argc, char **argv)
{
    (void)argc;
    struct timespec now = {strtoll(argv[0], NULL, 10), strtol(argv[1], NULL, 10)};
    return clock_settime(CLOCK_REALTIME, &now) ? fail("clock") : 0;
}

/* entropy: 64 bytes from stdin are credited, and the generator starts anew from them */
static int entropy(int argc, char **argv)
{
    (void)argc, (void)argv;
    int pool[2 + 16] = {512, 64}; /* struct rand_pool_info: bits, bytes, and the bytes */
    size_t got = fread(pool + 2, 1, 64, stdin);
    int random = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
    if (got != 64 || random < 0 || ioctl(random, RNDADDENTROPY, pool) || ioctl(random, RNDRESEEDCRNG))
        return fail("/dev/urandom");
    return 0;
}

/* power off|restart: at once, for guests where the agent is the first process */
static int power(int argc, char **argv)
{
    (void)argc;
    sync();
    reboot(strcmp(argv[0], "restart") ? RB_POWER_OFF : RB_AUTOBOOT);
    return fail("power");
}

static void address(struct sockaddr *at, const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    inet_aton(text, &in.sin_addr);
    memcpy(at, &in, sizeof in);
}

/* network ADDRESS MASK GATEWAY: for the first network card, where the image itself sets none up */
static int network(int argc, char **argv)
{
    (void)argc;
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    DIR *cards = opendir("/sys/class/net");
    struct dirent *entry;
    struct ifreq card = {0};
    while (cards && (entry = readdir(cards))) {
        char path[512];
        snprintf(path, sizeof path, "/sys/class/net/%s/device", entry->d_name);
        if (!access(path, F_OK))
            snprintf(card.ifr_name, sizeof card.ifr_name, "%.15s", entry->d_name);
    }
    if (!*card.ifr_name)
        return fail("no network card");
    address(&card.ifr_addr, argv[0]);
    if (ioctl(sock, SIOCSIFADDR, &card))
        return fail(card.ifr_name);
    address(&card.ifr_netmask, argv[1]);
    if (ioctl(sock, SIOCSIFNETMASK, &card))
        return fail(card.ifr_name);
    card.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(sock, SIOCSIFFLAGS, &card))
        return fail(card.ifr_name);
    struct rtentry way = {.rt_flags = RTF_UP | RTF_GATEWAY};
    address(&way.rt_dst, "0.0.0.0");
    address(&way.rt_genmask, "0.0.0.0");
    address(&way.rt_gateway, argv[2]);
    return ioctl(sock, SIOCADDRT, &way) && errno != EEXIST ? fail(argv[2]) : 0;
}

static const struct verb verbs[] = {
    {"put", 2, put},       {"get", 2, get},         {"stat", 1, stat_},   {"folder", 2, folder},
    {"link", 2, link_},    {"names", 1, names},     {"remove", 1, remove_}, {"empty", 1, empty},
    {"mount", 4, mount_},  {"umount", 1, umount_},  {"modules", 1, modules}, {"devices", 0, devices},
    {"read", 3, read_},    {"write", 2, write_},    {"reread", 1, reread}, {"grow", 3, grow},
    {"trim", 1, trim},     {"wipe", 3, wipe},       {"sync", 0, sync_},
    {"clock", 2, clock_},  {"entropy", 0, entropy}, {"power", 1, power},    {"network", 3, network},
    {"freeze", 0, freeze}, {"thaw", 0, thaw},       {"state", 1, state},   {"units", 1, units},
};

const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

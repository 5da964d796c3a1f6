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
#include <ftw.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <net/if.h>
#include <net/route.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

int fail(const char *what)
{
    int why = errno;
    fprintf(stderr, why ? "%s: %s\n" : "%s\n", what, strerror(why));
    errno = why;
    return 1;
}

static int pour(int from, int to, uint64_t most, const char *what)
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

/* put PATH MODE: stdin becomes the file */
static int put(int argc, char **argv)
{
    (void)argc;
    int file = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return fail(argv[0]);
    if (pour(0, file, UINT64_MAX, argv[0]))
        return 1;
    if (fchmod(file, (mode_t)strtoul(argv[1], NULL, 8)) || close(file))
        return fail(argv[0]);
    return 0;
}

/* get PATH */
static int get(int argc, char **argv)
{
    (void)argc;
    int file = open(argv[0], O_RDONLY | O_CLOEXEC);
    return file < 0 ? fail(argv[0]) : pour(file, 1, UINT64_MAX, argv[0]);
}

/* stat PATH: kind mode uid gid size; nothing where nothing is */
static int stat_(int argc, char **argv)
{
    (void)argc;
    struct stat s;
    if (lstat(argv[0], &s)) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 0;
        return fail(argv[0]);
    }
    const char *kind = S_ISREG(s.st_mode) ? "file" : S_ISDIR(s.st_mode) ? "folder" : S_ISLNK(s.st_mode) ? "link" : "other";
    printf("%s %o %u %u %lld\n", kind, s.st_mode & 07777, s.st_uid, s.st_gid, (long long)s.st_size);
    return 0;
}

/* folder PATH MODE: made with its parents */
static int folder(int argc, char **argv)
{
    (void)argc;
    char path[4096];
    snprintf(path, sizeof path, "%s", argv[0]);
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        mkdir(path, 0755);
        *at = '/';
    }
    if (mkdir(path, (mode_t)strtoul(argv[1], NULL, 8)) && errno != EEXIST)
        return fail(argv[0]);
    return 0;
}

/* link TARGET PATH: a symbolic link */
static int link_(int argc, char **argv)
{
    (void)argc;
    return symlink(argv[0], argv[1]) && errno != EEXIST ? fail(argv[1]) : 0;
}

/* names PATTERN...: the paths that match, each ended by NUL */
static int names(int argc, char **argv)
{
    glob_t found;
    for (int i = 0; i < argc; i++) {
        if (glob(argv[i], GLOB_NOSORT, NULL, &found))
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++) {
            fputs(found.gl_pathv[k], stdout);
            putchar(0);
        }
        globfree(&found);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
    (void)s, (void)type, (void)ftw;
    return remove(path) ? fail(path) : 0;
}

static int empty_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
    (void)ftw;
    return type == FTW_F && S_ISREG(s->st_mode) && s->st_size && truncate(path, 0) ? fail(path) : 0;
}

typedef int visit(const char *, const struct stat *, int, struct FTW *);

static int each(int argc, char **argv, visit *act, int flags)
{
    glob_t found;
    for (int i = 0; i < argc; i++) {
        if (glob(argv[i], GLOB_PERIOD | GLOB_NOSORT, NULL, &found))
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++) {
            const char *name = strrchr(found.gl_pathv[k], '/');
            if (name && (!strcmp(name, "/.") || !strcmp(name, "/..")))
                continue;
            if (nftw(found.gl_pathv[k], act, 32, flags | FTW_PHYS | FTW_MOUNT))
                return 1;
        }
        globfree(&found);
    }
    return 0;
}

/* remove PATTERN...: what matches, with what is below; other file systems are left alone */
static int remove_(int argc, char **argv)
{
    return each(argc, argv, remove_one, FTW_DEPTH);
}

/* empty PATTERN...: the regular files that match or lie below what matches are cut to nothing */
static int empty(int argc, char **argv)
{
    return each(argc, argv, empty_one, 0);
}

/* mount SOURCE TARGET TYPE OPTIONS: ro, bind and norecovery are known, the rest goes to the file system */
static int mount_(int argc, char **argv)
{
    (void)argc;
    unsigned long flags = MS_NODEV | MS_NOSUID;
    char rest[1024] = "", *save = NULL;
    for (char *o = strtok_r(argv[3], ",", &save); o; o = strtok_r(NULL, ",", &save)) {
        if (!strcmp(o, "ro"))
            flags |= MS_RDONLY;
        else if (!strcmp(o, "bind"))
            flags = MS_BIND;
        else if (!strcmp(o, "dev"))
            flags &= ~(unsigned long)MS_NODEV;
        else if (strlen(rest) + strlen(o) + 2 < sizeof rest) {
            if (*rest)
                strcat(rest, ",");
            strcat(rest, o);
        }
    }
    return mount(argv[0], argv[1], argv[2], flags, rest) ? fail(argv[0]) : 0;
}

/* umount TARGET */
static int umount_(int argc, char **argv)
{
    (void)argc;
    return umount2(argv[0], 0) ? fail(argv[0]) : 0;
}

/* modules PATH...: loaded in this order */
static int modules(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (load_module(argv[i]))
            return fail(argv[i]);
    return 0;
}

/* devices: name and size in sectors of 512 bytes of each block device and partition */
static int devices(int argc, char **argv)
{
    (void)argc, (void)argv;
    DIR *all = opendir("/sys/class/block");
    struct dirent *entry;
    while (all && (entry = readdir(all))) {
        char path[512], text[32] = "";
        snprintf(path, sizeof path, "/sys/class/block/%s/size", entry->d_name);
        FILE *size = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (!size)
            continue;
        if (fgets(text, sizeof text, size))
            printf("%s %s", entry->d_name, text);
        fclose(size);
    }
    return all ? 0 : fail("/sys/class/block");
}

/* read DEVICE OFFSET LENGTH (bytes) */
static int read_(int argc, char **argv)
{
    (void)argc;
    int device = open(argv[0], O_RDONLY | O_CLOEXEC);
    if (device < 0 || lseek(device, (off_t)strtoull(argv[1], NULL, 10), SEEK_SET) < 0)
        return fail(argv[0]);
    return pour(device, 1, strtoull(argv[2], NULL, 10), argv[0]);
}

/* write DEVICE OFFSET: stdin */
static int write_(int argc, char **argv)
{
    (void)argc;
    int device = open(argv[0], O_WRONLY | O_CLOEXEC);
    if (device < 0 || lseek(device, (off_t)strtoull(argv[1], NULL, 10), SEEK_SET) < 0)
        return fail(argv[0]);
    if (pour(0, device, UINT64_MAX, argv[0]))
        return 1;
    return fsync(device) ? fail(argv[0]) : 0;
}

/* reread DEVICE: its partition table, with nothing of it mounted */
static int reread(int argc, char **argv)
{
    (void)argc;
    int device = open(argv[0], O_RDONLY | O_CLOEXEC);
    return device < 0 || ioctl(device, BLKRRPART) ? fail(argv[0]) : 0;
}

/* Kernel interfaces whose headers musl does not bring (fs/ext4, fs/xfs, linux/btrfs.h). */
#define EXT4_RESIZE _IOW('f', 16, uint64_t)
struct xfs_growfs {
    uint64_t blocks;
    uint32_t percent;
};
#define XFS_GROW _IOW('X', 110, struct xfs_growfs)
struct btrfs_resize {
    int64_t fd;
    char name[4088];
};
#define BTRFS_RESIZE _IOW(0x94, 3, struct btrfs_resize)

/* grow PATH TYPE DEVICE: the mounted file system to the size of its device */
static int grow(int argc, char **argv)
{
    (void)argc;
    int root = open(argv[0], O_RDONLY | O_CLOEXEC), device = open(argv[2], O_RDONLY | O_CLOEXEC);
    uint64_t size = 0;
    struct statfs fs;
    if (root < 0 || device < 0 || ioctl(device, BLKGETSIZE64, &size) || fstatfs(root, &fs))
        return fail(argv[0]);
    uint64_t blocks = size / (uint64_t)fs.f_bsize;
    int failed;
    if (!strcmp(argv[1], "xfs")) {
        struct xfs_growfs wanted = {blocks, 25};
        failed = ioctl(root, XFS_GROW, &wanted);
    } else if (!strcmp(argv[1], "btrfs")) {
        struct btrfs_resize wanted = {0, "max"};
        failed = ioctl(root, BTRFS_RESIZE, &wanted);
    } else {
        failed = ioctl(root, EXT4_RESIZE, &blocks);
    }
    return failed ? fail(argv[1]) : 0;
}

static int on_path(const char *path, unsigned long request, void *argument)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    return file < 0 || ioctl(file, request, argument) ? fail(path) : 0;
}

/* trim PATH: tell the disk what the file system does not use */
static int trim(int argc, char **argv)
{
    (void)argc;
    struct fstrim_range all = {0, UINT64_MAX, 0};
    return on_path(argv[0], FITRIM, &all);
}

static int freeze(int argc, char **argv)
{
    (void)argc;
    return on_path(argv[0], FIFREEZE, NULL);
}

static int thaw(int argc, char **argv)
{
    (void)argc;
    return on_path(argv[0], FITHAW, NULL);
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
    {"put", 2, put},       {"get", 1, get},         {"stat", 1, stat_},   {"folder", 2, folder},
    {"link", 2, link_},    {"names", 1, names},     {"remove", 1, remove_}, {"empty", 1, empty},
    {"mount", 4, mount_},  {"umount", 1, umount_},  {"modules", 1, modules}, {"devices", 0, devices},
    {"read", 3, read_},    {"write", 2, write_},    {"reread", 1, reread}, {"grow", 3, grow},
    {"trim", 1, trim},     {"freeze", 1, freeze},   {"thaw", 1, thaw},    {"sync", 0, sync_},
    {"clock", 2, clock_},  {"entropy", 0, entropy}, {"power", 1, power},    {"network", 3, network},
};

const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

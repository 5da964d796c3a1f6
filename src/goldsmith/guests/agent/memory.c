/* Mounts, and the files that lie in memory: in every tmpfs and its like. */
#define _GNU_SOURCE
#include "agent.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    FILES = 10000,       /* told one by one; what is more is told as one */
    CONTENT = 1 << 20,   /* bytes of a file that are looked at */
    CONTENTS = 16 << 20, /* and of all */
};

static uint64_t digest; /* of what is told as one; FNV-1a */
static size_t told, looked_at;

static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return hash;
}

static uint64_t content_of(int folder, const char *name)
{
    static char piece[65536];
    uint64_t hash = 14695981039346656037u;
    ssize_t n;
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    for (size_t at = 0; file >= 0 && at < CONTENT && looked_at < CONTENTS; at += (size_t)n) {
        if ((n = read(file, piece, sizeof piece)) <= 0)
            break;
        looked_at += (size_t)n;
        hash = mix(hash, piece, (size_t)n);
    }
    if (file >= 0)
        close(file);
    return hash;
}

static void tell_file(const char *path, int folder, const char *name, const struct stat *s)
{
    char value[4400], more[4200] = "";
    if (S_ISREG(s->st_mode))
        snprintf(more, sizeof more, " %lld %016" PRIx64, (long long)s->st_size, content_of(folder, name));
    else if (S_ISLNK(s->st_mode)) {
        char to[4096];
        ssize_t n = readlinkat(folder, name, to, sizeof to - 1);
        snprintf(more, sizeof more, " -> %.*s", n > 0 ? (int)n : 0, to);
    } else if (S_ISCHR(s->st_mode) || S_ISBLK(s->st_mode))
        snprintf(more, sizeof more, " %u:%u", major(s->st_rdev), minor(s->st_rdev));
    snprintf(value, sizeof value, "%o %u:%u%s", s->st_mode, s->st_uid, s->st_gid, more);
    if (++told <= FILES)
        entry("file", path, "%s", value);
    else /* in whatever order they come: a sum */
        digest += mix(mix(14695981039346656037u, path, strlen(path)), value, strlen(value));
}

static void walk(int folder, const char *path, dev_t device, int devices)
{
    DIR *all = fdopendir(folder);
    struct dirent *each;
    while (all && (each = readdir(all))) {
        char below[4096];
        struct stat s;
        if (!strcmp(each->d_name, ".") || !strcmp(each->d_name, ".."))
            continue;
        if (!devices && (each->d_type == DT_CHR || each->d_type == DT_BLK))
            continue;
        if ((size_t)snprintf(below, sizeof below, "%s/%s", path, each->d_name) >= sizeof below)
            continue;
        if (is_left_out(below) || fstatat(folder, each->d_name, &s, AT_SYMLINK_NOFOLLOW) || s.st_dev != device)
            continue;
        tell_file(below, folder, each->d_name, &s);
        int next = S_ISDIR(s.st_mode)
                       ? openat(folder, each->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                       : -1;
        if (next >= 0)
            walk(next, below, device, devices);
    }
    if (all)
        closedir(all);
    else
        close(folder);
}

static void walk_from(const char *path, int devices)
{
    struct stat s;
    int folder = is_left_out(path) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && !fstat(folder, &s))
        walk(folder, path, s.st_dev, devices);
}

static void mount_of(char *line)
{
    static char walked[64][256];
    static int n;
    char device[32], root[4096], at[4096], options[512], type[64], source[4096] = "";
    char *rest = strstr(line, " - ");
    if (!rest || sscanf(line, "%*d %*d %31s %4095s %4095s %511s", device, root, at, options) != 4 ||
        sscanf(rest + 3, "%63s %4095s", type, source) < 1)
        return;
    unescape(at);
    entry("mount", at, "%s %s %s %s", type, source, root, options);
    if (!strcmp(type, "binfmt_misc"))
        names_in("binary format", at);
    if (strcmp(type, "tmpfs") && strcmp(type, "ramfs") && strcmp(type, "mqueue") && strcmp(type, "hugetlbfs") &&
        strcmp(type, "devtmpfs"))
        return;
    for (int i = 0; i < n; i++)
        if (!strcmp(walked[i], device))
            return; /* bound to another place too */
    if (n < 64)
        snprintf(walked[n++], sizeof *walked, "%s", device);
    walk_from(at, strcmp(type, "devtmpfs")); /* there, devices are the kernel's own */
}

void mounts_and_files(int and_tmp)
{
    for_lines("/proc/self/mountinfo", mount_of);
    if (and_tmp)
        walk_from("/tmp", 1);
    if (told > FILES)
        entry("file", "more files", "%zu %016" PRIx64, told - FILES, digest);
}

/*
 * Freezing what is mounted from disks, so that a snapshot of the disk is one moment of it. The agent
 * itself lies on a tmpfs and goes on.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 256 };

struct fs {
    char device[32]; /* major:minor, the same for all mounts of a file system */
    int root;        /* a folder of it */
};

/* One of each file system that is mounted from a block device, in the order they were mounted. */
static int of_disks(struct fs *found)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    int n = 0;
    while (mounts && n < MOST && getline(&line, &size, mounts) > 0) {
        char device[32], at[4096], source[4096];
        struct stat s;
        char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*d %*d %31s %*s %4095s", device, at) != 2)
            continue;
        if (sscanf(rest + 3, "%*s %4095s", source) != 1 || stat(source, &s) || !S_ISBLK(s.st_mode))
            continue;
        int known = 0;
        for (int i = 0; i < n; i++)
            known |= !strcmp(found[i].device, device);
        if (known)
            continue;
        unescape(at);
        int root = open(at, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (root < 0)
            continue;
        memcpy(found[n].device, device, sizeof device);
        found[n++].root = root;
    }
    free(line);
    if (mounts)
        fclose(mounts);
    return n;
}

static void thaw_all(const struct fs *all, int n)
{
    for (int i = 0; i < n; i++)
        ioctl(all[i].root, FITHAW, 0);
}

/* freeze: all or none. What is mounted from a file goes before the file system that the file lies in. */
int freeze(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct fs all[MOST];
    sync(); /* so that little is left to write while everybody waits */
    int n = of_disks(all);
    for (int i = n - 1; i >= 0; i--) {
        if (!ioctl(all[i].root, FIFREEZE, 0) || errno == EBUSY)
            continue; /* EBUSY: frozen already */
        if ((errno == EOPNOTSUPP || errno == ENOTTY) && !syncfs(all[i].root))
            continue; /* vfat cannot */
        int why = errno;
        thaw_all(all, n);
        errno = why;
        return fail(all[i].device);
    }
    return 0;
}

/* thaw: whatever is frozen */
int thaw(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct fs all[MOST];
    thaw_all(all, of_disks(all));
    return 0;
}

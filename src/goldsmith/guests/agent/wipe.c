/*
 * What a deleted file leaves in blocks that share a cluster of the disk file with live ones: trimming
 * gives back whole clusters only, and a deleted key is smaller than one.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fsmap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

enum { CLUSTER = 65536, RECORDS = 1024 };

/* Zero a piece of the device unless it is zero already: a write would only make the disk file grow. */
static int zero(int device, uint64_t from, uint64_t to)
{
    static char piece[CLUSTER];
    static const char nothing[CLUSTER];
    size_t length = (size_t)(to - from);
    if (pread(device, piece, length, (off_t)from) != (ssize_t)length)
        return -1;
    if (!memcmp(piece, nothing, length))
        return 0;
    return pwrite(device, nothing, length, (off_t)from) == (ssize_t)length ? 0 : -1;
}

/* The ends of a free extent that fill no whole cluster, counted from the start of the whole disk. */
static int zero_ends(int device, uint64_t start, uint64_t from, uint64_t to)
{
    uint64_t first = (start + from + CLUSTER - 1) / CLUSTER * CLUSTER - start;
    uint64_t last = (start + to) / CLUSTER * CLUSTER - start;
    if (first > last || first > to || last < from)
        return zero(device, from, to); /* within one cluster */
    if (first > from && zero(device, from, first))
        return -1;
    return last < to ? zero(device, last, to) : 0;
}

/*
 * wipe PATH DEVICE START: zero the unused blocks of the file system mounted at PATH that trimming could
 * not give back. DEVICE is its partition, START where that begins on the disk, in bytes. The file system
 * is read-only afterwards. File systems that do not tell what is free (btrfs) are left as they are.
 */
int wipe(int argc, char **argv)
{
    (void)argc;
    uint64_t start = strtoull(argv[2], NULL, 10);
    if (mount(NULL, argv[0], NULL, MS_REMOUNT | MS_RDONLY, NULL))
        return fail(argv[0]);
    int root = open(argv[0], O_RDONLY | O_CLOEXEC), device = open(argv[1], O_RDWR | O_CLOEXEC);
    struct fsmap_head *map = calloc(1, sizeof *map + RECORDS * sizeof *map->fmh_recs);
    if (root < 0 || device < 0 || !map)
        return fail(argv[1]);
    map->fmh_count = RECORDS;
    memset(&map->fmh_keys[1], 0xff, sizeof map->fmh_keys[1]);
    map->fmh_keys[1].fmr_reserved[0] = map->fmh_keys[1].fmr_reserved[1] = map->fmh_keys[1].fmr_reserved[2] = 0;
    for (;;) {
        if (ioctl(root, FS_IOC_GETFSMAP, map))
            return errno == ENOTTY || errno == EOPNOTSUPP ? 0 : fail(argv[0]);
        if (!map->fmh_entries)
            break;
        for (uint32_t i = 0; i < map->fmh_entries; i++) {
            struct fsmap *extent = &map->fmh_recs[i];
            if (!(extent->fmr_flags & FMR_OF_SPECIAL_OWNER) || extent->fmr_owner != FMR_OWN_FREE)
                continue;
            if (zero_ends(device, start, extent->fmr_physical, extent->fmr_physical + extent->fmr_length))
                return fail(argv[1]);
        }
        if (map->fmh_recs[map->fmh_entries - 1].fmr_flags & FMR_OF_LAST)
            break;
        fsmap_advance(map);
    }
    return fsync(device) ? fail(argv[1]) : 0;
}

/* Verbs on disks and file systems. */
#define _GNU_SOURCE
#include "agent.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

/* mount SOURCE TARGET TYPE OPTIONS: ro, bind and norecovery are known, the rest goes to the file system */
int mount_(int argc, char **argv)
{
    (void)argc;
    unsigned long flags = MS_NODEV | MS_NOSUID;
    char rest[1024] = "", *save = NULL;
    for (char *o = strtok_r(argv[3], ",", &save); o; o = strtok_r(NULL, ",", &save)) {
        if (!strcmp(o, "ro"))
            flags |= MS_RDONLY;
        else if (!strcmp(o, "bind"))
            flags = MS_BIND;
        else if (strlen(rest) + strlen(o) + 2 < sizeof rest) {
            if (*rest)
                strcat(rest, ",");
            strcat(rest, o);
        }
    }
    return mount(argv[0], argv[1], argv[2], flags, rest) ? fail(argv[0]) : 0;
}

/* umount TARGET */
int umount_(int argc, char **argv)
{
    (void)argc;
    return umount2(argv[0], 0) ? fail(argv[0]) : 0;
}

/* modules PATH...: loaded in this order */
int modules(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (load_module(argv[i]))
            return fail(argv[i]);
    return 0;
}

/* devices: name and size in sectors of 512 bytes of each block device and partition */
int devices(int argc, char **argv)
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
int read_(int argc, char **argv)
{
    (void)argc;
    int device = open(argv[0], O_RDONLY | O_CLOEXEC);
    if (device < 0 || lseek(device, (off_t)strtoull(argv[1], NULL, 10), SEEK_SET) < 0)
        return fail(argv[0]);
    return pour(device, 1, strtoull(argv[2], NULL, 10), argv[0]);
}

/* write DEVICE OFFSET: stdin */
int write_(int argc, char **argv)
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
int reread(int argc, char **argv)
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
int grow(int argc, char **argv)
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

/* trim PATH: tell the disk what the file system does not use */
int trim(int argc, char **argv)
{
    (void)argc;
    struct fstrim_range all = {0, UINT64_MAX, 0};
    int file = open(argv[0], O_RDONLY | O_CLOEXEC);
    return file < 0 || ioctl(file, FITRIM, &all) ? fail(argv[0]) : 0;
}

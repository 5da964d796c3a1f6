/* What the kernel holds: settings, modules, swap, what programs share, block devices. */
#define _GNU_SOURCE
#include "agent.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void settings(int folder, const char *path)
{
    DIR *all = fdopendir(folder);
    struct dirent *each;
    while (all && (each = readdir(all))) {
        char below[512];
        static char value[4096];
        if (each->d_name[0] == '.' ||
            (size_t)snprintf(below, sizeof below, "%s/%s", path, each->d_name) >= sizeof below ||
            is_left_out(below))
            continue;
        if (each->d_type == DT_DIR) {
            int next = openat(folder, each->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (next >= 0)
                settings(next, below);
        } else if (text_of(folder, each->d_name, value, sizeof value, O_RDWR) >= 0)
            entry("setting", below, "%s", value); /* what can only be read cannot be set */
    }
    if (all)
        closedir(all);
    else
        close(folder);
}

/* Settings of the kernel that do not stand under /proc/sys. */
static void more_settings(void)
{
    static const char *paths[] = {"/sys/kernel/mm/transparent_hugepage/enabled",
                                  "/sys/kernel/mm/transparent_hugepage/defrag", "/sys/kernel/mm/ksm/run"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char value[256];
        if (text_of(AT_FDCWD, paths[i], value, sizeof value, O_RDONLY) >= 0)
            entry("setting", paths[i], "%s", value);
    }
}

static void block_devices(void)
{
    DIR *all = opendir("/sys/block");
    struct dirent *each;
    while (all && (each = readdir(all))) {
        char path[512], value[4096] = "";
        if (each->d_name[0] == '.')
            continue;
        if (strncmp(each->d_name, "loop", 4)) {
            snprintf(path, sizeof path, "/sys/block/%s/size", each->d_name);
            text_of(AT_FDCWD, path, value, sizeof value, O_RDONLY);
            if (atoll(value))
                entry("block device", each->d_name, "%s", value);
        } else { /* which of them a file gets is chance */
            snprintf(path, sizeof path, "/sys/block/%s/loop/backing_file", each->d_name);
            if (text_of(AT_FDCWD, path, value, sizeof value, O_RDONLY) > 0)
                entry("loop device", value, "");
        }
    }
    if (all)
        closedir(all);
}

static void module(char *line)
{
    line[strcspn(line, " ")] = 0;
    entry("module", line, "");
}

static void swap(char *line)
{
    char path[512], size[32];
    if (sscanf(line, "%511s %*s %31s", path, size) == 2 && isdigit(*size))
        entry("swap", path, "%s", size);
}

static void shared(char *line)
{
    char key[32], mode[16], size[32];
    if (sscanf(line, "%31s %*s %15s %31s", key, mode, size) == 3 && (isdigit(*key) || *key == '-'))
        entry("shared memory", key, "%s %s", mode, size);
}

static void semaphores(char *line)
{
    char key[32], mode[16], count[32];
    if (sscanf(line, "%31s %*s %15s %31s", key, mode, count) == 3 && (isdigit(*key) || *key == '-'))
        entry("semaphores", key, "%s %s", mode, count);
}

static void queue(char *line)
{
    char key[32], mode[16], bytes[32];
    if (sscanf(line, "%31s %*s %15s %31s", key, mode, bytes) == 3 && (isdigit(*key) || *key == '-'))
        entry("message queue", key, "%s %s", mode, bytes);
}

void kernel_state(void)
{
    int folder = open("/proc/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0)
        settings(folder, "/proc/sys");
    more_settings();
    for_lines("/proc/modules", module);
    for_lines("/proc/swaps", swap);
    for_lines("/proc/sysvipc/shm", shared);
    for_lines("/proc/sysvipc/sem", semaphores);
    for_lines("/proc/sysvipc/msg", queue);
    block_devices();
}

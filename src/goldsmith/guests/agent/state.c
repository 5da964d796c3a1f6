/*
 * What a restart may take or bring: told as entries of kind, name and value, each ended by NUL. What of it
 * counts is for the host to say. No program is started for it, so it costs little.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETTLE = 5000 }; /* milliseconds */

static char **left_out; /* folders that are not walked */
static int left_outs;

void entry(const char *kind, const char *name, const char *format, ...)
{
    va_list values;
    fputs(kind, stdout);
    putchar(0);
    fputs(name, stdout);
    putchar(0);
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    putchar(0);
}

void unescape(char *path)
{
    char *to = path;
    for (const char *from = path; *from; to++) {
        if (*from == '\\' && isdigit(from[1]) && isdigit(from[2]) && isdigit(from[3])) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0');
            from += 4;
        } else
            *to = *from++;
    }
    *to = 0;
}

/* A file's beginning, ended by NUL and without the newlines at its end. Returns its length, or -1. */
ssize_t text_of(int folder, const char *path, char *text, size_t size, int mode)
{
    int file = openat(folder, path, mode | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return -1;
    ssize_t n = read(file, text, size - 1);
    close(file);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    text[n > 0 ? n : 0] = 0;
    return n;
}

/* Whether a folder, or one above it, is left out. */
int is_left_out(const char *path)
{
    for (int i = 0; i < left_outs; i++) {
        size_t length = strlen(left_out[i]);
        if (!strncmp(left_out[i], path, length) && (!path[length] || path[length] == '/'))
            return 1;
    }
    return 0;
}

void for_lines(const char *path, void (*act)(char *line))
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    while (file && getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        act(line);
    }
    free(line);
    if (file)
        fclose(file);
}

void names_in(const char *kind, const char *path)
{
    DIR *all = opendir(path);
    struct dirent *each;
    while (all && (each = readdir(all)))
        if (each->d_name[0] != '.')
            entry(kind, each->d_name, "");
    if (all)
        closedir(all);
}

/* Where systemd has put a process: the unified hierarchy, or the named one beside the old kind. */
static void group_of(const char *process, char *group, size_t size)
{
    char path[64], text[4096] = "";
    snprintf(path, sizeof path, "/proc/%s/cgroup", process);
    text_of(AT_FDCWD, path, text, sizeof text, O_RDONLY);
    char *at = strstr(text, "name=systemd:");
    at = at ? at + 13 : strstr(text, "0::") ? strstr(text, "0::") + 3 : text;
    snprintf(group, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static void processes(int all)
{
    DIR *folder = opendir("/proc");
    struct dirent *each;
    char ours[1024];
    group_of("self", ours, sizeof ours);
    while (folder && (each = readdir(folder))) {
        char path[300], program[2048], words[1024] = "", group[1024];
        int number = atoi(each->d_name);
        if (number <= 1 || number == getpid() || number == getppid())
            continue;
        snprintf(path, sizeof path, "/proc/%s/exe", each->d_name);
        ssize_t n = readlink(path, program, sizeof program - 1);
        if (n <= 0)
            continue; /* a thread of the kernel, or it has ended */
        program[n] = 0;
        group_of(each->d_name, group, sizeof group);
        if (!all && strcmp(group, "/") && strcmp(group, "/init.scope") && strcmp(group, ours) &&
            !strstr(group, "/session-") && !strstr(group, "/app.slice") && !strstr(group, "/background.slice"))
            continue; /* it belongs to a unit, which is told */
        snprintf(path, sizeof path, "/proc/%s/cmdline", each->d_name);
        n = text_of(AT_FDCWD, path, words, sizeof words, O_RDONLY);
        for (ssize_t i = 0; i < n - 1; i++)
            if (!words[i])
                words[i] = ' ';
        entry("process", words, "%s", program);
    }
    if (folder)
        closedir(folder);
}

static void linked_in(const char *path)
{
    static const char *ends[] = {".wants", ".requires", ".upholds"};
    DIR *all = opendir(path);
    struct dirent *each;
    while (all && (each = readdir(all))) {
        char below[512], *end = strrchr(each->d_name, '.');
        snprintf(below, sizeof below, "%s/%s", path, each->d_name);
        for (int i = 0; end && i < 3; i++)
            if (!strcmp(end, ends[i]))
                names_in("linked", below);
    }
    if (all)
        closedir(all);
}

/* Scripts of System V: S01name in the folder of a run level becomes name.service. */
static void linked_scripts(const char *path)
{
    DIR *all = opendir(path);
    struct dirent *each;
    while (all && (each = readdir(all))) {
        char unit[300];
        const char *name = each->d_name;
        if (name[0] != 'S' || !isdigit(name[1]) || !isdigit(name[2]) || !name[3])
            continue;
        snprintf(unit, sizeof unit, "%s.service", name + 3);
        entry("linked", unit, "");
    }
    if (all)
        closedir(all);
}

static void systemd(void)
{
    int silent = open_manager() || settle(SETTLE) || active_units() || manager_environment();
    if (silent) /* told like a unit: such a machine is like no other */
        entry("unit", "systemd", "silent");
    linked_in("/etc/systemd/system");
    linked_in("/usr/lib/systemd/system");
    linked_in("/lib/systemd/system");
    linked_scripts("/etc/rc2.d");
    linked_scripts("/etc/rc3.d");
    linked_scripts("/etc/rc5.d");
    linked_scripts("/etc/rcS.d");
}

/* state INIT PATH...: INIT is systemd or anything else; the PATHs are folders that are not looked into */
int state(int argc, char **argv)
{
    int is_systemd = !strcmp(argv[0], "systemd");
    left_out = argv + 1;
    left_outs = argc - 1;
    if (is_systemd)
        systemd();
    processes(!is_systemd);
    mounts_and_files(!is_systemd); /* others empty /tmp when they boot */
    kernel_state();
    network_state();
    return 0;
}

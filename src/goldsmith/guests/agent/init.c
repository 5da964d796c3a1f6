/*
 * The agent as the first process of an initramfs, told by words on the kernel's command line:
 *
 *   goldsmith.mode=inspect  nothing of the image runs: load /goldsmith/modules, then serve.
 *   goldsmith.mode=unit     mount the image's root, lay /goldsmith/run over /run, start the image's
 *                           init; a unit in /run starts the agent.
 *   goldsmith.mode=child    the same for images without systemd: the agent is a process of its own.
 *   goldsmith.mode=direct   the same for images without an init: the agent stays the first process.
 *   goldsmith.root=DEVICE goldsmith.fs=TYPE goldsmith.options=OPTIONS  where the root is
 */
#define _GNU_SOURCE
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char command_line[4096];

void say(const char *text)
{
    int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    if (log < 0)
        return;
    dprintf(log, "<4>goldsmith: %s\n", text);
    close(log);
}

static int word(const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    for (char *at = command_line; (at = strstr(at, name)); at += length) {
        if ((at != command_line && at[-1] != ' ') || at[length] != '=')
            continue;
        at += length + 1;
        size_t n = strcspn(at, " \n");
        if (n >= size)
            return 0;
        memcpy(value, at, n);
        value[n] = 0;
        return 1;
    }
    return 0;
}

int load_module(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    int failed = (int)syscall(SYS_finit_module, file, "", 0);
    int why = errno;
    close(file);
    errno = why;
    return failed && why != EEXIST ? -1 : 0;
}

static void load_own_modules(void)
{
    FILE *list = fopen("/goldsmith/modules/order", "re");
    char name[256], path[300];
    while (list && fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = 0;
        snprintf(path, sizeof path, "/goldsmith/modules/%s", name);
        if (load_module(path)) {
            snprintf(path, sizeof path, "module %.200s: %s", name, strerror(errno));
            say(path);
        }
    }
    if (list)
        fclose(list);
}

/* Load modules by the image's own modprobe, which knows how they are packed there. */
static void load_by_modprobe(const char *fs)
{
    static const char *names[] = {"virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "pvpanic-pci"};
    int count = sizeof names / sizeof *names;
    for (int i = 0; i <= count; i++) {
        pid_t child = fork();
        if (!child) {
            const char *name = i < count ? names[i] : fs;
            int nothing = open("/dev/null", O_RDWR);
            dup2(nothing, 1);
            dup2(nothing, 2);
            setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
            execlp("modprobe", "modprobe", "-q", name, (char *)0);
            _exit(127);
        }
        waitpid(child, NULL, 0);
    }
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
    char piece[65536];
    ssize_t n;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    while (in >= 0 && out >= 0 && (n = read(in, piece, sizeof piece)) > 0)
        if (write(out, piece, (size_t)n) != n)
            break;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
}

static void copy_tree(const char *from, const char *to)
{
    DIR *folder = opendir(from);
    struct dirent *entry;
    mkdir(to, 0755);
    while (folder && (entry = readdir(folder))) {
        char source[512], target[512], link[512];
        struct stat s;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        if (lstat(source, &s))
            continue;
        if (S_ISDIR(s.st_mode))
            copy_tree(source, target);
        else if (S_ISLNK(s.st_mode)) {
            ssize_t n = readlink(source, link, sizeof link - 1);
            if (n > 0) {
                link[n] = 0;
                (void)!symlink(link, target);
            }
        } else
            copy_file(source, target, s.st_mode & 0777);
    }
    if (folder)
        closedir(folder);
}

static _Noreturn void give_up(const char *what)
{
    char text[512];
    snprintf(text, sizeof text, "cannot go on: %s: %s", what, strerror(errno));
    say(text);
    sleep(1); /* the serial port needs a moment */
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static void system_mounts(void)
{
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mkdir("/run", 0755);
    mkdir("/sysroot", 0755);
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
}

static void terminals(void)
{
    mkdir("/dev/pts", 0755);
    mkdir("/dev/shm", 01777);
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
    mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
    (void)!symlink("/proc/self/fd", "/dev/fd");
}

static void switch_root(void)
{
    static const char *kept[] = {"/run", "/dev", "/sys", "/proc"};
    for (int i = 0; i < 4; i++) {
        char target[64];
        snprintf(target, sizeof target, "/sysroot%s", kept[i]);
        mkdir(target, 0755);
        if (mount(kept[i], target, NULL, MS_MOVE, NULL))
            give_up(target);
    }
    if (chdir("/sysroot") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
        give_up("/sysroot");
}

static _Noreturn void boot(const char *mode)
{
    char root[256] = "", fs[32] = "", options[256] = "";
    if (!word("goldsmith.root", root, sizeof root) || !word("goldsmith.fs", fs, sizeof fs))
        give_up("goldsmith.root and goldsmith.fs are needed");
    word("goldsmith.options", options, sizeof options);
    load_by_modprobe(fs);
    for (int i = 0; i < 1500 && access(root, F_OK); i++)
        usleep(10000);
    if (mount(root, "/sysroot", fs, 0, options))
        give_up(root);
    if (mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"))
        give_up("/run");
    mkdir(RUN, 0700);
    copy_file("/goldsmith/agent", RUN "/agent", 0755);
    copy_tree("/goldsmith/run", "/run");
    switch_root();
    load_by_modprobe(fs); /* again, with the modules of the image itself */
    say("root is mounted");
    /* Private folders of services: those of this boot are still to be made. */
    static char *private[] = {"/tmp/systemd-private-*", "/var/tmp/systemd-private-*"};
    remove_(2, private);
    if (!strcmp(mode, "direct")) {
        terminals();
        serve();
        give_up("serve");
    }
    if (!strcmp(mode, "child") && !fork()) {
        setsid();
        /* The @ tells systemd and its like to leave this process alone when they stop the rest. */
        execl(RUN "/agent", "@goldsmith", "--agent", (char *)0);
        _exit(127);
    }
    static const char *inits[] = {"/sbin/init", "/lib/systemd/systemd", "/usr/lib/systemd/systemd"};
    for (int i = 0; i < 3; i++)
        execl(inits[i], inits[i], (char *)0);
    give_up("/sbin/init");
}

int init(void)
{
    char mode[32] = "inspect";
    system_mounts();
    int file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t n = read(file, command_line, sizeof command_line - 1);
        command_line[n > 0 ? n : 0] = 0;
        close(file);
    }
    word("goldsmith.mode", mode, sizeof mode);
    if (strcmp(mode, "inspect"))
        boot(mode);
    load_own_modules();
    terminals();
    serve();
    give_up("serve");
}

/* Verbs on files. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* put PATH MODE: stdin becomes the file */
int put(int argc, char **argv)
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

static int too_large(const char *path, uint64_t most)
{
    fprintf(stderr, "%s: it has more than %" PRIu64 " bytes\n", path, most);
    return 1;
}

/* get PATH MOST: a regular file of at most so many bytes (some of /proc do not say how many they have) */
int get(int argc, char **argv)
{
    (void)argc;
    uint64_t most = strtoull(argv[1], NULL, 10);
    int file = open(argv[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat s;
    char more;
    if (file < 0 || fstat(file, &s))
        return fail(argv[0]);
    if (!S_ISREG(s.st_mode)) {
        fprintf(stderr, "%s: it is no regular file\n", argv[0]);
        return 1;
    }
    if ((uint64_t)s.st_size > most)
        return too_large(argv[0], most);
    if (pour(file, 1, most, argv[0]))
        return 1;
    return read(file, &more, 1) > 0 ? too_large(argv[0], most) : 0;
}

/* stat PATH: kind mode uid gid size; nothing where nothing is */
int stat_(int argc, char **argv)
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
int folder(int argc, char **argv)
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
int link_(int argc, char **argv)
{
    (void)argc;
    return symlink(argv[0], argv[1]) && errno != EEXIST ? fail(argv[1]) : 0;
}

/* names PATTERN...: the paths that match, each ended by NUL */
int names(int argc, char **argv)
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
int remove_(int argc, char **argv)
{
    return each(argc, argv, remove_one, FTW_DEPTH);
}

/* empty PATTERN...: the regular files that match or lie below what matches are cut to nothing */
int empty(int argc, char **argv)
{
    return each(argc, argv, empty_one, 0);
}

/* Requests: each has a child, whose input is fed and whose output is passed on. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { PIECE = 65536 };

struct request requests[REQUESTS];

static void send_status(uint32_t channel, int status)
{
    char text[32];
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    send_frame('x', channel, text, (size_t)snprintf(text, sizeof text, "%d", code));
}

static void refuse(uint32_t channel, const char *why)
{
    send_frame('f', channel, why, strlen(why));
    send_status(channel, 125 << 8);
}

struct request *of_channel(uint32_t channel)
{
    for (int i = 0; i < REQUESTS; i++)
        if (requests[i].child && requests[i].channel == channel)
            return &requests[i];
    return NULL;
}

int split(char *data, size_t length, char **words, int most)
{
    int n = 0;
    for (size_t at = 0; at < length && n < most; at += strlen(data + at) + 1)
        words[n++] = data + at;
    return n;
}

/* In the child: become the program that the words say. */
static int become(int n, char **words)
{
    int count = atoi(words[1]);
    if (count < 1 || n < 2 + count)
        return fail("run: too few words");
    char **argv = calloc((size_t)count + 1, sizeof *argv);
    memcpy(argv, words + 2, sizeof *argv * (size_t)count);
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    setenv("LANG", "C.UTF-8", 1);
    setenv("DEBIAN_FRONTEND", "noninteractive", 1);
    for (int i = 2 + count; i < n; i++)
        putenv(words[i]);
    if (chdir(words[0]))
        return fail(words[0]);
    execvp(argv[0], argv);
    fail(argv[0]);
    return errno == ENOENT ? 127 : 126;
}

static void child_main(int n, char **words)
{
    const char *verb = words[1];
    int programs = !strcmp(verb, "run") || !strcmp(verb, "pty");
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0) {
        (void)!write(score, "0", 1);
        close(score);
    }
    umask(022);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (strcmp(words[0], "/") && (chroot(words[0]) || chdir("/")))
        _exit(fail(words[0]));
    if (programs)
        _exit(n < 4 ? fail("run: too few words") : become(n - 2, words + 2));
    const struct verb *found = find_verb(verb);
    if (!found || n - 2 < found->least) {
        errno = 0;
        _exit(fail(found ? "too few words" : "no such verb"));
    }
    int status = found->act(n - 2, words + 2);
    fflush(stdout);
    _exit(status);
}

static int open_terminal(int *other)
{
    int master = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY), unlocked = 0, number;
    char name[32];
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) || ioctl(master, TIOCGPTN, &number))
        return -1;
    snprintf(name, sizeof name, "/dev/pts/%d", number);
    *other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return *other < 0 ? -1 : master;
}

void start(uint32_t channel, char *data, size_t length)
{
    static char *words[4096];
    struct request *slot = NULL;
    for (int i = 0; i < REQUESTS && !slot; i++)
        if (!requests[i].child)
            slot = &requests[i];
    int n = length && !data[length - 1] ? split(data, length, words, 4096) : 0;
    if (!slot || n < 2 || n == 4096)
        return refuse(channel, slot ? "not a request" : "too many requests");

    int input[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, begun[2];
    int terminal = !strcmp(words[1], "pty");
    /* A step that reads gets an end at once; the verbs that take data name it by a leading "+". */
    int takes = words[1][0] == '+';
    if (takes)
        words[1]++;
    if (terminal) {
        out[0] = open_terminal(&out[1]);
        if (out[0] < 0)
            return refuse(channel, "no pseudo-terminal");
        input[1] = dup(out[0]);
    } else if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || (takes && pipe2(input, O_CLOEXEC))) {
        return refuse(channel, "no pipe");
    }
    if (pipe2(begun, O_CLOEXEC))
        begun[0] = begun[1] = -1;
    pid_t child = fork();
    if (!child) {
        setsid();
        close(begun[1]);
        if (terminal) {
            ioctl(out[1], TIOCSCTTY, 0);
            dup2(out[1], 0);
            dup2(out[1], 1);
            dup2(out[1], 2);
        } else {
            int stdin_ = takes ? input[0] : open("/dev/null", O_RDONLY | O_CLOEXEC);
            if (stdin_ < 0)
                close(0);
            else
                dup2(stdin_, 0);
            dup2(out[1], 1);
            dup2(err[1], 2);
        }
        /* A verb does no exec that would close what is not its own; an end of a pipe held here
         * would keep a reader waiting for ever. */
        for (int fd = 3; fd < 256; fd++)
            close(fd);
        child_main(n, words);
    }
    /* Wait until it leads its session: a kill that follows at once has a group to go to. */
    close(begun[1]);
    (void)!read(begun[0], &(char){0}, 1);
    close(begun[0]);
    if (takes)
        close(input[0]);
    close(out[1]);
    if (err[1] >= 0)
        close(err[1]);
    if (child < 0) {
        refuse(channel, "no new process");
        close(out[0]);
        if (input[1] >= 0)
            close(input[1]);
        if (err[0] >= 0)
            close(err[0]);
        return;
    }
    *slot = (struct request){.channel = channel, .child = child, .input = input[1], .out = out[0],
                             .err = err[0], .terminal = terminal};
    int fds[] = {slot->input, slot->out, slot->err};
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            fcntl(fds[i], F_SETFL, O_NONBLOCK);
}

void feed(struct request *r)
{
    while (r->holds && r->input >= 0) {
        ssize_t n = write(r->input, r->held, r->holds);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            r->holds = 0; /* the child reads no more */
            break;
        }
        r->holds -= (size_t)n;
        memmove(r->held, r->held + n, r->holds);
    }
    if (!r->holds && r->closing && r->input >= 0) {
        close(r->input);
        r->input = -1;
    }
}

/* Pass on what a child printed. Returns how many bytes, 0 when there are no more for now, -1 at the end. */
ssize_t pass_on(char type, uint32_t channel, int *fd)
{
    static char piece[PIECE];
    ssize_t n = read(*fd, piece, sizeof piece);
    if (n > 0) {
        send_frame(type, channel, piece, (size_t)n);
        return n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    close(*fd);
    *fd = -1;
    return -1;
}

/* What a stream still holds. Somebody in the background may keep it open, or even keep filling it. */
static void drain(char type, struct request *r, int *fd)
{
    ssize_t n = 0;
    for (size_t left = HELD; *fd >= 0 && left; left -= n < (ssize_t)left ? (size_t)n : left)
        if ((n = pass_on(type, r->channel, fd)) <= 0)
            return;
}

void finish(struct request *r)
{
    drain('o', r, &r->out);
    drain('f', r, &r->err);
    int fds[] = {r->input, r->out, r->err};
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(r->held);
    send_status(r->channel, r->status);
    memset(r, 0, sizeof *r);
}

void reap(void)
{
    int status;
    pid_t child;
    while ((child = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < REQUESTS; i++)
            if (requests[i].child == child) {
                requests[i].ended = 1;
                requests[i].status = status;
            }
}

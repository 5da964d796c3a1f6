/*
 * The agent serves one virtio-serial port.
 *
 * Frame, both ways: type (1 byte), channel (4, big endian), length (4, big endian), payload.
 *
 *   host:  q  a request: words, each ended by NUL: root, verb, arguments
 *          d  data for the request's stdin          e  no more data
 *          k  kill the request's process group      w  a terminal's size: rows NUL columns NUL
 *          p  ping
 *   agent: h  hello: version, seconds since boot    o, f  stdout, stderr of a request
 *          x  a request ended: its wait status as exit code, or 128 plus the signal
 *          p  the answer to a ping
 *
 * A request runs in a child, so one poll loop answers pings while a step runs. `root` is where the
 * child changes its root to; "/" leaves it. The verbs `run` and `pty` replace the child by a program:
 * folder, number of words, the words, then NAME=value for its environment.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 9, PIECE = 65536, LARGEST = 1 << 20, REQUESTS = 16, HELD = 1 << 20 };

struct request {
    uint32_t channel;
    pid_t child;    /* 0: this slot is free */
    int input;      /* to the child's stdin, or -1 */
    int out, err;   /* from the child, or -1 */
    int ended;      /* the child was waited for */
    int status;
    int terminal;   /* input and out are one pseudo-terminal */
    int closing;    /* no more data comes: close input when `held` is written */
    char *held;     /* data the child has not yet read */
    size_t holds;
};

static struct request requests[REQUESTS];
static int port = -1;
static char incoming[HEADER + LARGEST];
static size_t received;

static int open_port(void)
{
    DIR *folder = opendir("/sys/class/virtio-ports");
    struct dirent *entry;
    int found = -1;
    if (!folder)
        return -1;
    while (found < 0 && (entry = readdir(folder))) {
        char path[512], name[64] = "";
        snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0)
            continue;
        ssize_t n = read(file, name, sizeof name - 1);
        close(file);
        if (n <= 0)
            continue;
        name[strcspn(name, "\n")] = 0;
        if (strcmp(name, PORT))
            continue;
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        found = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    }
    closedir(folder);
    return found;
}

static void write_port(const char *data, size_t length)
{
    while (length) {
        ssize_t n = write(port, data, length);
        if (n > 0) {
            data += n;
            length -= (size_t)n;
            continue;
        }
        struct pollfd wait = {port, POLLOUT, 0};
        poll(&wait, 1, 100);
    }
}

static void send_frame(char type, uint32_t channel, const char *data, size_t length)
{
    char header[HEADER];
    uint32_t c = htonl(channel), l = htonl((uint32_t)length);
    header[0] = type;
    memcpy(header + 1, &c, 4);
    memcpy(header + 5, &l, 4);
    write_port(header, HEADER);
    write_port(data, length);
}

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

static struct request *of_channel(uint32_t channel)
{
    for (int i = 0; i < REQUESTS; i++)
        if (requests[i].child && requests[i].channel == channel)
            return &requests[i];
    return NULL;
}

/* The words of a payload, which ends with NUL. Returns how many, at most `most`. */
static int split(char *data, size_t length, char **words, int most)
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

static void start(uint32_t channel, char *data, size_t length)
{
    static char *words[4096];
    struct request *slot = NULL;
    for (int i = 0; i < REQUESTS && !slot; i++)
        if (!requests[i].child)
            slot = &requests[i];
    int n = length && !data[length - 1] ? split(data, length, words, 4096) : 0;
    if (!slot || n < 2 || n == 4096)
        return refuse(channel, slot ? "not a request" : "too many requests");

    int input[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
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
    pid_t child = fork();
    if (!child) {
        setsid();
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

static void feed(struct request *r)
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

static void handle(char type, uint32_t channel, char *data, size_t length)
{
    struct request *r = of_channel(channel);
    if (type == 'p')
        send_frame('p', channel, data, length);
    else if (type == 'q' && !r)
        start(channel, data, length);
    else if (type == 'd' && r) {
        char *held = realloc(r->held, r->holds + length + 1);
        if (!held)
            return;
        r->held = held;
        memcpy(held + r->holds, data, length);
        r->holds += length;
        feed(r);
    } else if (type == 'e' && r) {
        r->closing = 1;
        feed(r);
    } else if (type == 'k' && r) {
        kill(-r->child, SIGKILL);
    } else if (type == 'w' && r && r->terminal) {
        char *words[2];
        if (split(data, length, words, 2) == 2) {
            struct winsize size = {.ws_row = (unsigned short)atoi(words[0]),
                                   .ws_col = (unsigned short)atoi(words[1])};
            ioctl(r->out, TIOCSWINSZ, &size);
        }
    }
}

/* Take what the port has, and handle each whole frame. Returns -1 when the stream makes no sense. */
static int receive(void)
{
    ssize_t n = read(port, incoming + received, sizeof incoming - received);
    if (n <= 0) {
        if (n == 0)
            usleep(20000); /* the host is not there (yet): poll would return at once */
        return 0;
    }
    received += (size_t)n;
    size_t at = 0;
    while (received - at >= HEADER) {
        uint32_t channel, length;
        memcpy(&channel, incoming + at + 1, 4);
        memcpy(&length, incoming + at + 5, 4);
        length = ntohl(length);
        if (length > LARGEST)
            return -1;
        if (received - at < HEADER + length)
            break;
        handle(incoming[at], ntohl(channel), incoming + at + HEADER, length);
        at += HEADER + length;
    }
    received -= at;
    memmove(incoming, incoming + at, received);
    return 0;
}

/* Pass on what a child printed. Returns 0 when there is no more for now, -1 at the end. */
static int pass_on(char type, uint32_t channel, int *fd)
{
    static char piece[PIECE];
    ssize_t n = read(*fd, piece, sizeof piece);
    if (n > 0) {
        send_frame(type, channel, piece, (size_t)n);
        return 1;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    close(*fd);
    *fd = -1;
    return -1;
}

static void finish(struct request *r)
{
    /* A background child may hold the pipes open for ever: take what is there, and close. */
    while (r->out >= 0 && pass_on('o', r->channel, &r->out) > 0)
        ;
    while (r->err >= 0 && pass_on('f', r->channel, &r->err) > 0)
        ;
    int fds[] = {r->input, r->out, r->err};
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(r->held);
    send_status(r->channel, r->status);
    memset(r, 0, sizeof *r);
}

static void reap(void)
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

static void on_child(int signal_)
{
    (void)signal_;
}

static void hello(void)
{
    char text[64];
    struct timespec up = {0, 0};
    clock_gettime(CLOCK_BOOTTIME, &up);
    int n = snprintf(text, sizeof text, "%s%c%lld.%03ld%c", VERSION, 0, (long long)up.tv_sec,
                     up.tv_nsec / 1000000, 0);
    send_frame('h', 0, text, (size_t)n);
}

int serve(void)
{
    sigset_t children, before;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, &before);
    sigdelset(&before, SIGCHLD);
    signal(SIGCHLD, on_child);
    signal(SIGPIPE, SIG_IGN);
    while ((port = open_port()) < 0)
        usleep(20000);
    say("agent is ready");
    hello();
    for (;;) {
        struct pollfd wait[1 + 3 * REQUESTS];
        struct request *owner[1 + 3 * REQUESTS];
        int n = 1, full = 0;
        for (int i = 0; i < REQUESTS; i++) {
            struct request *r = &requests[i];
            if (!r->child)
                continue;
            if (r->out >= 0)
                owner[n] = r, wait[n++] = (struct pollfd){r->out, POLLIN, 0};
            if (r->err >= 0)
                owner[n] = r, wait[n++] = (struct pollfd){r->err, POLLIN, 0};
            if (r->holds && r->input >= 0)
                owner[n] = r, wait[n++] = (struct pollfd){r->input, POLLOUT, 0};
            full |= r->holds > HELD;
        }
        /* A child that reads slowly makes the host wait rather than fill our memory. */
        wait[0] = (struct pollfd){full ? -1 : port, POLLIN, 0};
        int ready = ppoll(wait, (nfds_t)n, NULL, &before);
        if (ready > 0) {
            if (wait[0].revents && receive())
                return 1;
            for (int i = 1; i < n; i++) {
                struct request *r = owner[i];
                if (!wait[i].revents || !r->child)
                    continue;
                if (wait[i].fd == r->out)
                    pass_on('o', r->channel, &r->out);
                else if (wait[i].fd == r->err)
                    pass_on('f', r->channel, &r->err);
                else
                    feed(r);
            }
        }
        reap();
        for (int i = 0; i < REQUESTS; i++)
            if (requests[i].child && requests[i].ended)
                finish(&requests[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--agent"))
        return serve();
    if (getpid() == 1)
        return init();
    fprintf(stderr, "the goldsmith agent runs in guests only\n");
    return 2;
}

/*
 * The agent serves one virtio-serial port.
 *
 * Frame, both ways: type (1 byte), channel (4, big endian), length (4, big endian), payload.
 *
 *   host:  q  a request: words, each ended by NUL: root, verb, arguments
 *          d  data for the request's stdin          e  no more data
 *          k  kill the request's process group      w  a terminal's size: rows NUL columns NUL
 *          p  ping
 *   agent: h  hello: version NUL                    o, f  stdout, stderr of a request
 *          x  a request ended: its wait status as exit code, or 128 plus the signal
 *          p  the answer to a ping
 *
 * A request runs in a child, so one poll loop answers pings while a step runs. `root` is where the
 * child changes its root to; "/" leaves it. The verbs `run` and `pty` replace the child by a program:
 * folder, number of words, the words, then NAME=value for its environment.
 */
#define _GNU_SOURCE
#include "agent.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
        if (kill(-r->child, SIGKILL))
            kill(r->child, SIGKILL);
    } else if (type == 'w' && r && r->terminal) {
        char *words[2];
        if (split(data, length, words, 2) == 2) {
            struct winsize size = {.ws_row = (unsigned short)atoi(words[0]),
                                   .ws_col = (unsigned short)atoi(words[1])};
            ioctl(r->out, TIOCSWINSZ, &size);
        }
    }
}

static void on_child(int signal_)
{
    (void)signal_;
}

static void hello(void)
{
    send_frame('h', 0, VERSION, sizeof VERSION);
}

int serve(void)
{
    sigset_t children, before;
    int port;
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
            if (wait[0].revents && receive(handle))
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

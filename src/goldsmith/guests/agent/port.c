/* The virtio-serial port: found by its name, and frames written to and read from it. */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 9, LARGEST = 1 << 20 };

static int port = -1;
static char incoming[HEADER + LARGEST];
static size_t received;

static int find_port(void)
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

int open_port(void)
{
    port = find_port();
    return port;
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

void send_frame(char type, uint32_t channel, const char *data, size_t length)
{
    char header[HEADER];
    uint32_t c = htonl(channel), l = htonl((uint32_t)length);
    header[0] = type;
    memcpy(header + 1, &c, 4);
    memcpy(header + 5, &l, 4);
    write_port(header, HEADER);
    write_port(data, length);
}

/* Take what the port has, and handle each whole frame. Returns -1 when the stream makes no sense. */
int receive(handler *handle)
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

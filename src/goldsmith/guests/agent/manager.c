/*
 * Asking systemd by D-Bus over its private socket, without a program: starting systemctl costs more than
 * all the rest of `state`. (D-Bus specification, "Message Protocol" and "Authentication Protocol";
 * org.freedesktop.systemd1(5).)
 */
#define _GNU_SOURCE
#include "agent.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MANAGER "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1."
enum { CALL = 1, ANSWER = 2, ERROR = 3, LARGEST = 8 << 20 };

/* A message that is being written, or the body of one that is being read. */
struct message {
    unsigned char *bytes;
    size_t at, size;
    int broken;
};

static int manager = -1;

static void align(struct message *m, size_t to)
{
    m->at = (m->at + to - 1) / to * to;
    m->broken |= m->at > m->size;
}

static void put_bytes(struct message *m, const void *bytes, size_t length)
{
    if (m->broken || length > m->size - m->at) {
        m->broken = 1;
        return;
    }
    memcpy(m->bytes + m->at, bytes, length);
    m->at += length;
}

static void put_number(struct message *m, uint32_t number)
{
    align(m, 4);
    put_bytes(m, &number, 4);
}

static void put_string(struct message *m, const char *text)
{
    put_number(m, (uint32_t)strlen(text));
    put_bytes(m, text, strlen(text) + 1);
}

/* A header field whose value is of one of the types o, s and g. */
static void put_field(struct message *m, char code, char type, const char *value)
{
    char head[4] = {code, 1, type, 0};
    unsigned char length = (unsigned char)strlen(value);
    align(m, 8);
    put_bytes(m, head, 4);
    if (type == 'g') {
        put_bytes(m, &length, 1);
        put_bytes(m, value, length + 1u);
    } else
        put_string(m, value);
}

static uint32_t number(struct message *m)
{
    uint32_t value = 0;
    align(m, 4);
    if (m->broken || m->size - m->at < 4) {
        m->broken = 1;
        return 0;
    }
    memcpy(&value, m->bytes + m->at, 4);
    m->at += 4;
    return value;
}

static const char *string(struct message *m)
{
    uint32_t length = number(m);
    if (m->broken || length >= m->size - m->at || m->bytes[m->at + length]) {
        m->broken = 1;
        return "";
    }
    m->at += length + 1;
    return (const char *)m->bytes + m->at - length - 1;
}

static int read_all(void *to, size_t length)
{
    for (size_t at = 0; at < length;) {
        ssize_t n = read(manager, (char *)to + at, length - at);
        if (n <= 0)
            return -1;
        at += (size_t)n;
    }
    return 0;
}

int open_manager(void)
{
    static const char greeting[] = "\0AUTH EXTERNAL 30\r\nBEGIN\r\n"; /* 30: user 0, in hexadecimal */
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/private"};
    struct timeval patience = {10, 0};
    char line[256];
    size_t n = 0;
    manager = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(manager, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(manager, (struct sockaddr *)&at, sizeof at) ||
        write(manager, greeting, sizeof greeting - 1) != sizeof greeting - 1)
        return -1;
    do {
        if (n == sizeof line || read_all(line + n, 1))
            return -1;
    } while (line[n++] != '\n');
    return strncmp(line, "OK ", 3) ? -1 : 0;
}

static int call(const char *path, const char *interface, const char *member, const char *types,
                const struct message *arguments)
{
    static uint32_t serial;
    static unsigned char bytes[8192];
    struct message m = {bytes, 0, sizeof bytes, 0};
    memset(bytes, 0, sizeof bytes);
    char start[4] = {'l', CALL, 0, 1};
    put_bytes(&m, start, 4);
    put_number(&m, arguments ? (uint32_t)arguments->at : 0);
    put_number(&m, ++serial);
    put_number(&m, 0); /* the length of the fields, which begin here */
    put_field(&m, 1, 'o', path);
    put_field(&m, 2, 's', interface);
    put_field(&m, 3, 's', member);
    put_field(&m, 6, 's', "org.freedesktop.systemd1");
    if (arguments)
        put_field(&m, 8, 'g', types);
    uint32_t fields = (uint32_t)m.at - 16;
    memcpy(bytes + 12, &fields, 4);
    align(&m, 8);
    if (arguments)
        put_bytes(&m, arguments->bytes, arguments->at);
    return m.broken || write(manager, bytes, m.at) != (ssize_t)m.at ? -1 : 0;
}

/* The body of the next answer, to be freed; answers come in the order of the calls. -1: none, or an error. */
static int answer(struct message *body)
{
    for (;;) {
        unsigned char head[16];
        uint32_t length, fields;
        if (read_all(head, sizeof head) || head[0] != 'l')
            return -1;
        memcpy(&length, head + 4, 4);
        memcpy(&fields, head + 12, 4);
        if (length > LARGEST || fields > LARGEST)
            return -1;
        fields = (fields + 7) / 8 * 8;
        unsigned char *bytes = malloc((size_t)fields + length + 1);
        if (!bytes || read_all(bytes, (size_t)fields + length)) {
            free(bytes);
            return -1;
        }
        if (head[1] == ANSWER) {
            memmove(bytes, bytes + fields, length);
            *body = (struct message){bytes, 0, length, 0};
            return 0;
        }
        free(bytes);
        if (head[1] == ERROR)
            return -1;
    }
}

static int ask_property(const char *path, const char *interface, const char *name)
{
    unsigned char bytes[512] = "";
    struct message arguments = {bytes, 0, sizeof bytes, 0};
    put_string(&arguments, interface);
    put_string(&arguments, name);
    return call(path, "org.freedesktop.DBus.Properties", "Get", "ss", &arguments);
}

/* Past a variant's signature, which has to be this one. */
static void variant(struct message *m, const char *type)
{
    size_t length = strlen(type);
    if (m->size - m->at < length + 2 || m->bytes[m->at] != length || memcmp(m->bytes + m->at + 1, type, length + 1))
        m->broken = 1;
    m->at += length + 2;
}

/* How many bytes the entries of an array have, which start at the next multiple of `to`. */
static size_t array_end(struct message *m, size_t to)
{
    uint32_t length = number(m);
    align(m, to);
    m->broken |= m->broken || length > m->size - m->at;
    return m->broken ? 0 : m->at + length;
}

/* Wait until systemd has nothing to do, at most so many milliseconds. Returns -1 when it does not answer. */
int settle(int most)
{
    for (;; most -= 100) {
        struct message body;
        if (call(MANAGER, INTERFACE "Manager", "ListJobs", "", NULL) || answer(&body))
            return -1;
        uint32_t jobs = number(&body);
        free(body.bytes);
        if (!jobs || most <= 0)
            return 0;
        usleep(100000);
    }
}

int active_units(void)
{
    static const char *states[] = {"active", "reloading", "activating", "deactivating"};
    unsigned char bytes[256] = "";
    struct message arguments = {bytes, 4, sizeof bytes, 0}, body;
    for (int i = 0; i < 4; i++)
        put_string(&arguments, states[i]);
    uint32_t length = (uint32_t)arguments.at - 4;
    memcpy(bytes, &length, 4);
    if (call(MANAGER, INTERFACE "Manager", "ListUnitsFiltered", "as", &arguments) || answer(&body))
        return -1;
    size_t end = array_end(&body, 8);
    while (!body.broken && body.at < end) {
        align(&body, 8);
        const char *name = string(&body);
        string(&body), string(&body); /* description, load state */
        const char *state = string(&body);
        string(&body), string(&body), string(&body); /* sub state, the unit it follows, path */
        number(&body);
        string(&body), string(&body); /* its job */
        if (!body.broken)
            entry("unit", name, "%s", state);
    }
    int broken = body.broken;
    free(body.bytes);
    return broken ? -1 : 0;
}

int manager_environment(void)
{
    struct message body;
    if (ask_property(MANAGER, INTERFACE "Manager", "Environment") || answer(&body))
        return -1;
    variant(&body, "as");
    size_t end = array_end(&body, 4);
    while (!body.broken && body.at < end) {
        const char *line = string(&body), *sign = strchr(line, '=');
        char name[256];
        if (!sign || body.broken)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(sign - line), line);
        entry("environment", name, "%s", sign + 1);
    }
    free(body.bytes);
    return 0;
}

/* The object of a unit: letters and digits stay, the rest becomes _ and its code. */
static void unit_path(const char *unit, char *path, size_t size)
{
    size_t at = (size_t)snprintf(path, size, MANAGER "/unit/");
    for (const char *c = unit; *c && at + 4 < size; c++)
        at += (size_t)(isalpha((unsigned char)*c) || (isdigit((unsigned char)*c) && c != unit)
                           ? snprintf(path + at, size - at, "%c", *c)
                           : snprintf(path + at, size - at, "_%02x", (unsigned char)*c));
}

static void tell_property(const char *unit, const char *path, const char *interface, const char *name)
{
    struct message body;
    if (ask_property(path, interface, name) || answer(&body))
        return; /* not every unit has every one */
    int list = body.size > 2 && body.bytes[0] == 2;
    variant(&body, list ? "as" : "s");
    size_t end = list ? array_end(&body, 4) : body.size;
    while (!body.broken && body.at < end) {
        const char *value = string(&body);
        if (body.broken || !*value)
            break;
        entry(name, unit, "%s", value);
        char file[512];
        snprintf(file, sizeof file, "/usr/share/dbus-1/system-services/%.255s.service", value);
        if (!strcmp(name, "BusName") && !access(file, F_OK))
            entry("Activatable", unit, "yes");
    }
    free(body.bytes);
}

/* units NAME...: what decides whether a unit comes back by itself, as entries of property, unit, value */
int units(int argc, char **argv)
{
    if (open_manager())
        return fail("/run/systemd/private");
    for (int i = 0; i < argc; i++) {
        char path[1024];
        unit_path(argv[i], path, sizeof path);
        tell_property(argv[i], path, INTERFACE "Unit", "UnitFileState");
        tell_property(argv[i], path, INTERFACE "Unit", "FragmentPath");
        tell_property(argv[i], path, INTERFACE "Unit", "TriggeredBy");
        tell_property(argv[i], path, INTERFACE "Service", "Type");
        tell_property(argv[i], path, INTERFACE "Service", "BusName");
    }
    return 0;
}

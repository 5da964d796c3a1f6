/* The agent: one static program that acts in a guest for the host. See agent.c for the protocol. */
#ifndef AGENT_H
#define AGENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VERSION "1"
#define PORT "org.goldsmith.agent"
#define RUN "/run/goldsmith"

/* agent.c */
int serve(void);

/* port.c */
typedef void handler(char type, uint32_t channel, char *data, size_t length);
int open_port(void); /* its file descriptor, or -1 while it is not there */
void send_frame(char type, uint32_t channel, const char *data, size_t length);
int receive(handler *handle);

/* requests.c */
enum { REQUESTS = 16, HELD = 1 << 20 };
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
extern struct request requests[REQUESTS];
struct request *of_channel(uint32_t channel);
void start(uint32_t channel, char *data, size_t length);
void feed(struct request *r);
ssize_t pass_on(char type, uint32_t channel, int *fd);
void reap(void);
void finish(struct request *r);
/* The words of a payload, which ends with NUL. Returns how many, at most `most`. */
int split(char *data, size_t length, char **words, int most);

/* Verbs: each runs in a child of its own, answers on stdout, and fails by words on stderr. */
typedef int verb_main(int argc, char **argv);
struct verb {
    const char *name;
    int least; /* arguments */
    verb_main *act;
};
/* files.c */
verb_main put, get, stat_, folder, link_, names, remove_, empty;
/* disks.c */
verb_main mount_, umount_, modules, devices, read_, write_, reread, grow, trim;
/* wipe.c */
verb_main wipe;
/* freeze.c */
verb_main freeze, thaw;
/* state.c */
verb_main state;
void entry(const char *kind, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void unescape(char *path); /* as mountinfo has it: \040 is a space */
ssize_t text_of(int folder, const char *path, char *text, size_t size, int mode);
int is_left_out(const char *path);
void for_lines(const char *path, void (*act)(char *line));
void names_in(const char *kind, const char *path);
/* memory.c */
void mounts_and_files(int and_tmp);
/* kernel.c */
void kernel_state(void);
/* manager.c: systemd's own words; all return -1 when it does not answer */
verb_main units;
int open_manager(void);
int settle(int most);
int active_units(void);
int manager_environment(void);
/* addresses.c */
void network_state(void);
/* verbs.c */
const struct verb *find_verb(const char *name);
int fail(const char *what);
int pour(int from, int to, uint64_t most, const char *what);

/* init.c: the agent as the first process of an initramfs. */
int init(void);
int load_module(const char *path);
void say(const char *text); /* to the kernel's log, and so to the serial port */

#endif

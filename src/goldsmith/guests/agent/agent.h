/* The agent: one static program that acts in a guest for the host. See agent.c for the protocol. */
#ifndef AGENT_H
#define AGENT_H

#include <stddef.h>

#define VERSION "1"
#define PORT "org.goldsmith.agent"
#define RUN "/run/goldsmith"

/* agent.c */
int serve(void);

/* verbs.c: each runs in a child of its own, answers on stdout, and fails by words on stderr. */
typedef int verb_main(int argc, char **argv);
struct verb {
    const char *name;
    int least; /* arguments */
    verb_main *act;
};
const struct verb *find_verb(const char *name);
int fail(const char *what);

/* init.c: the agent as the first process of an initramfs. */
int init(void);
int load_module(const char *path);
void say(const char *text); /* to the kernel's log, and so to the serial port */

#endif

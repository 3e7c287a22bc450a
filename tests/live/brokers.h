// SPDX-License-Identifier: MIT
// Brokers that we did not write, as children of a test: mosquitto on a Unix socket, aedes on a port.
#ifndef MQW_TESTS_BROKERS_H
#define MQW_TESTS_BROKERS_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "live/live.h"

/** Not run without the peer; in CI that is a failure, and everywhere it is said. */
#define without(what)                                        \
    do {                                                     \
        if (getenv("CI"))                                    \
            fail_msg("%s is not there", (what));             \
        print_message("not run: %s is not there\n", (what)); \
        skip();                                              \
    } while (0)

typedef struct broker {
    pid_t pid;
    char dir[32];
    char path[64]; // mosquitto's socket
    int port;      // of aedes
    bool persistent;
} broker;

static inline bool mosquitto_is_there(void)
{
    return access("/usr/sbin/mosquitto", X_OK) == 0;
}

static inline const char *node_dir(void)
{
    const char *dir = getenv("NODE_DIR");
    return dir ? dir : "build/peers";
}

static inline bool aedes_is_there(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/node_modules/aedes", node_dir());
    return access("/usr/bin/node", X_OK) == 0 && access(path, R_OK) == 0;
}

static inline void broker_run(broker *self)
{
    char conf[64];
    snprintf(conf, sizeof conf, "%s/conf", self->dir);
    self->pid = fork();
    assert_true(self->pid >= 0);
    if (self->pid > 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // also when the test fails
    int null = open("/dev/null", O_WRONLY);
    (void)dup2(null, 1);
    (void)dup2(null, 2);
    execl("/usr/sbin/mosquitto", "mosquitto", "-c", conf, (char *)NULL);
    _exit(127);
}

static inline void broker_start(broker *self, bool persistent)
{
    char conf[64];
    strcpy(self->dir, "/tmp/mqwire-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    self->persistent = persistent;
    snprintf(self->path, sizeof self->path, "%s/socket", self->dir);
    snprintf(conf, sizeof conf, "%s/conf", self->dir);
    FILE *file = fopen(conf, "w");
    assert_non_null(file);
    fprintf(file,
            "listener 0 %s\nallow_anonymous true\nmax_topic_alias 10\nuser root\nmax_inflight_messages 0\n"
            "max_queued_messages 0\npersistence %s\npersistence_location %s/\n",
            self->path, persistent ? "true" : "false", self->dir);
    assert_int_equal(fclose(file), 0);
    broker_run(self);
}

static inline void broker_stop(broker *self, int how)
{
    int status;
    assert_int_equal(kill(self->pid, how), 0);
    assert_int_equal(waitpid(self->pid, &status, 0), self->pid);
}

static inline void broker_end(broker *self)
{
    static const char *const names[] = {"conf", "socket", "mosquitto.db"};
    char path[96];
    broker_stop(self, SIGKILL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", self->dir, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(self->dir), 0);
}

/** Its first line says where it listens. */
static inline void aedes_start(broker *self)
{
    int ends[2];
    char line[128] = "";
    assert_int_equal(pipe(ends), 0);
    self->pid = fork();
    assert_true(self->pid >= 0);
    if (self->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execl("/usr/bin/node", "node", "tests/live/peer_aedes.mjs", node_dir(), "quiet", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    for (size_t len = 0; len + 1 < sizeof line && !strchr(line, '\n'); len++)
        if (read(ends[0], line + len, 1) != 1)
            break;
    close(ends[0]);
    assert_int_equal(sscanf(line, "listening on tcp://127.0.0.1:%d", &self->port), 1); // NOLINT: ours
}

#endif

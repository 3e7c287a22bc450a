// SPDX-License-Identifier: MIT
// mqw serve: the broker as a program. How it starts, reloads and ends.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "notify.h"
#include "serve.h"
#include "tool.h"

enum { REPORT = 10000, WHY = 512, FIRST_SOCKET = 3, DEFAULT_CONNECTIONS = 100000 };

static void complain_to_log(const char *words, void *ctx)
{
    tool_serve *serve = ctx;
    log_field field = log_text("text", (mqw_text){words, strlen(words)});
    log_event(&serve->log, MQW_LOG_ERROR, "failed", &field, 1);
}

/* --- Ending ------------------------------------------------------------------------------------------- */

static void close_handles(tool_serve *serve)
{
    for (int i = 0; i < SERVE_SIGNALS; i++)
        uv_close((uv_handle_t *)&serve->signals[i], NULL);
    uv_close((uv_handle_t *)&serve->drain, NULL);
    uv_close((uv_handle_t *)&serve->pulse, NULL);
    uv_close((uv_handle_t *)&serve->report, NULL);
    metrics_close(serve->metrics);
    serve->metrics = NULL;
}

static void on_store_closed(void *ctx)
{
    tool_serve *serve = ctx;
    serve->store = NULL;
    close_handles(serve);
}

static void on_broker_closed(mqw_broker *broker, void *ctx)
{
    tool_serve *serve = ctx;
    (void)broker;
    serve->broker = NULL;
    if (serve->store)
        mqw_store_close(serve->store, on_store_closed, serve);
    else
        close_handles(serve);
}

// What was promised is on disk, or was never promised: nothing is lost by going now.
static void leave_at_once(tool_serve *serve, const char *why)
{
    log_say(&serve->log, MQW_LOG_WARNING, "ended", "%s", why);
    log_close(&serve->log);
    _exit(TOOL_BROKEN);
}

static void on_drained(uv_timer_t *timer)
{
    leave_at_once(timer->data, "connections were not closed within drain_timeout");
}

static void begin_end(tool_serve *serve)
{
    serve->ending = true;
    (void)notify_send("STOPPING=1\nSTATUS=closing connections");
    log_say(&serve->log, MQW_LOG_NOTICE, "closing",
            "connections are closed, and what was promised is stored");
    serve_logins_close(serve);
    uv_timer_start(&serve->drain, on_drained, serve->config.process.drain, 0);
    mqw_broker_close(serve->broker, on_broker_closed, serve);
}

/* --- Signals and timers ------------------------------------------------------------------------------- */

static void reload(tool_serve *serve)
{
    (void)notify_reloading();
    bool access = serve_reload_access(serve);
    bool tls = serve_reload_tls(serve);
    if (access && tls)
        log_say(&serve->log, MQW_LOG_NOTICE, "reloaded", "users, rules and certificates");
    else
        log_say(&serve->log, MQW_LOG_ERROR, "not-reloaded", "what is wrong stays as it was");
    (void)notify_send("READY=1");
}

static void on_signal(uv_signal_t *handle, int number)
{
    tool_serve *serve = handle->data;
    if (serve->ending && number != SIGHUP)
        leave_at_once(serve, "a second signal");
    else if (number == SIGHUP && !serve->ending)
        reload(serve);
    else if (!serve->ending)
        begin_end(serve);
}

static void on_pulse(uv_timer_t *timer)
{
    (void)timer;
    (void)notify_send("WATCHDOG=1");
}

static void on_report(uv_timer_t *timer)
{
    tool_serve *serve = timer->data;
    char state[128];
    if (serve->broker == NULL)
        return;
    serve_tell_drops(serve);
    snprintf(state, sizeof(state), "STATUS=%llu clients, %llu sessions",
             (unsigned long long)serve->told.clients_connected,
             (unsigned long long)serve->told.clients_total);
    if (!serve->ending)
        (void)notify_send(state);
}

static void watch(tool_serve *serve)
{
    static const int numbers[SERVE_SIGNALS] = {SIGHUP, SIGTERM, SIGINT};
    uint64_t watchdog = notify_watchdog();
    uv_timer_t *timers[] = {&serve->drain, &serve->pulse, &serve->report};
    for (int i = 0; i < SERVE_SIGNALS; i++) {
        uv_signal_init(&serve->loop, &serve->signals[i]);
        serve->signals[i].data = serve;
        uv_signal_start(&serve->signals[i], on_signal, numbers[i]);
    }
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        uv_timer_init(&serve->loop, timers[i]);
        timers[i]->data = serve;
    }
    if (watchdog)
        uv_timer_start(&serve->pulse, on_pulse, watchdog / 3, watchdog / 3 + 1);
    uv_timer_start(&serve->report, on_report, REPORT, REPORT);
}

/* --- Starting ----------------------------------------------------------------------------------------- */

static bool open_store(tool_serve *serve)
{
    const char *path = serve->config.store;
    if (path == NULL)
        return true;
#ifdef MQW_TOOL_SQLITE
    char why[WHY] = "";
    mqw_sqlite_options options = {.size = sizeof(options), .keep_trying = true};
    int result = mqw_store_sqlite(&serve->store, &serve->loop, path, &options, why, sizeof(why));
    if (result < 0)
        tool_complain("cannot open the store %s: %s", path, why[0] ? why : mqw_strerror(result));
    return result == 0;
#else
    tool_complain("this mqw was built without SQLite: there is no --store");
    return false;
#endif
}

static int open_broker(tool_serve *serve)
{
    mqw_broker_options options = serve_broker_options(serve);
    int result = mqw_broker_open(&serve->broker, &serve->loop, &options);
    if (result == MQW_E_MALFORMED)
        tool_complain("the store %s is damaged; it was left as it is", serve->config.store);
    else if (result < 0)
        tool_complain("the broker cannot start: %s", tool_why(result));
    return result == 0 ? TOOL_OK : result == MQW_E_MISUSE ? TOOL_USAGE : TOOL_UNREACHABLE;
}

static void take_status(void *ctx, mqw_broker_status *out)
{
    const tool_serve *serve = ctx;
    if (serve->broker)
        mqw_broker_status_of(serve->broker, out);
}

static const char *find_trouble(void *ctx)
{
    const tool_serve *serve = ctx;
    const char *store = serve->store ? mqw_store_error(serve->store) : "";
    return serve->ending ? "closing" : *store ? store : "";
}

// `systemd:NAME`: a socket that was handed over.
static int metrics_socket(const tool_serve *serve, const char *name, char *why, size_t cap)
{
    char called[256];
    for (int i = 0; i < serve->sockets; i++) {
        notify_socket_name(i, called, sizeof(called));
        if (strcmp(called, name) == 0)
            return FIRST_SOCKET + i;
    }
    snprintf(why, cap, "no socket of that name was handed over");
    return -1;
}

static int open_metrics(tool_serve *serve)
{
    static const char handed[] = "systemd:";
    const char *address = serve->config.metrics.address;
    metrics_source source = {take_status, find_trouble, serve};
    char why[WHY] = "", shown[WHY];
    if (address == NULL)
        return TOOL_OK;
    int fd = strncmp(address, handed, sizeof(handed) - 1) == 0
                 ? metrics_socket(serve, address + sizeof(handed) - 1, why, sizeof(why))
                 : metrics_bind(address, why, sizeof(why));
    if (fd >= 0)
        serve->metrics = metrics_open(&serve->loop, fd, &source);
    if (serve->metrics == NULL) {
        config_complain(&serve->config, NULL, "metrics", "address", "cannot listen on %s: %s", address, why);
        return TOOL_UNREACHABLE;
    }
    metrics_address(serve->metrics, shown, sizeof(shown));
    log_field field = log_text("on", (mqw_text){shown, strlen(shown)});
    log_event(&serve->log, MQW_LOG_NOTICE, "listening", &field, 1);
    return TOOL_OK;
}

static bool change_user(bool (*change)(const tool_privileges *privileges), const tool_serve *serve)
{
    bool good = change(&serve->privileges);
    if (!good)
        tool_complain("cannot become the user %s: %s",
                      serve->config.process.user ? serve->config.process.user : "", tool_why(MQW_E_STREAM));
    return good;
}

// Says in plain words who can do what.
static void tell_ready(tool_serve *serve)
{
    const tool_config *config = &serve->config;
    uint32_t who = config->access.anonymous;
    if (who == ANONYMOUS_YES)
        log_say(&serve->log, MQW_LOG_WARNING, "open",
                "everybody who can reach this broker may connect without a name%s",
                serve->acl ? "" : ", read and write everything");
    else if (who == ANONYMOUS_LOCAL)
        log_say(&serve->log, MQW_LOG_NOTICE, "open",
                "there is no authentication for this machine: everybody on it may connect%s",
                serve->acl ? "" : ", read and write everything; nobody else can");
    if (geteuid() == 0)
        log_say(&serve->log, MQW_LOG_WARNING, "root",
                "this runs as root; `user` in [process] would end that");
    log_field fields[] = {log_text("version", (mqw_text){MQW_TOOL_VERSION, strlen(MQW_TOOL_VERSION)}),
                          log_text("store", (mqw_text){config->store ? config->store : "memory",
                                                       strlen(config->store ? config->store : "memory")})};
    log_event(&serve->log, MQW_LOG_NOTICE, "ready", fields, 2);
    (void)notify_send("READY=1\nSTATUS=ready");
}

static void raise_files(tool_serve *serve)
{
    uint32_t wanted = serve->config.broker.max_connections;
    uint32_t enough = privileges_raise_files(wanted);
    bool asked = wanted != DEFAULT_CONNECTIONS;
    if (enough < wanted)
        log_say(&serve->log, asked ? MQW_LOG_WARNING : MQW_LOG_DEBUG, "descriptors",
                "the system allows descriptors for %u connections, not for max_connections = %u",
                (unsigned)enough, (unsigned)wanted);
    serve->config.broker.max_connections = enough;
}

// Files are read as the user that is left at the end, so that they can be read again.
static int prepare(tool_serve *serve)
{
    if (!privileges_find(&serve->privileges, serve->config.process.user))
        return TOOL_USAGE;
    if (!change_user(privileges_borrow, serve))
        return TOOL_BROKEN;
    bool good = serve_read_access(serve);
    return serve_make_tls(serve) && good ? TOOL_OK : TOOL_USAGE;
}

static int begin(tool_serve *serve)
{
    int result = open_store(serve) ? open_broker(serve) : TOOL_UNREACHABLE;
    if (result == TOOL_OK && !change_user(privileges_return, serve))
        result = TOOL_BROKEN;
    if (result == TOOL_OK)
        result = serve_listen(serve);
    if (result == TOOL_OK)
        result = open_metrics(serve);
    if (result == TOOL_OK && !change_user(privileges_drop, serve))
        result = TOOL_BROKEN;
    return result;
}

// What is open is closed in order, also when the start has failed.
static int run(tool_serve *serve)
{
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&serve->loop) != 0 ||
        getrandom(serve->scram_key, sizeof(serve->scram_key), 0) != (ssize_t)sizeof(serve->scram_key)) {
        tool_complain("the system has no room for a loop");
        return TOOL_BROKEN;
    }
    serve_logins_open(serve);
    serve->status = begin(serve);
    watch(serve);
    if (serve->status == TOOL_OK) {
        tell_ready(serve);
    } else if (serve->broker) {
        serve->ending = true;
        mqw_broker_close(serve->broker, on_broker_closed, serve);
    } else {
        on_broker_closed(NULL, serve);
    }
    uv_run(&serve->loop, UV_RUN_DEFAULT);
    uv_loop_close(&serve->loop);
    return serve->status;
}

static int check_or_run(tool_serve *serve)
{
    int result = prepare(serve);
    if (result != TOOL_OK)
        return result;
    if (serve->settings->serve.check) {
        printf("%s: all is well\n", serve->config.file ? serve->config.file : "serve");
        return TOOL_OK;
    }
    log_open(&serve->log, &serve->config, serve->settings->colour);
    tool_complain_to(complain_to_log, serve);
    raise_files(serve);
    result = run(serve);
    if (result == TOOL_OK)
        log_say(&serve->log, MQW_LOG_NOTICE, "ended", "all connections are closed");
    tool_complain_to(NULL, NULL);
    log_close(&serve->log);
    return result;
}

int serve_run(const tool_settings *settings)
{
    tool_serve serve = {.settings = settings};
    int result = serve_configure(&serve) ? TOOL_OK : TOOL_USAGE;
    if (result == TOOL_OK && settings->serve.print)
        config_print(&serve.config, stdout);
    else if (result == TOOL_OK)
        result = check_or_run(&serve);
    serve_free_doors(&serve);
    users_free(serve.users);
    acl_free(serve.acl);
    config_free(&serve.config);
    return result;
}

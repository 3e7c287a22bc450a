// SPDX-License-Identifier: MIT
// What an idle connection holds: by itself, counted at its allocator, and piped onto TCP, counted at malloc;
// and what an idle client holds.
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mqwire/client.h"
#include "mqwire/mqwire.h"
#include "mqwire/transport.h"

enum { CONNECTIONS = 1000, PIPED = 100, CLIENTS = 1000, TARGET = 192, CLIENT_TARGET = 8192 };

/** What was asked of the allocator and is not given back. */
typedef struct tally {
    size_t asked;
    size_t usable;
    size_t blocks;
} tally;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_memory: %s\n", what);
    exit(1);
}

static void *counting_resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    tally *count = ctx;
    size_t old_usable = malloc_usable_size(old);
    void *block = NULL;
    if (new_size > 0 && (block = realloc(old, new_size)) == NULL)
        return NULL;
    if (new_size == 0)
        free(old);
    count->asked += new_size - old_size;
    count->usable += malloc_usable_size(block) - old_usable;
    count->blocks += (size_t)(block != NULL) - (size_t)(old != NULL);
    return block;
}

static void print_row(const char *name, const tally *before, const tally *now, double connections,
                      double target)
{
    double asked = (double)(now->asked - before->asked) / connections;
    printf("%-58s %8.1f %8.1f %7.1f", name, asked, (double)(now->usable - before->usable) / connections,
           (double)(now->blocks - before->blocks) / connections);
    if (target > 0)
        printf(" %7.0f  %s", target, asked <= target ? "yes" : "NO");
    printf("\n");
}

/* --- connections by themselves
 * ------------------------------------------------------------------------------------ */

/** Carries all that waits at one end to the other, in pieces of seven bytes. Returns packets that arrived. */
static int carry(mqw_conn *from, mqw_conn *to)
{
    mqw_packet packet;
    mqw_bytes view;
    int arrived = 0;
    while (mqw_conn_output(from, &view, 1) > 0) {
        size_t len = view.len < 7 ? view.len : 7;
        mqw_bytes in = {view.data, len};
        int got;
        while ((got = mqw_conn_recv(to, &in, &packet)) > 0) {
            if (packet.type == MQW_CONNECT)
                mqw_conn_connack(to, &(mqw_connack){.reason = 0});
            arrived++;
        }
        if (got < 0)
            fail("a connection fails");
        mqw_conn_written(from, len);
    }
    return arrived;
}

/** CONNECT, CONNACK, SUBSCRIBE, SUBACK and a large PUBLISH of QoS 1 each way, all answered; then silence.
 * `answers`: the connections send PUBACK by themselves. */
static void talk(mqw_conn *client, mqw_conn *server, uint8_t version, bool answers)
{
    static uint8_t payload[20000];
    uint8_t room[64];
    mqw_filter filter = {.filter = MQW_TEXT("a/+"), .qos = 1};
    mqw_publish publish = {
        .topic = MQW_TEXT("a/b"), .payload = {payload, sizeof payload}, .qos = 1, .packet_id = 1};
    mqw_connect connect = {
        .version = version, .client_id = MQW_TEXT("bench"), .clean_start = true, .keep_alive = 60};
    mqw_subscribe subscribe = {.packet_id = 2, .filters = mqw_list_filters(room, sizeof room, &filter, 1)};
    mqw_ack puback = {.packet_id = 1};
    mqw_suback suback = {.packet_id = 2, .reasons = {(const uint8_t *)"\1", 1}};
    int bad = mqw_conn_connect(client, &connect);
    carry(client, server);
    carry(server, client);
    bad |= mqw_conn_subscribe(client, &subscribe) | mqw_conn_publish(client, &publish);
    carry(client, server);
    bad |= mqw_conn_suback(server, &suback) | mqw_conn_publish(server, &publish);
    carry(server, client);
    if (!answers)
        bad |= mqw_conn_puback(client, &puback) | mqw_conn_puback(server, &puback);
    carry(client, server);
    carry(server, client);
    if (bad != 0 || mqw_conn_waiting(client) + mqw_conn_waiting(server) != 0 ||
        mqw_conn_state(client) != MQW_STATE_OPEN)
        fail("a conversation fails");
}

/** A first conversation leaves spare chunks of output in the configuration, for all to use. */
static void warm_up(mqw_config *config, bool answers)
{
    mqw_conn *client = mqw_conn_new_shared(MQW_CLIENT, config),
             *server = mqw_conn_new_shared(MQW_SERVER, config);
    talk(client, server, MQW_3_1_1, answers);
    mqw_conn_free(client);
    mqw_conn_free(server);
}

static void alone(uint8_t version, uint8_t answers)
{
    static mqw_conn *clients[CONNECTIONS], *servers[CONNECTIONS];
    tally count = {0};
    mqw_allocator allocator = {counting_resize, &count};
    mqw_conn_options options = {.size = sizeof options, .allocator = &allocator, .answers = answers};
    mqw_config *config = mqw_config_new(&options);
    warm_up(config, answers != 0);
    tally nothing = {0}, shared = count;
    char name[80];
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = mqw_conn_new_shared(MQW_CLIENT, config);
        servers[i] = mqw_conn_new_shared(MQW_SERVER, config);
    }
    if (version == MQW_3_1_1 && answers == 0) {
        print_row("what they share: configuration and spare output (once)", &nothing, &shared, 1, 0);
        print_row("idle mqw_conn, new", &shared, &count, 2 * CONNECTIONS, TARGET);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        talk(clients[i], servers[i], version, answers != 0);
    snprintf(name, sizeof name, "idle mqw_conn, after a conversation in %s%s",
             version == MQW_5_0 ? "5.0" : "3.1.1", answers != 0 ? ", ACKs by itself" : "");
    print_row(name, &shared, &count, 2 * CONNECTIONS, TARGET);
    for (int i = 0; i < CONNECTIONS; i++) {
        mqw_conn_free(clients[i]);
        mqw_conn_free(servers[i]);
    }
    mqw_config_free(config);
    if (count.asked != 0 || count.blocks != 0)
        fail("something was not given back");
}

/* --- piped connections
 * -------------------------------------------------------------------------------------------- */

/** Both ends of connections on one loop. */
typedef struct crowd {
    uv_loop_t loop;
    mqw_server *server;
    mqw_config *client_config;
    mqw_conn *ends[4 * PIPED];
    int count;
    int talked;
    int closed;
} crowd;

static void on_connected(mqw_conn *conn, void *ctx)
{
    (void)ctx;
    mqw_conn_connect(conn,
                     &(mqw_connect){.clean_start = true, .client_id = MQW_TEXT("bench"), .keep_alive = 60});
}

static void on_connect(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)packet, (void)ctx;
    mqw_conn_connack(conn, &(mqw_connack){.reason = 0});
}

static void on_connack(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)packet, (void)ctx;
    mqw_conn_pingreq(conn);
}

static void on_pingresp(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)conn, (void)packet;
    ((crowd *)ctx)->talked++;
}

static void on_close(mqw_conn *conn, void *ctx)
{
    (void)conn;
    ((crowd *)ctx)->closed++;
}

static mqw_config *config_with(const mqw_handlers *handlers, crowd *all)
{
    mqw_conn_options options = {
        .size = sizeof options, .answers = MQW_ANSWER_PINGRESP, .handlers = handlers, .handlers_ctx = all};
    return mqw_config_new(&options);
}

static void on_connection(mqw_server *server, mqw_conn *conn, void *ctx)
{
    crowd *all = ctx;
    (void)server;
    all->ends[all->count++] = conn;
}

static void run_until(uv_loop_t *loop, const int *value, int wanted)
{
    uint64_t start = uv_hrtime();
    while (*value < wanted) {
        uv_run(loop, UV_RUN_ONCE);
        if (uv_hrtime() - start > UINT64_C(20000000000))
            fail("connections do not get there");
    }
}

/** Opens client ends, one after the other, so that nothing of the opening is left; each brings a server's
 * end. */
static void open_clients(crowd *all, const char *address)
{
    mqw_open_options options = {.size = sizeof options, .config = all->client_config};
    for (int i = 0; i < PIPED; i++) {
        if (mqw_conn_open(&all->ends[all->count++], &all->loop, address, &options, NULL, NULL) != 0)
            fail("open");
        run_until(&all->loop, &all->talked, all->talked + 1);
    }
}

static void close_all(crowd *all)
{
    for (int i = 0; i < all->count; i++)
        mqw_conn_close(all->ends[i]);
    run_until(&all->loop, &all->closed, all->count);
    mqw_server_close(all->server, false, NULL, NULL);
    uv_run(&all->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&all->loop) != 0)
        fail("the loop is not empty");
}

static void piped(void)
{
    static const mqw_handlers for_clients = {.size = sizeof for_clients,
                                             .connected = on_connected,
                                             .connack = on_connack,
                                             .pingresp = on_pingresp,
                                             .close = on_close};
    static const mqw_handlers for_servers = {
        .size = sizeof for_servers, .connect = on_connect, .close = on_close};
    static crowd all;
    char address[128];
    mqw_config *server_config = config_with(&for_servers, &all);
    mqw_open_options options = {.size = sizeof options, .config = server_config};
    all.client_config = config_with(&for_clients, &all);
    uv_loop_init(&all.loop);
    if (mqw_server_listen(&all.server, &all.loop, "127.0.0.1:0", &options, on_connection, &all) != 0 ||
        mqw_server_address(all.server, 0, address, sizeof address) < 0)
        fail("listen");
    open_clients(&all, address); // what the loop itself needs is there from now on
    size_t before = mallinfo2().uordblks;
    open_clients(&all, address);
    double bytes = (double)(mallinfo2().uordblks - before) / (2 * PIPED);
    printf("%-58s %8s %8.1f\n", "idle connection piped onto TCP, in all (each end)", "", bytes);
    close_all(&all);
    mqw_config_free(all.client_config);
    mqw_config_free(server_config);
}

/* --- clients
 * -------------------------------------------------------------------------------------------------------- */

/** Clients on one loop; their server is another process. */
typedef struct group {
    uv_loop_t loop;
    mqw_client *clients[2 * CLIENTS];
    int count;
    int ready;
    int gone;
} group;

static void answer_subscribe(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    (void)ctx;
    mqw_conn_suback(
        conn, &(mqw_suback){.packet_id = packet->subscribe.packet_id, .reasons = {(const uint8_t *)"\1", 1}});
}

/** Accepts everything until all that came have gone. Writes its address into a pipe. */
static _Noreturn void serve(int to)
{
    static const mqw_handlers handlers = {
        .size = sizeof handlers, .connect = on_connect, .subscribe = answer_subscribe};
    static const mqw_conn_options each = {
        .size = sizeof each, .answers = MQW_ANSWER_PINGRESP | MQW_ANSWER_ACKS, .handlers = &handlers};
    static const mqw_open_options options = {.size = sizeof options, .conn = &each};
    mqw_server *server = NULL;
    char address[128] = "";
    uv_loop_t loop;
    uv_loop_init(&loop);
    if (mqw_server_listen(&server, &loop, "127.0.0.1:0", &options, NULL, NULL) != 0 ||
        mqw_server_address(server, 0, address, sizeof address) < 0 ||
        write(to, address, sizeof address) != sizeof address)
        fail("listen");
    uv_run(&loop, UV_RUN_DEFAULT); // until it is ended
    _exit(1);
}

static void on_published(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    (void)client, (void)answer;
    ((group *)ctx)->ready += result == 0;
}

/* A subscription, a message of QoS 1 that is answered, and a ping: then the client is idle. */
static void on_client_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    const mqw_filter filter = {.filter = MQW_TEXT("a/+"), .qos = 1};
    const mqw_publish message = {
        .topic = MQW_TEXT("a/b"), .payload = {(const uint8_t *)"hello", 5}, .qos = 1};
    (void)connack;
    if (mqw_client_subscribe(client, &filter, 1, NULL, NULL, NULL) != 0 ||
        mqw_client_publish(client, &message, on_published, ctx) != 0)
        fail("a client does not take requests");
}

static void on_client_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    if (failure != NULL)
        fail(failure->words);
    ((group *)ctx)->gone++;
}

static void add_clients(group *all, const char *address, int count)
{
    const mqw_connect connect = {.client_id = MQW_TEXT("bench"), .clean_start = true, .keep_alive = 1};
    const mqw_client_options options = {
        .size = sizeof options,
        .address = address,
        .connect = &connect,
        .handlers = {.size = sizeof options.handlers, .on_open = on_client_open, .on_close = on_client_close},
        .ctx = all};
    for (int i = 0; i < count; i++) {
        if (mqw_client_open(&all->clients[all->count++], &all->loop, &options) != 0)
            fail("mqw_client_open");
        if (i % 100 == 99 || i + 1 == count) // the server's queue of connections is not endless
            run_until(&all->loop, &all->ready, all->count);
    }
}

static void on_time(uv_timer_t *timer)
{
    *(int *)timer->data = 1;
}

/** Lets the loop run until every client has had its PINGRESP. */
static void let_ping(uv_loop_t *loop)
{
    uv_timer_t timer;
    int over = 0;
    uv_timer_init(loop, &timer);
    timer.data = &over;
    uv_timer_start(&timer, on_time, 2500, 0);
    run_until(loop, &over, 1);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void clients(void)
{
    static group all;
    struct rlimit files;
    char address[128];
    int channel[2];
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    pid_t server = pipe(channel) == 0 ? fork() : -1;
    if (server == 0)
        serve(channel[1]);
    if (server < 0 || read(channel[0], address, sizeof address) != sizeof address)
        fail("no server");
    uv_loop_init(&all.loop);
    add_clients(&all, address, 100); // what the loop itself needs is there from now on
    size_t before = mallinfo2().uordblks;
    add_clients(&all, address, CLIENTS);
    let_ping(&all.loop);
    double bytes = (double)(mallinfo2().uordblks - before) / CLIENTS;
    printf("%-58s %8s %8.1f %7s %7d  %s\n", "idle mqw_client on TCP, in all", "", bytes, "", CLIENT_TARGET,
           bytes <= CLIENT_TARGET ? "yes" : "NO");
    for (int i = 0; i < all.count; i++)
        mqw_client_close(all.clients[i], NULL);
    run_until(&all.loop, &all.gone, all.count);
    uv_run(&all.loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&all.loop) != 0)
        fail("the loop of the clients is not empty");
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
}

int main(void)
{
    printf("%d connections by themselves, %d piped, %d clients; bytes each\n\n", 2 * CONNECTIONS, 2 * PIPED,
           CLIENTS);
    printf("%-58s %8s %8s %7s %7s  %s\n", "", "asked", "malloc'd", "blocks", "target", "reached");
    alone(MQW_3_1_1, 0);
    alone(MQW_3_1_1, MQW_ANSWER_ACKS);
    alone(MQW_5_0, 0);
    alone(MQW_5_0, MQW_ANSWER_ACKS);
    piped();
    clients();
    return 0;
}

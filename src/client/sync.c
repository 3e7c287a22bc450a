// SPDX-License-Identifier: MIT
// A client with a loop of its own, which runs inside calls. Between calls it is paused, so that what nobody
// has read yet does not count as silence of the server.
#include "mqwire/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/inside.h"
#include "transport/alloc.h"

enum {
    ROOM = 64, // messages that wait inside
    DEFAULT_TIMEOUT = 30000,
    LINGER = 1000, // ms for the peer's end: so long closing may take when there is less time
    LOOKS = 3      // turns of the loop in which what is there arrives
};

typedef struct waiting {
    mqw_packet *packet;
    mqw_token token;
} waiting;

/** A request that a call waits for, or has left alone when its time was up. */
typedef struct request {
    bool over;
    bool left;
    int result;
} request;

struct mqw_sync {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_async_t interruption;
    mqw_client *client; // NULL: it is gone
    waiting messages[ROOM];
    uint32_t first, count;
    waiting present; // what mqw_sync_next has given
    bool opened;
    bool running;   // a call is under way
    bool late;      // time is up
    bool parting;   // the program closes
    bool lost;      // … and something was
    int result;     // why the client is gone
    char why[200];  // of the last call
    char gone[160]; // why the connection was lost
};

// --- what the client tells ---

static void drop(waiting *message)
{
    mqw_packet_free(message->packet, mqw__client_allocator());
    message->packet = NULL;
}

// Messages that wait and were promised come again when the server has kept the session.
static void drop_promised(mqw_sync *sync)
{
    size_t count = sync->count;
    if (count == ROOM)
        mqw_client_resume(sync->client);
    sync->count = 0;
    for (size_t i = 0; i < count; i++) {
        waiting *message = &sync->messages[(sync->first + i) % ROOM];
        if (message->token)
            drop(message);
        else
            sync->messages[(sync->first + sync->count++) % ROOM] = *message;
    }
}

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    mqw_sync *sync = ctx;
    (void)client;
    if (connack->session_present)
        drop_promised(sync);
    sync->opened = true;
    sync->gone[0] = '\0';
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    mqw_sync *sync = ctx;
    mqw_packet packet;
    memset(&packet, 0, sizeof packet);
    packet.type = MQW_PUBLISH;
    packet.publish = *publish;
    mqw_packet *copy = mqw_packet_copy(&packet, mqw__client_allocator());
    if (!copy) { // it comes again, if the server has promised it
        mqw_client_reconnect(client);
        return;
    }
    sync->messages[(sync->first + sync->count) % ROOM] = (waiting){copy, token};
    if (++sync->count == ROOM)
        mqw_client_pause(client);
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    mqw_sync *sync = ctx;
    (void)client;
    snprintf(sync->gone, sizeof sync->gone, "%s", failure->words ? failure->words : "");
}

// The reason of a refusal, as 5.0 has it.
static int reason_of(const mqw_client_failure *failure)
{
    static const uint8_t codes[] = {
#define X(code, reason, text) [code] = reason,
        MQW_RETURN_CODES(X)
#undef X
    };
    if (failure->result < 0)
        return failure->result;
    return failure->reason < sizeof codes ? codes[failure->reason] : failure->reason;
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    mqw_sync *sync = ctx;
    (void)client;
    sync->client = NULL;
    sync->result = failure ? reason_of(failure) : 0;
    if (sync->result == 0)
        sync->result = MQW_E_CLOSED;
    if (failure && failure->words)
        snprintf(sync->gone, sizeof sync->gone, "%s", failure->words);
}

static void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    mqw_sync *sync = mqw_client_ctx(client);
    request *one = ctx;
    (void)answer;
    if (sync->parting && result == MQW_E_CLOSED)
        sync->lost = true;
    one->over = true;
    one->result = result;
    if (one->left)
        free(one);
}

// --- running the loop ---

static void on_time(uv_timer_t *timer)
{
    mqw_sync *sync = timer->data;
    sync->late = true;
}

static void on_interruption(uv_async_t *async)
{
    mqw_sync *sync = async->data;
    sync->late = true;
}

static void begin(mqw_sync *sync, uint32_t timeout)
{
    sync->why[0] = '\0';
    sync->running = true;
    sync->late = false;
    uv_update_time(&sync->loop);
    uv_timer_start(&sync->timer, on_time, timeout ? timeout : DEFAULT_TIMEOUT, 0);
    if (sync->client && sync->count < ROOM)
        mqw_client_resume(sync->client);
}

// Whether a call may begin: a loop does not run inside itself.
static bool is_free(const mqw_sync *sync)
{
    return sync && !sync->running;
}

static bool goes_on(const mqw_sync *sync)
{
    return sync->client && !sync->late;
}

static void turn(mqw_sync *sync)
{
    uv_run(&sync->loop, UV_RUN_ONCE);
}

// Says why the call has failed, and returns its result.
static int end(mqw_sync *sync, int result)
{
    bool failed = result < 0 || result >= MQW_REASON_UNSPECIFIED_ERROR;
    const char *words = result < 0 ? mqw_strerror(result) : mqw_reason_name(MQW_5_0, (uint8_t)result);
    uv_timer_stop(&sync->timer);
    if (failed && sync->gone[0])
        snprintf(sync->why, sizeof sync->why, "%s (%s)", sync->gone, words);
    else if (failed)
        snprintf(sync->why, sizeof sync->why, "%s", words);
    if (sync->client)
        mqw_client_pause(sync->client);
    sync->running = false;
    return result;
}

// --- opening and closing ---

// Frees everything but the client, which is gone.
static void free_all(mqw_sync *sync)
{
    drop(&sync->present);
    for (; sync->count > 0; sync->count--)
        drop(&sync->messages[sync->first++ % ROOM]);
    uv_close((uv_handle_t *)&sync->timer, NULL);
    uv_close((uv_handle_t *)&sync->interruption, NULL);
    uv_run(&sync->loop, UV_RUN_DEFAULT);
    uv_loop_close(&sync->loop);
    free(sync);
}

// A loop with a timer and a bell. NULL: no memory, or no descriptors.
static mqw_sync *make(void)
{
    mqw_sync *sync = mqw__uv_new(sizeof *sync);
    if (!sync || uv_loop_init(&sync->loop) != 0) {
        free(sync);
        return NULL;
    }
    if (uv_async_init(&sync->loop, &sync->interruption, on_interruption) != 0) {
        uv_loop_close(&sync->loop);
        free(sync);
        return NULL;
    }
    uv_timer_init(&sync->loop, &sync->timer);
    sync->timer.data = sync->interruption.data = sync;
    return sync;
}

static int open_client(mqw_sync *sync, const mqw_client_options *given)
{
    mqw_client_options options = {.size = sizeof options};
    mqw_open_options open = {.size = sizeof open};
    mqw_conn_options conn = {.size = sizeof conn};
    if (given) {
        size_t size = given->size ? given->size : sizeof options;
        memcpy(&options, given, size < sizeof options ? size : sizeof options);
    }
    if (options.open)
        open = *options.open;
    if (open.conn)
        conn = *open.conn;
    options.size = sizeof options;
    open.size = sizeof open;
    conn.size = sizeof conn;
    conn.stream_over = 0;
    open.conn = &conn;
    open.linger = open.linger ? open.linger : LINGER;
    open.close_timeout = open.close_timeout ? open.close_timeout : LINGER;
    options.open = &open;
    options.manual_ack = true;
    options.ctx = sync;
    options.handlers = (mqw_client_handlers){.size = sizeof options.handlers,
                                             .on_open = on_open,
                                             .on_message = on_message,
                                             .on_lost = on_lost,
                                             .on_close = on_close};
    return options.store ? MQW_E_MISUSE : mqw_client_open(&sync->client, &sync->loop, &options);
}

// Until the client is gone.
static void part(mqw_sync *sync, const mqw_client_goodbye *goodbye)
{
    static const mqw_client_goodbye at_once = {.size = sizeof at_once, .now = true};
    sync->parting = true;
    if (sync->client)
        mqw_client_close(sync->client, goodbye);
    while (goes_on(sync))
        turn(sync);
    if (sync->client)
        mqw_client_close(sync->client, &at_once);
    while (sync->client)
        turn(sync);
}

int mqw_sync_open(mqw_sync **out, const mqw_client_options *options, uint32_t timeout, char *why, size_t cap)
{
    static const mqw_client_goodbye at_once = {.size = sizeof at_once, .now = true};
    mqw_sync *sync = out ? make() : NULL;
    int result = !out ? MQW_E_MISUSE : sync ? open_client(sync, options) : MQW_E_NO_MEMORY;
    if (result >= 0) {
        begin(sync, timeout);
        while (goes_on(sync) && !sync->opened)
            turn(sync);
        result = end(sync, sync->opened ? 0 : sync->client ? MQW_E_TIMEOUT : sync->result);
    }
    if (why && cap > 0)
        snprintf(why, cap, "%s", result == 0 ? "" : sync && sync->why[0] ? sync->why : mqw_strerror(result));
    if (result == 0) {
        *out = sync;
    } else if (sync) {
        part(sync, &at_once);
        free_all(sync);
    }
    return result;
}

static void acknowledge(mqw_sync *sync)
{
    if (sync->client && sync->present.packet && sync->present.token)
        (void)mqw_client_ack(sync->client, sync->present.token, 0);
    drop(&sync->present);
}

int mqw_sync_close(mqw_sync *sync, uint32_t timeout)
{
    if (!sync)
        return 0;
    if (sync->running)
        return MQW_E_MISUSE;
    timeout = timeout ? timeout : DEFAULT_TIMEOUT;
    // What is queued may leave until the last moment, but for the time that closing itself needs.
    mqw_client_goodbye goodbye = {.size = sizeof goodbye,
                                  .timeout = timeout > 2 * LINGER ? timeout - LINGER : timeout / 2 + 1};
    acknowledge(sync);
    begin(sync, timeout);
    part(sync, &goodbye);
    int result = sync->lost ? MQW_E_TIMEOUT : 0;
    free_all(sync);
    return result;
}

// --- requests ---

// NULL: no memory, or there is no client any more; *result says which.
static request *begin_request(mqw_sync *sync, uint32_t timeout, int *result)
{
    begin(sync, timeout);
    request *one = sync->client ? mqw__uv_new(sizeof *one) : NULL;
    *result = sync->client ? MQW_E_NO_MEMORY : MQW_E_CLOSED;
    return one;
}

// Waits until a request that was made is over.
static int await(mqw_sync *sync, request *one, int made)
{
    while (made >= 0 && goes_on(sync) && !one->over)
        turn(sync);
    int result = made < 0 ? made : one->over ? one->result : MQW_E_TIMEOUT;
    one->left = true;
    if (made < 0 || one->over)
        free(one);
    return end(sync, result);
}

int mqw_sync_publish(mqw_sync *sync, const mqw_publish *publish, uint32_t timeout)
{
    int result = 0;
    if (!is_free(sync))
        return MQW_E_MISUSE;
    request *one = begin_request(sync, timeout, &result);
    return one ? await(sync, one, mqw_client_publish(sync->client, publish, on_done, one))
               : end(sync, result);
}

int mqw_sync_subscribe(mqw_sync *sync, const char *filter, uint8_t qos, uint32_t timeout)
{
    int result = 0;
    if (!is_free(sync) || !filter)
        return MQW_E_MISUSE;
    mqw_filter item = {.filter = {filter, strlen(filter)}, .qos = qos};
    request *one = begin_request(sync, timeout, &result);
    return one ? await(sync, one, mqw_client_subscribe(sync->client, &item, 1, NULL, on_done, one))
               : end(sync, result);
}

int mqw_sync_unsubscribe(mqw_sync *sync, const char *filter, uint32_t timeout)
{
    int result = 0;
    if (!is_free(sync) || !filter)
        return MQW_E_MISUSE;
    mqw_text item = {filter, strlen(filter)};
    request *one = begin_request(sync, timeout, &result);
    return one ? await(sync, one, mqw_client_unsubscribe(sync->client, &item, 1, NULL, on_done, one))
               : end(sync, result);
}

// --- messages ---

// At least one turn, for acknowledgements and pings, however much waits here.
static void look(mqw_sync *sync)
{
    int turns = 0;
    do
        uv_run(&sync->loop, UV_RUN_NOWAIT);
    while (++turns < LOOKS && sync->client && sync->count == 0);
}

int mqw_sync_next(mqw_sync *sync, const mqw_publish **out, uint32_t timeout)
{
    if (!is_free(sync) || !out)
        return MQW_E_MISUSE;
    *out = NULL;
    acknowledge(sync);
    begin(sync, timeout);
    if (timeout == 0 || sync->count > 0)
        look(sync);
    else
        while (goes_on(sync) && sync->count == 0)
            turn(sync);
    if (sync->count == 0)
        return end(sync, sync->client ? 0 : MQW_E_CLOSED);
    sync->present = sync->messages[sync->first];
    sync->first = (sync->first + 1) % ROOM;
    sync->count--;
    *out = &sync->present.packet->publish;
    return end(sync, 1);
}

void mqw_sync_interrupt(mqw_sync *sync)
{
    if (sync)
        uv_async_send(&sync->interruption);
}

const char *mqw_sync_error(const mqw_sync *sync)
{
    return sync ? sync->why : "";
}

mqw_client *mqw_sync_client(mqw_sync *sync)
{
    return sync ? sync->client : NULL;
}

// SPDX-License-Identifier: MIT
// What the program chose, copied and with its defaults.
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "transport/alloc.h"

enum {
    CONNECT_TIMEOUT = 30000,
    REQUEST_TIMEOUT = 30000,
    KEEP_ALIVE = 60,
    MAX_QUEUED = 10000,
    MAX_QUEUED_BYTES = 16 << 20,
    MAX_PACKET = 64 << 20,
    HIGH_WATER = 128 * 1024,
    LOW_WATER = 32 * 1024,
    OUTPUT_SPARE = 1 << 20
};

static uint32_t or_else(uint32_t value, uint32_t normal)
{
    return value ? value : normal;
}

static void copy_versioned(void *to, size_t to_size, const void *from, size_t from_size)
{
    memset(to, 0, to_size);
    if (from)
        memcpy(to, from, from_size && from_size < to_size ? from_size : to_size);
}

// --- texts ---

static bool copy_text(const char **text)
{
    size_t size = *text ? strlen(*text) + 1 : 0;
    char *copy = size ? mqw__uv_new(size) : NULL;
    if (copy)
        memcpy(copy, *text, size);
    bool done = copy || !size;
    *text = copy;
    return done;
}

static void free_text(const char **text)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the only way to shed const without a warning
    free((void *)(uintptr_t)*text);
    *text = NULL;
}

// Each text that options point at is passed to `each`; the rest is, too, when one of them fails.
static bool each_text(mqw_client *client, bool (*each)(const char **text))
{
    mqw_websocket_options *web = &client->websocket;
    const char **texts[] = {&client->open.proxy, &client->open.bind, &web->path,    &web->protocols,
                            &web->headers,       &web->origin,       &web->origins, &web->page};
    bool done = true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        done = each(texts[i]) && done;
    return done;
}

static bool drop_text(const char **text)
{
    free_text(text);
    return true;
}

// --- streams and connections ---

static mqw_config *config_of(mqw_client *client, const mqw_conn_options *given, const mqw_client_options *o)
{
    mqw_conn_options conn;
    copy_versioned(&conn, sizeof conn, given, given ? given->size : 0);
    conn.size = sizeof conn;
    conn.version = MQW_5_0;
    conn.answers = MQW_ANSWER_PINGREQ;
    conn.alias_in = MQW_ALIAS_RESOLVE;
    conn.alias_out = o->no_aliases ? MQW_ALIAS_MANUAL : MQW_ALIAS_RECENT;
    conn.on_misuse = MQW_RETURN_ONLY;
    conn.max_packet_size = or_else(conn.max_packet_size, MAX_PACKET);
    conn.connect_timeout = client->connect_timeout;
    conn.high_water = HIGH_WATER;
    conn.low_water = LOW_WATER;
    if (conn.max_output < client->max_queued_bytes + OUTPUT_SPARE)
        conn.max_output = client->max_queued_bytes + OUTPUT_SPARE;
    if (!conn.allocator)
        conn.allocator = mqw__client_allocator();
    conn.handlers = mqw__connect_handlers();
    conn.handlers_ctx = client;
    client->max_packet = conn.max_packet_size;
    return mqw_config_new(&conn);
}

static int read_open(mqw_client *client, const mqw_client_options *o)
{
    const mqw_open_options *given = o->open;
    copy_versioned(&client->open, sizeof client->open, given, given ? given->size : 0);
    const mqw_websocket_options *web = client->open.websocket;
    copy_versioned(&client->websocket, sizeof client->websocket, web, web ? web->size : 0);
    const mqw_conn_options *conn = client->open.conn;
    client->open.size = sizeof client->open;
    client->open.conn = NULL;
    client->open.config = NULL;
    client->websocket.size = sizeof client->websocket;
    if (web)
        client->open.websocket = &client->websocket;
    if (client->open.tls)
        mqw_tls_keep(client->open.tls);
    if (!each_text(client, copy_text))
        return MQW_E_NO_MEMORY;
    if (!client->open.connect_timeout)
        client->open.connect_timeout = client->connect_timeout;
    client->open.config = config_of(client, conn, o);
    return client->open.config ? 0 : MQW_E_NO_MEMORY;
}

// --- CONNECT ---

// Whether it can be said at all, in the version that is tried first.
static bool is_sound(const mqw_packet *hello)
{
    mqw_codec codec = {hello->connect.version ? hello->connect.version : MQW_5_0, MQW_CLIENT, NULL};
    mqw_packet packet = *hello;
    packet.connect.version = codec.version;
    if (codec.version == MQW_3_1 && packet.connect.clean_start && packet.connect.client_id.len == 0)
        packet.connect.client_id = MQW_TEXT("made up"); // as it will be
    if (codec.version < MQW_5_0)
        packet.connect.has_username |= packet.connect.has_password;
    mqw_error why;
    uint8_t none[1];
    return mqw_encode(&codec, &packet, none, 0, &why) == MQW_E_NO_ROOM;
}

static int read_hello(mqw_client *client, const mqw_connect *connect)
{
    mqw_packet packet;
    memset(&packet, 0, sizeof packet);
    packet.type = MQW_CONNECT;
    packet.connect.clean_start = true;
    packet.connect.keep_alive = KEEP_ALIVE;
    if (connect)
        packet.connect = *connect;
    if (packet.connect.version && packet.connect.version < MQW_5_0) // properties are left out
        packet.connect.props.has = packet.connect.will.props.has = 0;
    if (packet.connect.unsupported || !is_sound(&packet))
        return MQW_E_MISUSE;
    client->hello = mqw_packet_copy(&packet, mqw__client_allocator());
    return client->hello ? 0 : MQW_E_NO_MEMORY;
}

int mqw__settings_read(mqw_client *client, const mqw_client_options *options)
{
    mqw_client_options o;
    copy_versioned(&o, sizeof o, options, options ? options->size : 0);
    uint8_t version = o.connect ? o.connect->version : 0;
    if (o.auth && version && version < MQW_5_0)
        return MQW_E_MISUSE;
    if (o.when_full > MQW_FULL_DROP_NEWEST_QOS0 || o.max_queued_bytes > UINT32_MAX / 4 - OUTPUT_SPARE)
        return MQW_E_MISUSE;
    copy_versioned(&client->handlers, sizeof client->handlers, &o.handlers, o.handlers.size);
    client->ctx = o.ctx;
    client->store = o.store;
    client->auth = o.auth;
    client->when_full = o.when_full;
    client->manual_ack = o.manual_ack;
    client->connect_timeout = or_else(o.connect_timeout, CONNECT_TIMEOUT);
    client->request_timeout = or_else(o.request_timeout, REQUEST_TIMEOUT);
    client->max_queued = or_else(o.max_queued, MAX_QUEUED);
    client->max_queued_bytes = or_else(o.max_queued_bytes, MAX_QUEUED_BYTES);
    int result = read_hello(client, o.connect);
    if (result == 0)
        result = read_open(client, &o);
    return result < 0 ? result : mqw__retry_init(&client->retry, &o);
}

void mqw__settings_free(mqw_client *client)
{
    mqw__retry_free(&client->retry);
    mqw_packet_free(client->hello, mqw__client_allocator());
    (void)each_text(client, drop_text);
    mqw_tls_free(client->open.tls);
    mqw_config_free(client->open.config);
}

// SPDX-License-Identifier: MIT
// What the program chose, copied and with its defaults.
#include <stdlib.h>
#include <string.h>

#include "inside.h"

enum {
    MIB = 1 << 20,
    MAX_PACKET = MIB,
    MAX_FIRST_PACKET = 64 << 10,
    MAX_QUEUED = 10000,
    MAX_QUEUED_BYTES = 16 * MIB,
    MAX_OUTPUT = MIB,
    MAX_SUBSCRIPTIONS = 1000,
    MAX_LEVELS = 128,
    IN_FLIGHT = 1024,
    ALIASES = 16,
    LOW_WATER = 16 << 10,
    HIGH_WATER = MIB,
    KEEP_OUTPUT = 2 * MIB,
    MAX_CONNECTIONS = 100000,
    MAX_SESSIONS = 1000000,
    MAX_RETAINED = 1000000,
    CONNECT_TIMEOUT = 10000,
    AUTH_TIMEOUT = 30000,
    DECIDE_TIMEOUT = 30000,
    STATUS_INTERVAL = 10
};

static const uint64_t max_memory = UINT64_C(1) << 30;

static void copy_versioned(void *to, size_t to_size, const void *from, size_t from_size)
{
    memset(to, 0, to_size);
    if (from)
        memcpy(to, from, from_size && from_size < to_size ? from_size : to_size);
}

static void set_default(uint32_t *field, uint32_t normal)
{
    if (*field == 0)
        *field = normal;
}

static void set_default_16(uint16_t *field, uint16_t normal)
{
    if (*field == 0)
        *field = normal;
}

void mqw__limits_complete(mqw_broker_limits *limits)
{
    limits->size = sizeof *limits;
    set_default(&limits->max_packet_size, MAX_PACKET);
    set_default(&limits->max_session_expiry, UINT32_MAX);
    set_default(&limits->max_queued, MAX_QUEUED);
    set_default(&limits->max_queued_bytes, MAX_QUEUED_BYTES);
    set_default(&limits->max_output, MAX_OUTPUT);
    set_default(&limits->max_subscriptions, MAX_SUBSCRIPTIONS);
    set_default_16(&limits->max_filter_levels, MAX_LEVELS);
    set_default_16(&limits->receive_maximum, IN_FLIGHT);
    set_default_16(&limits->max_inflight, IN_FLIGHT);
    set_default_16(&limits->topic_alias_maximum, ALIASES);
}

static void complete(mqw_broker_options *o)
{
    mqw__limits_complete(&o->limits);
    set_default(&o->max_connections, MAX_CONNECTIONS);
    set_default(&o->max_sessions, MAX_SESSIONS);
    set_default(&o->max_retained, MAX_RETAINED);
    set_default(&o->connect_timeout, CONNECT_TIMEOUT);
    set_default(&o->max_first_packet, MAX_FIRST_PACKET);
    set_default(&o->auth_timeout, AUTH_TIMEOUT);
    set_default(&o->decide_timeout, DECIDE_TIMEOUT);
    if (o->max_memory == 0)
        o->max_memory = max_memory;
    if (o->status_interval == 0)
        o->status_interval = STATUS_INTERVAL;
}

static bool are_sound(const mqw_broker_options *o)
{
    return o->limits.when_full <= MQW_QUEUE_CLOSE && o->limits.max_packet_size <= MQW_PACKET_MAX &&
           o->response_information.len <= UINT16_MAX && o->server_reference.len <= UINT16_MAX &&
           mqw_utf8_check(o->response_information) == 0 && mqw_utf8_check(o->server_reference) == 0;
}

static int copy_text(mqw_broker *broker, mqw_text *text)
{
    mqw_text from = *text;
    *text = (mqw_text){NULL, 0};
    if (from.len == 0)
        return 0;
    char *copy = mqw__alloc(&broker->allocator, from.len);
    if (!copy)
        return MQW_E_NO_MEMORY;
    memcpy(copy, from.data, from.len);
    *text = (mqw_text){copy, from.len};
    return 0;
}

static void free_text(mqw_broker *broker, mqw_text *text)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the only way to shed const without a warning
    mqw__free(&broker->allocator, (void *)(uintptr_t)text->data, text->len);
    *text = (mqw_text){NULL, 0};
}

// The connections' own bound lies above that of a client, which outgoing.c keeps: what it encodes is let in.
static mqw_config *make_config(const mqw_broker *broker)
{
    const mqw_broker_options *o = &broker->options;
    uint32_t most = o->limits.max_packet_size;
    mqw_conn_options conn = {.size = sizeof conn,
                             .version = MQW_3_1_1,
                             .alias_in = MQW_ALIAS_RESOLVE,
                             .alias_out = MQW_ALIAS_RECENT,
                             .on_misuse = MQW_RETURN_ONLY,
                             .policy = o->policy,
                             .max_packet_size = most,
                             .max_first_packet = o->max_first_packet < most ? o->max_first_packet : most,
                             .max_output = UINT32_MAX / 2,
                             .high_water = HIGH_WATER,
                             .low_water = LOW_WATER,
                             .keep_output = KEEP_OUTPUT,
                             .max_total = o->max_memory,
                             .connect_timeout = o->connect_timeout,
                             .allocator = &broker->allocator};
    return mqw_config_new(&conn);
}

static void *resize_by_libc(void *ctx, void *old, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

mqw_allocator mqw__broker_allocator(const mqw_allocator *given)
{
    return given ? *given : (mqw_allocator){resize_by_libc, NULL};
}

int mqw__settings_of(mqw_broker *broker, const mqw_broker_options *options)
{
    mqw_broker_options *o = &broker->options;
    copy_versioned(o, sizeof *o, options, options ? options->size : 0);
    broker->allocator = mqw__broker_allocator(o->allocator);
    copy_versioned(&broker->hooks, sizeof broker->hooks, &o->hooks, o->hooks.size);
    mqw_text response = o->response_information;
    mqw_text reference = o->server_reference;
    bool sound = are_sound(o);
    o->response_information = o->server_reference = (mqw_text){NULL, 0};
    complete(o);
    if (!sound)
        return MQW_E_MISUSE;
    o->response_information = response;
    int result = copy_text(broker, &o->response_information);
    o->server_reference = reference;
    if (copy_text(broker, &o->server_reference) < 0 || result < 0)
        return MQW_E_NO_MEMORY;
    broker->config = make_config(broker);
    return broker->config ? 0 : MQW_E_NO_MEMORY;
}

void mqw__settings_end(mqw_broker *broker)
{
    free_text(broker, &broker->options.response_information);
    free_text(broker, &broker->options.server_reference);
    mqw_config_free(broker->config);
}

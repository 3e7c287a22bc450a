// SPDX-License-Identifier: MIT
// What many connections share: options with their defaults, policy, handlers, allocator, spare chunks of
// output.
#include "conn/inside.h"

#include <string.h>

enum { HEADER_MAX = 5 }; /* type and length */

/* An options field and what 0 means there. */
#define DEFAULT(options, field, value)  \
    do {                                \
        if ((options)->field == 0)      \
            (options)->field = (value); \
    } while (0)

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return b > UINT32_MAX - a ? UINT32_MAX : a + b;
}

/* The original knew 3.1 only. */
static bool is_original(const mqw_policy *policy)
{
    return memcmp(policy, &MQW_POLICY_ORIGINAL, sizeof *policy) == 0;
}

static void fill_in_defaults(mqw_conn_options *o)
{
    DEFAULT(o, version, is_original(&o->policy) ? MQW_3_1 : MQW_3_1_1);
    DEFAULT(o, max_packet_size, 1u << 20);
    DEFAULT(o, max_first_packet, 64u << 10);
    DEFAULT(o, max_stored, sum(o->stream_over, 1u << 20));
    DEFAULT(o, max_output, 16u << 20);
    DEFAULT(o, reserve, 64u << 10);
    DEFAULT(o, high_water, 64u << 10);
    DEFAULT(o, low_water, 16u << 10);
    DEFAULT(o, max_total, UINT64_C(1) << 30);
    DEFAULT(o, connect_timeout, 10000);
    DEFAULT(o, min_rate, 100);
    DEFAULT(o, max_text, 4u << 20);
    DEFAULT(o, keep_output, 256u << 10);
}

/* Sizes whose sums fit into 32 bits, times that can be told from those before them, limits that do not
 * contradict. */
static void bring_into_bounds(mqw_conn_options *o)
{
    o->max_packet_size = smaller(o->max_packet_size, MQW_PACKET_MAX);
    o->max_first_packet = smaller(o->max_first_packet, o->max_packet_size);
    o->max_stored =
        o->stream_over ? larger(o->max_stored, sum(o->stream_over, HEADER_MAX)) : o->max_packet_size;
    o->max_output = smaller(o->max_output, UINT32_MAX / 4);
    o->reserve = smaller(o->reserve, UINT32_MAX / 4);
    o->high_water = smaller(o->high_water, o->max_output);
    o->low_water = smaller(o->low_water, o->high_water);
    o->connect_timeout = smaller(o->connect_timeout, INT32_MAX);
    o->ping_timeout = smaller(o->ping_timeout, INT32_MAX);
}

static bool in_range(const mqw_conn_options *o)
{
    return o->version >= MQW_3_1 && o->version <= MQW_5_0 && o->alias_in <= MQW_ALIAS_RAW &&
           o->alias_out <= MQW_ALIAS_RECENT && o->on_misuse <= MQW_RETURN_ONLY && o->answers <= 7;
}

/* Copies a versioned struct: as many bytes as the program's compiler knew of it. */
static void copy_versioned(void *to, size_t to_size, const void *from, size_t from_size)
{
    memcpy(to, from, from_size && from_size < to_size ? from_size : to_size);
}

void mqw__handlers_copy(mqw_handlers *to, const mqw_handlers *from)
{
    memset(to, 0, sizeof *to);
    if (from)
        copy_versioned(to, sizeof *to, from, from->size);
}

mqw_config *mqw_config_new(const mqw_conn_options *options)
{
    mqw_conn_options o = {0};
    if (options)
        copy_versioned(&o, sizeof o, options, options->size);
    fill_in_defaults(&o);
    bring_into_bounds(&o);
    if (!in_range(&o))
        return NULL;
    mqw_allocator allocator = mqw__allocator(o.allocator);
    mqw_config *config = mqw__alloc(&allocator, sizeof *config);
    if (!config)
        return NULL;
    memset(config, 0, sizeof *config);
    config->refs = 1;
    config->allocator = allocator;
    config->options = o;
    static const mqw_policy standard;
    config->policy = memcmp(&o.policy, &standard, sizeof standard) ? &config->options.policy : NULL;
    config->whole = o.stream_over ? o.stream_over : UINT32_MAX;
    config->hooked = o.tap || o.answers;
    mqw__handlers_copy(&config->handlers, o.handlers);
    return config;
}

mqw_config *mqw_config_keep(mqw_config *config)
{
    config->refs++;
    return config;
}

void mqw_config_trim(mqw_config *config)
{
    while (config->spare) {
        mqw__chunk *next = config->spare->next;
        mqw__free(&config->allocator, config->spare, MQW__CHUNK_SIZE);
        config->spare = next;
    }
    config->spares = 0;
}

void mqw_config_free(mqw_config *config)
{
    if (!config || --config->refs > 0)
        return;
    mqw_config_trim(config);
    mqw_allocator allocator = config->allocator;
    mqw__free(&allocator, config, sizeof *config);
}

void mqw_config_give_back(mqw_config *config, uint8_t *block, size_t size)
{
    mqw__free(&config->allocator, block, size);
}

bool mqw__config_hold(mqw_config *config, size_t bytes)
{
    if (bytes > config->options.max_total - config->held)
        return false;
    config->held += bytes;
    return true;
}

uint64_t mqw_config_held(const mqw_config *config)
{
    return config->held;
}

// SPDX-License-Identifier: MIT
// For tests of TLS: certificates of all kinds, and two stacks with a TLS layer each, joined by arrays.
#ifndef MQW_TLS_ENDS_H
#define MQW_TLS_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/stream.h"
#include "transport/tls.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// --- certificates ---

static char certificates[64];

static inline int make_certificates(void **state)
{
    char command[128];
    (void)state;
    strcpy(certificates, "/tmp/mqw-tls-XXXXXX");
    if (!mkdtemp(certificates))
        return -1;
    snprintf(command, sizeof command, "tests/live/lib/certificates.sh %s", certificates);
    return system(command); // NOLINT: a script of ours
}

static inline int remove_certificates(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", certificates);
    return system(command); // NOLINT: as above
}

/** The path of one of them; NULL stays NULL. Good for the next 16 calls. */
static inline const char *in_certificates(const char *name)
{
    static char paths[16][128];
    static int next;
    char *path = paths[next++ % 16];
    if (!name)
        return NULL;
    snprintf(path, sizeof paths[0], "%s/%s", certificates, name);
    return path;
}

/** The bytes of one of them; free them. */
static inline mqw_bytes read_certificate(const char *name)
{
    FILE *file = fopen(in_certificates(name), "rb");
    uint8_t *bytes = malloc(16384);
    assert_non_null(file);
    assert_non_null(bytes);
    size_t len = fread(bytes, 1, 16384, file);
    fclose(file);
    return (mqw_bytes){bytes, len};
}

static inline mqw_tls *new_tls(mqw_role role, const mqw_tls_options *options)
{
    mqw_tls *tls = NULL;
    char why[512];
    int result = mqw_tls_new(&tls, role, options, why, sizeof why);
    if (result < 0)
        fail_msg("%d: %s", result, why);
    return tls;
}

static inline mqw_tls *server_with(const char *certificate)
{
    const mqw_tls_options options = {.size = sizeof options,
                                     .certificate_file = in_certificates(certificate),
                                     .key_file = in_certificates("key.pem")};
    return new_tls(MQW_SERVER, &options);
}

static inline mqw_tls *client_that_knows(const char *authority)
{
    const mqw_tls_options options = {.size = sizeof options, .ca_file = in_certificates(authority)};
    return new_tls(MQW_CLIENT, &options);
}

// --- two ends ---

enum { HEARD = 256 * 1024, WHOLE = 1 << 30 };

typedef struct end {
    mqw__layers *stack;
    uint8_t *heard;
    size_t len;
    size_t room; /**< Scratch that decode is given. */
    int result;  /**< Of the last call. */
    size_t sent; /**< Bytes that the other end was given. */
} end;

typedef struct pair {
    end client;
    end server;
} pair;

static inline void open_end(end *one, mqw_tls *tls, const char *host)
{
    mqw__layer *layer = NULL;
    memset(one, 0, sizeof *one);
    one->heard = malloc(HEARD);
    one->stack = mqw__layers_new();
    assert_non_null(one->stack);
    assert_non_null(one->heard);
    assert_int_equal(mqw__tls_layer_new(&layer, tls, host, "mqtt"), 0);
    mqw__layers_push(one->stack, layer);
}

static inline void close_end(end *one)
{
    mqw__layers_free(one->stack);
    free(one->heard);
    memset(one, 0, sizeof *one);
}

static inline void hear(end *to, uint8_t *bytes, size_t len)
{
    uint8_t *room = to->room ? malloc(to->room) : NULL;
    mqw_bytes piece;
    mqw__layers_feed(to->stack, (mqw__span){bytes, len}, (mqw__span){room, to->room});
    while ((to->result = mqw__layers_next(to->stack, &piece)) > 0) {
        assert_true(mqw__layers_ready(to->stack));
        assert_true(piece.len > 0 && to->len + piece.len <= HEARD);
        memcpy(to->heard + to->len, piece.data, piece.len);
        to->len += piece.len;
    }
    free(room);
}

/** Gives an end bytes from a block of its own, which is gone afterwards. */
static inline void give(end *to, const void *bytes, size_t len)
{
    uint8_t *block = malloc(len ? len : 1);
    assert_non_null(block);
    memcpy(block, bytes, len);
    hear(to, block, len);
    free(block);
}

/** Moves up to `most` bytes; false: there were none, or the other end has failed. */
static inline bool move(end *from, end *to, size_t most)
{
    mqw_bytes wire = mqw__layers_wire(from->stack);
    size_t len = wire.len < most ? wire.len : most;
    if (len == 0 || to->result < 0)
        return false;
    uint8_t *block = malloc(len);
    assert_non_null(block);
    memcpy(block, wire.data, len);
    mqw__layers_wrote(from->stack, len);
    from->sent += len;
    hear(to, block, len);
    free(block);
    return true;
}

/** Moves all there is, in pieces of `most` bytes, until nothing moves any more. */
static inline void exchange_by(pair *ends, size_t most)
{
    bool moved = true;
    while (moved) {
        moved = move(&ends->client, &ends->server, most);
        moved = move(&ends->server, &ends->client, most) || moved;
    }
}

static inline void exchange(pair *ends)
{
    exchange_by(ends, WHOLE);
}

static inline void begin(pair *ends)
{
    ends->client.result = mqw__layers_start(ends->client.stack);
    ends->server.result = mqw__layers_start(ends->server.stack);
}

static inline void open_pair(pair *ends, mqw_tls *client, mqw_tls *server, const char *host)
{
    open_end(&ends->client, client, host);
    open_end(&ends->server, server, NULL);
    begin(ends);
}

static inline void close_pair(pair *ends)
{
    close_end(&ends->client);
    close_end(&ends->server);
}

static inline bool both_ready(const pair *ends)
{
    return mqw__layers_ready(ends->client.stack) && mqw__layers_ready(ends->server.stack);
}

static inline void say(end *one, const char *text)
{
    mqw_bytes view = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(mqw__layers_send(one->stack, &view, 1), 0);
}

static inline void has_heard(end *one, const char *text)
{
    assert_int_equal(one->len, strlen(text));
    assert_memory_equal(one->heard, text, one->len);
    one->len = 0;
}

static inline const char *why_of(const end *one)
{
    const char *why = mqw__layers_why(one->stack);
    return why ? why : "";
}

static inline mqw_stream_facts facts_of(const end *one)
{
    mqw_stream_facts facts;
    memset(&facts, 0, sizeof facts);
    mqw__layers_facts(one->stack, &facts);
    return facts;
}

#endif

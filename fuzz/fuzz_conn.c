// SPDX-License-Identifier: MIT
// Two connections that talk over wires which may deliver in any pieces, or something else than was sent.
// The input: three bytes of manners (see begin), then steps, each a byte for what and one for whom and how
// much.
#include "fuzz.h"

/* What all blocks of both ends together may take: what the configurations allow, and what a connection itself
 * is. */
enum {
    MAX_TOTAL = 1 << 18,
    MAX_TEXT = 1 << 14,
    OVERHEAD = 1 << 16,
    MAX_INPUT = 1 << 14,
    WIRE = 1 << 16,
    TAKEN = 4
};

typedef struct end {
    mqw_conn *conn;
    mqw_config *config;
    uint8_t *wire; /* bytes on their way to this end */
    size_t wire_len;
    uint64_t arrived;
    uint64_t packets;
    uint64_t last_deadline;
    int fault;  /* the first one */
    bool ended; /* by its stream */
    bool stream_out;
    struct {
        uint8_t *block;
        size_t size;
    } taken[TAKEN];
    unsigned taken_count;
} end;

typedef struct talk {
    fuzz_input in;
    end ends[2];
    uint64_t now;
    bool push;   /* events go to handlers */
    bool honest; /* nothing but what was sent arrives, and both ends are strict */
    bool hasty;  /* the client has spoken before it knew the server's limits */
    unsigned misuse_made, misuse_heard, steps;
} talk;

/* --- memory --- */

static size_t in_use;
static unsigned refuse_after; /* allocations until one fails, and one more; 0: none does */

static void *count_resize(void *ctx, void *old, size_t old_size, size_t new_size)
{
    (void)ctx;
    if (new_size > old_size && refuse_after > 1 && --refuse_after == 1)
        return NULL;
    in_use += new_size - old_size;
    REQUIRE(in_use <= 2 * (MAX_TOTAL + MAX_TEXT + OVERHEAD));
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    void *block = realloc(old, new_size);
    REQUIRE(block != NULL);
    if (new_size > old_size)
        memset((char *)block + old_size, 0xA7, new_size - old_size);
    return block;
}

static const mqw_allocator counting = {count_resize, NULL};

/* --- both ends --- */

static end *other(talk *t, const end *e)
{
    return &t->ends[e == &t->ends[0]];
}

static mqw_conn_options options_of(unsigned manner, unsigned policy)
{
    mqw_conn_options o = {
        .size = sizeof o, .allocator = &counting, .max_total = MAX_TOTAL, .max_text = MAX_TEXT};
    o.answers = manner & 7;
    o.alias_in = manner >> 3 & 1;
    o.alias_out = manner >> 4 & 1;
    o.stream_over = manner & 32 ? 8 : 0;
    o.policy = fuzz_policy(policy);
    if (manner & 64) {
        o.max_packet_size = o.max_first_packet = 2000;
        o.max_stored = 500;
        o.max_output = 3000;
        o.reserve = 100;
        o.high_water = 200;
        o.low_water = 50;
    }
    return o;
}

static void open_end(end *e, mqw_role role, unsigned manner, unsigned policy)
{
    mqw_conn_options o = options_of(manner, policy);
    e->config = mqw_config_new(&o);
    REQUIRE(e->config != NULL);
    e->conn = mqw_conn_new_shared(role, e->config);
    REQUIRE(e->conn != NULL);
}

/* Bits of the third byte: policies of the ends (0 to 3), push (4), sniffers (5), lies (6), an allocation that
 * fails (7). */
static void begin(talk *t)
{
    refuse_after = 0;
    unsigned client = fuzz_byte(&t->in), server = fuzz_byte(&t->in), both = fuzz_byte(&t->in);
    t->push = both & 16;
    t->honest = (both & 0xEF) == 0;
    open_end(&t->ends[0], both & 32 ? MQW_ANY : MQW_CLIENT, client, both);
    open_end(&t->ends[1], both & 32 ? MQW_ANY : MQW_SERVER, server, both >> 2);
    refuse_after = both & 128 ? 2 + fuzz_byte(&t->in) : 0;
}

static void give_back(end *e)
{
    while (e->taken_count > 0) {
        e->taken_count--;
        mqw_config_give_back(e->config, e->taken[e->taken_count].block, e->taken[e->taken_count].size);
    }
}

static void close_end(end *e)
{
    give_back(e);
    mqw_conn_free(e->conn);
    mqw_config_free(e->config);
}

/* --- what always holds --- */

/* Whom no end can blame: time and memory; and an acknowledgement of nothing that crosses a PUBLISH, which
 * counts for the end that it reaches and not for the one that said it (section 4.9). */
static bool is_nobodys(const talk *t, int result, int rule)
{
    bool limit = rule >= MQW_RULE_RECEIVE_MAXIMUM_SERVER && rule <= MQW_RULE_PROBLEM_INFO;
    return (limit && t->hasty) || result == MQW_E_TIMEOUT || result == MQW_E_END ||
           result == MQW_E_NO_MEMORY || rule == MQW_RULE_OUTPUT_FULL || rule == MQW_RULE_MEMORY_FULL ||
           rule == MQW_RULE_RECEIVE_MAXIMUM_SERVER || rule == MQW_RULE_RECEIVE_MAXIMUM_CLIENT;
}

static void check_fault(talk *t, end *e, int result)
{
    mqw_error why = {0};
    REQUIRE(mqw_conn_error(e->conn, &why) != NULL && why.by_peer && why.code == result);
    REQUIRE(mqw_conn_state(e->conn) == MQW_STATE_ENDED && mqw_conn_deadline(e->conn) == UINT64_MAX);
    REQUIRE(e->fault == 0 || e->fault == result);
    REQUIRE(mqw_error_print(NULL, 0, &why) > 0);
    e->fault = result;
    bool too_large = result == MQW_E_TOO_LARGE;
    if (t->honest && !is_nobodys(t, result, why.rule) && !too_large) {
        char sentence[512];
        mqw_error_print(sentence, sizeof sentence, &why);
        fprintf(stderr, "nobody lied, but: %s\n", sentence);
        abort();
    }
}

static void check_end(const end *e)
{
    mqw_counters counters;
    mqw_conn_counters(e->conn, &counters);
    REQUIRE(counters.bytes_received <= e->arrived && counters.bytes_written <= counters.bytes_queued);
    REQUIRE(counters.packets_received >= e->packets && counters.packets_written <= counters.packets_queued);
    REQUIRE(counters.bytes_queued - counters.bytes_written == mqw_conn_waiting(e->conn));
    REQUIRE(mqw_conn_waiting(e->conn) <= (16 << 20) + (64 << 10) + 64);
    REQUIRE(mqw_conn_version(e->conn) >= 3 && mqw_conn_version(e->conn) <= 5);
}

/* --- what a program does with a packet --- */

/* A client need not wait for CONNACK (section 3.1.4), nor can it know then what the server does not do. */
static void note_haste(talk *t, const end *e, mqw_packet_type type)
{
    if (mqw_conn_role(e->conn) == MQW_CLIENT && mqw_conn_state(e->conn) < MQW_STATE_OPEN &&
        type != MQW_CONNECT)
        t->hasty = true;
}

static void send_on(talk *t, end *e, const mqw_packet *packet)
{
    note_haste(t, e, packet->type);
    int result = mqw_conn_send(e->conn, packet);
    REQUIRE(result != MQW_E_MISUSE && result <= 1);
}

/* In an encoding, whatever the bytes are, the text is UTF-8. */
static void read_texts(end *e, const mqw_packet *packet, mqw_encoding encoding)
{
    bool encoded = mqw_conn_set_encoding(e->conn, encoding) == 0 && encoding != MQW_BINARY;
    for (int part = MQW_PAYLOAD; part <= MQW_PASSWORD; part++) {
        mqw_text text = mqw_text_of(e->conn, packet, (mqw_part)part);
        int flaw = encoded ? mqw_utf8_check(text) : 0;
        REQUIRE(text.len == 0 || text.data != NULL);
        REQUIRE(flaw == 0 || flaw == MQW_RULE_UTF8_NUL);
    }
}

static void use(talk *t, end *e, const mqw_packet *packet)
{
    free(fuzz_line(packet, MQW_FULL));
    e->packets += packet->type != MQW_PIECE;
    read_texts(e, packet, (mqw_encoding)(t->steps % 7));
    if (packet->type == MQW_PIECE || t->steps % 3 != 0)
        return;
    mqw_packet *copy = mqw_packet_copy(packet, NULL);
    REQUIRE(copy != NULL);
    send_on(t, t->steps % 2 ? e : other(t, e), copy);
    mqw_packet_free(copy, NULL);
}

static void maybe_take(talk *t, end *e, const mqw_packet *packet)
{
    size_t size = 0;
    if (t->steps % 5 != 0 || e->taken_count == TAKEN)
        return;
    uint8_t *block = mqw_conn_take(e->conn, &size);
    if (block == NULL)
        return;
    REQUIRE(size >= 4096);
    e->taken[e->taken_count].block = block;
    e->taken[e->taken_count++].size = size;
    free(fuzz_line(packet, MQW_FULL)); // its views are still there
}

/* --- bytes arrive --- */

typedef struct context {
    talk *talk;
    end *end;
} context;

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    context *c = ctx;
    REQUIRE(conn == c->end->conn && c->end->fault == 0);
    use(c->talk, c->end, packet);
    if (c->talk->steps % 11 == 0)
        mqw_conn_pause(conn);
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    context *c = ctx;
    (void)conn;
    if (error->by_peer)
        check_fault(c->talk, c->end, error->code);
    else
        c->talk->misuse_heard++;
}

static const mqw_handlers handlers = {
    .size = sizeof handlers, .packet = on_packet, .payload = on_packet, .error = on_error};

static int push(talk *t, end *e, mqw_bytes *in)
{
    context c = {t, e};
    return mqw_conn_dispatch(e->conn, in, &handlers, &c);
}

static int pull(talk *t, end *e, mqw_bytes *in)
{
    mqw_packet packet;
    int result;
    for (;;) {
        FUZZ_FORGET(&packet);
        result = mqw_conn_recv(e->conn, in, &packet);
        if (result <= 0)
            return result;
        REQUIRE(e->fault == 0 && (result == 2) == (packet.type == MQW_PIECE));
        use(t, e, &packet);
        maybe_take(t, e, &packet);
    }
}

/* `in` is a block of its size. Returns how many bytes of it were taken. */
static size_t arrive(talk *t, end *e, mqw_bytes in)
{
    size_t len = in.len;
    int before = e->fault;
    int result = t->push ? push(t, e, &in) : pull(t, e, &in);
    REQUIRE(before == 0 || result == before || result == 0);
    if (result < 0)
        check_fault(t, e, result);
    e->arrived += len - in.len;
    return len - in.len;
}

/* The first bytes on the wire arrive: straight in the room that the connection asks for, when there is one.
 */
static void deliver(talk *t, end *e, size_t len)
{
    uint8_t *room;
    len = len < e->wire_len ? len : e->wire_len;
    if (e->ended)
        return;
    int space = mqw_conn_room(e->conn, &room);
    size_t taken;
    if (space > 0 && !mqw_conn_paused(e->conn)) {
        taken = len < (size_t)space ? len : (size_t)space;
        memcpy(room, e->wire, taken);
        e->arrived += taken;
        mqw_conn_filled(e->conn, taken);
        arrive(t, e, (mqw_bytes){NULL, 0});
    } else {
        uint8_t *piece = fuzz_copy((mqw_bytes){e->wire, len});
        taken = arrive(t, e, (mqw_bytes){piece, len});
        free(piece);
    }
    memmove(e->wire, e->wire + taken, e->wire_len - taken);
    e->wire_len -= taken;
}

static void put_on_wire(end *to, mqw_bytes bytes)
{
    size_t len = bytes.len < WIRE - to->wire_len ? bytes.len : WIRE - to->wire_len;
    if (len > 0)
        memcpy(to->wire + to->wire_len, bytes.data, len);
    to->wire_len += len;
}

/* --- steps --- */

/* Up to `most` bytes of output go on the wire; how many there is room for. */
static void step_output(talk *t, end *e, unsigned most)
{
    end *to = other(t, e);
    mqw_bytes views[3];
    size_t left = most == 255 ? WIRE : most;
    int count;
    while (left > 0 && (count = mqw_conn_output(e->conn, views, 3)) > 0) {
        size_t len = views[0].len < left ? views[0].len : left;
        if (len > WIRE - to->wire_len)
            return;
        put_on_wire(to, (mqw_bytes){views[0].data, len});
        mqw_conn_written(e->conn, len);
        left -= len;
    }
}

static void step_deliver(talk *t, end *e, unsigned many)
{
    deliver(t, e, many == 255 ? WIRE : many);
}

/* The packet that the input holds next is sent, if there is one in any version. */
static void step_send(talk *t, end *e, unsigned len)
{
    mqw_policy lax = fuzz_policy(3);
    mqw_bytes bytes = fuzz_bytes(&t->in, len);
    mqw_packet packet;
    for (uint8_t version = 5; version >= 3; version--) {
        mqw_codec codec = {version, MQW_ANY, &lax};
        if (mqw_decode(&codec, bytes, &packet, NULL) > 0) {
            send_on(t, e, &packet);
            return;
        }
    }
}

/* The same through the method of the packet, which may call it misuse. */
static void step_method(talk *t, end *e, unsigned len)
{
    mqw_policy lax = fuzz_policy(3);
    mqw_codec codec = {mqw_conn_version(e->conn), MQW_ANY, &lax};
    mqw_bytes bytes = fuzz_bytes(&t->in, len);
    mqw_packet packet;
    int result = 0;
    if (mqw_decode(&codec, bytes, &packet, NULL) <= 0)
        return;
    note_haste(t, e, packet.type);
    switch (packet.type) {
    case MQW_CONNECT: result = mqw_conn_connect(e->conn, &packet.connect); break;
    case MQW_CONNACK: result = mqw_conn_connack(e->conn, &packet.connack); break;
    case MQW_PUBLISH: result = mqw_conn_publish(e->conn, &packet.publish); break;
    case MQW_PUBACK: result = mqw_conn_puback(e->conn, &packet.puback); break;
    case MQW_SUBSCRIBE: result = mqw_conn_subscribe(e->conn, &packet.subscribe); break;
    case MQW_SUBACK: result = mqw_conn_suback(e->conn, &packet.suback); break;
    case MQW_DISCONNECT: result = mqw_conn_disconnect(e->conn, &packet.disconnect); break;
    case MQW_AUTH: result = mqw_conn_auth(e->conn, &packet.auth); break;
    default: result = mqw_conn_pingreq(e->conn); break;
    }
    t->misuse_made += result == MQW_E_MISUSE;
}

/* Something that nobody sent is on the wire. */
static void step_lie(talk *t, end *e, unsigned len)
{
    mqw_bytes bytes = fuzz_bytes(&t->in, len);
    if (!t->honest)
        put_on_wire(e, bytes);
}

static void step_change(talk *t, end *e, unsigned where)
{
    unsigned with = fuzz_byte(&t->in);
    if (!t->honest && where < e->wire_len)
        e->wire[where] ^= (uint8_t)with;
}

static void step_time(talk *t, end *e, unsigned much)
{
    t->now += (uint64_t)much * much;
    for (int i = 0; i < 2; i++)
        mqw_conn_clock(t->ends[i].conn, t->now);
    int result = mqw_conn_tick(e->conn, t->now);
    REQUIRE(result <= 1);
    if (result < 0)
        check_fault(t, e, result);
    REQUIRE(mqw_conn_deadline(e->conn) >= t->now);
}

static void step_pause(talk *t, end *e, unsigned how)
{
    (void)t;
    if (how & 1)
        mqw_conn_pause(e->conn);
    else
        mqw_conn_resume(e->conn);
}

static void step_stream(talk *t, end *e, unsigned how)
{
    mqw_bytes bytes = fuzz_bytes(&t->in, how >> 2);
    mqw_publish publish = {.topic = MQW_TEXT("a"), .qos = (uint8_t)(how & 1), .packet_id = (how & 1) ? 9 : 0};
    note_haste(t, e, MQW_PUBLISH);
    int result = (how & 3) < 2    ? mqw_conn_publish_begin(e->conn, &publish, how)
                 : (how & 3) == 2 ? mqw_conn_publish_write(e->conn, bytes)
                                  : mqw_conn_publish_end(e->conn);
    t->misuse_made += result == MQW_E_MISUSE;
}

static void release(mqw_shared *shared)
{
    free((void *)(uintptr_t)shared->bytes.data);
    free(shared);
}

static void step_shared(talk *t, end *e, unsigned len)
{
    mqw_shared *shared = fuzz_block(sizeof *shared);
    mqw_publish publish = {.topic = MQW_TEXT("shared")};
    mqw_bytes bytes = fuzz_bytes(&t->in, len);
    *shared = (mqw_shared){{fuzz_copy(bytes), bytes.len}, 1, release};
    int result = mqw_conn_publish_shared(e->conn, &publish, shared);
    t->misuse_made += result == MQW_E_MISUSE;
    mqw_shared_drop(shared);
}

static void step_end(talk *t, end *e, unsigned how)
{
    if (how % 8 == 0) {
        e->ended = true;
        int result = mqw_conn_end(e->conn);
        if (result < 0)
            check_fault(t, e, result);
    } else if (how % 8 == 1) {
        mqw_conn_shut(e->conn);
    } else if (how % 8 == 2) {
        mqw_output_free(mqw_conn_take_output(e->conn));
        e->ended = other(t, e)->ended = true; // what it had to say will not come
    } else {
        mqw_conn_holding(e->conn, how);
        mqw_conn_holding(e->conn, 0);
    }
}

static void (*const steps[])(talk *t, end *e, unsigned how) = {
    step_send, step_output, step_deliver, step_lie,    step_change, step_method,
    step_time, step_pause,  step_stream,  step_shared, step_end,
};

/* All that is on its way goes there, as far as it can. */
static void settle(talk *t)
{
    for (int round = 0; round < 8; round++)
        for (int i = 0; i < 2; i++) {
            mqw_conn_resume(t->ends[i].conn);
            step_output(t, &t->ends[i], 255);
            step_deliver(t, &t->ends[i], 255);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wires[2][WIRE];
    talk t = {.in = {data, size}};
    if (size > MAX_INPUT)
        return 0;
    t.ends[0].wire = wires[0];
    t.ends[1].wire = wires[1];
    begin(&t);
    while (t.in.left > 0) {
        unsigned what = fuzz_byte(&t.in), how = fuzz_byte(&t.in);
        t.steps++;
        steps[(what >> 1) % (sizeof steps / sizeof *steps)](&t, &t.ends[what & 1], how);
        check_end(&t.ends[0]);
        check_end(&t.ends[1]);
    }
    settle(&t);
    REQUIRE(t.misuse_heard <= t.misuse_made);
    close_end(&t.ends[0]);
    close_end(&t.ends[1]);
    REQUIRE(in_use == 0);
    return 0;
}

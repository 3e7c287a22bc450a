// SPDX-License-Identifier: MIT
// A whole broker with several clients that are made of the input: raw bytes, packets with random contents,
// cuts, clients that do not listen, time that jumps, decisions that come late, a store with anything in it.
// Nothing is read or written out of bounds, what clients hear are packets of a server, memory stays within
// the options, no turn goes on for ever, and in the end all is freed. The input: two bytes of manners (see
// begin), then steps.
#include <mqwire/broker.h>

#include "broker/environment.h"
#include "broker_world.h"

/* --- hooks: the program answers now, later, or no --- */

static int decide(mqw_peer *peer)
{
    unsigned how = w.asks ? fuzz_byte(&w.in) : 0;
    if (how % 8 == 7)
        return 0x87;
    if (how % 8 != 6 || w.ticket_count == TICKETS)
        return 0;
    mqw_ticket *ticket = mqw_peer_defer(peer);
    REQUIRE(ticket != NULL);
    w.tickets[w.ticket_count++] = ticket;
    return MQW_LATER;
}

static int on_connect(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    (void)ctx, (void)connect;
    REQUIRE(broker == w.broker);
    if (w.asks && fuzz_byte(&w.in) % 8 == 0)
        REQUIRE(mqw_peer_mount(peer, (mqw_text)MQW_TEXT("mount/")) == 0);
    return decide(peer);
}

static int on_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    (void)broker, (void)ctx;
    REQUIRE(publish->topic.len > 0 && publish->qos <= 2);
    if (w.asks && fuzz_byte(&w.in) % 16 == 0)
        publish->topic = (mqw_text)MQW_TEXT("a/b");
    return peer != NULL ? decide(peer) : 0;
}

static int on_subscribe(mqw_broker *broker, mqw_peer *peer, mqw_filter *item, void *ctx)
{
    (void)broker, (void)ctx;
    REQUIRE(item->filter.len > 0 && item->qos <= 2);
    return decide(peer);
}

static void on_connected(mqw_broker *broker, mqw_peer *peer, bool session_present, void *ctx)
{
    (void)broker, (void)session_present, (void)ctx;
    REQUIRE(mqw_peer_id(peer).len > 0 && mqw_peer_user(peer) == NULL);
    mqw_peer_set_user(peer, &w);
}

static void on_disconnected(mqw_broker *broker, mqw_peer *peer, uint8_t reason, const char *words, void *ctx)
{
    (void)broker, (void)reason, (void)ctx;
    REQUIRE(mqw_peer_user(peer) == &w && words != NULL);
}

static void on_dropped(mqw_broker *broker, mqw_text client_id, const mqw_publish *publish, mqw_drop why,
                       void *ctx)
{
    (void)broker, (void)ctx, (void)client_id;
    REQUIRE(publish->topic.len > 0 && why >= MQW_DROP_EXPIRED && why <= MQW_DROP_STORE);
}

static void on_message(mqw_broker *broker, const mqw_publish *publish, mqw_text from, void *ctx)
{
    (void)broker, (void)ctx, (void)from;
    REQUIRE(publish->topic.len > 0 && publish->topic.data[0] != '$');
}

/* --- packets --- */

static mqw_text a_text(const char *const *texts, unsigned which)
{
    const char *text = texts[which];
    return (mqw_text){text, strlen(text)};
}

static mqw_text a_topic(unsigned which)
{
    static const char *const topics[] = {"a", "a/b", "b/", "a/b/c", "$x/a", "/", "\xc3\xa4", "b"};
    return a_text(topics, which % 8);
}

static mqw_text a_filter(unsigned which)
{
    static const char *const filters[] = {
        "#",     "+",  "a/#", "+/b", "a/b",    "$share/g/#", "$x/+",    "$share/h/a", "$share/g/a/b",
        "a/+/#", "b/", "+/+", "a",   "$SYS/#", "/+",         "a/b/c/#", "b/#/x"};
    return a_text(filters, which % 17);
}

static mqw_publish a_message(unsigned how)
{
    unsigned more = fuzz_byte(&w.in);
    mqw_publish p = {
        .topic = a_topic(how >> 4), .qos = (uint8_t)(how % 4), .retain = how & 4, .dup = how & 8};
    p.dup = p.dup && p.qos;
    p.payload = fuzz_bytes(&w.in, more & 1 ? 200 : more % 16);
    if (more & 2)
        mqw_set(&p.props, message_expiry, more >> 4);
    if (more & 4)
        mqw_set(&p.props, content_type, a_topic(more));
    if (more & 8)
        mqw_set(&p.props, topic_alias, (uint16_t)(more >> 4));
    return p;
}

/* What cannot be encoded is not sent: raw bytes are there for that. */
static void say_packet(line *at, const mqw_packet *packet)
{
    uint8_t room[1024];
    mqw_codec codec = {.version = at->version, .sender = MQW_CLIENT};
    int len = mqw_encode(&codec, packet, room, sizeof room, NULL);
    if (len > 0)
        say(at, (mqw_bytes){room, (size_t)len});
}

static void send_connect(line *at, unsigned how)
{
    static const char *const ids[] = {"a", "b", "c", ""};
    unsigned more = fuzz_byte(&w.in);
    mqw_packet packet = {.type = MQW_CONNECT,
                         .connect = {.version = (uint8_t)(3 + how % 3),
                                     .clean_start = how & 4,
                                     .has_will = how & 8,
                                     .keep_alive = (uint16_t)(how >> 6),
                                     .client_id = a_text(ids, (how >> 4) % 4)}};
    mqw_connect *c = &packet.connect;
    at->version = c->version;
    c->will = (mqw_will){.topic = a_topic(more), .qos = (uint8_t)(more % 3), .retain = more & 8};
    if (c->version == 5) {
        mqw_set(&c->will.props, will_delay, more >> 5);
        if (more & 1)
            mqw_set(&c->props, session_expiry, more & 2 ? UINT32_MAX : more);
        if (more & 4)
            mqw_set(&c->props, receive_maximum, (uint16_t)(1 + more % 3));
        if (more & 16)
            mqw_set(&c->props, topic_alias_maximum, 2);
        if (more & 32)
            mqw_set(&c->props, maximum_packet_size, 20 + more);
    }
    say_packet(at, &packet);
}

static void send_subscribe(line *at, unsigned how)
{
    uint8_t room[256], ids[8];
    mqw_packet packet = {.type = how & 1 ? MQW_UNSUBSCRIBE : MQW_SUBSCRIBE,
                         .subscribe = {.packet_id = ++at->last_id}};
    unsigned count = 1 + (how >> 1) % 3, more[3];
    mqw_filter items[3];
    mqw_text names[3];
    uint32_t id = how >> 3;
    for (unsigned i = 0; i < count; i++) {
        more[i] = fuzz_byte(&w.in);
        names[i] = a_filter(more[i]);
        items[i] = (mqw_filter){.filter = names[i],
                                .qos = (uint8_t)(more[i] >> 4) % 3,
                                .no_local = at->version == 5 && more[i] & 32,
                                .retain_as_published = at->version == 5 && more[i] & 64,
                                .retain_handling = at->version == 5 ? (uint8_t)(more[i] >> 6) % 3 : 0};
    }
    packet.subscribe.filters = how & 1 ? mqw_list_topics(room, sizeof room, names, count)
                                       : mqw_list_filters(room, sizeof room, items, count);
    if (id && at->version == 5 && !(how & 1))
        mqw_set(&packet.subscribe.props, subscription_ids, mqw_list_ids(ids, sizeof ids, &id, 1));
    say_packet(at, &packet);
}

static void send_publish(line *at, unsigned how)
{
    mqw_packet packet = {.type = MQW_PUBLISH, .publish = a_message(how)};
    mqw_publish *p = &packet.publish;
    if (p->qos)
        p->packet_id = (uint16_t)(p->dup ? at->last_id : ++at->last_id);
    if (at->version < 5)
        p->props.has = 0;
    say_packet(at, &packet);
}

static void send_ack(line *at, unsigned how)
{
    mqw_packet packet = {.type = (mqw_packet_type)(MQW_PUBACK + how % 4),
                         .puback = {.packet_id = (uint16_t)(1 + (how >> 2) % 16)}};
    if (how >> 6 == 3 && at->version == 5)
        packet.puback.reason = packet.type == MQW_PUBREL || packet.type == MQW_PUBCOMP ? 0x92 : 0x80;
    say_packet(at, &packet);
}

static void send_end(line *at, unsigned how)
{
    mqw_packet packet = {.type = how & 1 ? MQW_DISCONNECT : MQW_PINGREQ};
    if (at->version == 5 && how & 1)
        packet.disconnect.reason = how & 2 ? 4 : 0;
    if (at->version == 5 && (how & 5) == 5)
        mqw_set(&packet.disconnect.props, session_expiry, how >> 3);
    say_packet(at, &packet);
}

static void send_raw(line *at, unsigned how)
{
    say(at, fuzz_bytes(&w.in, how));
}

static void cut(line *at, unsigned how)
{
    if (at->closing)
        return;
    if (how & 1)
        mqw_conn_fail(at->conn, MQW_E_STREAM, (mqw_rule)0);
    else
        mqw_conn_end(at->conn);
    mqw_conn_dispatch(at->conn, &(mqw_bytes){NULL, 0}, NULL, NULL);
    at->dead = true;
}

static void turn_away(line *at, unsigned how)
{
    at->deaf = how & 1;
}

/* --- the program --- */

static void speak(unsigned how)
{
    mqw_publish message = a_message(how & ~8u);
    int result = mqw_broker_publish(w.broker, &message);
    REQUIRE(result <= 0 && result != MQW_E_CLOSED);
}

static void kick(unsigned how)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    mqw_broker_kick(w.broker, a_text(ids, how % 4), 0x98, how & 4);
}

static void hearken(unsigned how)
{
    mqw_filter item = {.filter = a_filter(how), .qos = 2, .retain_handling = (uint8_t)(how >> 6) % 3};
    mqw_local *local = NULL;
    if (mqw_broker_subscribe(w.broker, &item, on_message, NULL, &local) == 0 &&
        (how & 32 || how % 17 == 13 || how % 17 == 6))
        mqw_broker_unsubscribe(local);
}

static void answer(unsigned how)
{
    if (w.ticket_count == 0)
        return;
    unsigned at = how % w.ticket_count;
    mqw_publish *publish = mqw_ticket_publish(w.tickets[at]);
    mqw_ticket *ticket = w.tickets[at];
    if (publish != NULL && how & 16)
        publish->topic = a_topic(how);
    w.tickets[at] = w.tickets[--w.ticket_count];
    mqw_peer_decide(ticket, how & 32 ? 0x87 : 0, NULL);
}

static void wait(unsigned how)
{
    uint64_t much = (uint64_t)how * how * how;
    w.now += much;
    w.wall += much;
}

/* --- turns --- */

static void turn(void)
{
    for (unsigned i = 0; i < LINES; i++)
        if (w.lines[i].conn != NULL)
            run_line(&w.lines[i]);
    if (w.store != NULL)
        uv_run(&w.loop, UV_RUN_NOWAIT);
    unsigned turns = 0;
    while (!w.gone && w.wake <= w.now) {
        w.wake = UINT64_MAX;
        mqw__broker_turn(w.broker);
        REQUIRE(turns++ < TURNS);
    }
}

/* Lines hold what they have not understood yet and what was not read; blocks of output are 4 KiB. */
static void check(void)
{
    mqw_broker_status status = {.size = sizeof status};
    if (w.gone)
        return;
    mqw_broker_status_of(w.broker, &status);
    REQUIRE(status.memory <= MAX_MEMORY + LINES * (MAX_OUTPUT + MAX_PACKET));
    REQUIRE(status.clients_connected <= LINES && status.connections <= LINES);
    REQUIRE(w.held <= 16 * MAX_MEMORY + LINES * (MAX_PACKET + 4 * MAX_OUTPUT) + 64 * 4096);
}

static void step(void)
{
    static void (*const acts[])(line * at, unsigned how) = {
        send_connect, send_subscribe, send_publish, send_publish, send_ack, send_ack,
        send_end,     send_raw,       send_raw,     cut,          turn_away};
    static void (*const programs[])(unsigned how) = {speak, kick, hearken, answer, wait};
    unsigned what = fuzz_byte(&w.in), how = fuzz_byte(&w.in);
    line *at = &w.lines[what % LINES];
    unsigned which = what / LINES % 16;
    if (which < sizeof acts / sizeof *acts) {
        if (at->conn == NULL)
            open_line(at);
        if (at->conn != NULL)
            acts[which](at, how);
    } else {
        programs[which - sizeof acts / sizeof *acts](how);
    }
    if (what < 220) /* else more comes in the same turn */
        turn();
    check();
}

/* --- one life --- */

static bool begin(unsigned manner)
{
    mqw_broker_options options = {.size = sizeof options,
                                  .limits = {.max_packet_size = MAX_PACKET,
                                             .max_queued = 8,
                                             .max_queued_bytes = 4096,
                                             .max_output = MAX_OUTPUT,
                                             .max_subscriptions = 6,
                                             .receive_maximum = 4,
                                             .max_inflight = 3,
                                             .when_full = (uint8_t)(manner % 3),
                                             .max_publish_rate = manner & 4 ? 10 : 0,
                                             .max_byte_rate = manner & 8 ? 1000 : 0,
                                             .max_filter_levels = 8,
                                             .max_keep_alive = manner & 16 ? 5 : 0},
                                  .hooks = {.on_connect = on_connect,
                                            .on_publish = on_publish,
                                            .on_subscribe = on_subscribe,
                                            .on_connected = on_connected,
                                            .on_disconnected = on_disconnected,
                                            .on_dropped = on_dropped},
                                  .store = w.store,
                                  .max_connections = LINES,
                                  .max_sessions = 3,
                                  .max_retained = 4,
                                  .max_memory = MAX_MEMORY,
                                  .status_interval = manner & 32 ? 1 : -1};
    const mqw_allocator allocator = {resize, NULL};
    options.allocator = &allocator;
    w.closed = w.gone = false;
    w.wake = UINT64_MAX;
    w.asks = manner & 64;
    int result = mqw__broker_new(&w.broker, &surroundings, &options);
    REQUIRE(result == 0 || (result == MQW_E_MALFORMED && w.store != NULL));
    return result == 0;
}

static void on_closed(mqw_broker *broker, void *ctx)
{
    (void)ctx;
    REQUIRE(broker == w.broker && !w.closed && !w.gone);
    w.closed = true;
}

/* Whatever has happened, a broker that is closed is gone after a while, and has freed all. */
static void end(void)
{
    w.asks = false;
    mqw_broker_close(w.broker, on_closed, NULL);
    for (unsigned i = 0; i < 100 && !(w.gone && w.held == 0); i++) {
        wait(i < 50 ? 1 : 20);
        turn();
        if (i == 20)
            while (w.ticket_count > 0)
                answer(0);
    }
    REQUIRE(w.gone && w.closed && w.ticket_count == 0 && w.held == 0);
}

/* A file that somebody has written to. */
static void spoil_store(void)
{
    uint8_t key[64] = "b";
    for (unsigned count = fuzz_byte(&w.in) % 8; count > 0; count--) {
        mqw_bytes rest = fuzz_bytes(&w.in, fuzz_byte(&w.in) % 32),
                  value = fuzz_bytes(&w.in, fuzz_byte(&w.in));
        memcpy(key + 1, rest.data, rest.len);
        REQUIRE(mqw_store_put(w.store, (mqw_bytes){key, 1 + rest.len}, value) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > LONGEST)
        return 0;
    memset(&w, 0, sizeof w);
    w.in = (fuzz_input){data, size};
    w.now = 1000;
    w.wall = UINT64_C(1700000000000);
    unsigned manner = fuzz_byte(&w.in), lives = 1;
    if (manner & 128) {
        REQUIRE(uv_loop_init(&w.loop) == 0 && mqw_store_memory(&w.store, &w.loop) == 0);
        lives = 3;
        if (manner & 1)
            spoil_store();
    }
    while (lives-- > 0 && begin(manner)) {
        for (unsigned steps = lives > 0 ? 64 : LONGEST; steps > 0 && w.in.left > 0; steps--)
            step();
        end();
    }
    if (w.store != NULL) {
        mqw_store_close(w.store, NULL, NULL);
        uv_run(&w.loop, UV_RUN_DEFAULT);
        REQUIRE(uv_loop_close(&w.loop) == 0);
    }
    return 0;
}

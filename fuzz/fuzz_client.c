// SPDX-License-Identifier: MIT
// A client in a world that is made of the input: its server answers, says what it likes, lies and vanishes,
// time jumps, the program asks for anything at any moment, also inside callbacks. The input: three bytes of
// manners (see begin), then steps (see step).
#include "client/environment.h"
#include "client_server.h"

/* --- the program --- */

static void ask(unsigned what);

/* Everything is legal in every callback. */
static void inside(void)
{
    REQUIRE(!w.closed && !w.asking);
    if (w.depth > 0 || fuzz_byte(&w.in) % 4 != 0)
        return;
    w.depth++;
    ask(fuzz_byte(&w.in));
    w.depth--;
}

static void on_done(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    unsigned *once = ctx;
    REQUIRE(client == w.client && *once == 1 && result < 256);
    REQUIRE(answer == NULL || (answer->type >= MQW_PUBACK && answer->type <= MQW_AUTH));
    free(once);
    w.told++;
    inside();
}

static void on_response(mqw_client *client, int result, const mqw_publish *response, void *ctx)
{
    REQUIRE((result == 0) == (response != NULL));
    on_done(client, result < 256 ? result : 0, NULL, ctx);
}

static void on_connect(mqw_client *client, mqw_connect *connect, void *ctx)
{
    (void)client, (void)ctx;
    connect->has_username = connect->version == 5;
    connect->username = (mqw_text)MQW_TEXT("me");
    inside();
}

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)client, (void)ctx;
    REQUIRE(connack->reason == 0);
    inside();
}

static void keep_token(mqw_token token)
{
    if (token != 0 && w.held < TOKENS)
        w.tokens[w.held++] = token;
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    (void)client, (void)ctx;
    REQUIRE(publish->topic.len > 0 && (token == 0 || publish->qos > 0));
    keep_token(token);
    if (fuzz_byte(&w.in) % 8 == 0)
        mqw_client_respond(client, publish, &(mqw_publish){.payload = {(const uint8_t *)"yes", 3}}, NULL,
                           NULL);
    inside();
}

/* A method of authentication that is content with anything, or with nothing. */
static int auth_step(void *self, mqw_bytes in, mqw_bytes *out)
{
    unsigned what = fuzz_byte(&w.in);
    (void)self, (void)in;
    *out = (mqw_bytes){(const uint8_t *)"data", what % 5};
    return what == 255 ? -1 : (int)(what & 1);
}

static void on_piece(mqw_client *client, const mqw_publish *publish, const mqw_piece *piece, mqw_token token,
                     void *ctx)
{
    (void)client, (void)ctx;
    REQUIRE(publish->topic.len > 0);
    if (piece != NULL && piece->left == 0)
        keep_token(token);
    inside();
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)ctx;
    REQUIRE(failure->words != NULL && failure->words[0] != '\0' && failure->address != NULL);
    REQUIRE(failure->result < 0 || failure->packet != NULL);
    w.held = 0;
    inside();
}

static void on_drain(mqw_client *client, void *ctx)
{
    (void)client, (void)ctx;
    inside();
}

static void on_close(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)failure, (void)ctx;
    REQUIRE(!w.closed && w.accepted == w.told);
    REQUIRE(mqw_client_publish(client, &(mqw_publish){.topic = MQW_TEXT("a")}, NULL, NULL) < 0);
    w.closed = true;
}

static void on_posted(mqw_client *client, void *ctx)
{
    REQUIRE(ctx == &w && client == w.client);
    inside();
}

static int read_source(void *self, uint32_t offset, uint8_t *room, size_t cap)
{
    (void)self;
    REQUIRE(cap > 0);
    if (fuzz_byte(&w.in) == 255)
        return -1;
    size_t len = cap < 1 + offset % 97 ? cap : 1 + offset % 97;
    memset(room, 's', len);
    return (int)len;
}

static void release_source(void *self)
{
    free(self);
}

/* What a call came to: accepted requests are told once, later. */
static void count(int result, unsigned *once)
{
    REQUIRE(result <= 0);
    if (result == 0)
        w.accepted++;
    else
        free(once);
}

static unsigned *one(void)
{
    unsigned *once = fuzz_block(sizeof *once);
    *once = 1;
    return once;
}

static void ask_publish(unsigned how)
{
    mqw_publish message = a_message(how);
    unsigned *once = one();
    count(mqw_client_publish(w.client, &message, on_done, once), once);
}

static void ask_from(unsigned how)
{
    mqw_publish message = a_message(how & 0x7F);
    mqw_source source = {.payload_size = how * how, .read = read_source, .release = release_source};
    unsigned *once = one();
    source.self = malloc(1);
    message.payload.len = 0;
    count(mqw_client_publish_from(w.client, &message, &source, on_done, once), once);
}

static void ask_subscribe(unsigned how)
{
    mqw_filter filters[2] = {{.filter = a_topic(how), .qos = (uint8_t)(how >> 3) % 3},
                             {.filter = a_topic(how >> 5), .no_local = how & 4}};
    unsigned *once = one();
    count(mqw_client_subscribe(w.client, filters, 1 + how % 2, NULL, on_done, once), once);
}

static void ask_unsubscribe(unsigned how)
{
    mqw_text filters[2] = {a_topic(how), a_topic(how >> 3)};
    unsigned *once = one();
    count(mqw_client_unsubscribe(w.client, filters, 1 + how % 2, NULL, on_done, once), once);
}

static void ask_ack(unsigned how)
{
    if (w.held == 0)
        return;
    unsigned at = how % w.held;
    REQUIRE(mqw_client_ack(w.client, w.tokens[at], how & 0x80 ? 0x87 : 0) <= 0);
    w.tokens[at] = w.tokens[--w.held];
}

static void ask_request(unsigned how)
{
    mqw_publish message = a_message(how & 0x3F);
    unsigned *once = one();
    count(mqw_client_request(w.client, &message, how * 10, on_response, once), once);
}

static void ask_knob(unsigned how)
{
    switch (how % 6) {
    case 0: mqw_client_pause(w.client); break;
    case 1: mqw_client_resume(w.client); break;
    case 2: mqw_client_reconnect(w.client); break;
    case 3: mqw_client_route(w.client, "a/#", how & 8 ? on_message : NULL, NULL); break;
    case 4: mqw_client_post(w.client, on_posted, &w); break;
    default: {
        unsigned *once = one();
        count(mqw_client_reauthenticate(w.client, on_done, once), once);
        break;
    }
    }
}

static void ask_close(unsigned how)
{
    mqw_client_goodbye goodbye = {.with_will = how & 8, .now = how & 16, .timeout = how};
    if (how % 4 == 0) // most runs shall go on
        mqw_client_close(w.client, how & 4 ? &goodbye : NULL);
}

static void ask(unsigned what)
{
    static void (*const asks[])(unsigned how) = {ask_publish, ask_from,    ask_subscribe, ask_unsubscribe,
                                                 ask_ack,     ask_request, ask_knob,      ask_close};
    unsigned how = fuzz_byte(&w.in);
    if (w.client == NULL || w.closed)
        return;
    bool before = w.asking;
    w.asking = true;
    asks[what % 8](how);
    w.asking = before;
}

/* --- time --- */

static void bury(unsigned at)
{
    wire *old = w.wires[at];
    void *ctx;
    const mqw_handlers *handlers = mqw_conn_handlers(old->client, &ctx);
    mqw_conn_set_link(old->client, old, NULL);
    w.wires[at] = NULL;
    if (handlers->close != NULL)
        handlers->close(old->client, ctx);
    mqw_conn_set_link(old->client, NULL, NULL);
    mqw_conn_free(old->client);
    mqw_conn_free(old->server);
    free(old);
}

/* What lies on the wire arrives, at most so many bytes. */
static void deliver(wire *to, size_t most)
{
    size_t len = to->len < most ? to->len : most;
    uint8_t *piece = fuzz_copy((mqw_bytes){to->to_client, len}), *room;
    mqw_bytes in = {piece, len};
    int space = mqw_conn_paused(to->client) ? 0 : mqw_conn_room(to->client, &room);
    if (space > 0) {
        in.len = len < (size_t)space ? len : (size_t)space;
        memcpy(room, piece, in.len);
        mqw_conn_filled(to->client, in.len);
        len = in.len;
        in = (mqw_bytes){NULL, 0};
    }
    mqw_conn_dispatch(to->client, &in, NULL, NULL);
    len -= in.len;
    free(piece);
    memmove(to->to_client, to->to_client + len, to->len - len);
    to->len -= len;
}

static void run_wire(unsigned at, size_t most)
{
    wire *it = w.wires[at];
    void *ctx;
    const mqw_handlers *handlers = mqw_conn_handlers(it->client, &ctx);
    mqw_conn_clock(it->client, w.now);
    if (it->dead) {
        bury(at);
        return;
    }
    if (!it->announced && !it->closing) {
        it->announced = true;
        if (handlers->connected != NULL)
            handlers->connected(it->client, ctx);
    }
    if (!it->closing) {
        mqw_conn_tick(it->client, w.now);
        deliver(it, most);
        if (it->ended && it->len == 0)
            mqw_conn_end(it->client);
        mqw_conn_dispatch(it->client, &(mqw_bytes){NULL, 0}, NULL, NULL);
    }
    read_client(it);
    mqw_state state = mqw_conn_state(it->client);
    it->dead |=
        mqw_conn_freed(it->client) || it->closing || state == MQW_STATE_ENDED || state == MQW_STATE_REFUSED;
}

static void run_posts(void)
{
    unsigned count = w.posted;
    for (unsigned i = 0; i < count; i++)
        w.posts[i].run(w.client, w.posts[i].ctx);
    w.posted -= count;
    memmove(w.posts, w.posts + count, w.posted * sizeof *w.posts);
}

/* A turn of the loop. */
static void turn(size_t most)
{
    for (unsigned i = 0; i < WIRES; i++)
        if (w.wires[i] != NULL)
            run_wire(i, most);
    if (w.store != NULL)
        uv_run(&w.loop, UV_RUN_NOWAIT);
    if (!w.gone && w.wake <= w.now) {
        w.wake = UINT64_MAX;
        run_posts();
        mqw__client_turn(w.client);
    }
}

static void check(void)
{
    mqw_client_facts facts = {.size = sizeof facts};
    if (w.client == NULL || w.closed)
        return;
    REQUIRE(mqw_client_facts_of(w.client, &facts) == 0);
    REQUIRE(facts.queued <= MAX_QUEUED && facts.version >= 3 && facts.version <= 5);
    REQUIRE(w.told <= w.accepted);
}

static void pass(uint64_t much)
{
    w.now += much;
    w.wall += much;
}

/* --- one life --- */

static void begin(unsigned manner, unsigned more)
{
    static const char *const addresses[] = {"a:1", "a:1 b:2", "me:secret@a:1", "mqtt://a:1,mqtt://b:2"};
    mqw_conn_options conn = {.size = sizeof conn, .max_packet_size = 4096, .stream_over = more & 1 ? 64 : 0};
    mqw_open_options open = {.size = sizeof open, .conn = &conn};
    mqw_connect connect = {.version = (uint8_t[]){0, 5, 4, 3}[manner % 4],
                           .clean_start = manner & 4,
                           .client_id = MQW_TEXT("me"),
                           .keep_alive = (uint16_t)(more >> 4),
                           .has_will = manner & 8,
                           .will = {.topic = MQW_TEXT("will")}};
    static mqw_auth auth = {.size = sizeof auth, .method = "M", .step = auth_step};
    mqw_client_options options = {.size = sizeof options,
                                  .address = addresses[(more >> 1) % 4],
                                  .connect = &connect,
                                  .open = &open,
                                  .store = w.store,
                                  .auth = more == 255 ? &auth : NULL,
                                  .max_attempts = manner & 16 ? 3 : 0,
                                  .once = manner & 32,
                                  .follow_reference = true,
                                  .stubborn = manner & 64,
                                  .manual_ack = manner & 128,
                                  .when_full = (uint8_t)((more >> 3) % 3),
                                  .max_queued = MAX_QUEUED,
                                  .max_queued_bytes = 4096,
                                  .handlers = {.size = sizeof options.handlers,
                                               .on_connect = on_connect,
                                               .on_open = on_open,
                                               .on_message = on_message,
                                               .on_piece = on_piece,
                                               .on_lost = on_lost,
                                               .on_drain = on_drain,
                                               .on_close = on_close}};
    w.sealed = w.closed = w.gone = w.asking = false;
    w.wake = UINT64_MAX;
    w.posted = w.held = w.accepted = w.told = w.depth = 0;
    if (mqw__client_new(&w.client, &environment, &options) != 0)
        w.closed = w.gone = true, w.client = NULL;
}

static void step(void)
{
    static void (*const serves[])(wire * to, unsigned how) = {serve_answer, serve_answer, serve_publish,
                                                              serve_end,    serve_lie,    serve_twist,
                                                              serve_auth,   serve_publish};
    unsigned what = fuzz_byte(&w.in);
    wire *to = newest();
    if (what & 1) {
        unsigned how = fuzz_byte(&w.in);
        if (to != NULL)
            serves[(what >> 1) % 8](to, how);
        if (to != NULL)
            flush_server(to);
    } else if (what & 2) {
        ask(what >> 2);
    } else if (what & 4) {
        uint64_t much = (uint64_t)(what >> 3) * (what >> 3) * (what >> 3);
        pass(much);
        w.refuse_open = what >> 3 == 31;
    }
    for (unsigned i = 0; i < 3; i++)
        turn(what & 8 ? ROOM : 1 + what % 5);
    check();
}

/* Whatever has happened, a client that is closed is gone after a while, and has told of all. */
static void end(void)
{
    if (!w.closed)
        mqw_client_close(w.client, NULL);
    for (unsigned i = 0; i < 200 && !w.gone; i++) {
        pass(i < 100 ? 1 : 1000);
        turn(ROOM);
    }
    REQUIRE(w.gone && w.closed && w.accepted == w.told);
    for (unsigned i = 0; i < WIRES; i++)
        if (w.wires[i] != NULL)
            w.wires[i]->dead = true;
    turn(ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > LONGEST)
        return 0;
    memset(&w, 0, sizeof w);
    w.in = (fuzz_input){data, size};
    w.wall = UINT64_C(1700000000000);
    unsigned manner = fuzz_byte(&w.in), lives = 1 + manner % 2;
    w.honest = manner & 2;
    if (manner & 4) {
        REQUIRE(uv_loop_init(&w.loop) == 0 && mqw_store_memory(&w.store, &w.loop) == 0);
        lives++;
    }
    while (lives-- > 0) {
        unsigned how = fuzz_byte(&w.in), more = fuzz_byte(&w.in), steps = lives > 0 ? 64 : LONGEST;
        begin(how, more);
        while (steps-- > 0 && w.in.left > 0 && !w.gone)
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

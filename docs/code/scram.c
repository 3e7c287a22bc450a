// SPDX-License-Identifier: MIT
// SCRAM-SHA-256: a client that proves that it knows a password without saying it, and a server that keeps
// none.
#include <mqwire/client.h>

#include "host.h"

// --- client ---

typedef struct program {
    mqw_auth auth;
    int result; // why it was not let in
    bool open;
} program;

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    (void)connack;
    ((program *)ctx)->open = true;
    mqw_client_close(client, NULL);
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    ((program *)ctx)->result = failure->result < 0 ? failure->result : failure->reason;
}

// The object must live as long as the client: free it with mqw_auth_free in on_close, or later.
static int open_with_password(mqw_client **out, uv_loop_t *loop, const char *address, mqw_text user,
                              mqw_text password, program *self)
{
    mqw_client_options options = {.address = address, .auth = &self->auth, .ctx = self};
    options.handlers = (mqw_client_handlers){.on_open = on_open, .on_lost = on_lost};
    int result = mqw_scram_client(&self->auth, user, password);
    return result < 0 ? result : mqw_client_open(out, loop, &options);
}

// --- server ---

typedef struct guard {
    mqw_server *server;
    mqw_auth auth; // one for each connection; here one at a time
    mqw_scram_secret secret;
} guard;

static int find(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    if (user.len != 3 || memcmp(user.data, "ann", 3) != 0)
        return -1;
    *out = ((guard *)ctx)->secret;
    return 0;
}

static void set_auth(mqw_props *props, mqw_bytes data)
{
    mqw_set(props, auth_method, MQW_TEXT("SCRAM-SHA-256"));
    mqw_set(props, auth_data, data);
}

// Takes what a CONNECT or AUTH says, and answers with AUTH, or with the CONNACK that ends it.
static void step(guard *self, mqw_conn *conn, const mqw_props *said)
{
    mqw_connack connack = {.reason = MQW_REASON_SUCCESS};
    mqw_disconnect auth = {.reason = MQW_REASON_CONTINUE_AUTHENTICATION};
    mqw_bytes answer = {NULL, 0};
    int result = self->auth.step(self->auth.self, mqw_value(said, auth_data), &answer);
    if (result == 1) {
        set_auth(&auth.props, answer);
        mqw_conn_auth(conn, &auth);
        return;
    }
    if (result < 0)
        connack.reason = MQW_REASON_NOT_AUTHORIZED;
    else
        mqw_set(&connack.props, assigned_client_id, mqw_scram_user(&self->auth));
    set_auth(&connack.props, answer); // the server's own proof, which the client checks
    mqw_conn_connack(conn, &connack);
}

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    guard *self = ctx;
    const mqw_bytes key = {(const uint8_t *)"made once at random, kept secret", 32};
    if (packet->type == MQW_AUTH)
        step(self, conn, &packet->auth.props);
    if (packet->type != MQW_CONNECT)
        return;
    mqw_auth_free(&self->auth);
    if (mqw_scram_server(&self->auth, find, self, key) < 0)
        mqw_conn_connack(conn, &(mqw_connack){.reason = MQW_REASON_SERVER_UNAVAILABLE});
    else
        step(self, conn, &packet->connect.props);
}

static void on_last_gone(mqw_conn *conn, void *ctx)
{
    (void)conn;
    mqw_server_close(((guard *)ctx)->server, false, NULL, NULL);
}

static void run(guard *self, mqw_text password, program *guest)
{
    uv_loop_t loop;
    char address[160];
    mqw_client *client;
    const mqw_handlers handlers = {.packet = on_packet, .close = on_last_gone};
    const mqw_conn_options conn = {.handlers = &handlers, .handlers_ctx = self};
    const mqw_open_options options = {.conn = &conn};
    self->server = NULL;
    CHECK(uv_loop_init(&loop) == 0);
    CHECK(mqw_server_listen(&self->server, &loop, "127.0.0.1:0", &options, NULL, NULL) == 0);
    CHECK(mqw_server_address(self->server, 0, address, sizeof address) == 0);
    CHECK(open_with_password(&client, &loop, address, MQW_TEXT("ann"), password, guest) == 0);
    run_to_the_end(&loop);
    mqw_auth_free(&guest->auth);
    mqw_auth_free(&self->auth);
}

int main(void)
{
    guard self = {.server = NULL};
    program good = {.open = false}, bad = {.open = false};
    CHECK(mqw_scram_secret_make(&self.secret, MQW_TEXT("mountain"), 0) == 0);
    run(&self, MQW_TEXT("mountain"), &good);
    CHECK(good.open);
    run(&self, MQW_TEXT("valley"), &bad);
    CHECK(!bad.open && bad.result == MQW_REASON_NOT_AUTHORIZED);
    return 0;
}

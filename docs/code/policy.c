// SPDX-License-Identifier: MIT
// Tolerance: devices that break rules, and what a server lets pass.
#include <string.h>

#include "ends.h"

static void on_violation(mqw_conn *conn, const mqw_packet *packet, const mqw_error *error, void *ctx)
{
    (void)conn;
    printf("%s: %s [%s]\n", mqw_packet_name((int)packet->type), mqw_error_text(error),
           mqw_error_clause(error));
    ++*(int *)ctx;
}

// A server for devices that send DUP with QoS 0 and forget the flags of SUBSCRIBE; it wants to hear of the
// first, and insists on a rule that the standard only recommends.
static mqw_conn *make_server(const mqw_handlers *handlers, int *violations)
{
    mqw_conn_options options = {.handlers = handlers, .handlers_ctx = violations};
    mqw_rule_add(&options.policy.report, MQW_RULE_DUP_QOS_0);
    mqw_rule_add(&options.policy.ignore, MQW_RULE_FLAGS_SUBSCRIBE);
    mqw_rule_add(&options.policy.refuse, MQW_RULE_UTF8_CONTROL);
    return mqw_conn_new(MQW_SERVER, &options);
}

int main(void)
{
    int violations = 0;
    const mqw_handlers handlers = {.connect = welcome, .violation = on_violation};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, NULL);
    mqw_conn *server = make_server(&handlers, &violations);
    mqw_error error;
    CHECK(client && server);
    shake_hands(client, server, MQW_3_1_1);
    CHECK(mqw_conn_send_raw(client, (mqw_bytes){(const uint8_t *)"\x38\x03\x00\x01t", 5}) == 0);
    CHECK(mqw_conn_send_raw(client, (mqw_bytes){(const uint8_t *)"\x80\x06\x00\x07\x00\x01t\x00", 8}) == 0);
    CHECK(carry(client, server) == 0 && violations == 1);
    CHECK(mqw_conn_send_raw(client, (mqw_bytes){(const uint8_t *)"\x30\x03\x00\x01\x07", 5}) == 0);
    CHECK(carry(client, server) < 0 && mqw_conn_error(server, &error));
    CHECK(strcmp(mqw_rule_name(error.rule), "UTF8_CONTROL") == 0);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}

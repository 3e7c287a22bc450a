// SPDX-License-Identifier: MIT
// Misuse, refusals and the peer's fault: who did it, and what to do.
#include <string.h>

#include "ends.h"

// What becomes of a packet whose send gave `result`.
static const char *outcome(int result)
{
    switch (result) {
    case 0: return "queued";
    case 1: return "queued without reason string and user properties";
    case MQW_E_BUSY: return "again after drain";
    case MQW_E_QUOTA: return "again after an acknowledgement";
    case MQW_E_TOO_LARGE:
    case MQW_E_REFUSED: return "not to this peer";
    case MQW_E_CLOSED: return "the connection is over";
    case MQW_E_NO_MEMORY: return "out of memory";
    default: return "a bug in this program"; // MQW_E_MISUSE
    }
}

// Says why the last call was refused.
static void explain(const mqw_conn *conn, char *text, size_t cap)
{
    mqw_error why;
    if (mqw_conn_refusal(conn, &why))
        mqw_error_print(text, cap, &why);
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    int *faults = ctx;
    (void)conn;
    if (error->code == MQW_E_MISUSE) {
        fprintf(stderr, "bug: %s (%s)\n", mqw_error_text(error), error->field ? error->field : "");
        return; // the connection goes on
    }
    printf("%s at byte %llu [%s]\n", mqw_error_text(error), (unsigned long long)error->offset,
           mqw_error_clause(error));
    ++*faults; // it is over; a piped connection closes now
}

int main(void)
{
    int faults = 0;
    char text[256] = "";
    const mqw_handlers handlers = {.connect = welcome, .error = on_error};
    mqw_conn_options options = {.handlers = &handlers, .handlers_ctx = &faults};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, &options);
    mqw_conn *server = mqw_conn_new(MQW_SERVER, &options);
    mqw_publish publish = {.topic = MQW_TEXT("t"), .qos = 1};
    CHECK(client && server);
    shake_hands(client, server, MQW_5_0);
    CHECK(strcmp(outcome(mqw_conn_publish(client, &publish)), "a bug in this program") == 0);
    explain(client, text, sizeof text);
    CHECK(strstr(text, "MQTT-2.2.1-3"));
    publish.packet_id = 1;
    publish.topic = MQW_TEXT("t/#");
    CHECK(strcmp(outcome(mqw_conn_publish(client, &publish)), "not to this peer") == 0);
    CHECK(mqw_conn_send_raw(client, (mqw_bytes){(const uint8_t *)"\x36\x00", 2}) == 0); // QoS 3
    CHECK(carry(client, server) == MQW_E_MALFORMED && faults == 1);
    CHECK(strcmp(outcome(mqw_conn_pingresp(server)), "the connection is over") == 0);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}

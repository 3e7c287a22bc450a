// SPDX-License-Identifier: MIT
// Looking on: a tap on a connection of ours, and a sniffer between others.
#include <string.h>

#include "ends.h"

// Writes a transcript of everything both ways.
static void tap(mqw_conn *conn, bool sent, const mqw_packet *packet, mqw_bytes raw, void *ctx)
{
    bool by_client = sent == (mqw_conn_role(conn) == MQW_CLIENT);
    char line[256];
    FILE *log = ctx;
    if (!packet)
        return; // more bytes of a payload, or raw ones
    mqw_print(line, sizeof line, packet, MQW_FULL);
    fprintf(log, "%s %s # %zu bytes\n", by_client ? "C>" : "S>", line, raw.len);
}

// One for each direction of what is overheard. Only the client's says which version is spoken.
typedef struct sniffer {
    mqw_conn *client;
    mqw_conn *server;
} sniffer;

static int overhear(const sniffer *self, bool by_client, mqw_bytes in)
{
    mqw_conn *conn = by_client ? self->client : self->server;
    mqw_packet packet;
    char line[256];
    int result;
    while ((result = mqw_conn_recv(conn, &in, &packet)) > 0) {
        if (packet.type == MQW_CONNECT && !packet.connect.unsupported)
            mqw_conn_set_version(self->server, packet.connect.version);
        mqw_print(line, sizeof line, &packet, MQW_SHORT);
        printf("%s %s\n", by_client ? "C>" : "S>", line);
    }
    return result;
}

int main(void)
{
    static const uint8_t asks[] = {0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, 0, 0, 2, 'm', 'e'};
    static const uint8_t answers[] = {0x20, 3, 0, 0, 0};
    char transcript[512] = "";
    FILE *log = fmemopen(transcript, sizeof transcript, "w");
    const mqw_handlers handlers = {.connect = welcome};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, &(mqw_conn_options){.tap = tap, .tap_ctx = log});
    mqw_conn *server = mqw_conn_new(MQW_SERVER, &(mqw_conn_options){.handlers = &handlers});
    CHECK(log && client && server);
    shake_hands(client, server, MQW_5_0);
    fclose(log);
    CHECK(strncmp(transcript, "C> CONNECT version=5 client_id=\"me\" clean_start # 17 bytes\nS> CONNACK",
                  69) == 0);
    mqw_conn_free(client);
    mqw_conn_free(server);
    const sniffer self = {mqw_conn_new(MQW_ANY, NULL), mqw_conn_new(MQW_ANY, NULL)};
    CHECK(self.client && self.server);
    CHECK(overhear(&self, true, (mqw_bytes){asks, sizeof asks}) == 0);
    CHECK(overhear(&self, false, (mqw_bytes){answers, sizeof answers}) == 0);
    mqw_conn_free(self.client);
    mqw_conn_free(self.server);
    return 0;
}

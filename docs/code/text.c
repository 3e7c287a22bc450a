// SPDX-License-Identifier: MIT
// Packets as text, and payloads as text.
#include <string.h>

#include "ends.h"

// Sends what a line says: PUBLISH topic="a/b" payload="hi" qos=1 packet_id=7
static int send_line(mqw_conn *conn, const char *line)
{
    uint8_t room[512];
    mqw_packet packet;
    mqw_error why;
    mqw_text text = {line, strlen(line)};
    int result = mqw_scan(text, &packet, room, sizeof room, &why);
    if (result == MQW_E_MALFORMED)
        fprintf(stderr, "column %d: expected %s\n", (int)why.offset + 1, why.field);
    return result < 0 ? result : mqw_conn_send(conn, &packet);
}

// Writes a packet on one line, for the eye.
static void show(const mqw_packet *packet)
{
    char line[256]; // what does not fit is cut
    mqw_print(line, sizeof line, packet, MQW_SHORT);
    puts(line);
}

// The payload as text in the encoding of the connection; the payload itself stays as it is.
static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    mqw_text text = mqw_text_of(conn, packet, MQW_PAYLOAD);
    char *kept = ctx;
    show(packet);
    if (text.data && text.len < 64)
        snprintf(kept, 64, "%.*s", (int)text.len, text.data);
}

int main(void)
{
    char kept[64] = "";
    const mqw_handlers handlers = {.connect = welcome, .publish = on_publish};
    mqw_conn *client = mqw_conn_new(MQW_CLIENT, NULL);
    mqw_conn *server = mqw_conn_new(MQW_SERVER, NULL);
    CHECK(client && server);
    mqw_conn_handle_shared(server, &handlers, kept);
    CHECK(mqw_conn_set_encoding(server, MQW_LATIN1) == 0);
    CHECK(send_line(client, "CONNECT client_id=\"me\" clean_start") == 0 && carry(client, server) == 0);
    CHECK(carry(server, client) == 0);
    CHECK(send_line(client, "PUBLISH topic=\"t\" payload=0x6df672 # Latin 1") == 0);
    CHECK(carry(client, server) == 0 && strcmp(kept, "mör") == 0);
    CHECK(send_line(client, "PUBLISH topic=t") == MQW_E_MALFORMED);
    mqw_conn_free(client);
    mqw_conn_free(server);
    return 0;
}

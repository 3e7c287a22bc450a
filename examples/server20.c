// SPDX-License-Identifier: MIT
// A server in twenty lines: lets everybody in and prints what they publish. server20 [ADDRESS]
#include <mqwire/transport.h>
#include <stdio.h>

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *accepted)
{
    char line[256];
    if (packet->type == MQW_CONNECT)
        mqw_conn_connack(conn, accepted);
    if (packet->type == MQW_PUBLISH && mqw_print(line, sizeof(line), packet, MQW_SHORT) > 0)
        puts(line);
}

int main(int count, char **words)
{
    char bound[160];
    mqw_connack accepted = {.reason = MQW_REASON_SUCCESS};
    mqw_handlers handlers = {.packet = on_packet};
    mqw_conn_options each = {.answers = MQW_ANSWER_ACKS | MQW_ANSWER_PINGRESP, .handlers = &handlers};
    each.handlers_ctx = &accepted;
    mqw_open_options options = {.conn = &each};
    const char *address = count > 1 ? words[1] : "localhost";
    mqw_server *server = NULL;
    if (mqw_server_listen(&server, uv_default_loop(), address, &options, NULL, NULL) < 0)
        return 1;
    mqw_server_address(server, 0, bound, sizeof(bound));
    fprintf(stderr, "listening on %s\n", bound);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

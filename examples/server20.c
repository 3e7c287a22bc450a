// SPDX-License-Identifier: MIT
// A server in a few lines: lets everybody in and prints what they publish. server20 [ADDRESS]
#include <mqwire/transport.h>
#include <stdio.h>

static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    char line[256];
    mqw_connack welcome = {.reason = MQW_REASON_SUCCESS};
    (void)ctx;
    if (packet->type == MQW_CONNECT) {
        if (packet->connect.version == MQW_5_0 && packet->connect.client_id.len == 0)
            mqw_set(&welcome.props, assigned_client_id, MQW_TEXT("guest")); // 5.0 wants everybody to have one
        mqw_conn_connack(conn, &welcome);
    }
    if (packet->type == MQW_PUBLISH && mqw_print(line, sizeof(line), packet, MQW_SHORT) > 0)
        puts(line);
}

int main(int count, char **words)
{
    char bound[160];
    mqw_handlers handlers = {.packet = on_packet};
    mqw_conn_options each = {.answers = MQW_ANSWER_ACKS | MQW_ANSWER_PINGRESP, .handlers = &handlers};
    mqw_open_options options = {.conn = &each};
    const char *address = count > 1 ? words[1] : "localhost";
    mqw_server *server = NULL;
    if (mqw_server_listen(&server, uv_default_loop(), address, &options, NULL, NULL) < 0)
        return 1;
    mqw_server_address(server, 0, bound, sizeof(bound));
    fprintf(stderr, "listening on %s\n", bound);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

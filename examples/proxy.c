// SPDX-License-Identifier: MIT
// Two connections joined into a proxy: versions are learned from the CONNECT that passes, topic aliases stay
// as they are, and whoever is too slow makes the other wait. proxy LISTEN-ADDRESS SERVER-ADDRESS
#include <mqwire/transport.h>
#include <stdio.h>

// The context of each end is the other one; NULL once that is gone.
static void on_packet(mqw_conn *conn, const mqw_packet *packet, void *other)
{
    if (other == NULL || mqw_conn_send(other, packet) < 0)
        mqw_conn_close(conn); // rather end than leave something out
    else if (mqw_conn_waiting(other) > 64 * 1024)
        mqw_conn_pause(conn);
}

static void on_drain(mqw_conn *conn, void *other)
{
    (void)conn;
    if (other)
        mqw_conn_resume(other);
}

static void on_close(mqw_conn *conn, void *other);

static const mqw_conn_options raw = {.alias_in = MQW_ALIAS_RAW};
static const mqw_open_options options = {.conn = &raw};
static const mqw_handlers handlers = {.packet = on_packet, .drain = on_drain, .close = on_close};

static void on_close(mqw_conn *conn, void *other)
{
    (void)conn;
    if (other == NULL)
        return;
    mqw_conn_handle_shared(other, &handlers, NULL); // there is nobody left to tell
    mqw_conn_close(other);
}

static void on_connection(mqw_server *server, mqw_conn *conn, void *address)
{
    mqw_conn *other;
    (void)server;
    if (mqw_conn_open(&other, mqw_conn_loop(conn), address, &options, &handlers, conn) < 0)
        mqw_conn_abort(conn);
    else
        mqw_conn_handle_shared(conn, &handlers, other);
}

int main(int count, char **words)
{
    char bound[160];
    uv_loop_t *loop = uv_default_loop();
    mqw_server *server = NULL;
    if (count < 3 || mqw_server_listen(&server, loop, words[1], &options, on_connection, words[2]) < 0)
        return 1;
    mqw_server_address(server, 0, bound, sizeof(bound));
    fprintf(stderr, "listening on %s\n", bound);
    return uv_run(loop, UV_RUN_DEFAULT);
}

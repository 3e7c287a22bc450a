// SPDX-License-Identifier: MIT
// A server without libuv: one client on standard input and output, as inetd or socat (EXEC:) start it.
#include <mqwire/mqwire.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

// 1: go on; 0: the client has ended; negative: it broke a rule.
static int read_input(mqw_conn *conn)
{
    uint8_t bytes[4096];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof(bytes));
    mqw_bytes in = {bytes, count > 0 ? (size_t)count : 0};
    mqw_packet packet;
    int result;
    while ((result = mqw_conn_recv(conn, &in, &packet)) > 0) {
        fprintf(stderr, "%s\n", mqw_packet_name((int)packet.type));
        mqw_connack welcome = {.reason = MQW_REASON_SUCCESS};
        if (packet.type == MQW_CONNECT && packet.connect.version == MQW_5_0 && !packet.connect.client_id.len)
            mqw_set(&welcome.props, assigned_client_id, MQW_TEXT("guest"));
        if (packet.type == MQW_CONNECT)
            mqw_conn_connack(conn, &welcome);
    }
    return result < 0 ? result : count > 0 ? 1 : mqw_conn_end(conn);
}

static void write_output(mqw_conn *conn)
{
    ssize_t count;
    for (mqw_bytes v; mqw_conn_output(conn, &v, 1) > 0 && (count = write(STDOUT_FILENO, v.data, v.len)) > 0;)
        mqw_conn_written(conn, (size_t)count);
}

int main(void)
{
    const uint8_t answers = MQW_ANSWER_PINGRESP | MQW_ANSWER_ACKS;
    mqw_conn *conn = mqw_conn_new(MQW_SERVER, &(mqw_conn_options){.answers = answers});
    int result = conn != NULL;
    while (result > 0) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        mqw_conn_clock(conn, now());
        uint64_t time = now(), due = mqw_conn_deadline(conn);
        poll(&input, 1, due <= time ? 0 : due - time < 60000 ? (int)(due - time) : 60000);
        result = mqw_conn_tick(conn, now()) < 0 ? -1 : 1;
        if (result > 0 && input.revents)
            result = read_input(conn);
        write_output(conn); // also when a rule was broken: a 5.0 client has to hear of it
    }
    mqw_conn_free(conn);
    return result < 0;
}

// SPDX-License-Identifier: MIT
// bench_client's job done with a connection of ours, without the client on top: packet identifiers and the
// window are this program's.
#include "contest.h"
#include "measure.h"
#include "mqwire/transport.h"

enum { PUMP = 128 << 10 /**< It stops publishing when so much waits, until half of it is gone. */ };

typedef struct run {
    contest_job *job;
    uint32_t begun;
    uint32_t over;
    uv_timer_t farewell; /* closes once the last answer is on its way */
} run;

static void on_farewell(uv_timer_t *timer)
{
    mqw_conn_close(timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

static void close_soon(mqw_conn *conn, run *r)
{
    r->farewell.data = conn;
    uv_timer_start(&r->farewell, on_farewell, 0, 0);
}

static void publish_some(mqw_conn *conn, run *r)
{
    static const uint8_t payload[CONTEST_PAYLOAD];
    mqw_publish message = {
        .topic = MQW_TEXT(CONTEST_TOPIC), .payload = {payload, sizeof payload}, .qos = r->job->qos};
    while (r->begun < r->job->messages && mqw_conn_waiting(conn) <= PUMP &&
           (message.qos == 0 || r->begun - r->over < CONTEST_WINDOW)) {
        message.packet_id = message.qos > 0 ? (uint16_t)(r->begun % 65535 + 1) : 0;
        if (mqw_conn_publish(conn, &message) != 0)
            contest_fail("mqw_conn_publish");
        r->begun++;
    }
    if (r->begun == r->job->messages && (message.qos == 0 || r->over == r->begun))
        close_soon(conn, r);
}

static void on_connected(mqw_conn *conn, void *ctx)
{
    run *r = ctx;
    mqw_connect connect = {.version = r->job->version, .clean_start = true, .client_id = MQW_TEXT("bench")};
    if (mqw_conn_connect(conn, &connect) != 0)
        contest_fail("mqw_conn_connect");
}

static void on_connack(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    run *r = ctx;
    uint8_t room[16];
    mqw_filter filter = {.filter = MQW_TEXT("#"), .qos = r->job->qos};
    mqw_subscribe subscribe = {.packet_id = 1, .filters = mqw_list_filters(room, sizeof room, &filter, 1)};
    (void)packet;
    if (!r->job->receive)
        publish_some(conn, r);
    else if (mqw_conn_subscribe(conn, &subscribe) != 0)
        contest_fail("mqw_conn_subscribe");
}

static void on_drain(mqw_conn *conn, void *ctx)
{
    run *r = ctx;
    if (!r->job->receive)
        publish_some(conn, r);
}

/* PUBACK or PUBCOMP: the last word on a message. */
static void on_over(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    run *r = ctx;
    (void)packet;
    r->over++;
    publish_some(conn, r);
}

static void on_publish(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    run *r = ctx;
    if (packet->publish.payload.len != CONTEST_PAYLOAD)
        contest_fail("mqw_conn: a wrong message");
    if (++r->over < r->job->messages || packet->qos == 2)
        return;
    if (packet->qos == 0)
        r->job->end = measure_wall_ns();
    close_soon(conn, r);
}

static void on_pubrel(mqw_conn *conn, const mqw_packet *packet, void *ctx)
{
    run *r = ctx;
    (void)packet;
    if (++r->begun == r->job->messages)
        close_soon(conn, r);
}

static void on_error(mqw_conn *conn, const mqw_error *error, void *ctx)
{
    (void)conn, (void)ctx;
    contest_fail(mqw_error_text(error));
}

void contest_mqw_conn(contest_job *job)
{
    static const mqw_handlers handlers = {.size = sizeof handlers,
                                          .connected = on_connected,
                                          .connack = on_connack,
                                          .publish = on_publish,
                                          .pubrel = on_pubrel,
                                          .puback = on_over,
                                          .pubcomp = on_over,
                                          .drain = on_drain,
                                          .error = on_error};
    static const mqw_conn_options each = {
        .size = sizeof each, .high_water = PUMP, .low_water = PUMP / 2, .answers = MQW_ANSWER_ACKS};
    static const mqw_open_options options = {.size = sizeof options, .conn = &each};
    run r = {.job = job};
    uv_loop_t loop;
    mqw_conn *conn;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &r.farewell);
    if (mqw_conn_open(&conn, &loop, job->address, &options, &handlers, &r) != 0)
        contest_fail("mqw_conn_open");
    uv_run(&loop, UV_RUN_DEFAULT);
    if (r.over != job->messages && (job->receive || job->qos > 0))
        contest_fail("mqw_conn: messages are missing");
}

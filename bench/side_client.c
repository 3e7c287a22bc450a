// SPDX-License-Identifier: MIT
// bench_client's job done with mqw_client: publishes while the queue takes it, goes on when it drains.
#include "contest.h"
#include "measure.h"
#include "mqwire/client.h"

typedef struct run {
    contest_job *job;
    uint32_t begun;
    uint32_t over;
    mqw_client *client;
    uv_timer_t timer; /* looks whether the sink has its last answer */
} run;

static void publish_some(mqw_client *client, run *r);

static void on_over(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    run *r = ctx;
    (void)answer;
    if (result != 0)
        contest_fail("mqw_client: a message was refused");
    if (++r->over == r->job->messages)
        mqw_client_close(client, NULL);
    else if (r->job->qos > 0)
        publish_some(client, r);
}

/* Only the last message of QoS 0 needs to be heard of. */
static mqw_client_done *hears(const run *r)
{
    return r->job->qos > 0 || r->begun + 1 == r->job->messages ? on_over : NULL;
}

static void publish_some(mqw_client *client, run *r)
{
    static const uint8_t payload[CONTEST_PAYLOAD];
    const mqw_publish message = {
        .topic = MQW_TEXT(CONTEST_TOPIC), .payload = {payload, sizeof payload}, .qos = r->job->qos};
    while (r->begun < r->job->messages && (message.qos == 0 || r->begun - r->over < CONTEST_WINDOW)) {
        int result = mqw_client_publish(client, &message, hears(r), r);
        if (result == MQW_E_FULL)
            return;
        if (result != 0)
            contest_fail("mqw_client_publish");
        r->begun++;
        r->over += message.qos == 0 && r->begun < r->job->messages;
    }
}

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    run *r = ctx;
    const mqw_filter all = {.filter = MQW_TEXT("#"), .qos = r->job->qos};
    (void)connack;
    if (!r->job->receive)
        publish_some(client, r);
    else if (mqw_client_subscribe(client, &all, 1, NULL, NULL, NULL) != 0)
        contest_fail("mqw_client_subscribe");
}

static void on_drain(mqw_client *client, void *ctx)
{
    publish_some(client, ctx);
}

static void on_timer(uv_timer_t *timer)
{
    run *r = timer->data;
    if (*(volatile uint64_t *)&r->job->end == 0)
        return;
    mqw_client_close(r->client, NULL);
    uv_close((uv_handle_t *)timer, NULL);
}

static void on_message(mqw_client *client, const mqw_publish *publish, mqw_token token, void *ctx)
{
    run *r = ctx;
    (void)client, (void)token;
    if (publish->payload.len != CONTEST_PAYLOAD)
        contest_fail("mqw_client: a wrong message");
    if (++r->over == r->job->messages && r->job->qos == 0)
        r->job->end = measure_wall_ns();
    if (r->over == r->job->messages)
        uv_timer_start(&r->timer, on_timer, 0, 1);
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client, (void)ctx;
    contest_fail(failure->words);
}

void contest_mqw_client(contest_job *job)
{
    run r = {.job = job};
    const mqw_connect connect = {
        .client_id = MQW_TEXT("bench"), .clean_start = true, .keep_alive = 60, .version = job->version};
    const mqw_client_options options = {.size = sizeof options,
                                        .address = job->address,
                                        .connect = &connect,
                                        .once = true,
                                        .handlers = {.size = sizeof options.handlers,
                                                     .on_open = on_open,
                                                     .on_message = on_message,
                                                     .on_lost = on_lost,
                                                     .on_drain = on_drain},
                                        .ctx = &r};
    uv_loop_t loop;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &r.timer);
    r.timer.data = &r;
    if (mqw_client_open(&r.client, &loop, &options) != 0)
        contest_fail("mqw_client_open");
    uv_run(&loop, UV_RUN_DEFAULT);
    if (r.over != job->messages)
        contest_fail("mqw_client: messages are missing");
}

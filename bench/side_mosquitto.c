// SPDX-License-Identifier: MIT
// bench_client's job done with libmosquitto, on its own loop in this thread (its quickest way).
#include <mosquitto.h>
#include <string.h>

#include "contest.h"
#include "measure.h"

typedef struct run {
    contest_job *job;
    uint32_t begun;
    uint32_t over;
    bool open;
} run;

static void on_connect(struct mosquitto *client, void *ctx, int reason)
{
    run *r = ctx;
    if (reason != 0)
        contest_fail("libmosquitto: refused");
    r->open = true;
    if (r->job->receive)
        mosquitto_subscribe(client, NULL, "#", r->job->qos);
}

static void on_publish(struct mosquitto *client, void *ctx, int id)
{
    (void)client, (void)id;
    ((run *)ctx)->over++;
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *message)
{
    run *r = ctx;
    (void)client;
    if (message->payloadlen != CONTEST_PAYLOAD)
        contest_fail("libmosquitto: a wrong message");
    if (++r->over == r->job->messages && r->job->qos == 0)
        r->job->end = measure_wall_ns();
}

static void publish_some(struct mosquitto *client, run *r)
{
    static const char payload[CONTEST_PAYLOAD];
    while (r->begun < r->job->messages && r->begun - r->over < CONTEST_WINDOW &&
           !mosquitto_want_write(client)) {
        if (mosquitto_publish(client, NULL, CONTEST_TOPIC, CONTEST_PAYLOAD, payload, r->job->qos, false) != 0)
            contest_fail("mosquitto_publish");
        r->begun++;
    }
}

/* mosquitto_loop reads a single packet of QoS 0 each time that it has waited: what more there may be is read
 * here, as a program with a loop of its own would. */
static void loop(struct mosquitto *client, const run *r)
{
    const uint32_t before = r->over;
    if (mosquitto_loop(client, 1000, 1) != MOSQ_ERR_SUCCESS)
        contest_fail("mosquitto_loop");
    for (int more = 0; more < 31 && r->job->receive && r->over > before && r->over < r->job->messages;
         more++) {
        if (mosquitto_loop_read(client, 1) != MOSQ_ERR_SUCCESS)
            contest_fail("mosquitto_loop_read");
    }
}

void contest_mosquitto(contest_job *job)
{
    run r = {.job = job};
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new("bench", true, &r);
    if (client == NULL)
        contest_fail("mosquitto_new");
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, job->version);
    mosquitto_max_inflight_messages_set(client, CONTEST_WINDOW);
    mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, CONTEST_WINDOW);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_publish_callback_set(client, on_publish);
    mosquitto_message_callback_set(client, on_message);
    if (mosquitto_connect(client, "127.0.0.1", job->port, 60) != MOSQ_ERR_SUCCESS)
        contest_fail("mosquitto_connect");
    while (r.over < job->messages || mosquitto_want_write(client)) {
        if (r.open && !job->receive)
            publish_some(client, &r);
        if (r.over < job->messages || mosquitto_want_write(client))
            loop(client, &r);
    }
    mosquitto_disconnect(client);
    mosquitto_destroy(client);
    mosquitto_lib_cleanup();
}

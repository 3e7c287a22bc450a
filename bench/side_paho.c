// SPDX-License-Identifier: MIT
// bench_client's job done with Paho C, its asynchronous interface.
#include <MQTTAsync.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contest.h"
#include "measure.h"

typedef struct run {
    contest_job *job;
    MQTTAsync client;
    pthread_mutex_t lock;
    pthread_cond_t change;
    uint32_t begun;
    uint32_t over;
    bool open, closed;
} run;

static void tell(run *r, bool *what)
{
    pthread_mutex_lock(&r->lock);
    *what = true;
    pthread_cond_signal(&r->change);
    pthread_mutex_unlock(&r->lock);
}

static void await(run *r, const bool *what)
{
    pthread_mutex_lock(&r->lock);
    while (!*what)
        pthread_cond_wait(&r->change, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static void count(run *r)
{
    pthread_mutex_lock(&r->lock);
    r->over++;
    if (r->over % (CONTEST_WINDOW / 4) == 0 || r->over == r->job->messages)
        pthread_cond_signal(&r->change);
    pthread_mutex_unlock(&r->lock);
}

static void on_open(void *ctx, MQTTAsync_successData *data)
{
    (void)data;
    tell(ctx, &((run *)ctx)->open);
}

static void on_open5(void *ctx, MQTTAsync_successData5 *data)
{
    (void)data;
    tell(ctx, &((run *)ctx)->open);
}

static void on_sent(void *ctx, MQTTAsync_successData *data)
{
    (void)data;
    count(ctx);
}

static void on_sent5(void *ctx, MQTTAsync_successData5 *data)
{
    (void)data;
    count(ctx);
}

static void on_closed(void *ctx, MQTTAsync_successData *data)
{
    (void)data;
    tell(ctx, &((run *)ctx)->closed);
}

static void on_closed5(void *ctx, MQTTAsync_successData5 *data)
{
    (void)data;
    tell(ctx, &((run *)ctx)->closed);
}

static int on_message(void *ctx, char *topic, int len, MQTTAsync_message *message)
{
    run *r = ctx;
    (void)len;
    if (message->payloadlen != CONTEST_PAYLOAD)
        contest_fail("Paho: a wrong message");
    if (r->over + 1 == r->job->messages && r->job->qos == 0)
        r->job->end = measure_wall_ns();
    count(r);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void open_client(run *r)
{
    MQTTAsync_connectOptions old = MQTTAsync_connectOptions_initializer,
                             new = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
    MQTTAsync_connectOptions *connect = r->job->version == 5 ? &new : &old;
    char uri[64] = "tcp://";
    strncat(uri, r->job->address, sizeof uri - 7);
    create.MQTTVersion = r->job->version;
    create.maxBufferedMessages = CONTEST_WINDOW;
    if (MQTTAsync_createWithOptions(&r->client, uri, "bench", MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) !=
            0 ||
        MQTTAsync_setCallbacks(r->client, r, NULL, on_message, NULL) != 0)
        contest_fail("MQTTAsync_create");
    connect->maxInflight = CONTEST_WINDOW;
    connect->context = r;
    if (r->job->version == 5)
        connect->onSuccess5 = on_open5;
    else
        connect->onSuccess = on_open;
    if (MQTTAsync_connect(r->client, connect) != 0)
        contest_fail("MQTTAsync_connect");
    await(r, &r->open);
}

static MQTTAsync_responseOptions heard(run *r)
{
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    how.context = r;
    if (r->job->version == 5)
        how.onSuccess5 = on_sent5;
    else
        how.onSuccess = on_sent;
    return how;
}

/* Waits until there is room in the window. */
static void await_room(run *r, uint32_t most)
{
    pthread_mutex_lock(&r->lock);
    while (r->begun - r->over > most)
        pthread_cond_wait(&r->change, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static void publish(run *r)
{
    char payload[CONTEST_PAYLOAD] = {0};
    for (; r->begun < r->job->messages; r->begun++) {
        MQTTAsync_responseOptions how = heard(r);
        await_room(r, CONTEST_WINDOW - 1);
        if (MQTTAsync_send(r->client, CONTEST_TOPIC, CONTEST_PAYLOAD, payload, r->job->qos, 0, &how) != 0)
            contest_fail("MQTTAsync_send");
    }
    await_room(r, 0);
}

static void receive(run *r)
{
    MQTTAsync_responseOptions how = MQTTAsync_responseOptions_initializer;
    r->begun = r->job->messages;
    if (MQTTAsync_subscribe(r->client, "#", r->job->qos, &how) != 0)
        contest_fail("MQTTAsync_subscribe");
    await_room(r, 0);
    while (r->job->qos > 0 && *(volatile uint64_t *)&r->job->end == 0)
        usleep(50); // in 5.0 it hands out a message of QoS 2 before it has answered PUBREL
}

void contest_paho(contest_job *job)
{
    run r = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};
    MQTTAsync_disconnectOptions old = MQTTAsync_disconnectOptions_initializer,
                                new = MQTTAsync_disconnectOptions_initializer5;
    MQTTAsync_disconnectOptions *how = job->version == 5 ? &new : &old;
    open_client(&r);
    job->receive ? receive(&r) : publish(&r);
    how->timeout = 10000;
    how->context = &r;
    if (job->version == 5)
        how->onSuccess5 = on_closed5;
    else
        how->onSuccess = on_closed;
    if (MQTTAsync_disconnect(r.client, how) != 0)
        contest_fail("MQTTAsync_disconnect");
    await(&r, &r.closed);
    MQTTAsync_destroy(&r.client);
}

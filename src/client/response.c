// SPDX-License-Identifier: MIT
// Requests and their answers: one response topic per client, to which it subscribes before the first request
// leaves; 16 random bytes tell which answer belongs to which request.
#include "response.h"

#include <stdlib.h>
#include <string.h>

#include "client/auth.h"
#include "client/chance.h"
#include "transport/alloc.h"

enum { MARK = 16, DEFAULT_TIMEOUT = 30000, BUCKETS_FIRST = 16, ANY_QOS = 2, NO_RETAINED = 2 };

/** A request that is not over, or whose PUBLISH is not. */
typedef struct asking {
    struct asking *next, *before; // by deadline
    struct asking *below;         // in its bucket
    mqw_client_response *done;
    void *ctx;
    uint64_t deadline;
    mqw_packet *held; // not published yet; NULL: it is
    uint32_t size;    // of that
    bool leaving;     // its PUBLISH will be told of
    bool over;        // the program has been told
    uint8_t mark[MARK];
} asking;

/** A response topic. */
typedef struct topic {
    bool asked;   // its SUBSCRIBE will be told of
    bool dropped; // … and then goes the memory
    size_t basis; // bytes of it that a server has given
    mqw_text text;
    char room[];
} topic;

typedef enum stage { UNASKED, SUBSCRIBING, READY } stage;

struct mqw__responses {
    asking *first, *last;
    asking **buckets; // by mark
    uint32_t size, count;
    uint64_t held_bytes;
    stage stage;
    uint8_t secret[MARK]; // the end of the topic
    topic *topic;         // NULL: none yet
};

// --- the set of requests ---

static asking **bucket_of(const mqw__responses *all, const uint8_t mark[MARK])
{
    uint32_t hash = 0;
    memcpy(&hash, mark, sizeof hash);
    return &all->buckets[hash & (all->size - 1)];
}

static bool grow(mqw__responses *all)
{
    if (all->count < all->size)
        return true;
    uint32_t old = all->size;
    asking **was = all->buckets;
    uint32_t size = old ? old * 2 : BUCKETS_FIRST;
    asking **buckets = mqw__uv_new(size * sizeof(asking *));
    if (!buckets)
        return false;
    all->buckets = buckets;
    all->size = size;
    for (uint32_t i = 0; i < old; i++)
        for (asking *one = was[i], *below; one; one = below) {
            below = one->below;
            asking **bucket = bucket_of(all, one->mark);
            one->below = *bucket;
            *bucket = one;
        }
    free(was);
    return true;
}

// Mostly the last one, for most have the same time-out.
static void link_in(mqw__responses *all, asking *one)
{
    asking *before = all->last;
    while (before && before->deadline > one->deadline)
        before = before->before;
    one->before = before;
    one->next = before ? before->next : all->first;
    *(one->next ? &one->next->before : &all->last) = one;
    *(before ? &before->next : &all->first) = one;
    asking **bucket = bucket_of(all, one->mark);
    one->below = *bucket;
    *bucket = one;
    all->count++;
    all->held_bytes += one->size;
}

static void link_out(mqw__responses *all, asking *one)
{
    *(one->next ? &one->next->before : &all->last) = one->before;
    *(one->before ? &one->before->next : &all->first) = one->next;
    asking **at = bucket_of(all, one->mark);
    while (*at != one)
        at = &(*at)->below;
    *at = one->below;
    all->count--;
    all->held_bytes -= one->size;
}

static asking *find(const mqw__responses *all, mqw_bytes mark)
{
    if (mark.len != MARK || all->size == 0)
        return NULL;
    asking *one = *bucket_of(all, mark.data);
    while (one && memcmp(one->mark, mark.data, MARK) != 0)
        one = one->below;
    return one;
}

static void drop_held(asking *one)
{
    mqw_packet_free(one->held, mqw__client_allocator());
    one->held = NULL;
}

// Tells the program, once. The memory goes when its PUBLISH is over as well.
static void end(mqw_client *client, asking *one, int result, const mqw_publish *response)
{
    mqw_client_response *done = one->done;
    void *ctx = one->ctx;
    link_out(client->responses, one);
    drop_held(one);
    one->over = true;
    if (!one->leaving)
        free(one);
    if (done)
        done(client, result, response, ctx);
}

// --- the response topic ---

static const char root[] = "mqwire/response";

static void put_hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
}

// What the server offers as a basis; empty: nothing, or no topic.
static mqw_text offered(const mqw_client *client)
{
    const mqw_packet *connack = client->connack;
    mqw_text basis = {NULL, 0};
    if (connack && mqw_has(&connack->connack.props, response_info))
        basis = connack->connack.props.response_info;
    bool usable = basis.len > 0 && basis.len < UINT16_MAX - 2 * MARK - 1 && mqw_topic_check(basis) == 0;
    return usable ? basis : (mqw_text){NULL, 0};
}

static void drop_topic(topic *old)
{
    if (old && old->asked)
        old->dropped = true;
    else
        free(old);
}

// The basis (or ours), a slash, and what nobody can guess.
static bool make_topic(mqw__responses *all, mqw_text basis)
{
    mqw_text from = basis.len ? basis : (mqw_text){root, sizeof root - 1};
    bool slash = from.data[from.len - 1] != '/';
    size_t len = from.len + slash + 2 * (size_t)MARK;
    topic *made = mqw__uv_new(sizeof *made + len);
    if (!made)
        return false;
    memcpy(made->room, from.data, from.len);
    if (slash)
        made->room[from.len] = '/';
    put_hex(made->room + from.len + slash, all->secret, MARK);
    made->basis = basis.len;
    made->text = (mqw_text){made->room, len};
    drop_topic(all->topic);
    all->topic = made;
    return true;
}

static void subscribed(mqw_client *client, int result, const mqw_packet *answer, void *ctx);

static int subscribe(mqw_client *client)
{
    mqw__responses *all = client->responses;
    if (!make_topic(all, offered(client)))
        return MQW_E_NO_MEMORY;
    mqw_filter filter = {.filter = all->topic->text, .qos = ANY_QOS, .retain_handling = NO_RETAINED};
    int result = mqw_client_subscribe(client, &filter, 1, NULL, subscribed, all->topic);
    if (result < 0)
        return result;
    all->topic->asked = true;
    all->stage = SUBSCRIBING;
    return 0;
}

// --- publishing ---

static void published(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    asking *one = ctx;
    (void)answer;
    one->leaving = false;
    if (one->over)
        free(one);
    else if (result != 0) // also 0x10: nobody is there who could answer
        end(client, one, result, NULL);
}

static int publish(mqw_client *client, asking *one, const mqw_publish *request)
{
    mqw_publish out = *request;
    mqw_set(&out.props, response_topic, client->responses->topic->text);
    mqw_set(&out.props, correlation_data, ((mqw_bytes){one->mark, MARK}));
    one->leaving = true;
    int result = mqw_client_publish(client, &out, published, one);
    if (result < 0)
        one->leaving = false;
    return result < 0 ? result : 0;
}

static asking *first_held(const mqw__responses *all)
{
    asking *one = all ? all->first : NULL;
    while (one && !one->held)
        one = one->next;
    return one;
}

// Ends what was not published.
static void refuse_held(mqw_client *client, int result)
{
    for (asking *one; (one = first_held(client->responses));)
        end(client, one, result, NULL);
}

static void publish_held(mqw_client *client)
{
    for (asking *one; (one = first_held(client->responses));) {
        mqw_packet *request = one->held;
        one->held = NULL;
        client->responses->held_bytes -= one->size;
        one->size = 0;
        int result = publish(client, one, &request->publish);
        mqw_packet_free(request, mqw__client_allocator());
        if (result < 0)
            end(client, one, result, NULL);
    }
}

static void subscribed(mqw_client *client, int result, const mqw_packet *answer, void *ctx)
{
    topic *of = ctx;
    (void)answer;
    of->asked = false;
    if (of->dropped) { // it is another one by now
        free(of);
        return;
    }
    bool granted = result >= 0 && result < MQW_REASON_UNSPECIFIED_ERROR;
    client->responses->stage = granted ? READY : UNASKED;
    if (granted)
        publish_held(client);
    else
        refuse_held(client, result);
}

// --- requests ---

static bool speaks_5(const mqw_client *client)
{
    bool accepted = client->phase == MQW__ACCEPTED;
    return (accepted ? client->limits.version : mqw__retry_version(&client->retry)) == MQW_5_0;
}

static mqw__responses *responses_of(mqw_client *client)
{
    if (client->responses)
        return client->responses;
    mqw__responses *all = mqw__uv_new(sizeof *all);
    if (all && !mqw__chance(all->secret, sizeof all->secret)) {
        free(all);
        all = NULL;
    }
    client->responses = all;
    return all;
}

// A request that nobody waits for any more need not arrive.
static void limit_life(mqw_publish *request, uint32_t timeout)
{
    if (!mqw_has(&request->props, message_expiry))
        mqw_set(&request->props, message_expiry, timeout / 1000 + (timeout % 1000 != 0));
}

// Keeps a copy until the response topic is subscribed to.
static int hold(mqw_client *client, asking *one, const mqw_publish *request)
{
    mqw__responses *all = client->responses;
    mqw_packet packet = {.type = MQW_PUBLISH};
    packet.publish = *request;
    packet.publish.payload_left = 0;
    uint8_t room[1];
    mqw_error why;
    mqw_codec codec = {MQW_5_0, MQW_CLIENT, NULL};
    packet.publish.packet_id = packet.publish.qos > 0;
    packet.publish.dup = false;
    int size = mqw_encode_head(&codec, &packet, room, 0, &why);
    if (size != MQW_E_NO_ROOM)
        return size == MQW_E_TOO_LARGE ? size : MQW_E_MISUSE;
    uint64_t bytes = why.offset + request->payload.len;
    if (bytes > client->max_queued_bytes)
        return MQW_E_TOO_LARGE;
    if (bytes > client->max_queued_bytes - all->held_bytes)
        return MQW_E_FULL;
    one->held = mqw_packet_copy(&packet, mqw__client_allocator());
    one->size = (uint32_t)bytes;
    return one->held ? 0 : MQW_E_NO_MEMORY;
}

// Publishes it, or keeps it until that may be done.
static int dispatch(mqw_client *client, asking *one, const mqw_publish *request)
{
    if (client->responses->stage == READY)
        return publish(client, one, request);
    int result = hold(client, one, request);
    if (result == 0 && client->responses->stage == UNASKED && client->phase == MQW__ACCEPTED)
        result = subscribe(client);
    return result;
}

int mqw_client_request(mqw_client *client, const mqw_publish *request, uint32_t timeout,
                       mqw_client_response *done, void *ctx)
{
    if (!client || !request)
        return MQW_E_MISUSE;
    if (!mqw__client_accepts(client))
        return MQW_E_CLOSED;
    if (!speaks_5(client))
        return MQW_E_REFUSED;
    mqw__responses *all = responses_of(client);
    if (!all || !grow(all))
        return MQW_E_NO_MEMORY;
    if (all->count >= client->max_queued)
        return MQW_E_FULL;
    asking *one = mqw__uv_new(sizeof *one);
    if (!one || !mqw__chance(one->mark, sizeof one->mark)) {
        free(one);
        return MQW_E_NO_MEMORY;
    }
    mqw_publish limited = *request;
    timeout = timeout ? timeout : DEFAULT_TIMEOUT;
    limit_life(&limited, timeout);
    one->done = done;
    one->ctx = ctx;
    one->deadline = mqw__client_now(client) + timeout;
    int result = dispatch(client, one, &limited);
    if (result < 0) {
        drop_held(one);
        free(one);
        return result;
    }
    link_in(all, one);
    mqw__client_wake(client, all->first->deadline);
    return 0;
}

int mqw_client_respond(mqw_client *client, const mqw_publish *request, const mqw_publish *answer,
                       mqw_client_done *done, void *ctx)
{
    if (!client || !request || !answer)
        return MQW_E_MISUSE;
    if (!mqw_has(&request->props, response_topic))
        return MQW_E_REFUSED;
    mqw_publish out = *answer;
    out.topic = request->props.response_topic;
    if (mqw_has(&request->props, correlation_data))
        mqw_set(&out.props, correlation_data, request->props.correlation_data);
    return mqw_client_publish(client, &out, done, ctx);
}

// --- what the client tells ---

static bool same(mqw_text a, mqw_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool mqw__responses_take(mqw_client *client, const mqw_publish *publish)
{
    const mqw__responses *all = client->responses;
    if (!all || !all->topic || !same(publish->topic, all->topic->text))
        return false;
    asking *one = find(all, mqw_value(&publish->props, correlation_data));
    if (one) // else it is late, or never was ours
        end(client, one, publish->payload_left ? MQW_E_TOO_LARGE : 0, publish);
    return true;
}

uint64_t mqw__responses_due(mqw_client *client)
{
    uint64_t now = mqw__client_now(client);
    uint64_t next = mqw__auth_due(client);
    while (client->responses && client->responses->first && client->responses->first->deadline <= now)
        end(client, client->responses->first, MQW_E_TIMEOUT, NULL);
    if (client->responses && client->responses->first && client->responses->first->deadline < next)
        next = client->responses->first->deadline;
    return next;
}

// The client itself restores subscriptions that the server has lost. Another server may offer another basis:
// then the topic is another one, too.
void mqw__responses_opened(mqw_client *client)
{
    mqw__responses *all = client->responses;
    if (!all)
        return;
    if (!speaks_5(client)) {
        refuse_held(client, MQW_E_REFUSED);
        return;
    }
    if (all->stage != UNASKED && !same((mqw_text){all->topic->room, all->topic->basis}, offered(client))) {
        (void)mqw_client_unsubscribe(client, &all->topic->text, 1, NULL, NULL, NULL);
        all->stage = UNASKED;
    }
    if (all->stage == UNASKED && all->count > 0) {
        int result = subscribe(client);
        if (result < 0)
            refuse_held(client, result);
    }
}

void mqw__responses_unsubscribed(mqw_client *client, mqw_text filter)
{
    mqw__responses *all = client->responses;
    if (all && all->stage == READY && same(filter, all->topic->text))
        all->stage = UNASKED;
}

void mqw__responses_end(mqw_client *client)
{
    mqw__responses *all = client->responses;
    mqw__auth_end(client);
    if (!all)
        return;
    for (asking *one = all->first, *next; one; one = next) {
        next = one->next; // none is added: the client takes no more
        end(client, one, MQW_E_CLOSED, NULL);
    }
    client->responses = NULL;
    drop_topic(all->topic);
    free(all->buckets);
    free(all);
}

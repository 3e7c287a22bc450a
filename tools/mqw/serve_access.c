// SPDX-License-Identifier: MIT
// Who may connect, publish, subscribe and hear; see serve.h.
#include <stdlib.h>
#include <string.h>

#include <mqwire/spec.h>

#include "serve.h"
#include "tool.h"

static mqw_text text_of(const char *text)
{
    return (mqw_text){text, strlen(text)};
}

static bool is_same(mqw_text a, mqw_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static acl_who who_is(mqw_peer *peer)
{
    const serve_peer *is = mqw_peer_user(peer);
    return (acl_who){{is->user, is->user_len}, mqw_peer_id(peer), is->own};
}

/* --- Connecting --------------------------------------------------------------------------------------- */

void serve_forget(mqw_peer *peer)
{
    free(mqw_peer_user(peer));
    mqw_peer_set_user(peer, NULL);
}

bool serve_may_will(const tool_serve *serve, mqw_text user, mqw_text client_id, const mqw_connect *connect)
{
    if (serve->acl == NULL || !connect->has_will)
        return true;
    acl_who who = {user, client_id, acl_of(serve->acl, user)};
    return acl_may(serve->acl, &who, ACL_WRITE, connect->will.topic);
}

uint8_t serve_admit(tool_serve *serve, mqw_peer *peer, mqw_text user, bool by_password)
{
    if (serve->config.access.client_id_is_user && user.len > 0 && mqw_peer_rename(peer, user) != 0)
        return MQW_REASON_CLIENT_ID_NOT_VALID;
    if (serve->acl == NULL && user.len == 0)
        return 0;
    serve_peer *is = calloc(1, sizeof(*is) + user.len + 1);
    if (is == NULL)
        return MQW_REASON_SERVER_UNAVAILABLE;
    is->by_password = by_password;
    is->reloads = serve->reloads;
    is->own = serve->acl ? acl_of(serve->acl, user) : NULL;
    is->user_len = (uint32_t)user.len;
    if (user.len > 0)
        memcpy(is->user, user.data, user.len);
    serve_forget(peer);
    mqw_peer_set_user(peer, is);
    return 0;
}

// Who is let in while files are read again is not among those who are looked at then. Its password was that
// of the old file: it may come again.
void serve_look_at(tool_serve *serve, mqw_peer *peer)
{
    serve_peer *is = mqw_peer_user(peer);
    if (is == NULL || is->reloads == serve->reloads)
        return;
    is->reloads = serve->reloads;
    is->own = serve->acl ? acl_of(serve->acl, (mqw_text){is->user, is->user_len}) : NULL;
    if (is->by_password)
        (void)mqw_broker_kick(serve->broker, mqw_peer_id(peer), MQW_REASON_NOT_AUTHORIZED, false);
}

bool serve_begin_auth(const tool_serve *serve, mqw_peer *peer)
{
    if (mqw_peer_user(peer)) // it is there, and proves it again
        return true;
    serve_peer *is = calloc(1, sizeof(*is) + 1);
    if (is == NULL)
        return false;
    is->reloads = serve->reloads;
    mqw_peer_set_user(peer, is);
    return true;
}

static uint8_t admit_with_will(tool_serve *serve, mqw_peer *peer, mqw_text user, const mqw_connect *connect,
                               bool by_password)
{
    mqw_text id = serve->config.access.client_id_is_user && user.len > 0 ? user : mqw_peer_id(peer);
    if (!serve_may_will(serve, user, id, connect))
        return MQW_REASON_NOT_AUTHORIZED;
    return serve_admit(serve, peer, user, by_password);
}

// The exchange may have begun with a password that is not that of the user any more.
static uint8_t admit_by_auth(tool_serve *serve, mqw_peer *peer, const mqw_auth *auth,
                             const mqw_connect *connect)
{
    const serve_peer *is = mqw_peer_user(peer);
    mqw_text user = mqw_scram_user(auth);
    if (is == NULL || is->reloads != serve->reloads)
        return MQW_REASON_SERVER_BUSY;
    if (user.len == 0 || (connect->has_username && !is_same(connect->username, user)))
        return MQW_REASON_NOT_AUTHORIZED;
    return admit_with_will(serve, peer, user, connect, true);
}

// Addresses of peers are in numbers.
static bool is_local(const char *peer)
{
    static const char *const near[] = {"tcp://127.", "tcp://[::1]:", "unix:"};
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
        if (strncmp(peer, near[i], strlen(near[i])) == 0)
            return true;
    return false;
}

static bool may_be_anonymous(const tool_serve *serve, const mqw_stream_facts *facts)
{
    switch (serve->config.access.anonymous) {
    case ANONYMOUS_YES: return true;
    case ANONYMOUS_LOCAL: return is_local(facts->peer);
    default: return false;
    }
}

// Proofs in the order of their strength: SCRAM, a certificate, a password; without any, who is anonymous.
static int on_connect(mqw_broker *broker, mqw_peer *peer, const mqw_connect *connect, void *ctx)
{
    tool_serve *serve = ctx;
    char name[256];
    mqw_stream_facts facts = {.size = sizeof(facts)};
    const mqw_auth *auth = mqw_peer_auth(peer);
    (void)broker;
    (void)mqw_stream_facts_of(mqw_conn_stream(mqw_peer_conn(peer)), &facts);
    if (auth)
        return admit_by_auth(serve, peer, auth, connect);
    if (serve->config.access.certificates && serve_common_name(facts.tls_subject, name, sizeof(name)))
        return admit_with_will(serve, peer, text_of(name), connect, false);
    if (connect->has_username && serve->users)
        return serve_login_begin(serve, peer, connect);
    if (!may_be_anonymous(serve, &facts))
        return MQW_REASON_NOT_AUTHORIZED;
    return admit_with_will(serve, peer, (mqw_text){"", 0}, connect, false);
}

/* --- Messages ----------------------------------------------------------------------------------------- */

// A will was asked about when its client came.
static int on_publish(mqw_broker *broker, mqw_peer *peer, mqw_publish *publish, void *ctx)
{
    const tool_serve *serve = ctx;
    (void)broker;
    if (peer == NULL)
        return 0;
    acl_who who = who_is(peer);
    return acl_may(serve->acl, &who, ACL_WRITE, publish->topic) ? 0 : MQW_REASON_NOT_AUTHORIZED;
}

static int on_subscribe(mqw_broker *broker, mqw_peer *peer, mqw_filter *item, void *ctx)
{
    const tool_serve *serve = ctx;
    acl_who who = who_is(peer);
    (void)broker;
    return acl_may_subscribe(serve->acl, &who, item->filter) ? 0 : MQW_REASON_NOT_AUTHORIZED;
}

static bool may_receive(mqw_broker *broker, mqw_peer *peer, mqw_text topic, void *ctx)
{
    const tool_serve *serve = ctx;
    acl_who who = who_is(peer);
    (void)broker;
    return acl_may(serve->acl, &who, ACL_READ, topic);
}

void serve_access_hooks(tool_serve *serve, mqw_broker_hooks *hooks)
{
    hooks->on_connect = on_connect;
    if (serve->users)
        hooks->on_auth = serve_on_auth;
    if (serve->acl == NULL)
        return;
    hooks->on_publish = on_publish;
    hooks->on_subscribe = on_subscribe;
    hooks->may_receive = may_receive;
}

/* --- Files -------------------------------------------------------------------------------------------- */

bool serve_read_access(tool_serve *serve)
{
    const config_access *access = &serve->config.access;
    serve->reloads = 1;
    serve->users = access->passwords ? users_read(access->passwords) : NULL;
    serve->acl = access->acl ? acl_read(access->acl) : NULL;
    return (serve->users || access->passwords == NULL) && (serve->acl || access->acl == NULL);
}

// Whether whoever came in by a password would still be let in by it.
static bool is_welcome(const tool_users *before, const tool_users *now, const serve_peer *is)
{
    mqw_text name = {is->user, is->user_len};
    const users_entry *old = users_find(before, name), *new = users_find(now, name);
    return !is->by_password || (old && new &&users_same(old, new));
}

// Peers are looked at once more after each that goes: the list is the broker's.
static void look_again(tool_serve *serve, const tool_users *before)
{
    for (mqw_peer *peer = mqw_broker_each(serve->broker, NULL), *next; peer; peer = next) {
        serve_peer *is = mqw_peer_user(peer);
        next = mqw_broker_each(serve->broker, peer);
        if (is)
            is->reloads = serve->reloads;
        if (is && serve->acl)
            is->own = acl_of(serve->acl, (mqw_text){is->user, is->user_len});
        if (is && !is_welcome(before, serve->users, is))
            (void)mqw_broker_kick(serve->broker, mqw_peer_id(peer), MQW_REASON_NOT_AUTHORIZED, false);
    }
}

bool serve_reload_access(tool_serve *serve)
{
    const config_access *access = &serve->config.access;
    tool_users *users = access->passwords ? users_read(access->passwords) : NULL;
    tool_acl *acl = access->acl ? acl_read(access->acl) : NULL;
    tool_users *old_users = serve->users;
    tool_acl *old_acl = serve->acl;
    bool good = (users || access->passwords == NULL) && (acl || access->acl == NULL);
    if (users)
        serve->users = users;
    if (acl)
        serve->acl = acl;
    serve->reloads++;
    look_again(serve, old_users);
    if (users)
        users_free(old_users);
    if (acl)
        acl_free(old_acl);
    return good;
}

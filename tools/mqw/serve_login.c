// SPDX-License-Identifier: MIT
// Passwords of mqw serve: hashed in threads, a bounded number at a time; see serve.h.
#include <stdlib.h>
#include <string.h>

#include <mqwire/spec.h>

#include "serve.h"

struct serve_login {
    uv_work_t work;
    tool_serve *serve;
    mqw_ticket *ticket;
    serve_login *next;
    bool real; // there is such a user
    bool may_will;
    bool fits;
    char hash[USERS_HASH];
    size_t password_len;
    char password[USERS_PASSWORD + 1];
    size_t user_len;
    char user[];
};

void serve_logins_open(tool_serve *serve)
{
    unsigned cores = uv_available_parallelism();
    serve->logins = (serve_logins){.at_once = cores > 4 ? 4 : cores > 1 ? cores - 1 : 1};
    serve->logins.last = &serve->logins.first;
}

static void free_login(serve_login *login)
{
    users_wipe(login->hash, sizeof(login->hash));
    users_wipe(login->password, sizeof(login->password));
    free(login);
}

/* --- In a thread -------------------------------------------------------------------------------------- */

static void hash(uv_work_t *work)
{
    serve_login *login = work->data;
    bool fits = users_fits(login->hash, (mqw_text){login->password, login->password_len});
    login->fits = fits && login->real;
}

/* --- On the loop -------------------------------------------------------------------------------------- */

static void start_next(tool_serve *serve);

// The file may have changed meanwhile.
static bool is_still_right(const serve_login *login)
{
    const users_entry *entry = users_find(login->serve->users, (mqw_text){login->user, login->user_len});
    return login->fits && entry && strcmp(entry->hash, login->hash) == 0;
}

static uint8_t verdict_on(const serve_login *login, mqw_peer *peer)
{
    if (!is_still_right(login))
        return MQW_REASON_BAD_USERNAME_OR_PASSWORD;
    if (!login->may_will)
        return MQW_REASON_NOT_AUTHORIZED;
    return serve_admit(login->serve, peer, (mqw_text){login->user, login->user_len}, true);
}

static void on_hashed(uv_work_t *work, int status)
{
    serve_login *login = work->data;
    tool_serve *serve = login->serve;
    mqw_peer *peer = mqw_ticket_peer(login->ticket);
    uint8_t verdict = MQW_REASON_NOT_AUTHORIZED;
    serve->logins.running--;
    if (status == 0 && peer)
        verdict = verdict_on(login, peer);
    mqw_peer_decide(login->ticket, verdict, NULL);
    free_login(login);
    start_next(serve);
}

static serve_login *take_first(serve_logins *logins)
{
    serve_login *login = logins->first;
    logins->first = login->next;
    if (logins->first == NULL)
        logins->last = &logins->first;
    logins->waiting--;
    return login;
}

static void refuse(serve_login *login, uint8_t reason)
{
    mqw_peer_decide(login->ticket, reason, NULL);
    free_login(login);
}

// Nobody is hashed for who has gone meanwhile.
static void start_next(tool_serve *serve)
{
    serve_logins *logins = &serve->logins;
    while (logins->first && logins->running < logins->at_once) {
        serve_login *login = take_first(logins);
        if (logins->closing || mqw_ticket_peer(login->ticket) == NULL ||
            uv_queue_work(&serve->loop, &login->work, hash, on_hashed) != 0)
            refuse(login, MQW_REASON_SERVER_UNAVAILABLE);
        else
            logins->running++;
    }
}

void serve_logins_close(tool_serve *serve)
{
    serve->logins.closing = true;
    while (serve->logins.first)
        refuse(take_first(&serve->logins), MQW_REASON_SERVER_UNAVAILABLE);
}

// A password that is too long is hashed as none at all: it takes as long, and fits nobody.
static void keep_password(serve_login *login, const mqw_connect *connect)
{
    mqw_bytes password = connect->has_password ? connect->password : (mqw_bytes){NULL, 0};
    login->password_len = password.len <= USERS_PASSWORD ? password.len : 0;
    if (login->password_len > 0)
        memcpy(login->password, password.data, login->password_len);
}

static serve_login *make_login(tool_serve *serve, mqw_peer *peer, const mqw_connect *connect)
{
    mqw_text user = connect->username;
    mqw_text id = serve->config.access.client_id_is_user && user.len > 0 ? user : mqw_peer_id(peer);
    serve_login *login = calloc(1, sizeof(*login) + user.len + 1);
    if (login == NULL)
        return NULL;
    login->serve = serve;
    login->work.data = login;
    login->user_len = user.len;
    if (user.len > 0)
        memcpy(login->user, user.data, user.len);
    const char *against = users_hash(serve->users, user, &login->real);
    memcpy(login->hash, against, strlen(against) + 1);
    keep_password(login, connect);
    login->may_will = serve_may_will(serve, user, id, connect);
    return login;
}

int serve_login_begin(tool_serve *serve, mqw_peer *peer, const mqw_connect *connect)
{
    serve_logins *logins = &serve->logins;
    if (logins->closing || logins->waiting >= serve->config.access.max_logins)
        return MQW_REASON_SERVER_BUSY;
    serve_login *login = make_login(serve, peer, connect);
    mqw_ticket *ticket = login ? mqw_peer_defer(peer) : NULL;
    if (ticket == NULL) {
        if (login)
            free_login(login);
        return MQW_REASON_SERVER_UNAVAILABLE;
    }
    login->ticket = ticket;
    *logins->last = login;
    logins->last = &login->next;
    logins->waiting++;
    start_next(serve);
    return MQW_LATER;
}

/* --- SCRAM -------------------------------------------------------------------------------------------- */

// Somebody who does not exist looks like the first who does.
static int find_secret(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    const tool_serve *serve = ctx;
    const users_entry *entry = users_find(serve->users, user);
    if (entry && entry->has_scram) {
        *out = entry->scram;
        return 0;
    }
    for (size_t i = 0; i < serve->users->count; i++)
        if (serve->users->entries[i].has_scram) {
            out->iterations = serve->users->entries[i].scram.iterations;
            out->salt_len = serve->users->entries[i].scram.salt_len;
            break;
        }
    return -1;
}

int serve_on_auth(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx)
{
    static const char known[] = "SCRAM-SHA-256";
    tool_serve *serve = ctx;
    mqw_bytes key = {(const uint8_t *)serve->scram_key, sizeof(serve->scram_key)};
    (void)broker;
    if (!serve->users->has_scram || method.len != sizeof(known) - 1 ||
        memcmp(method.data, known, method.len) != 0)
        return MQW_REASON_BAD_AUTH_METHOD;
    if (!serve_begin_auth(serve, peer))
        return MQW_REASON_SERVER_UNAVAILABLE;
    return mqw_scram_server(out, find_secret, serve, key) == 0 ? 0 : MQW_REASON_SERVER_UNAVAILABLE;
}

// SPDX-License-Identifier: MIT
// The rooms of mqw serve, and what they share.
#ifndef MQW_SERVE_H
#define MQW_SERVE_H

#include "acl.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "privileges.h"
#include "users.h"

enum { SERVE_SIGNALS = 3 };

// What a password is checked for, and those that wait; serve_login.c's own.
typedef struct serve_login serve_login;
typedef struct serve_logins {
    serve_login *first, **last; // that wait
    uint32_t waiting, running, at_once;
    bool closing;
} serve_logins;

// Who a client has proved to be. It has none when nobody asks: without an ACL, and anonymous.
typedef struct serve_peer {
    const acl_rules *own;
    uint32_t reloads; // how often users and rules had been read when it was looked at
    uint32_t user_len;
    bool by_password; // the file of passwords has let it in
    char user[];
} serve_peer;

typedef struct tool_serve {
    const tool_settings *settings;
    tool_config config;
    tool_log log;
    tool_privileges privileges;
    tool_users *users; // NULL: no file of passwords
    tool_acl *acl;     // NULL: everybody may everything
    mqw_tls **tls;     // of each listener; NULL: it has none
    int sockets;       // that were handed over to us
    uint32_t reloads;  // of users and rules
    uint64_t scram_key[4];
    uv_loop_t loop;
    mqw_store *store;
    mqw_broker *broker;
    tool_metrics *metrics;
    serve_logins logins;
    uv_signal_t signals[SERVE_SIGNALS];
    uv_timer_t drain, pulse, report;
    mqw_broker_status told; // by the last report
    int status;             // exit code
    bool ending;
} tool_serve;

/* --- serve_config.c: what is wanted --------------------------------------------------------------------- */

// Makes the configuration of file, options and sockets that were handed over, and looks for what contradicts
// itself. False: it was told.
bool serve_configure(tool_serve *serve);
// Options of the broker that the configuration says.
mqw_broker_options serve_broker_options(tool_serve *serve);

/* --- serve_doors.c: where it listens -------------------------------------------------------------------- */

// Makes TLS of each listener. False: it was told what is wrong.
bool serve_make_tls(tool_serve *serve);
// Whether somebody beyond this machine can reach the listener.
bool serve_is_remote(const tool_serve *serve, const config_listener *listener);
// Listens. An exit code.
int serve_listen(tool_serve *serve);
// Reads certificates again; those that are bad stay as they were. False: some did.
bool serve_reload_tls(tool_serve *serve);
void serve_free_doors(tool_serve *serve);

/* --- serve_access.c: who may what ----------------------------------------------------------------------- */

// Reads users and rules. False: it was told what is wrong.
bool serve_read_access(tool_serve *serve);
// Reads them again; those that are bad stay as they were. Clients who may not be there any more have to go.
bool serve_reload_access(tool_serve *serve);
void serve_access_hooks(tool_serve *serve, mqw_broker_hooks *hooks);
// Lets a client in as somebody who is proved; "" is anonymous. 0 or a reason code.
uint8_t serve_admit(tool_serve *serve, mqw_peer *peer, mqw_text user, bool by_password);
// Whether a client may leave a will.
bool serve_may_will(const tool_serve *serve, mqw_text user, mqw_text client_id, const mqw_connect *connect);
// It was let in: if users and rules are others since it was looked at, it is looked at again.
void serve_look_at(tool_serve *serve, mqw_peer *peer);
// Whether an exchange of authentication has begun with the users that are known now.
bool serve_begin_auth(const tool_serve *serve, mqw_peer *peer);
// Forgets who it is.
void serve_forget(mqw_peer *peer);

/* --- serve_login.c: passwords --------------------------------------------------------------------------- */

void serve_logins_open(tool_serve *serve);
// Checks the password of a CONNECT in a thread, and decides then. What on_connect returns.
int serve_login_begin(tool_serve *serve, mqw_peer *peer, const mqw_connect *connect);
// Decides those that wait: no.
void serve_logins_close(tool_serve *serve);
int serve_on_auth(mqw_broker *broker, mqw_peer *peer, mqw_text method, mqw_auth *out, void *ctx);

/* --- serve_tell.c: what the log hears ------------------------------------------------------------------- */

void serve_tell_hooks(tool_serve *serve, mqw_broker_hooks *hooks);
// What was dropped since the last time.
void serve_tell_drops(tool_serve *serve);
// The name that a client's certificate has in its subject, RFC 4514, when it has one and is whole. False:
// none.
bool serve_common_name(const char *subject, char *out, size_t cap);

#endif

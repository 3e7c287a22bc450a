// SPDX-License-Identifier: MIT
// Peers as the program sees them: who is there, who they are, what they may do.
#include <string.h>

#include "affairs.h"

// --- who is there ---

mqw_peer *mqw_broker_find(mqw_broker *broker, mqw_text client_id)
{
    if (!broker)
        return NULL;
    mqw__session *session = mqw__session_named(broker, client_id, NULL);
    while (session && !(session->peer && mqw__peer_is_in(session->peer)))
        session = mqw__session_named(broker, client_id, session);
    return session ? session->peer : NULL;
}

mqw_peer *mqw_broker_each(mqw_broker *broker, mqw_peer *after)
{
    mqw_peer *peer = after ? after->next : broker ? broker->peers : NULL;
    while (peer && !mqw__peer_is_in(peer))
        peer = peer->next;
    return peer;
}

static bool kick(mqw__session *session, uint8_t reason, bool whole)
{
    bool there = session->peer && mqw__peer_is_in(session->peer);
    if (there)
        mqw__peer_end(session->peer, reason, "it was kicked");
    if (whole)
        mqw__session_doom(session);
    return there || whole;
}

int mqw_broker_kick(mqw_broker *broker, mqw_text client_id, uint8_t reason, bool session)
{
    bool any = false;
    if (!broker)
        return MQW_E_MISUSE;
    mqw__session *each = NULL;
    while ((each = mqw__session_named(broker, client_id, each)))
        any |= kick(each, reason, session);
    return any ? 0 : MQW_E_REFUSED;
}

// --- who they are ---

mqw_text mqw_peer_id(const mqw_peer *peer)
{
    const mqw__affairs *affairs = peer->affairs;
    if (peer->session)
        return mqw__session_id(peer->session);
    if (affairs && affairs->id)
        return (mqw_text){affairs->id, affairs->id_len};
    if (affairs && affairs->packet && affairs->packet->type == MQW_CONNECT)
        return affairs->packet->connect.client_id;
    return peer->stand != MQW__GONE && peer->hello ? peer->hello->client_id : (mqw_text){NULL, 0};
}

mqw_text mqw_peer_user_name(const mqw_peer *peer)
{
    return (mqw_text){peer->user_name, peer->user_name_len};
}

mqw_conn *mqw_peer_conn(const mqw_peer *peer)
{
    return peer->conn;
}

const mqw_auth *mqw_peer_auth(const mqw_peer *peer)
{
    return peer->affairs && peer->affairs->auth.step ? &peer->affairs->auth : NULL;
}

void mqw_peer_set_user(mqw_peer *peer, void *user)
{
    peer->user = user;
}

void *mqw_peer_user(const mqw_peer *peer)
{
    return peer->user;
}

// --- what they may do ---

mqw_broker_limits *mqw_peer_limits(mqw_peer *peer)
{
    mqw__affairs *affairs = peer->session ? NULL : mqw__affairs_of(peer);
    mqw_broker_limits **own = peer->session ? &peer->session->own : affairs ? &affairs->limits : NULL;
    if (own && !*own) {
        *own = mqw__broker_new_block(peer->broker, sizeof **own);
        if (*own)
            **own = peer->broker->options.limits;
    }
    return own ? *own : NULL;
}

// Before it was let in.
static mqw__affairs *plans_of(mqw_peer *peer)
{
    return peer->session || peer->stand == MQW__GONE ? NULL : mqw__affairs_of(peer);
}

// Who is refused keeps its name until on_refused has heard it.
void mqw__peer_keep_name(mqw_peer *peer)
{
    mqw_text id = mqw_peer_id(peer);
    mqw__affairs *affairs = peer->session || id.len == 0 ? NULL : mqw__affairs_of(peer);
    if (!affairs || affairs->id)
        return;
    affairs->id = mqw__copy_text(peer->broker, id);
    affairs->id_len = affairs->id ? (uint16_t)id.len : 0;
}

static int replace(mqw_peer *peer, char **text, uint16_t *len, mqw_text with)
{
    char *copy = mqw__copy_text(peer->broker, with);
    if (!copy && with.len)
        return MQW_E_NO_MEMORY;
    mqw__broker_free_block(peer->broker, *text, *len);
    *text = copy;
    *len = (uint16_t)with.len;
    return 0;
}

int mqw_peer_mount(mqw_peer *peer, mqw_text prefix)
{
    bool sound = prefix.len == 0 || (prefix.len < UINT16_MAX && prefix.data[prefix.len - 1] == '/' &&
                                     mqw_topic_check(prefix) == 0 && prefix.data[0] != '$');
    if (!sound || !peer || peer->session)
        return MQW_E_MISUSE;
    mqw__affairs *affairs = plans_of(peer);
    return affairs ? replace(peer, &affairs->mount, &affairs->mount_len, prefix) : MQW_E_NO_MEMORY;
}

int mqw_peer_rename(mqw_peer *peer, mqw_text client_id)
{
    bool sound = client_id.len > 0 && client_id.len <= UINT16_MAX && mqw_utf8_check(client_id) == 0;
    if (!sound || !peer || peer->session)
        return MQW_E_MISUSE;
    mqw__affairs *affairs = plans_of(peer);
    return affairs ? replace(peer, &affairs->id, &affairs->id_len, client_id) : MQW_E_NO_MEMORY;
}

// SPDX-License-Identifier: MIT
// The decisions of retry.h.
#include "retry.h"

#include <string.h>

// --- which refusals will not change by waiting ---

enum {
    REFUSED = 1, // as CONNACK
    EXPELLED = 2 // as DISCONNECT
};

// Reason codes of 5.0. What is not here may be gone after a while.
static const uint8_t lasting[256] = {
    [MQW_REASON_MALFORMED_PACKET] = REFUSED, // our CONNECT will be the same
    [MQW_REASON_PROTOCOL_ERROR] = REFUSED,
    [MQW_REASON_UNSUPPORTED_VERSION] = REFUSED,
    [MQW_REASON_CLIENT_ID_NOT_VALID] = REFUSED,
    [MQW_REASON_BAD_USERNAME_OR_PASSWORD] = REFUSED,
    [MQW_REASON_NOT_AUTHORIZED] = REFUSED | EXPELLED,
    [MQW_REASON_BANNED] = REFUSED | EXPELLED,
    [MQW_REASON_BAD_AUTH_METHOD] = REFUSED | EXPELLED,
    [MQW_REASON_SESSION_TAKEN_OVER] = EXPELLED, // else two with one identifier fight for ever
    [MQW_REASON_TOPIC_NAME_INVALID] = REFUSED,  // of the will, as the next four
    [MQW_REASON_PACKET_TOO_LARGE] = REFUSED,
    [MQW_REASON_PAYLOAD_FORMAT_INVALID] = REFUSED,
    [MQW_REASON_RETAIN_NOT_SUPPORTED] = REFUSED,
    [MQW_REASON_QOS_NOT_SUPPORTED] = REFUSED,
    [MQW_REASON_SERVER_MOVED] = REFUSED | EXPELLED,
};

// Return codes of CONNACK before 5.0 as reason codes.
static uint8_t reason_of(const mqw__ending *ending)
{
    static const uint8_t codes[] = {
#define X(code, reason, text) [code] = reason,
        MQW_RETURN_CODES(X)
#undef X
    };
    bool old = ending->type == MQW_CONNACK && ending->reason < sizeof codes;
    return old ? codes[ending->reason] : ending->reason;
}

static bool is_lasting(const mqw__ending *ending)
{
    if (ending->hopeless)
        return true;
    if (ending->type == MQW_CONNACK || ending->type == MQW_DISCONNECT)
        return (lasting[reason_of(ending)] & (ending->type == MQW_CONNACK ? REFUSED : EXPELLED)) != 0;
    return ending->result == MQW_E_ADDRESS || ending->result == MQW_E_REFUSED;
}

// --- life ---

static uint32_t or_else(uint32_t value, uint32_t normal)
{
    return value ? value : normal;
}

int mqw__retry_init(mqw__retry *retry, const mqw_client_options *options)
{
    memset(retry, 0, sizeof *retry);
    retry->min = or_else(options->retry_min, 1000);
    retry->max = or_else(options->retry_max, 60000);
    retry->stable = or_else(options->stable, 10000);
    retry->max_attempts = options->max_attempts;
    retry->version = options->connect ? options->connect->version : 0;
    if (options->auth) // that is in 5.0 only, and must not be got round by not knowing 5.0
        retry->version = MQW_5_0;
    retry->once = options->once;
    retry->follow = options->follow_reference;
    retry->stubborn = options->stubborn;
    return mqw__servers_read(&retry->servers, options->address);
}

void mqw__retry_free(mqw__retry *retry)
{
    mqw__servers_clear(&retry->servers);
    mqw__servers_clear(&retry->detour);
}

static mqw__server *present(const mqw__retry *retry)
{
    return retry->detour.count ? retry->detour.at[retry->side] : retry->servers.at[retry->index];
}

const mqw__server *mqw__retry_server(const mqw__retry *retry)
{
    return present(retry);
}

uint8_t mqw__retry_version(const mqw__retry *retry)
{
    uint8_t known = present(retry)->version;
    return retry->version ? retry->version : known ? known : MQW_5_0;
}

void mqw__retry_opened(mqw__retry *retry, uint64_t now)
{
    for (uint32_t i = 0; i < retry->servers.count; i++)
        retry->servers.at[i]->hopeless = false;
    present(retry)->version = mqw__retry_version(retry);
    present(retry)->refused = 0;
    retry->failed = retry->attempts = 0;
    retry->opened = now;
    retry->open = true;
}

// --- where next ---

// The server does not know our version: the next lower one is tried at once. A refused login is no such
// answer.
static bool fall_back(mqw__retry *retry, const mqw__ending *ending)
{
    mqw__server *server = present(retry);
    if (retry->version || ending->type != MQW_CONNACK || reason_of(ending) != MQW_REASON_UNSUPPORTED_VERSION)
        return false;
    server->refused |= (uint8_t)(1u << mqw__retry_version(retry));
    for (uint8_t version = MQW_5_0; version >= MQW_3_1; version--)
        if (!(server->refused >> version & 1)) {
            server->version = version;
            return true;
        }
    server->version = server->refused = 0;
    return false;
}

// Goes where the server points: for a while, or for good. Circles end with the hops.
static bool follow(mqw__retry *retry, const mqw__ending *ending)
{
    bool moved = ending->reason == MQW_REASON_SERVER_MOVED;
    mqw__servers found;
    if (!retry->follow || ending->type == 0 || retry->hops == MQW__RETRY_HOPS ||
        (!moved && ending->reason != MQW_REASON_USE_ANOTHER_SERVER) ||
        mqw__servers_refer(&found, present(retry), ending->reference) < 0 || found.count == 0)
        return false;
    retry->hops++;
    if (moved && retry->detour.count == 0) {
        mqw__servers_replace(&retry->servers, retry->index, &found);
        return true;
    }
    mqw__servers_clear(&retry->detour);
    retry->detour = found;
    retry->side = 0;
    return true;
}

static uint32_t hopeful(const mqw__retry *retry)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < retry->servers.count; i++)
        count += !retry->servers.at[i]->hopeless;
    return count;
}

// Another server of this round; false: all were tried. What a detour comes to is put to the account of the
// server that has sent us there.
static bool go_on(mqw__retry *retry, bool lasting_refusal)
{
    if (retry->detour.count && ++retry->side < retry->detour.count)
        return true;
    mqw__servers_clear(&retry->detour);
    retry->servers.at[retry->index]->hopeless = lasting_refusal;
    retry->tried += !lasting_refusal;
    for (uint32_t i = 0; i < retry->servers.count; i++) {
        retry->index = (retry->index + 1) % retry->servers.count;
        if (!retry->servers.at[retry->index]->hopeless)
            break;
    }
    return retry->tried < hopeful(retry);
}

// --- when ---

static int64_t pause_for(mqw__retry *retry, uint32_t random)
{
    uint64_t cap = retry->rounds < 32 ? (uint64_t)retry->min << retry->rounds : UINT64_MAX;
    if (cap > retry->max)
        cap = retry->max;
    uint64_t least = cap < MQW__RETRY_FLOOR ? cap : MQW__RETRY_FLOOR;
    retry->rounds++;
    retry->tried = retry->hops = 0;
    return (int64_t)(least + random % (cap - least + 1));
}

// There is no connection any more. Whether it was stable: then back-off begins anew.
static bool close_down(mqw__retry *retry, uint64_t now)
{
    bool was_stable = retry->open && now - retry->opened >= retry->stable;
    retry->open = false;
    if (was_stable)
        retry->rounds = retry->tried = retry->hops = 0;
    return was_stable;
}

void mqw__retry_again(mqw__retry *retry, uint64_t now)
{
    if (retry->open)
        (void)close_down(retry, now);
    else
        (void)go_on(retry, false);
}

int64_t mqw__retry_lost(mqw__retry *retry, const mqw__ending *ending)
{
    enum { NEVER = -1 };
    bool was_open = retry->open;
    bool was_stable = close_down(retry, ending->now);
    bool refused = !retry->stubborn && is_lasting(ending);
    retry->attempts++;
    if (was_open && retry->once)
        return NEVER;
    if (fall_back(retry, ending) || follow(retry, ending))
        return 0;
    if (refused && ending->type == MQW_DISCONNECT && ending->reason == MQW_REASON_SESSION_TAKEN_OVER)
        return NEVER;
    if ((!was_stable || refused) && go_on(retry, refused))
        return 0;
    if (hopeful(retry) == 0)
        return NEVER;
    if (!was_open && ++retry->failed == retry->max_attempts)
        return NEVER;
    return pause_for(retry, ending->random);
}

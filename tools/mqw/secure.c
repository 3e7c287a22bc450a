// SPDX-License-Identifier: MIT
// TLS and WebSocket as the options say; see secure.h.
#include "secure.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "secret.h"
#include "tool.h"

bool secure_wanted(const tool_settings *settings)
{
    const tool_tls_settings *tls = &settings->tls;
    return tls->on || tls->system || tls->cafile || tls->capath || tls->certificate || tls->key || tls->psk ||
           tls->psk_identity || tls->server_name || tls->version || tls->ciphers || tls->alpn || tls->key_log;
}

bool secure_web_wanted(const tool_settings *settings)
{
    const tool_web_settings *web = &settings->web;
    return web->on || web->path || web->protocol || web->origin || web->headers.count > 0;
}

static bool is_any_given(const tool_settings *settings)
{
    const tool_tls_settings *tls = &settings->tls;
    return secure_wanted(settings) || tls->any_host || tls->anybody || tls->clients;
}

/* --- Keys --------------------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool read_psk(tool_secure *secure, const char *text)
{
    size_t len = strlen(text);
    bool good = len > 0 && len % 2 == 0 && len / 2 <= sizeof(secure->psk);
    for (size_t i = 0; good && i < len; i += 2) {
        int high = digit_of(text[i]), low = digit_of(text[i + 1]);
        good = high >= 0 && low >= 0;
        secure->psk[i / 2] = (uint8_t)(good ? high << 4 | low : 0);
    }
    secure->psk_len = len / 2;
    if (!good)
        tool_complain("--psk wants hexadecimal digits, two for each byte, without 0x; at most 256 bytes");
    return good;
}

static int find_psk(mqw_text identity, uint8_t *room, size_t cap, void *ctx)
{
    const tool_secure *secure = ctx;
    const char *ours = secure->settings->tls.psk_identity;
    if (strlen(ours) != identity.len || memcmp(ours, identity.data, identity.len) != 0 ||
        secure->psk_len > cap)
        return 0;
    memcpy(room, secure->psk, secure->psk_len);
    return (int)secure->psk_len;
}

static int find_passphrase(char *room, size_t cap, void *ctx)
{
    const tool_secure *secure = ctx;
    const char *file = secure->settings->tls.key_password;
    char text[1024];
    int len = file ? secret_from_file(file, text, sizeof(text))
                   : secret_from_terminal("Passphrase of the key: ", text, sizeof(text));
    if (len < 0 || (size_t)len > cap)
        return -1;
    memcpy(room, text, (size_t)len);
    return len;
}

/* --- TLS ---------------------------------------------------------------------------------------------- */

static bool complain(const char *what)
{
    tool_complain("%s", what);
    return false;
}

// What options contradict each other or say too little.
static bool is_consistent(const tool_tls_settings *tls, mqw_role ours)
{
    if ((tls->psk == NULL) != (tls->psk_identity == NULL))
        return complain("--psk and --psk-identity go together");
    if (tls->key && tls->certificate == NULL)
        return complain("--key is the key of --cert, which is missing");
    if (ours == MQW_SERVER && tls->certificate == NULL && tls->psk == NULL)
        return complain("a server with TLS needs --cert and --key, or --psk and --psk-identity");
    return true;
}

static bool make_tls(tool_secure *secure, const tool_tls_settings *tls, mqw_role ours)
{
    char why[512] = "";
    mqw_tls_options options = {
        .size = sizeof(options),
        .ca_file = tls->cafile,
        .ca_dir = tls->capath,
        .certificate_file = tls->certificate,
        .key_file = tls->key,
        .passphrase = find_passphrase,
        .passphrase_ctx = secure,
        .alpn = tls->alpn,
        .server_name = tls->server_name,
        .ciphers = tls->ciphers,
        .key_log_file = tls->key_log,
        .min_version = (uint16_t)tls->version,
        .max_version = (uint16_t)tls->version,
        .client_certificate = (uint8_t)tls->clients,
        .insecure = tls->anybody,
        .any_host = tls->any_host,
    };
    if (tls->psk && ours == MQW_CLIENT) {
        options.psk_identity = tls->psk_identity;
        options.psk = (mqw_bytes){secure->psk, secure->psk_len};
    } else if (tls->psk) {
        options.find_psk = find_psk;
        options.find_psk_ctx = secure;
    }
    int result = mqw_tls_new(&secure->tls, ours, &options, why, sizeof(why));
    if (result < 0)
        tool_complain("%s", why[0] ? why : mqw_strerror(result));
    return result == 0;
}

/* --- WebSocket ---------------------------------------------------------------------------------------- */

static bool join_headers(tool_secure *secure, const tool_texts *headers)
{
    size_t size = 1, used = 0;
    for (size_t i = 0; i < headers->count; i++)
        size += strlen(headers->items[i]) + 1;
    secure->headers = calloc(size, 1);
    for (size_t i = 0; secure->headers && i < headers->count; i++)
        used +=
            (size_t)snprintf(secure->headers + used, size - used, "%s%s", i ? "\n" : "", headers->items[i]);
    return secure->headers != NULL;
}

static bool make_websocket(tool_secure *secure, const tool_web_settings *web, mqw_role ours)
{
    secure->websocket = (mqw_websocket_options){
        .size = sizeof(secure->websocket), .path = web->path, .protocols = web->protocol};
    if (ours == MQW_CLIENT)
        secure->websocket.origin = web->origin;
    else
        secure->websocket.origins = web->origin;
    if (web->headers.count > 0 && !join_headers(secure, &web->headers))
        return complain("out of memory");
    secure->websocket.headers = secure->headers;
    return true;
}

/* --- What the addresses say --------------------------------------------------------------------------- */

static bool begins(const char *address, const char *const *schemes)
{
    for (; *schemes; schemes++)
        if (strncasecmp(address, *schemes, strlen(*schemes)) == 0)
            return true;
    return false;
}

static bool may_have_tls(const char *address)
{
    static const char *const plain[] = {"mqtt://", "tcp://", "ws://", NULL};
    return !begins(address, plain);
}

static bool may_have_websocket(const char *address)
{
    static const char *const able[] = {"ws://", "wss://", "unix:", "fd:", "stdio:", "pipe:", "tty:", NULL};
    return begins(address, able);
}

static bool is_any(const char *addresses, bool (*may)(const char *address))
{
    for (const char *at = addresses; *at; at += strspn(at, " ")) {
        if (may(at))
            return true;
        at += strcspn(at, " ");
    }
    return false;
}

// Who asks for TLS must not get none without a word.
static bool fits(const tool_settings *settings, const char *addresses)
{
    if (secure_wanted(settings) && !is_any(addresses, may_have_tls))
        return complain(
            "mqtt:// and ws:// are without TLS, which the options ask for: say mqtts:// or wss://");
    if (secure_web_wanted(settings) && !is_any(addresses, may_have_websocket))
        return complain(
            "the address is not one of a WebSocket, which the options ask for: say ws:// or wss://");
    return true;
}

bool secure_make(tool_secure *secure, const tool_settings *settings, mqw_role ours, const char *addresses)
{
    const tool_tls_settings *tls = &settings->tls;
    *secure = (tool_secure){.settings = settings, .web = secure_web_wanted(settings)};
    if (!fits(settings, addresses))
        return false;
    if (!make_websocket(secure, &settings->web, ours))
        return false;
    if (!is_any_given(settings))
        return true;
    return is_consistent(tls, ours) && (tls->psk == NULL || read_psk(secure, tls->psk)) &&
           make_tls(secure, tls, ours);
}

void secure_free(tool_secure *secure)
{
    mqw_tls_free(secure->tls);
    free(secure->headers);
    secure->tls = NULL;
    secure->headers = NULL;
}

void secure_apply(const tool_secure *secure, mqw_open_options *options)
{
    options->tls = secure->tls;
    options->websocket = secure->web ? &secure->websocket : NULL;
}

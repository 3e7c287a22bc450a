// SPDX-License-Identifier: MIT
// Puts layers on streams, the lowest first: the way through a proxy or its PROXY header, TLS, WebSocket.
#include "wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "http_connect.h"
#include "proxy.h"
#include "socks5.h"
#include "tls.h"
#include "websocket.h"

enum { HOST_HEADER = MQW__HOST_MAX + 16, PORT_HTTP = 80, PORT_HTTPS = 443 };

// --- what is asked for ---

static bool wants_tls(const mqw__address *address, const mqw_open_options *options)
{
    return address->tls || (options->tls && !address->plain);
}

static bool wants_websocket(const mqw__address *address, const mqw_open_options *options)
{
    return address->websocket || (options->websocket && address->kind != MQW__TCP);
}

// Clients without a TLS of their own share one per loop, because reading the system's certificates takes
// time.
static int set_tls(mqw__wrap *out, mqw__loop *loop, const mqw_open_options *options)
{
    if (options->tls && mqw__tls_role(options->tls) != out->role)
        return MQW_E_MISUSE;
    if (!options->tls && out->role == MQW_SERVER)
        return MQW_E_MISUSE;
    int result = options->tls || loop->tls ? 0 : mqw_tls_new(&loop->tls, MQW_CLIENT, NULL, NULL, 0);
    if (result == 0)
        out->tls = mqw_tls_keep(options->tls ? options->tls : loop->tls);
    return result;
}

// `host:port` as it is said in a header: the scheme's own port is left out, and so is the scope of an
// address.
static void host_header(char *out, size_t cap, const mqw__wrap *wrap)
{
    int len = (int)strcspn(wrap->host, "%");
    bool six = strchr(wrap->host, ':') != NULL;
    bool usual = wrap->port == (wrap->tls ? PORT_HTTPS : PORT_HTTP);
    char port[8] = "";
    if (!usual)
        snprintf(port, sizeof port, ":%u", (unsigned)wrap->port);
    if (len == 0)
        snprintf(out, cap, "localhost");
    else
        snprintf(out, cap, "%s%.*s%s%s", six ? "[" : "", len, wrap->host, six ? "]" : "", port);
}

static int set_websocket(mqw__wrap *out, const mqw__address *address, const mqw_open_options *options)
{
    char host[HOST_HEADER];
    host_header(host, sizeof host, out);
    return mqw__terms_new(&out->terms, out->role, options->websocket, address->websocket ? address->path : "",
                          host);
}

static int set_proxy(mqw__wrap *out, const char *proxy)
{
    out->proxy = mqw__uv_new(sizeof *out->proxy);
    return out->proxy ? mqw__address_read_proxy(out->proxy, proxy) : MQW_E_NO_MEMORY;
}

int mqw__wrap_set(mqw__wrap *out, mqw_role role, mqw__loop *loop, mqw__address *address,
                  const mqw_open_options *options)
{
    int result = 0;
    memset(out, 0, sizeof *out);
    out->role = role;
    out->proxy_protocol = role == MQW_SERVER && options->proxy_protocol;
    if (wants_tls(address, options)) {
        result = set_tls(out, loop, options);
        if (address->any_port && address->port == MQW__PORT)
            address->port = MQW__PORT_TLS;
    }
    out->port = address->port;
    memcpy(out->host, address->host, sizeof out->host);
    if (result == 0 && wants_websocket(address, options))
        result = set_websocket(out, address, options);
    if (result == 0 && role == MQW_CLIENT && options->proxy && address->kind == MQW__TCP)
        result = set_proxy(out, options->proxy);
    if (result < 0)
        mqw__wrap_clear(out);
    return result;
}

void mqw__wrap_clear(mqw__wrap *wrap)
{
    mqw_tls_free(wrap->tls);
    mqw__terms_drop(wrap->terms);
    free(wrap->proxy);
    memset(wrap, 0, sizeof *wrap);
}

// --- on a stream ---

static int put(mqw_stream *stream, mqw__layer *layer)
{
    return layer ? mqw__stream_push(stream, layer) : MQW_E_NO_MEMORY;
}

static int put_way(const mqw__wrap *wrap, mqw_stream *stream)
{
    if (wrap->proxy && wrap->proxy->proxy == MQW__SOCKS5)
        return put(stream, mqw__socks5_new(wrap->proxy, wrap->host, wrap->port));
    if (wrap->proxy)
        return put(stream, mqw__http_connect_new(wrap->proxy, wrap->host, wrap->port));
    if (!wrap->proxy_protocol)
        return 0;
    stream->proxied = mqw__uv_new(sizeof *stream->proxied);
    return stream->proxied ? put(stream, mqw__proxy_new(stream->proxied)) : MQW_E_NO_MEMORY;
}

int mqw__wrap_put(const mqw__wrap *wrap, mqw_stream *stream)
{
    int result = put_way(wrap, stream);
    if (result == 0 && wrap->tls)
        result = mqw__stream_tls(stream, wrap->tls, wrap->host[0] ? wrap->host : NULL,
                                 wrap->terms ? "http/1.1" : "mqtt");
    if (result == 0 && wrap->terms)
        result = put(stream, mqw__websocket_new(wrap->terms));
    return result;
}

int mqw_stream_websocket(mqw_stream *stream, mqw_role role, const char *host,
                         const mqw_websocket_options *options)
{
    mqw__terms *terms = NULL;
    if (!stream || stream->owner || stream->closed || (role != MQW_CLIENT && role != MQW_SERVER))
        return MQW_E_MISUSE;
    if (stream->layers && !mqw__tls_below_websocket(mqw__layers_top(stream->layers)))
        return MQW_E_NO_MEMORY;
    int result = mqw__terms_new(&terms, role, options, "", host && *host ? host : "localhost");
    if (result < 0)
        return result;
    result = put(stream, mqw__websocket_new(terms));
    mqw__terms_drop(terms);
    return result;
}

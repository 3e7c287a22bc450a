// SPDX-License-Identifier: MIT
// Protocols by ALPN: lists by commas, as a client sends them and as a server chooses from them.
#include <string.h>

#include "tls.h"

enum { NAME_LONGEST = 255, LIST_LONGEST = 1024 };

// Cuts the next name off a list; false at its end.
static bool next_name(const char **list, mqw_text *name)
{
    if (!*list)
        return false;
    const char *comma = strchr(*list, ',');
    *name = (mqw_text){*list, comma ? (size_t)(comma - *list) : strlen(*list)};
    *list = comma ? comma + 1 : NULL;
    return true;
}

bool mqw__tls_alpn_sound(const char *list)
{
    mqw_text name;
    if (*list == '\0')
        return true;
    if (strlen(list) >= LIST_LONGEST)
        return false;
    while (next_name(&list, &name))
        if (name.len == 0 || name.len > NAME_LONGEST)
            return false;
    return true;
}

// Each name with its length before it.
bool mqw__tls_alpn_offer(mqw__tls_layer *self)
{
    unsigned char wire[LIST_LONGEST + 1];
    unsigned len = 0;
    const char *list = self->alpn;
    mqw_text name;
    if (*list == '\0')
        return true;
    while (next_name(&list, &name)) {
        wire[len++] = (unsigned char)name.len;
        memcpy(wire + len, name.data, name.len);
        len += (unsigned)name.len;
    }
    return SSL_set_alpn_protos(self->ssl, wire, len) == 0;
}

static bool offered(mqw_text name, const unsigned char *in, unsigned len, const unsigned char **found)
{
    for (unsigned at = 0; at < len; at += 1u + in[at]) {
        if (in[at] == name.len && at + 1 + name.len <= len && memcmp(in + at + 1, name.data, name.len) == 0) {
            *found = in + at + 1;
            return true;
        }
    }
    return false;
}

// The best of ours. A client that names others only is turned away (RFC 7301 section 3.2).
static int on_choice(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                     unsigned len, void *arg)
{
    const char *list = mqw__tls_layer_of(ssl)->alpn;
    mqw_text name;
    (void)arg;
    if (*list == '\0')
        return SSL_TLSEXT_ERR_NOACK;
    while (next_name(&list, &name)) {
        if (offered(name, in, len, out)) {
            *out_len = (unsigned char)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void mqw__tls_alpn_set(SSL_CTX *ctx)
{
    SSL_CTX_set_alpn_select_cb(ctx, on_choice, NULL);
}

// SPDX-License-Identifier: MIT
// The header of the PROXY protocol: a line of text in version 1; signature, addresses and skipped extras in
// version 2.
#define _GNU_SOURCE
#include "proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "alloc.h"

enum { LINE_MAX_1 = 107, HEAD_2 = 16, ADDRESSES_MAX = 216, UNIX_NAME = 108 };

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

typedef struct proxy_layer {
    mqw__layer layer;
    mqw__proxied *out;
    uint32_t skip; /**< Bytes of a version 2 header still to be passed over. */
    uint16_t len;
    uint8_t head[HEAD_2 + ADDRESSES_MAX];
} proxy_layer;

static int fail(proxy_layer *proxy)
{
    proxy->layer.why = "peer did not send a header of the PROXY protocol";
    return MQW_E_STREAM;
}

static void set_v4(struct sockaddr_storage *name, const void *address, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
    memcpy(&v4.sin_addr, address, sizeof v4.sin_addr);
    memcpy(name, &v4, sizeof v4);
}

static void set_v6(struct sockaddr_storage *name, const void *address, uint16_t port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
    memcpy(&v6.sin6_addr, address, sizeof v6.sin6_addr);
    memcpy(name, &v6, sizeof v6);
}

static void set_unix(struct sockaddr_storage *name, const uint8_t *path)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    memcpy(local.sun_path, path, UNIX_NAME);
    memcpy(name, &local, sizeof local);
}

// --- version 1: PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n ---

// Cuts the next word off a line; NULL when there is none.
static char *next_word(char **line)
{
    char *word = *line;
    if (!word || *word == '\0')
        return NULL;
    char *space = strchr(word, ' ');
    *line = space ? space + 1 : NULL;
    if (space)
        *space = '\0';
    return word;
}

static bool read_port(const char *word, uint16_t *port)
{
    char *behind = NULL;
    if (!word || *word < '0' || *word > '9' || strlen(word) > 5)
        return false;
    unsigned long value = strtoul(word, &behind, 10);
    *port = htons((uint16_t)value);
    return *behind == '\0' && value <= UINT16_MAX;
}

static bool read_end(struct sockaddr_storage *name, int family, const char *host, const char *port)
{
    uint8_t address[sizeof(struct in6_addr)];
    uint16_t number = 0;
    if (!host || inet_pton(family, host, address) != 1 || !read_port(port, &number))
        return false;
    if (family == AF_INET)
        set_v4(name, address, number);
    else
        set_v6(name, address, number);
    return true;
}

static bool read_line(proxy_layer *proxy, char *line)
{
    next_word(&line);
    const char *protocol = next_word(&line);
    if (!protocol)
        return false;
    if (strcmp(protocol, "UNKNOWN") == 0)
        return true;
    bool v6 = strcmp(protocol, "TCP6") == 0;
    if (!v6 && strcmp(protocol, "TCP4") != 0)
        return false;
    const char *peer = next_word(&line);
    const char *local = next_word(&line);
    const char *peer_port = next_word(&line);
    const char *local_port = next_word(&line);
    int family = v6 ? AF_INET6 : AF_INET;
    if (line || !read_end(&proxy->out->peer, family, peer, peer_port) ||
        !read_end(&proxy->out->local, family, local, local_port))
        return false;
    proxy->out->len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    return true;
}

// 1: complete; 0: not yet; negative: not a header.
static int take_line(proxy_layer *proxy, mqw__span *in)
{
    static const char opening[] = "PROXY ";
    while (in->len > 0) {
        uint8_t byte = *in->data;
        uint16_t at = proxy->len++;
        in->data++;
        in->len--;
        proxy->head[at] = byte;
        if (byte == '\n' && at > 0 && proxy->head[at - 1] == '\r') {
            proxy->head[at - 1] = '\0';
            return read_line(proxy, (char *)proxy->head) ? 1 : fail(proxy);
        }
        bool sound = at < sizeof opening - 1 ? byte == (uint8_t)opening[at] : byte == '\r' || byte >= ' ';
        if (!sound || proxy->len >= LINE_MAX_1)
            return fail(proxy);
    }
    return 0;
}

// --- version 2: signature, version and command, family, length, addresses, extras ---

static uint32_t declared(const proxy_layer *proxy)
{
    return (uint32_t)(proxy->head[14] << 8 | proxy->head[15]);
}

static uint16_t port_at(const uint8_t *at)
{
    uint16_t port;
    memcpy(&port, at, sizeof port);
    return port;
}

// LOCAL, and families that say nothing to us, leave the addresses of the stream itself.
static bool read_addresses(proxy_layer *proxy)
{
    const uint8_t *at = proxy->head + HEAD_2;
    uint8_t command = proxy->head[12];
    uint8_t family = proxy->head[13] >> 4;
    static const uint32_t sizes[] = {0, 12, 36, 216};
    if ((command != 0x20 && command != 0x21) || family > 3 || (proxy->head[13] & 0xF) > 2)
        return false;
    if (command == 0x20)
        return true;
    if (declared(proxy) < sizes[family])
        return false;
    mqw__proxied *out = proxy->out;
    if (family == 1) {
        set_v4(&out->peer, at, port_at(at + 8));
        set_v4(&out->local, at + 4, port_at(at + 10));
        out->len = sizeof(struct sockaddr_in);
    } else if (family == 2) {
        set_v6(&out->peer, at, port_at(at + 32));
        set_v6(&out->local, at + 16, port_at(at + 34));
        out->len = sizeof(struct sockaddr_in6);
    } else if (family == 3) {
        set_unix(&out->peer, at);
        set_unix(&out->local, at + UNIX_NAME);
        out->len = sizeof(struct sockaddr_un);
    }
    return true;
}

static void gather(proxy_layer *proxy, mqw__span *in, size_t want)
{
    size_t take = want > proxy->len ? want - proxy->len : 0;
    if (take > in->len)
        take = in->len;
    memcpy(proxy->head + proxy->len, in->data, take);
    proxy->len = (uint16_t)(proxy->len + take);
    in->data += take;
    in->len -= take;
}

static void pass_over(proxy_layer *proxy, mqw__span *in)
{
    size_t skip = proxy->skip < in->len ? proxy->skip : in->len;
    in->data += skip;
    in->len -= skip;
    proxy->skip -= (uint32_t)skip;
}

static int take_binary(proxy_layer *proxy, mqw__span *in)
{
    gather(proxy, in, HEAD_2);
    size_t known = proxy->len < sizeof signature ? proxy->len : sizeof signature;
    if (memcmp(proxy->head, signature, known) != 0)
        return fail(proxy);
    if (proxy->len < HEAD_2)
        return 0;
    uint32_t kept = declared(proxy) < ADDRESSES_MAX ? declared(proxy) : ADDRESSES_MAX;
    if (proxy->len == HEAD_2)
        proxy->skip = declared(proxy) - kept;
    gather(proxy, in, HEAD_2 + kept);
    if (proxy->len < HEAD_2 + kept)
        return 0;
    pass_over(proxy, in);
    if (proxy->skip > 0)
        return 0;
    return read_addresses(proxy) ? 1 : fail(proxy);
}

// --- the layer ---

static int start(mqw__layer *layer)
{
    (void)layer;
    return 0;
}

static int decode(mqw__layer *layer, mqw__span *in, mqw__span room, mqw__span *out)
{
    (void)room;
    proxy_layer *self = (proxy_layer *)layer;
    if (in->len == 0)
        return 0;
    bool text = (self->len > 0 ? self->head[0] : in->data[0]) == 'P';
    int done = text ? take_line(self, in) : take_binary(self, in);
    if (done <= 0)
        return done;
    layer->ready = layer->through = true;
    *out = *in;
    in->len = 0;
    return out->len > 0;
}

static int encode(mqw__layer *layer, const mqw_bytes *views, int count)
{
    return mqw__layer_down(layer, views, count);
}

static int end(mqw__layer *layer)
{
    return fail((proxy_layer *)layer);
}

static void release(mqw__layer *layer)
{
    free(layer);
}

static const mqw__layer_kind kind = {
    .start = start, .decode = decode, .encode = encode, .end = end, .free = release};

mqw__layer *mqw__proxy_new(mqw__proxied *out)
{
    proxy_layer *self = mqw__uv_new(sizeof *self);
    if (!self)
        return NULL;
    self->layer.kind = &kind;
    self->out = out;
    return &self->layer;
}

// SPDX-License-Identifier: MIT
// WebSocket (RFC 6455) as a layer: first the handshake, then frames. Payloads are unmasked where they lie;
// what is sent at a time becomes one binary frame. Nothing but heads and control frames is ever gathered.
#include "websocket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "alloc.h"
#include "frame.h"
#include "mqwire/transport.h"
#include "upgrade.h"

enum {
    CHUNK = 16 * 1024, /**< Masked at a time; as much as a record of TLS holds. */
    VIEWS = 64,
    KEYS = 16 * MQW__FRAME_KEY, /**< Random bytes fetched at a time. */
    NONCE = 16,
    CODE = 2
};

enum { NORMAL = 1000, WRONG_FRAME = 1002, WRONG_DATA = 1003, NO_CODE = 1005, WRONG_TEXT = 1007 };

typedef struct websocket {
    mqw__layer layer;
    mqw__upgrade *upgrade; /**< NULL: the handshake is over. */
    char *facts;           /**< Subprotocol, path, origin, each with its terminator. */
    uint64_t left;         /**< Of the payload of the present frame. */
    uint64_t next_ping;
    mqw__frame frame;
    uint32_t ping_interval;
    bool client;
    bool in_frame;   /**< Its head was read, its payload not quite. */
    bool in_message; /**< More frames of it must come. */
    bool parted;     /**< Our close frame was sent: nothing may follow it. */
    uint8_t head_len;
    uint8_t control_len;
    uint8_t keys_left;
    uint8_t head[MQW__FRAME_HEAD];
    uint8_t control[MQW__CONTROL_MAX];
    uint8_t keys[KEYS];
    char words[MQW__WS_WORDS];
} websocket;

static websocket *self_of(mqw__layer *layer)
{
    return (websocket *)layer;
}

// The kernel's random numbers do not fail once they are there; a call may be interrupted.
static bool random_bytes(uint8_t *out, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t more = getrandom(out + got, len - got, 0);
        if (more < 0 && errno != EINTR)
            return false;
        got += more > 0 ? (size_t)more : 0;
    }
    return true;
}

static bool next_key(websocket *self, uint8_t *key)
{
    if (self->keys_left == 0 && !random_bytes(self->keys, KEYS))
        return false;
    if (self->keys_left == 0)
        self->keys_left = KEYS;
    self->keys_left -= MQW__FRAME_KEY;
    memcpy(key, self->keys + self->keys_left, MQW__FRAME_KEY);
    return true;
}

static int fail(websocket *self, const char *why)
{
    self->layer.why = why;
    return MQW_E_STREAM;
}

// --- out ---

// The head of a frame. Its length; 0: no random numbers.
static size_t head_of(websocket *self, uint8_t *out, mqw__frame *frame)
{
    frame->last = true;
    frame->masked = self->client;
    if (frame->masked && !next_key(self, frame->key))
        return 0;
    return mqw__frame_write(out, frame);
}

static int push(mqw__layer *layer, const uint8_t *data, size_t len)
{
    mqw_bytes view = {data, len};
    return mqw__layer_down(layer, &view, 1);
}

static int push_control(websocket *self, mqw__opcode opcode, const uint8_t *payload, size_t len)
{
    uint8_t bytes[MQW__FRAME_HEAD + MQW__CONTROL_MAX];
    mqw__frame frame = {.opcode = (uint8_t)opcode, .len = len};
    size_t head = head_of(self, bytes, &frame);
    if (head == 0)
        return fail(self, "there are no random numbers");
    mqw__frame_mask(bytes + head, payload, len, frame.key, 0);
    return push(&self->layer, bytes, head + len);
}

static int push_close(websocket *self, int code)
{
    const uint8_t payload[CODE] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (self->parted)
        return 0;
    self->parted = true;
    return push_control(self, MQW__WS_CLOSE, payload, code == NO_CODE ? 0 : CODE);
}

// Copies and masks in one go.
static void put_masked(uint8_t *to, const mqw_bytes *views, int count, const mqw__frame *frame)
{
    uint64_t offset = 0;
    for (int i = 0; i < count; i++) {
        mqw__frame_mask(to + offset, views[i].data, views[i].len, frame->key, offset);
        offset += views[i].len;
    }
}

// The same for a layer below, in pieces of CHUNK.
static int push_masked(websocket *self, const mqw_bytes *views, int count, const mqw__frame *frame,
                       const uint8_t *head, size_t head_len)
{
    uint8_t chunk[CHUNK];
    size_t used = head_len;
    uint64_t offset = 0;
    int result = 0;
    memcpy(chunk, head, head_len);
    for (int i = 0; i < count && result >= 0; i++) {
        for (size_t at = 0; at < views[i].len && result >= 0;) {
            size_t len = views[i].len - at < CHUNK - used ? views[i].len - at : CHUNK - used;
            mqw__frame_mask(chunk + used, views[i].data + at, len, frame->key, offset);
            at += len;
            used += len;
            offset += len;
            if (used == CHUNK) {
                result = push(&self->layer, chunk, used);
                used = 0;
            }
        }
    }
    return result >= 0 && used > 0 ? push(&self->layer, chunk, used) : result;
}

static int send_masked(websocket *self, const mqw_bytes *views, int count, const mqw__frame *frame,
                       const uint8_t *head, size_t head_len)
{
    uint8_t *room = NULL;
    int result = mqw__layer_put(&self->layer, head_len + (size_t)frame->len, &room);
    if (result == MQW_E_REFUSED)
        return push_masked(self, views, count, frame, head, head_len);
    if (result < 0)
        return result;
    memcpy(room, head, head_len);
    put_masked(room + head_len, views, count, frame);
    return 0;
}

// One frame of up to VIEWS views.
static int push_data(websocket *self, const mqw_bytes *views, int count)
{
    uint8_t head[MQW__FRAME_HEAD];
    mqw_bytes all[VIEWS + 1];
    mqw__frame frame = {.opcode = MQW__WS_BINARY};
    for (int i = 0; i < count; i++) {
        frame.len += views[i].len;
        all[i + 1] = views[i];
    }
    if (frame.len == 0)
        return 0;
    size_t head_len = head_of(self, head, &frame);
    if (head_len == 0)
        return fail(self, "there are no random numbers");
    if (self->client)
        return send_masked(self, views, count, &frame, head, head_len);
    all[0] = (mqw_bytes){head, head_len};
    return mqw__layer_down(&self->layer, all, count + 1);
}

static int encode(mqw__layer *layer, const mqw_bytes *views, int count)
{
    int result = 0;
    for (int at = 0; at < count && result >= 0 && !self_of(layer)->parted; at += VIEWS)
        result = push_data(self_of(layer), views + at, count - at < VIEWS ? count - at : VIEWS);
    return result;
}

static int shut(mqw__layer *layer)
{
    return layer->ready ? push_close(self_of(layer), NORMAL) : 0;
}

// --- time ---

static uint64_t tick(mqw__layer *layer, uint64_t now)
{
    websocket *self = self_of(layer);
    if (!layer->ready || self->parted)
        return UINT64_MAX;
    if (self->ping_interval == 0)
        return UINT64_MAX;
    if (self->next_ping != 0 && now >= self->next_ping)
        (void)push_control(self, MQW__WS_PING, NULL, 0); // without memory it stays unsaid
    if (now >= self->next_ping)
        self->next_ping = now + self->ping_interval;
    return self->next_ping;
}

// --- the handshake ---

static int start(mqw__layer *layer)
{
    websocket *self = self_of(layer);
    uint8_t nonce[NONCE];
    if (!self->client)
        return 0;
    if (!random_bytes(nonce, sizeof nonce))
        return fail(self, "there are no random numbers");
    int result = mqw__upgrade_ask(self->upgrade, nonce);
    return result < 0 ? result : push(layer, (const uint8_t *)self->upgrade->say, self->upgrade->say_len);
}

static char *put(char *to, mqw_text text)
{
    if (text.len > 0)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
    return to + text.len + 1;
}

// What was agreed outlives the handshake.
static bool keep_facts(websocket *self)
{
    const mqw__upgrade *upgrade = self->upgrade;
    self->facts = mqw__uv_new(upgrade->protocol.len + upgrade->path.len + upgrade->origin.len + 3);
    if (self->facts)
        put(put(put(self->facts, upgrade->protocol), upgrade->path), upgrade->origin);
    return self->facts != NULL;
}

static int shake_hands(websocket *self, mqw__span *in)
{
    mqw__upgrade *upgrade = self->upgrade;
    int result = mqw__upgrade_take(upgrade, in);
    if (result == 0)
        return 0;
    if (result == MQW_E_STREAM) {
        memcpy(self->words, upgrade->why, sizeof self->words);
        self->layer.why = self->words;
    }
    if (result == 1 && !keep_facts(self))
        return MQW_E_NO_MEMORY;
    if (!self->client && upgrade->say) {
        int pushed = push(&self->layer, (const uint8_t *)upgrade->say, upgrade->say_len);
        result = pushed < 0 ? pushed : result;
    }
    if (result < 0)
        return result;
    self->layer.ready = true;
    mqw__upgrade_free(upgrade);
    self->upgrade = NULL;
    return 1;
}

// --- in ---

// What a peer has done wrong: it is told by a code, the program in words.
static int object(websocket *self, int code, const char *why)
{
    int pushed = push_close(self, code);
    return pushed < 0 ? pushed : fail(self, why);
}

static const char *word_of(int code)
{
    static const struct {
        int code;
        const char *word;
    } words[] = {
        {1001, "going away"},        {1002, "protocol error"},     {1003, "kind of data not accepted"},
        {1007, "wrong data"},        {1008, "against its policy"}, {1009, "message too large"},
        {1010, "extension missing"}, {1011, "internal error"},     {1012, "restarts"},
        {1013, "try again later"},   {1014, "bad gateway"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].code == code)
            return words[i].word;
    return "a code of its own";
}

static bool may_be_sent(int code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

// The peer says goodbye: it gets its code back. All but an ordinary end is a failure in words.
static int take_close(websocket *self)
{
    mqw_text reason = {(const char *)self->control + CODE, self->control_len};
    int code = NO_CODE;
    if (self->control_len == 1)
        return object(self, WRONG_FRAME, "peer sent a close frame of one byte");
    if (self->control_len > 0) {
        code = self->control[0] << 8 | self->control[1];
        reason.len -= CODE;
    }
    if (self->control_len > 0 && !may_be_sent(code))
        return object(self, WRONG_FRAME, "peer closed with a code that nobody may send");
    if (mqw_utf8_check(reason) == MQW_RULE_UTF8)
        return object(self, WRONG_TEXT, "peer closed with words that are not UTF-8");
    self->layer.ended = true;
    int pushed = push_close(self, code);
    if (pushed < 0 || code <= 1001 || code == NO_CODE)
        return pushed;
    char shown[MQW__CONTROL_MAX + 1];
    mqw__http_show(shown, sizeof shown, reason);
    snprintf(self->words, sizeof self->words, "peer closed the WebSocket: %d, %s%s%s", code, word_of(code),
             shown[0] ? ": " : "", shown);
    return fail(self, self->words);
}

static int take_control(websocket *self)
{
    if (self->frame.opcode == MQW__WS_CLOSE)
        return take_close(self);
    if (self->frame.opcode == MQW__WS_PONG)
        return 0;
    return self->parted ? 0 : push_control(self, MQW__WS_PONG, self->control, self->control_len);
}

// What a head may say here and now.
static int judge(websocket *self)
{
    const mqw__frame *frame = &self->frame;
    if (frame->masked == self->client)
        return object(self, WRONG_FRAME,
                      self->client ? "server sent a masked frame" : "client sent a frame that is not masked");
    if (frame->opcode == MQW__WS_TEXT)
        return object(self, WRONG_DATA, "peer sent text; MQTT goes in binary frames (MQTT-6.0.0-1)");
    if (frame->opcode >= MQW__WS_CLOSE)
        return 0;
    if ((frame->opcode == MQW__WS_MORE) != self->in_message)
        return object(self, WRONG_FRAME,
                      self->in_message ? "peer began a message within another one"
                                       : "peer went on with a message that it had not begun");
    self->in_message = !frame->last;
    return 0;
}

// 1: a head was read; 0: it is not all there.
static int take_head(websocket *self, mqw__span *in)
{
    int len = 0;
    if (self->head_len == 0 && (len = mqw__frame_read(&self->frame, in->data, in->len)) > 0) {
        in->data += len;
        in->len -= (size_t)len;
    }
    while (len == 0 && in->len > 0) {
        self->head[self->head_len++] = *in->data++;
        in->len--;
        len = mqw__frame_read(&self->frame, self->head, self->head_len);
    }
    if (len < 0)
        return object(self, WRONG_FRAME, "peer sent something that is no frame of WebSocket");
    if (len == 0)
        return 0;
    self->head_len = self->control_len = 0;
    self->left = self->frame.len;
    self->in_frame = true;
    int result = judge(self);
    return result < 0 ? result : 1;
}

// The next bytes of the present frame, unmasked where they lie.
static mqw__span take_payload(websocket *self, mqw__span *in)
{
    size_t len = self->left < in->len ? (size_t)self->left : in->len;
    mqw__span piece = {in->data, len};
    if (!self->client)
        mqw__frame_mask(piece.data, piece.data, len, self->frame.key, self->frame.len - self->left);
    in->data += len;
    in->len -= len;
    self->left -= len;
    self->in_frame = self->left > 0;
    return piece;
}

static int decode_frames(websocket *self, mqw__span *in, mqw__span *out)
{
    while (in->len > 0 || (self->in_frame && self->left == 0)) {
        int result = self->in_frame ? 1 : take_head(self, in);
        if (result <= 0)
            return result;
        mqw__span piece = take_payload(self, in);
        if (self->frame.opcode < MQW__WS_CLOSE) {
            *out = piece;
            if (piece.len > 0)
                return 1;
            continue;
        }
        memcpy(self->control + self->control_len, piece.data, piece.len);
        self->control_len = (uint8_t)(self->control_len + piece.len);
        if (!self->in_frame && (result = take_control(self)) < 0)
            return result;
        if (self->layer.ended)
            in->len = 0;
    }
    return 0;
}

static int decode(mqw__layer *layer, mqw__span *in, mqw__span room, mqw__span *out)
{
    (void)room;
    websocket *self = self_of(layer);
    if (self->upgrade) {
        int result = shake_hands(self, in);
        if (result <= 0)
            return result;
    }
    return decode_frames(self, in, out);
}

static int end(mqw__layer *layer)
{
    websocket *self = self_of(layer);
    if (self->upgrade)
        return fail(self, self->client ? "server ended before it had answered the WebSocket handshake; "
                                         "perhaps its port is for plain MQTT"
                                       : "peer ended within the WebSocket handshake");
    return fail(self, "peer ended without closing the WebSocket");
}

// --- the layer ---

static void facts(const mqw__layer *layer, mqw_stream_facts *out)
{
    const websocket *self = (const websocket *)layer;
    const char *text = self->facts;
    if (!text)
        return;
    snprintf(out->ws_protocol, sizeof out->ws_protocol, "%s", text);
    text += strlen(text) + 1;
    snprintf(out->ws_path, sizeof out->ws_path, "%s", text);
    text += strlen(text) + 1;
    snprintf(out->ws_origin, sizeof out->ws_origin, "%s", text);
}

static void release(mqw__layer *layer)
{
    websocket *self = self_of(layer);
    mqw__upgrade_free(self->upgrade);
    free(self->facts);
    free(self);
}

static const mqw__layer_kind kind = {.start = start,
                                     .decode = decode,
                                     .encode = encode,
                                     .end = end,
                                     .shut = shut,
                                     .tick = tick,
                                     .facts = facts,
                                     .free = release};

mqw__layer *mqw__websocket_new(mqw__terms *terms)
{
    websocket *self = mqw__uv_new(sizeof *self);
    if (!self)
        return NULL;
    self->upgrade = mqw__upgrade_new(terms);
    if (!self->upgrade) {
        free(self);
        return NULL;
    }
    self->layer.kind = &kind;
    self->client = terms->role == MQW_CLIENT;
    self->ping_interval = terms->options.ping_interval;
    return &self->layer;
}

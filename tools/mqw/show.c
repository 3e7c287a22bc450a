// SPDX-License-Identifier: MIT
// What mqw prints; see show.h.
#include "show.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "plain.h"
#include "token.h"

void show_init(tool_show *show, const tool_settings *settings, FILE *out)
{
    *show = (struct tool_show){
        .out = out, .json = settings->json, .full = settings->full, .bytes = settings->hex};
    show->colours = !show->json && paint_wanted(settings->colour, out);
}

void show_end(tool_show *show)
{
    free(show->room);
    show->room = NULL;
    show->size = 0;
}

static void begin(const tool_show *show)
{
    if (show->hide)
        show->hide(show->ctx);
}

static void end(const tool_show *show)
{
    if (show->reveal)
        show->reveal(show->ctx);
}

static const char *code(const tool_show *show, tool_paint paint)
{
    return paint_code(show->colours, paint);
}

/* --- Text
 * ---------------------------------------------------------------------------------------------------------
 */

static void print_time(const tool_show *show)
{
    char clock[PAINT_TIME_SIZE];
    paint_clock(clock);
    fprintf(show->out, "%s%s%s ", code(show, PAINT_DIM), clock, code(show, PAINT_PLAIN));
}

static void print_peer(const tool_show *show, unsigned peer)
{
    if (peer > 0)
        fprintf(show->out, "#%u ", peer);
}

static tool_paint paint_of(mqw_role who)
{
    return who == MQW_SERVER ? PAINT_SERVER : PAINT_CLIENT;
}

static void print_origin(const tool_show *show, const tool_origin *origin)
{
    if (!origin->live) {
        fprintf(show->out, "%s%08llx%s  ", code(show, PAINT_DIM), (unsigned long long)origin->offset,
                code(show, PAINT_PLAIN));
        return;
    }
    print_time(show);
    print_peer(show, origin->peer);
    fprintf(show->out, "%s%s%s ", code(show, paint_of(origin->who)), origin->who == MQW_SERVER ? "S>" : "C>",
            code(show, PAINT_PLAIN));
}

// The packet's name in the colour of who said it, names of fields behind their values.
static void print_painted(const tool_show *show, mqw_text line, tool_paint colour)
{
    tool_token word;
    bool first = true;
    while (token_next(&line, &word)) {
        if (first)
            fprintf(show->out, "%s%.*s%s", code(show, colour), (int)word.whole.len, word.whole.data,
                    code(show, PAINT_PLAIN));
        else if (word.value.data)
            fprintf(show->out, " %s%.*s=%s%.*s", code(show, PAINT_DIM), (int)word.name.len, word.name.data,
                    code(show, PAINT_PLAIN), (int)word.value.len, word.value.data);
        else
            fprintf(show->out, " %.*s", (int)word.whole.len, word.whole.data);
        first = false;
    }
    fputc('\n', show->out);
}

static void print_violations(const tool_show *show, const tool_origin *origin, const mqw_packet *packet)
{
    for (unsigned rule = 1; rule < MQW_RULE_COUNT; rule++) {
        if (!mqw_rule_in(&packet->violations, (mqw_rule)rule))
            continue;
        mqw_error error = {.rule = (uint8_t)rule, .version = origin->version};
        const char *clause = mqw_error_clause(&error);
        fprintf(show->out, "          %s# %s%s%s%s%s\n", code(show, PAINT_BAD), mqw_error_text(&error),
                *clause ? " [" : "", clause, *clause ? "]" : "", code(show, PAINT_PLAIN));
    }
}

enum { BYTES_A_LINE = 32, BYTES_SHOWN = 512 };

static void print_bytes(const tool_show *show, mqw_bytes raw)
{
    size_t shown = show->full || raw.len < BYTES_SHOWN ? raw.len : BYTES_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        if (i % BYTES_A_LINE == 0)
            fprintf(show->out, "%s    %s#", i ? "\n" : "", code(show, PAINT_DIM));
        fprintf(show->out, " %02x", raw.data[i]);
    }
    if (shown < raw.len)
        fprintf(show->out, " ... %zu bytes in all", raw.len);
    fprintf(show->out, "%s\n", code(show, PAINT_PLAIN));
}

// The packet as text in the room of `show`; data NULL: no memory.
static mqw_text text_of(tool_show *show, const mqw_packet *packet)
{
    mqw_form form = show->full ? MQW_FULL : MQW_SHORT;
    size_t len = mqw_print(show->room, show->size, packet, form);
    if (len >= show->size) {
        char *more = realloc(show->room, len + 256);
        if (more == NULL)
            return (mqw_text){NULL, 0};
        show->room = more;
        show->size = len + 256;
        len = mqw_print(show->room, show->size, packet, form);
    }
    return (mqw_text){show->room, len};
}

static void print_packet(tool_show *show, const tool_origin *origin, const mqw_packet *packet, mqw_bytes raw)
{
    mqw_text line = text_of(show, packet);
    if (line.data == NULL)
        return;
    print_origin(show, origin);
    if (show->colours)
        print_painted(show, line, paint_of(origin->who));
    else
        fprintf(show->out, "%s\n", line.data);
    if (!origin->live) // else they come as events of their own
        print_violations(show, origin, packet);
    if (show->bytes && origin->live && raw.data)
        print_bytes(show, raw);
}

/* --- JSON
 * ---------------------------------------------------------------------------------------------------------
 */

// DEL is the one control character that JSON lets pass; it can stand in a text only.
static int put_json(const char *bytes, size_t len, void *out)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == 0x7F)
            fputs("\\u007F", out);
        else
            fputc(bytes[i], out);
    return ferror(out) ? -1 : 0;
}

static void dump(const tool_show *show, json_t *object)
{
    json_dump_callback(object, put_json, show->out, JSON_COMPACT | JSON_ENSURE_ASCII);
    fputc('\n', show->out);
    json_decref(object);
}

static json_t *stamped(unsigned peer)
{
    char date[PAINT_TIME_SIZE];
    json_t *object = json_object();
    paint_date(date);
    json_object_set_new(object, "time", json_string(date));
    if (peer > 0)
        json_object_set_new(object, "peer", json_integer(peer));
    return object;
}

static void put_from(json_t *object, mqw_role who)
{
    if (who != MQW_ANY)
        json_object_set_new(object, "from", json_string(who == MQW_SERVER ? "server" : "client"));
}

static void put_raw(json_t *object, mqw_bytes raw)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(raw.len * 2 + 1);
    if (text == NULL)
        return;
    for (size_t i = 0; i < raw.len; i++) {
        text[2 * i] = digits[raw.data[i] >> 4];
        text[2 * i + 1] = digits[raw.data[i] & 15];
    }
    json_object_set_new(object, "bytes", json_stringn_nocheck(text, raw.len * 2));
    free(text);
}

static void dump_packet(const tool_show *show, const tool_origin *origin, const mqw_packet *packet,
                        mqw_bytes raw)
{
    json_t *object = origin->live ? stamped(origin->peer) : json_object();
    if (!origin->live)
        json_object_set_new(object, "offset", json_integer((json_int_t)origin->offset));
    put_from(object, origin->who);
    json_put_packet(object, packet, origin->version);
    if (show->bytes && origin->live && raw.data)
        put_raw(object, raw);
    dump(show, object);
}

/* --- Either ------------------------------------------------------------------------------------------- */

void show_packet(tool_show *show, const tool_origin *origin, const mqw_packet *packet, mqw_bytes raw)
{
    begin(show);
    if (show->json)
        dump_packet(show, origin, packet, raw);
    else
        print_packet(show, origin, packet, raw);
    end(show);
}

void show_raw(tool_show *show, const tool_origin *origin, mqw_bytes raw)
{
    begin(show);
    if (show->json) {
        json_t *object = stamped(origin->peer);
        put_from(object, origin->who);
        json_object_set_new(object, "event", json_string("bytes"));
        put_raw(object, raw);
        dump(show, object);
    } else {
        print_origin(show, origin);
        fprintf(show->out, "# %zu bytes as they are:\n", raw.len);
        print_bytes(show, raw);
    }
    end(show);
}

void show_event(tool_show *show, unsigned peer, tool_paint paint, const char *event, const char *text)
{
    begin(show);
    if (show->json) {
        json_t *object = stamped(peer);
        json_object_set_new(object, "event", json_string(event));
        json_object_set_new(object, "text", json_string(text));
        dump(show, object);
    } else {
        print_time(show);
        print_peer(show, peer);
        fprintf(show->out, "%s# ", code(show, paint));
        plain_print(show->out, "%s", text);
        fprintf(show->out, "%s\n", code(show, PAINT_PLAIN));
    }
    end(show);
}

void show_error(tool_show *show, unsigned peer, const char *event, const mqw_error *error)
{
    char text[512];
    mqw_error_print(text, sizeof(text), error);
    if (!show->json) {
        show_event(show, peer, PAINT_BAD, event, text);
        return;
    }
    begin(show);
    json_t *object = stamped(peer);
    json_object_set_new(object, "event", json_string(event));
    json_put_error(object, error);
    dump(show, object);
    end(show);
}

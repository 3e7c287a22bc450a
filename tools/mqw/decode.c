// SPDX-License-Identifier: MIT
// mqw decode: the packets of one direction of a byte stream. A connection that is connected to nothing takes
// it apart, in pieces, so that neither a long stream nor a large payload has to fit into memory.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mqwire/mqwire.h>

#include "hex.h"
#include "show.h"
#include "tool.h"

enum {
    PIECE = 64 * 1024, // read at a time, and the payload above which a PUBLISH is shown in pieces
    KEPT = 2 * 1024 *
           1024, // bytes remembered, to show those around a fault: a packet that is kept whole, and more
    AROUND = 16  // bytes shown before and behind a fault
};

typedef struct decoder {
    const tool_settings *settings;
    tool_show show;
    mqw_conn *conn;
    hex_reader hex;
    uint8_t *kept;  // the last KEPT bytes of the stream; byte i stands at i % KEPT
    uint64_t count; // bytes of the stream so far
    uint64_t start; // of the packet that is being read
    bool connect;   // a CONNECT has told the version
} decoder;

/* --- Showing ------------------------------------------------------------------------------------------ */

static tool_origin origin_at(const decoder *d, uint64_t offset)
{
    return (tool_origin){
        .who = (mqw_role)d->settings->from, .version = mqw_conn_version(d->conn), .offset = offset};
}

// Pieces of a payload are shown only when all is shown.
static bool is_shown(const decoder *d, const mqw_packet *packet)
{
    return packet->type != MQW_PIECE || d->show.json || d->show.full;
}

// A packet that has been read up to `end`.
static void take_packet(decoder *d, const mqw_packet *packet, uint64_t end)
{
    bool piece = packet->type == MQW_PIECE;
    tool_origin origin = origin_at(d, piece ? end - packet->piece.bytes.len : d->start);
    d->connect |= packet->type == MQW_CONNECT;
    if (is_shown(d, packet))
        show_packet(&d->show, &origin, packet, (mqw_bytes){NULL, 0});
    bool more =
        piece ? packet->piece.left > 0 : packet->type == MQW_PUBLISH && packet->publish.payload_left > 0;
    if (!more)
        d->start = end;
}

// The bytes around a fault, the one it is about marked.
static void show_bytes_around(const decoder *d, uint64_t offset)
{
    bool colours = paint_wanted(d->settings->colour, stderr);
    uint64_t oldest = d->count > KEPT ? d->count - KEPT : 0;
    uint64_t from = offset > AROUND ? offset - AROUND : 0;
    uint64_t to = offset + AROUND < d->count ? offset + AROUND : d->count;
    if (from < oldest || offset > d->count)
        return;
    int column = fprintf(stderr, "  %08llx ", (unsigned long long)from);
    for (uint64_t i = from; i < to; i++) {
        const char *code = i == offset ? paint_code(colours, PAINT_BAD) : "";
        fprintf(stderr, " %s%02x%s", code, d->kept[i % KEPT], *code ? paint_code(colours, PAINT_PLAIN) : "");
    }
    fprintf(stderr, "\n%*s%s%s%s byte %llu\n", column + 1 + (int)(offset - from) * 3, "",
            paint_code(colours, PAINT_BAD), "^^", paint_code(colours, PAINT_PLAIN),
            (unsigned long long)offset);
}

static int fault(decoder *d)
{
    char text[512];
    mqw_error error = {0};
    if (mqw_conn_error(d->conn, &error) == NULL)
        return TOOL_BROKEN;
    fflush(stdout);
    if (d->show.json)
        show_error(&d->show, 0, "error", &error);
    mqw_error_print(text, sizeof(text), &error);
    tool_complain("%s", text);
    show_bytes_around(d, error.offset);
    if (d->settings->version == 0 && !d->connect)
        tool_complain("no CONNECT told the version, so this was read as 3.1.1; --version 5 reads it as 5.0");
    return error.code == MQW_E_NO_MEMORY ? TOOL_BROKEN : TOOL_DIFFERS;
}

/* --- Reading ------------------------------------------------------------------------------------------ */

static void keep(decoder *d, mqw_bytes bytes)
{
    for (size_t done = 0; done < bytes.len;) {
        size_t at = (size_t)((d->count + done) % KEPT), part = KEPT - at;
        if (part > bytes.len - done)
            part = bytes.len - done;
        memcpy(d->kept + at, bytes.data + done, part);
        done += part;
    }
    d->count += bytes.len;
}

static int take_bytes(decoder *d, mqw_bytes in)
{
    mqw_packet packet;
    int result;
    keep(d, in);
    while ((result = mqw_conn_recv(d->conn, &in, &packet)) > 0)
        take_packet(d, &packet, d->count - in.len);
    return result < 0 ? fault(d) : TOOL_OK;
}

static int bad_hex(const decoder *d)
{
    tool_complain("line %u: %s", d->hex.line, d->hex.error);
    return TOOL_DIFFERS;
}

static int take_text(decoder *d, const char *text, size_t len, uint8_t *room)
{
    size_t count = hex_read(&d->hex, text, len, room);
    int result = take_bytes(d, (mqw_bytes){room, count});
    return result == TOOL_OK && d->hex.error ? bad_hex(d) : result;
}

// Says how much of the packet that is cut off is there.
static void complain_of_cut(const decoder *d)
{
    uint8_t head[5] = {0};
    uint64_t there = d->count - d->start, len = there < sizeof(head) ? there : sizeof(head);
    if (there > KEPT)
        len = 0;
    for (uint64_t i = 0; i < len; i++)
        head[i] = d->kept[(d->start + i) % KEPT];
    int size = mqw_packet_size((mqw_bytes){head, (size_t)len});
    if (size > 0)
        tool_complain("the last packet begins at byte %llu: %llu of its %d bytes are there",
                      (unsigned long long)d->start, (unsigned long long)there, size);
    else
        tool_complain("the last packet begins at byte %llu: %llu bytes of it are there",
                      (unsigned long long)d->start, (unsigned long long)there);
}

static int finish(decoder *d, uint8_t *room)
{
    if (d->settings->hex) {
        int result = take_bytes(d, (mqw_bytes){room, hex_finish(&d->hex, room)});
        if (result != TOOL_OK || d->hex.error)
            return result != TOOL_OK ? result : bad_hex(d);
    }
    if (mqw_conn_end(d->conn) == 0)
        return TOOL_OK;
    complain_of_cut(d);
    return fault(d);
}

static int decode_stream(decoder *d, int in)
{
    static uint8_t bytes[PIECE], room[PIECE / 2 + HEX_ROOM];
    for (;;) {
        fflush(stdout);
        ssize_t count = read(in, bytes, sizeof(bytes));
        int result = TOOL_OK;
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            tool_complain("cannot read: %s", strerror(errno));
            return TOOL_BROKEN;
        }
        if (count == 0)
            return finish(d, room);
        if (d->settings->hex)
            result = take_text(d, (const char *)bytes, (size_t)count, room);
        else
            result = take_bytes(d, (mqw_bytes){bytes, (size_t)count});
        if (result != TOOL_OK)
            return result;
    }
}

/* --- Setting up --------------------------------------------------------------------------------------- */

// One direction says nothing of what the other agreed to: rules of order and of limits do not hold here.
static void ignore_order(mqw_policy *policy)
{
    for (unsigned rule = MQW_RULE_CONNECT_FIRST; rule <= MQW_RULE_PROBLEM_INFO; rule++)
        mqw_rule_add(&policy->ignore, (mqw_rule)rule);
}

static mqw_policy policy_of(const tool_settings *settings)
{
    mqw_policy policy = {0};
    ignore_order(&policy);
    for (unsigned rule = 1; settings->lenient && rule < MQW_RULE_COUNT; rule++)
        if (!mqw_rule_in(&policy.ignore, (mqw_rule)rule))
            mqw_rule_add(&policy.report, (mqw_rule)rule);
    return policy;
}

static mqw_role role_of(const tool_settings *settings)
{
    if (settings->from == MQW_ANY)
        return MQW_ANY;
    return settings->from == MQW_CLIENT ? MQW_SERVER : MQW_CLIENT;
}

static mqw_conn *new_conn(const tool_settings *settings)
{
    mqw_conn_options options = {
        .size = sizeof(options),
        .version = (uint8_t)settings->version,
        .alias_in = MQW_ALIAS_RAW,
        .on_misuse = MQW_RETURN_ONLY,
        .policy = policy_of(settings),
        .max_packet_size = MQW_PACKET_MAX,
        .max_first_packet = MQW_PACKET_MAX,
        .stream_over = PIECE,
    };
    return mqw_conn_new(role_of(settings), &options);
}

static int open_file(const tool_settings *settings)
{
    const char *name = settings->argument;
    if (name == NULL || strcmp(name, "-") == 0)
        return STDIN_FILENO;
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        tool_complain("cannot open %s: %s", name, strerror(errno));
    return file;
}

int decode_run(const tool_settings *settings)
{
    decoder d = {.settings = settings};
    int file = open_file(settings), result = TOOL_BROKEN;
    if (file < 0)
        return TOOL_UNREACHABLE;
    show_init(&d.show, settings, stdout);
    hex_init(&d.hex);
    d.conn = new_conn(settings);
    d.kept = calloc(KEPT, 1);
    if (d.conn && d.kept)
        result = decode_stream(&d, file);
    else
        tool_complain("out of memory");
    mqw_conn_free(d.conn);
    free(d.kept);
    show_end(&d.show);
    if (file != STDIN_FILENO)
        close(file);
    return result;
}

// SPDX-License-Identifier: MIT
// What a message looks like on standard output; see printer.h.
#include "printer.h"

#include <string.h>

#include "format.h"
#include "json.h"
#include "paint.h"

static int put_json(const char *bytes, size_t len, void *out)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == 0x7F) // the one control character that JSON lets pass
            outlet_put(out, "\\u007F", 6);
        else
            outlet_put(out, &bytes[i], 1);
    return 0;
}

static void print_json(tool_printer *printer, const mqw_publish *publish, uint8_t version)
{
    char date[PAINT_TIME_SIZE];
    mqw_packet packet = {.type = MQW_PUBLISH, .publish = *publish};
    json_t *object = json_object();
    paint_date(date);
    json_object_set_new(object, "time", json_string(date));
    json_put_packet(object, &packet, version);
    json_dump_callback(object, put_json, &printer->out, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(object);
}

static const char *print_format(tool_printer *printer, const mqw_publish *publish)
{
    tool_message message = {.publish = publish, .pretty = printer->settings->pretty};
    clock_gettime(CLOCK_REALTIME, &message.now);
    return format_print(&printer->out, printer->settings->format, &message);
}

static void put_code(tool_printer *printer, tool_paint paint)
{
    const char *code = paint_code(printer->colours, paint);
    outlet_put(&printer->out, code, strlen(code));
}

static void print_topic(tool_printer *printer, const mqw_publish *publish)
{
    put_code(printer, PAINT_CLIENT);
    outlet_peer(&printer->out, publish->topic);
    put_code(printer, PAINT_PLAIN);
    outlet_put(&printer->out, " ", 1);
}

void printer_payload(tool_printer *printer, mqw_bytes payload)
{
    outlet_peer(&printer->out, (mqw_text){(const char *)payload.data, payload.len});
}

// As mosquitto_sub does: an empty payload is no line, and behind its topic `(null)`.
static void print_plain(tool_printer *printer, const mqw_publish *publish)
{
    bool empty = publish->payload.len == 0 && publish->payload_left == 0;
    if (printer->settings->verbose && !(empty && printer->settings->no_newline))
        print_topic(printer, publish);
    if (empty && printer->settings->verbose && !printer->settings->no_newline)
        outlet_put(&printer->out, "(null)", 6);
    printer_payload(printer, publish->payload);
}

void printer_end(tool_printer *printer, bool empty)
{
    const tool_settings *settings = printer->settings;
    bool bare = empty && !settings->verbose && !settings->format && !settings->json;
    if (!settings->no_newline && !bare)
        outlet_put(&printer->out, "\n", 1);
}

const char *printer_message(tool_printer *printer, const mqw_publish *publish, uint8_t version)
{
    const char *why = NULL;
    if (printer->settings->json)
        print_json(printer, publish, version);
    else if (printer->settings->format)
        why = print_format(printer, publish);
    else
        print_plain(printer, publish);
    if (publish->payload_left == 0)
        printer_end(printer, publish->payload.len == 0);
    return why;
}

void printer_init(tool_printer *printer, const tool_settings *settings)
{
    *printer = (tool_printer){.settings = settings, .colours = paint_wanted(settings->colour, stdout)};
}

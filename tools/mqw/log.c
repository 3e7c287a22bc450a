// SPDX-License-Identifier: MIT
// Events as lines; see log.h.
#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "paint.h"
#include "plain.h"

// A line fits what a pipe takes at once (PIPE_BUF), so that lines are whole or not there.
enum { LINE = 4000, TEXT = 400 };

typedef struct line {
    size_t len;
    char text[LINE + 8];
} line;

typedef struct quoted {
    line *to;
    size_t left;
    bool escaped; // it stands in quotes
    bool cut;
} quoted;

static const struct {
    const char *name;
    int priority;
    tool_paint paint;
} levels[] = {[MQW_LOG_ERROR] = {"error", LOG_ERR, PAINT_BAD},
              [MQW_LOG_WARNING] = {"warning", LOG_WARNING, PAINT_BAD},
              [MQW_LOG_NOTICE] = {"notice", LOG_NOTICE, PAINT_NOTE},
              [MQW_LOG_DEBUG] = {"debug", LOG_DEBUG, PAINT_DIM}};

/* --- Life --------------------------------------------------------------------------------------------- */

// $JOURNAL_STREAM names the device and inode of the journal's socket (systemd.exec(5)).
static bool is_journal(void)
{
    const char *named = getenv("JOURNAL_STREAM");
    unsigned long long device = 0, inode = 0;
    struct stat is;
    char *end = NULL;
    if (named == NULL || fstat(STDERR_FILENO, &is) != 0)
        return false;
    device = strtoull(named, &end, 10);
    if (*end == ':')
        inode = strtoull(end + 1, &end, 10);
    return *end == '\0' && device == is.st_dev && inode == is.st_ino;
}

void log_open(tool_log *log, const tool_config *config, uint32_t colours)
{
    *log = (tool_log){.level = config->log.level,
                      .format = config->log.format,
                      .to = config->log.to,
                      .colours = config->log.format == CONFIG_HUMAN && paint_wanted(colours, stderr),
                      .journal = is_journal(),
                      .max_rate = config->log.max_rate};
    if (log->to == CONFIG_SYSLOG)
        openlog("mqw", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_close(tool_log *log)
{
    if (log->to == CONFIG_SYSLOG)
        closelog();
}

bool log_wants(const tool_log *log, int level)
{
    return level <= (int)log->level;
}

/* --- Lines -------------------------------------------------------------------------------------------- */

static void put(void *out, const void *bytes, size_t len)
{
    line *to = out;
    if (len > LINE - to->len)
        len = LINE - to->len;
    memcpy(to->text + to->len, bytes, len);
    to->len += len;
}

static void put_words(line *to, const char *words)
{
    put(to, words, strlen(words));
}

// What is harmless already, with the quotes that the format needs.
static void put_quoted(void *out, const void *bytes, size_t len)
{
    quoted *q = out;
    const char *text = bytes;
    for (size_t i = 0; i < len; i++) {
        if (q->left == 0) {
            q->cut = true;
            return;
        }
        if (q->escaped && (text[i] == '"' || text[i] == '\\'))
            put(q->to, "\\", 1);
        put(q->to, text + i, 1);
        q->left--;
    }
}

// A text that is cut is cut in front of a character.
static mqw_text shorten(mqw_text text)
{
    if (text.len <= TEXT)
        return text;
    size_t len = TEXT;
    while (len > 0 && ((unsigned char)text.data[len] & 0xC0) == 0x80)
        len--;
    return (mqw_text){text.data, len};
}

static bool needs_quotes(mqw_text text)
{
    bool plain = text.len > 0;
    for (size_t i = 0; i < text.len && plain; i++)
        plain = (unsigned char)text.data[i] > ' ' && text.data[i] != '"' && text.data[i] != '=';
    return !plain;
}

static void put_text(line *to, mqw_text text, bool json)
{
    tool_plain plain = {.have = 0};
    mqw_text part = shorten(text);
    bool quotes = json || needs_quotes(part);
    quoted q = {.to = to, .left = (size_t)TEXT * 4, .escaped = quotes};
    put_words(to, quotes ? "\"" : "");
    plain_text(&plain, part, false, put_quoted, &q);
    plain_end(&plain, put_quoted, &q);
    put_words(to, part.len < text.len || q.cut ? "..." : "");
    put_words(to, quotes ? "\"" : "");
}

static void put_field(line *to, const log_field *field, bool json)
{
    char number[32];
    put_words(to, json ? ",\"" : " ");
    put_words(to, field->name);
    put_words(to, json ? "\":" : "=");
    if (field->text.data) {
        put_text(to, field->text, json);
        return;
    }
    snprintf(number, sizeof(number), "%llu", (unsigned long long)field->number);
    put_words(to, number);
}

static void put_human(const tool_log *log, line *to, int level, const char *event)
{
    char start[64], date[PAINT_TIME_SIZE];
    if (log->to == CONFIG_SYSLOG || log->journal) {
        put_words(to, event);
        return;
    }
    paint_date(date);
    snprintf(start, sizeof(start), "%s%s%s ", paint_code(log->colours, PAINT_DIM), date,
             paint_code(log->colours, PAINT_PLAIN));
    put_words(to, start);
    snprintf(start, sizeof(start), "%s%-7s%s ", paint_code(log->colours, levels[level].paint),
             levels[level].name, paint_code(log->colours, PAINT_PLAIN));
    put_words(to, start);
    put_words(to, event);
}

static void put_json(line *to, int level, const char *event)
{
    char start[128], date[PAINT_TIME_SIZE];
    paint_date(date);
    snprintf(start, sizeof(start), "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", date,
             levels[level].name, event);
    put_words(to, start);
}

/* --- Leaving ------------------------------------------------------------------------------------------ */

// A reader that has stopped must not stop us: what a pipe has no room for is left out.
static bool write_line(const char *text, size_t len)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0)
        return false;
    return write(STDERR_FILENO, text, len) == (ssize_t)len;
}

// Journal and syslog learn the level in a way of their own.
static bool send_line(const tool_log *log, int level, line *to)
{
    char all[LINE + 16];
    if (log->to == CONFIG_SYSLOG) {
        syslog(levels[level].priority, "%.*s", (int)to->len, to->text);
        return true;
    }
    int len = log->journal
                  ? snprintf(all, sizeof(all), "<%d>%.*s\n", levels[level].priority, (int)to->len, to->text)
                  : snprintf(all, sizeof(all), "%.*s\n", (int)to->len, to->text);
    return write_line(all, (size_t)len);
}

static void make_line(const tool_log *log, line *to, int level, const char *event, const log_field *fields,
                      size_t count)
{
    bool json = log->format == CONFIG_JSON;
    to->len = 0;
    if (json)
        put_json(to, level, event);
    else
        put_human(log, to, level, event);
    for (size_t i = 0; i < count; i++) {
        size_t before = to->len;
        put_field(to, &fields[i], json);
        if (to->len < LINE - 1)
            continue;
        to->len = before; // no room for this one
        break;
    }
    if (json)
        put_words(to, "}");
}

// Errors always have room.
static bool is_too_many(tool_log *log, int level)
{
    uint64_t second = uv_hrtime() / 1000000000u;
    if (second != log->second) {
        log->second = second;
        log->lines = 0;
    }
    return level > MQW_LOG_ERROR && log->max_rate > 0 && log->lines++ >= log->max_rate;
}

static void tell_left_out(tool_log *log)
{
    line to;
    log_field field = log_number("lines", log->left_out);
    make_line(log, &to, MQW_LOG_WARNING, "left-out", &field, 1);
    if (send_line(log, MQW_LOG_WARNING, &to))
        log->left_out = 0;
}

void log_event(tool_log *log, int level, const char *event, const log_field *fields, size_t count)
{
    line to;
    if (!log_wants(log, level))
        return;
    if (is_too_many(log, level)) {
        log->left_out++;
        return;
    }
    if (log->left_out)
        tell_left_out(log);
    make_line(log, &to, level, event, fields, count);
    if (!send_line(log, level, &to))
        log->left_out++;
}

void log_say(tool_log *log, int level, const char *event, const char *format, ...)
{
    char words[TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    log_field field = log_text("text", (mqw_text){words, strlen(words)});
    log_event(log, level, event, &field, 1);
}

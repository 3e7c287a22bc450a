// SPDX-License-Identifier: MIT
// The configuration of mqw serve: read, completed, printed; see config.h.
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <ini.h>

#include "nearest.h"
#include "tool.h"

enum { LINE_MAX_ = 8192, WHY = 256, NAME_MAX_ = 40 };

static const char listener_section[] = "listener";

/* --- Complaints --------------------------------------------------------------------------------------- */

// Which row of the table; config_count: there is none.
static size_t find_key(const char *section, const char *name)
{
    size_t i = 0;
    while (i < config_count &&
           (strcmp(config_table[i].section, section) != 0 || strcmp(config_table[i].name, name) != 0))
        i++;
    return i;
}

// The place in front of a complaint: file and line as far as they are known.
static void say_place(const tool_config *config, unsigned line, char *out, size_t cap)
{
    if (line && config->file)
        snprintf(out, cap, "%.500s:%u: ", config->file, line);
    else
        snprintf(out, cap, "serve: ");
}

// Where a key stands; where it is missing, the first that its section has.
static unsigned line_of(const unsigned *lines, size_t row, bool listener)
{
    unsigned first = 0;
    if (lines == NULL || row == config_count)
        return 0;
    for (size_t i = 0; listener && i < config_count; i++)
        if (lines[i] && (first == 0 || lines[i] < first))
            first = lines[i];
    return lines[row] ? lines[row] : first;
}

void config_complain(tool_config *config, const config_listener *listener, const char *section,
                     const char *name, const char *format, ...)
{
    char place[560], words[512];
    size_t row = find_key(section, name);
    const unsigned *lines = listener ? listener->lines : config->lines;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    say_place(config, line_of(lines, row, listener != NULL), place, sizeof(place));
    tool_complain("%s[%s%s%s] %s: %s", place, section, listener && *listener->name ? " " : "",
                  listener ? listener->name : "", name, words);
    config->mistakes++;
}

static void complain_of_line(tool_config *config, unsigned line, const char *what, const char *more)
{
    char place[560];
    say_place(config, line, place, sizeof(place));
    tool_complain("%s%s%s", place, what, more);
    config->mistakes++;
}

/* --- Life --------------------------------------------------------------------------------------------- */

static bool is_of_listener(const config_key *key)
{
    return strcmp(key->section, listener_section) == 0;
}

// Fills in the defaults of one kind of home.
static void set_standards(void *home, bool listener)
{
    char why[WHY];
    for (size_t i = 0; i < config_count; i++) {
        const config_key *key = &config_table[i];
        if (is_of_listener(key) == listener && *key->standard)
            (void)config_set(key, home, key->standard, why, sizeof(why));
    }
}

bool config_begin(tool_config *config)
{
    *config = (tool_config){.file = NULL};
    config->lines = calloc(config_count, sizeof(unsigned));
    config->tls.client_certificates = config->tls.min_version = CONFIG_UNSAID;
    set_standards(config, false);
    return config->lines != NULL;
}

static void free_texts(void *home, bool listener)
{
    for (size_t i = 0; i < config_count; i++) {
        const config_key *key = &config_table[i];
        if (is_of_listener(key) == listener && (key->kind == CONFIG_TEXT || key->kind == CONFIG_FILE))
            free(*(char **)(void *)((char *)home + key->at));
    }
}

void config_free(tool_config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        free_texts(&config->listeners[i], true);
        free(config->listeners[i].name);
        free(config->listeners[i].lines);
    }
    free(config->listeners);
    free_texts(config, false);
    free(config->lines);
    *config = (tool_config){.file = NULL};
}

/* --- Listeners ---------------------------------------------------------------------------------------- */

static config_listener *add_listener(tool_config *config, const char *name)
{
    config_listener *more = realloc(config->listeners, (config->listener_count + 1) * sizeof(*more));
    if (more == NULL)
        return NULL;
    config->listeners = more;
    config_listener *listener = &more[config->listener_count];
    *listener = (config_listener){.name = strdup(name), .lines = calloc(config_count, sizeof(unsigned))};
    if (listener->name == NULL || listener->lines == NULL) {
        free(listener->name);
        free(listener->lines);
        return NULL;
    }
    listener->tls.client_certificates = listener->tls.min_version = CONFIG_UNSAID;
    set_standards(listener, true);
    config->listener_count++;
    return listener;
}

static config_listener *find_listener(tool_config *config, const char *name)
{
    for (size_t i = 0; i < config->listener_count; i++)
        if (strcmp(config->listeners[i].name, name) == 0)
            return &config->listeners[i];
    return NULL;
}

config_listener *config_listen(tool_config *config, const char *name, const char *address)
{
    config_listener *listener = add_listener(config, name);
    if (listener)
        listener->address = strdup(address);
    return listener && listener->address ? listener : NULL;
}

/* --- One key ------------------------------------------------------------------------------------------ */

// `[listener NAME]`: splits it.
static const char *listener_of(const char *section)
{
    size_t len = sizeof(listener_section) - 1;
    return strncmp(section, listener_section, len) == 0 && section[len] == ' ' ? section + len + 1 : NULL;
}

static bool has_section(const char *section)
{
    for (size_t i = 0; i < config_count; i++)
        if (strcmp(config_table[i].section, section) == 0)
            return true;
    return false;
}

static const char *nearest_key(const char *section, const char *name)
{
    const char *best = NULL;
    unsigned least = (unsigned)strlen(name) / 3 + 2;
    for (size_t i = 0; i < config_count; i++) {
        const config_key *key = &config_table[i];
        unsigned distance =
            strcmp(key->section, section) == 0 ? nearest_distance(name, key->name) : UINT32_MAX;
        if (distance < least) {
            least = distance;
            best = key->name;
        }
    }
    return best;
}

static const char *section_with(const char *name)
{
    for (size_t i = 0; i < config_count; i++)
        if (strcmp(config_table[i].name, name) == 0)
            return config_table[i].section;
    return NULL;
}

static void unknown_key(tool_config *config, unsigned line, const char *section, const char *name)
{
    char words[WHY], more[WHY] = "";
    const char *near = nearest_key(section, name), *other = section_with(name);
    if (near)
        snprintf(more, sizeof(more), "; did you mean %s?", near);
    else if (other)
        snprintf(more, sizeof(more), "; it belongs into [%s]", other);
    snprintf(words, sizeof(words), "[%.60s] %.60s: unknown key", section, name);
    complain_of_line(config, line, words, more);
}

// The listener that a section is about, made when it is new. NULL: it was told why not.
static config_listener *listener_for(tool_config *config, unsigned line, const char *name)
{
    if (*name == '\0' || strlen(name) >= NAME_MAX_) {
        complain_of_line(config, line, "[listener]: it needs a name of at most 39 letters, as [listener tls]",
                         "");
        return NULL;
    }
    config_listener *listener = find_listener(config, name);
    if (listener == NULL)
        listener = add_listener(config, name);
    if (listener == NULL)
        complain_of_line(config, line, "out of memory", "");
    return listener;
}

static void assign(tool_config *config, unsigned line, const char *section, const char *name,
                   const char *value)
{
    char why[WHY];
    const char *called = listener_of(section);
    config_listener *listener = NULL;
    if (*section == '\0' ||
        (called == NULL && strcmp(section, listener_section) != 0 && !has_section(section))) {
        complain_of_line(config, line, *section ? "unknown section " : "a key before the first [section]: ",
                         *section ? section : name);
        return;
    }
    const char *kind = called || strcmp(section, listener_section) == 0 ? listener_section : section;
    size_t row = find_key(kind, name);
    if (row == config_count) {
        unknown_key(config, line, kind, name);
        return;
    }
    if (kind == listener_section && (listener = listener_for(config, line, called ? called : "")) == NULL)
        return;
    unsigned *lines = listener ? listener->lines : config->lines;
    unsigned before = lines[row];
    lines[row] = line;
    const char *wrong =
        config_set(&config_table[row], listener ? (void *)listener : config, value, why, sizeof(why));
    if (wrong)
        config_complain(config, listener, kind, name, "%s", wrong);
    else if (before && line)
        config_complain(config, listener, kind, name, "it stands in line %u already", before);
}

bool config_option(tool_config *config, const char *section, const char *name, const char *text)
{
    unsigned before = config->mistakes;
    assign(config, 0, section, name, text);
    return config->mistakes == before;
}

bool config_assign(tool_config *config, const char *text)
{
    char name[128];
    const char *equals = strchr(text, '='), *dot = strchr(text, '.');
    if (equals == NULL || dot == NULL || dot > equals || (size_t)(equals - text) >= sizeof(name)) {
        tool_complain("serve: --set wants SECTION.KEY=VALUE, as clients.max_queued=100");
        return false;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
    name[dot - text] = '\0';
    return config_option(config, name, name + (dot - text) + 1, equals + 1);
}

/* --- The file ----------------------------------------------------------------------------------------- */

typedef struct reading {
    tool_config *config;
    FILE *file;
    unsigned line;
    bool cut; // the last line was longer than the room
} reading;

// inih asks for lines; counting them is how we know where a key stands. Blanks in front would make it the
// rest of the line before.
static char *next_line(char *room, int cap, void *stream)
{
    reading *r = stream;
    if (fgets(room, cap, r->file) == NULL)
        return NULL;
    size_t len = strlen(room);
    if (!r->cut)
        r->line++;
    bool cut = len > 0 && room[len - 1] != '\n' && !feof(r->file);
    if (cut && !r->cut)
        complain_of_line(r->config, r->line, "the line is too long, or has a zero byte", "");
    if (cut || r->cut)
        room[0] = '\0';
    r->cut = cut;
    size_t blanks = strspn(room, " \t");
    memmove(room, room + blanks, strlen(room + blanks) + 1);
    return room;
}

static int on_key(void *ctx, const char *section, const char *name, const char *value)
{
    reading *r = ctx;
    assign(r->config, r->line, section, name, value);
    return 1;
}

bool config_read(tool_config *config, const char *file)
{
    reading r = {.config = config, .file = fopen(file, "re")};
    unsigned before = config->mistakes;
    if (r.file == NULL) {
        tool_complain("serve: cannot read %s: %s", file, strerror(errno));
        config->mistakes++;
        return false;
    }
    config->file = file;
    ini_use_stack = false;
    ini_max_line = LINE_MAX_;
    int wrong = ini_parse_stream(next_line, &r, on_key, &r);
    if (ferror(r.file) || wrong < 0) {
        tool_complain("serve: cannot read %s: %s", file, wrong < 0 ? "out of memory" : strerror(errno));
        config->mistakes++;
    } else if (wrong > 0) {
        complain_of_line(config, (unsigned)wrong, "neither [section], nor key = value, nor a comment (#, ;)",
                         "");
    }
    fclose(r.file);
    return config->mistakes == before;
}

/* --- Completing --------------------------------------------------------------------------------------- */

static void check_files(tool_config *config, config_listener *listener)
{
    const void *home = listener ? (const void *)listener : config;
    for (size_t i = 0; i < config_count; i++) {
        const config_key *key = &config_table[i];
        if (key->kind != CONFIG_FILE || is_of_listener(key) != (listener != NULL))
            continue;
        const char *name = *(char *const *)(const void *)((const char *)home + key->at);
        if (name && access(name, R_OK) != 0)
            config_complain(config, listener, key->section, key->name, "cannot read %s: %s", name,
                            strerror(errno));
    }
}

static char *inherit(char *own, const char *general)
{
    return own || general == NULL ? own : strdup(general);
}

// What a listener does not say, [tls] says. Keys stay with their certificates.
static void inherit_tls(config_tls *own, const config_tls *general)
{
    if (own->certificate == NULL) {
        own->key = inherit(own->key, general->key);
        own->key_password_file = inherit(own->key_password_file, general->key_password_file);
    }
    own->certificate = inherit(own->certificate, general->certificate);
    if (own->ca_file == NULL && own->ca_dir == NULL) {
        own->ca_file = inherit(own->ca_file, general->ca_file);
        own->ca_dir = inherit(own->ca_dir, general->ca_dir);
        own->crl_file = inherit(own->crl_file, general->crl_file);
    }
    own->ciphers = inherit(own->ciphers, general->ciphers);
    own->ciphersuites = inherit(own->ciphersuites, general->ciphersuites);
    if (own->client_certificates == CONFIG_UNSAID)
        own->client_certificates = general->client_certificates;
    if (own->min_version == CONFIG_UNSAID)
        own->min_version = general->min_version;
}

static void check_tls(tool_config *config, const config_listener *listener, const config_tls *tls)
{
    const char *section = listener ? listener_section : "tls";
    bool asks = tls->client_certificates != CONFIG_UNSAID && tls->client_certificates != MQW_TLS_NONE;
    if (tls->key && tls->certificate == NULL)
        config_complain(config, listener, section, "key", "there is no certificate that it is the key of");
    if (asks && tls->ca_file == NULL && tls->ca_dir == NULL)
        config_complain(config, listener, section, "client_certificates",
                        "ca_file or ca_dir is needed, by which they are verified");
}

static bool begins(const char *address, const char *const *schemes)
{
    for (; *schemes; schemes++)
        if (strncasecmp(address, *schemes, strlen(*schemes)) == 0)
            return true;
    return false;
}

bool config_has_tls(const config_listener *listener)
{
    static const char *const secured[] = {"mqtts://", "ssl://", "tls://", "wss://", NULL};
    return listener->secure || begins(listener->address, secured);
}

// Whoever asks for TLS must not get none without a word.
static void check_listener(tool_config *config, const config_listener *listener)
{
    static const char *const plain[] = {"mqtt://", "tcp://", "ws://", NULL};
    static const char *const web[] = {"ws://", "wss://", "unix:", "fd:", "systemd:", NULL};
    bool has_tls = config_has_tls(listener),
         own = listener->lines[find_key(listener_section, "certificate")] != 0;
    if ((listener->secure || own) && begins(listener->address, plain))
        config_complain(config, listener, listener_section, "address",
                        "%s is without TLS: say mqtts:// or wss://", listener->address);
    else if (own && !has_tls)
        config_complain(config, listener, listener_section, "certificate",
                        "without TLS: tls = yes is missing");
    if (has_tls && listener->tls.certificate == NULL)
        config_complain(config, listener, listener_section, "certificate",
                        "TLS needs one, here or in [tls] (--cert, --key)");
    if (listener->websocket && !begins(listener->address, web))
        config_complain(config, listener, listener_section, "websocket",
                        "say ws:// or wss:// in the address");
}

bool config_complete(tool_config *config)
{
    unsigned before = config->mistakes;
    check_files(config, NULL);
    check_tls(config, NULL, &config->tls);
    for (size_t i = 0; i < config->listener_count; i++) {
        config_listener *listener = &config->listeners[i];
        check_files(config, listener);
        inherit_tls(&listener->tls, &config->tls);
        check_tls(config, listener, &listener->tls);
        if (listener->address == NULL)
            config_complain(config, listener, listener_section, "address", "it is missing");
        else
            check_listener(config, listener);
    }
    if (config->access.certificates && config->access.anonymous == ANONYMOUS_AUTO)
        config->access.anonymous = ANONYMOUS_NO;
    return config->mistakes == before;
}

/* --- Printing ----------------------------------------------------------------------------------------- */

static void print_keys(const void *home, const char *section, FILE *out)
{
    char value[LINE_MAX_];
    for (size_t i = 0; i < config_count; i++) {
        const config_key *key = &config_table[i];
        if (strcmp(key->section, section) != 0)
            continue;
        config_show(key, home, value, sizeof(value));
        fprintf(out, "%s%s =%s%s\n", *value ? "" : "# ", key->name, *value ? " " : "", value);
    }
}

void config_print(const tool_config *config, FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < config_count; i++) {
        if (strcmp(config_table[i].section, section) == 0 || is_of_listener(&config_table[i]))
            continue;
        fprintf(out, "%s[%s]\n", *section ? "\n" : "", config_table[i].section);
        section = config_table[i].section;
        print_keys(config, section, out);
    }
    for (size_t i = 0; i < config->listener_count; i++) {
        const config_listener *listener = &config->listeners[i];
        if (*listener->name)
            fprintf(out, "\n[listener %s]\n", listener->name);
        else
            fprintf(out, "\n[listener %zu]\n", i + 1);
        print_keys(listener, listener_section, out);
    }
}

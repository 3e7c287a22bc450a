// SPDX-License-Identifier: MIT
// The table of options, and what reads it; see options.h.
#include "options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <mqwire/mqwire.h>

#include "tool.h"

typedef enum tool_option_kind {
    OPTION_FLAG,   // bool
    OPTION_TEXT,   // const char *
    OPTION_NUMBER, // uint32_t, or one of the words
    OPTION_WORD,   // uint32_t: one of the words
    OPTION_WORDS   // uint32_t: bits of words between commas
} tool_option_kind;

typedef struct tool_option_word {
    const char *word;
    uint32_t value;
} tool_option_word;

typedef struct tool_option {
    unsigned commands; // that have it
    char letter;       // 0: none
    const char *name;
    tool_option_kind kind;
    size_t at;                     // in settings
    const char *value;             // how the help names the value
    const tool_option_word *words; // up to one without a word
    uint32_t least;                // of a number
    uint32_t most;
    const char *help;
} tool_option;

static const tool_option_word whens[] = {
    {"auto", PAINT_AUTO}, {"always", PAINT_ALWAYS}, {"never", PAINT_NEVER}, {NULL, 0}};
static const tool_option_word versions[] = {{"3", MQW_3_1},   {"4", MQW_3_1_1},     {"5", MQW_5_0},
                                            {"3.1", MQW_3_1}, {"3.1.1", MQW_3_1_1}, {"5.0", MQW_5_0},
                                            {NULL, 0}};
static const tool_option_word sides[] = {{"client", MQW_CLIENT}, {"server", MQW_SERVER}, {NULL, 0}};
static const tool_option_word policies[] = {
    {"strict", POLICY_STRICT}, {"report", POLICY_REPORT}, {"original", POLICY_ORIGINAL}, {NULL, 0}};
static const tool_option_word answers[] = {
    {"none", 0},
    {"all", MQW_ANSWER_PINGRESP | MQW_ANSWER_PINGREQ | MQW_ANSWER_ACKS},
    {"pingreq", MQW_ANSWER_PINGREQ},
    {"acks", MQW_ANSWER_ACKS},
    {NULL, 0}};
static const tool_option_word forever[] = {{"forever", WAIT_FOREVER}, {NULL, 0}};

#define AT(field) offsetof(tool_settings, field)
#define LIVE      (COMMAND_OPEN | COMMAND_LISTEN)
#define ALL       (COMMAND_DECODE | LIVE)
#define FLAG(commands, letter, name, field, help)                              \
    {                                                                          \
        commands, letter, name, OPTION_FLAG, AT(field), NULL, NULL, 0, 0, help \
    }
#define TEXT(commands, letter, name, field, value, help)                        \
    {                                                                           \
        commands, letter, name, OPTION_TEXT, AT(field), value, NULL, 0, 0, help \
    }
#define NUMBER(commands, letter, name, field, value, words, least, most, help)            \
    {                                                                                     \
        commands, letter, name, OPTION_NUMBER, AT(field), value, words, least, most, help \
    }
#define WORD(commands, letter, name, field, value, words, help)                  \
    {                                                                            \
        commands, letter, name, OPTION_WORD, AT(field), value, words, 0, 0, help \
    }

static const tool_option options[] = {
    WORD(COMMAND_DECODE, 'V', "version", version, "N", versions,
         "version of the protocol, 3.1, 3.1.1 or 5.0, where no CONNECT tells it (3.1.1)"),
    WORD(COMMAND_DECODE, 'F', "from", from, "SIDE", sides,
         "who speaks, client or server: what only the other side may say is then an error"),
    FLAG(
        COMMAND_DECODE, 'x', "hex", hex,
        "FILE is hexadecimal text: bare digits, or what xxd, hexdump -C and od -t x1 print; # begins a comment"),
    FLAG(COMMAND_DECODE, 'l', "lenient", lenient, "go on after broken rules, and name them below the packet"),
    WORD(
        LIVE, 'V', "version", version, "N", versions,
        "version of the protocol, 3.1, 3.1.1 or 5.0, until a CONNECT tells it, and of a CONNECT that names none (3.1.1)"),
    FLAG(COMMAND_OPEN, 'c', "connect", connect,
         "send a plain CONNECT first; the five options below imply it"),
    TEXT(COMMAND_OPEN, 'i', "client-id", client_id, "TEXT", "client identifier of that CONNECT (empty)"),
    TEXT(COMMAND_OPEN, 'u', "username", username, "TEXT", "its user name (none)"),
    TEXT(COMMAND_OPEN, 'P', "password", password, "TEXT", "its password (none)"),
    NUMBER(COMMAND_OPEN, 'k', "keep-alive", keep_alive, "SECONDS", NULL, 0, 65535,
           "its keep alive (0: off); --answers pingreq keeps it"),
    FLAG(COMMAND_OPEN, 'C', "clean", clean,
         "start clean; without a client identifier that goes without saying"),
    {COMMAND_OPEN, 'a', "answers", OPTION_WORDS, AT(answers), "LIST", answers, 0, 0,
     "what is answered by itself: none (the default), all, or a list of pingreq (keep alive) and acks"},
    FLAG(COMMAND_LISTEN, 'a', "answer", answer,
         "give the ordinary answers: CONNACK, SUBACK, UNSUBACK, PINGRESP and all acknowledgements"),
    FLAG(COMMAND_LISTEN, 'E', "echo", echo,
         "send each PUBLISH to whoever has subscribed to a filter that matches"),
    FLAG(COMMAND_LISTEN, '1', "once", once, "end when the first peer is gone"),
    NUMBER(COMMAND_LISTEN, 'n', "max-peers", max_peers, "N", NULL, 1, 100000, "most peers at a time (1000)"),
    TEXT(COMMAND_OPEN, 's', "script", script, "FILE",
         "take the lines from FILE instead of standard input, and end after it"),
    TEXT(COMMAND_LISTEN, 's', "script", script, "FILE",
         "play the lines of FILE with the first peer, and end after it"),
    FLAG(LIVE, 'e', "expect", expect,
         "the lines are a transcript of both sides: what the peer says is awaited and compared"),
    FLAG(LIVE, 0, "exact", exact, "with --expect: compare the fields that the transcript leaves out, too"),
    FLAG(LIVE, 0, "unordered", unordered, "with --expect: the peer's packets may come in another order"),
    FLAG(LIVE, 0, "notes", notes, "show the comments of the lines between the packets"),
    NUMBER(LIVE, 't', "timeout", timeout, "MS", forever, 1, UINT32_MAX - 1,
           "longest time for something awaited to come (5000), or forever"),
    NUMBER(COMMAND_OPEN, 'w', "wait", wait, "MS", forever, 0, UINT32_MAX - 1,
           "how long to listen on when the input has ended and every request was answered (0), or forever"),
    WORD(
        LIVE, 0, "policy", policy, "NAME", policies,
        "what to do when the peer breaks a rule: strict (end), report (tell and go on), original (as MQTT.js 0.3 did)"),
    NUMBER(LIVE, 0, "max-packet", max_packet, "BYTES", NULL, 2, MQW_PACKET_MAX,
           "largest packet taken (1048576)"),
    FLAG(LIVE, 'x', "hex", hex, "show the bytes of each packet as well"),
    FLAG(ALL, 'f', "full", full,
         "whole packets instead of the short form; what is printed can be played with --script"),
    FLAG(ALL, 'j', "json", json, "one JSON object per line"),
    WORD(ALL, 0, "color", colour, "WHEN", whens,
         "colours: auto (on a terminal, unless NO_COLOR is set), always or never"),
};

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

/* --- Suggestions -------------------------------------------------------------------------------------- */

enum { WORD_MAX = 31 };

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned options_distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return UINT32_MAX;
    for (unsigned j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned change = last[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least_of(change, 1 + least_of(now[j - 1], last[j]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least_of(now[j], before[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

// The option that was probably meant, or NULL when none is near.
static const tool_option *nearest_option(const tool_command *command, const char *name)
{
    const tool_option *best = NULL;
    unsigned least = (unsigned)strlen(name) / 3 + 2;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        unsigned distance = options_distance(name, options[i].name);
        if ((options[i].commands & command->bit) && distance < least) {
            least = distance;
            best = &options[i];
        }
    }
    return best;
}

/* --- Parsing ------------------------------------------------------------------------------------------ */

typedef struct parser {
    const tool_command *command;
    int left;
    char **words;
    tool_settings *out;
    bool help;
} parser;

static int wrong(const parser *p, const char *what, const char *word)
{
    tool_complain("%s: %s%s (mqw %s --help tells more)", p->command->name, what, word, p->command->name);
    return TOOL_USAGE;
}

static int unknown_option(const parser *p, const char *name, const char *word)
{
    const tool_option *near = nearest_option(p->command, name);
    if (near == NULL)
        return wrong(p, "unknown option ", word);
    tool_complain("%s: unknown option %s; did you mean --%s?", p->command->name, word, near->name);
    return TOOL_USAGE;
}

static const tool_option *find_option(const tool_command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if ((options[i].commands & command->bit) && strlen(options[i].name) == len &&
            memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static const tool_option *find_letter(const tool_command *command, char letter)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if ((options[i].commands & command->bit) && options[i].letter == letter)
            return &options[i];
    return NULL;
}

static bool find_word(const tool_option_word *words, const char *text, size_t len, uint32_t *value)
{
    for (; words && words->word; words++)
        if (strlen(words->word) == len && memcmp(words->word, text, len) == 0) {
            *value = words->value;
            return true;
        }
    return false;
}

static bool read_words(const tool_option *option, const char *text, uint32_t *value)
{
    uint32_t bits = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        uint32_t bit;
        if (!find_word(option->words, text, len, &bit))
            return false;
        bits |= bit;
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    *value = bits;
    return true;
}

static bool read_number(const tool_option *option, const char *text, uint32_t *value)
{
    char *end;
    if (find_word(option->words, text, strlen(text), value))
        return true;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long number = strtoul(text, &end, 10);
    if (*end != '\0' || number < option->least || number > option->most)
        return false;
    *value = (uint32_t)number;
    return true;
}

static bool read_value(const tool_option *option, const char *text, uint32_t *value)
{
    switch (option->kind) {
    case OPTION_NUMBER: return read_number(option, text, value);
    case OPTION_WORDS: return read_words(option, text, value);
    default: return find_word(option->words, text, strlen(text), value);
    }
}

// Says what a value may be.
static int bad_value(const parser *p, const tool_option *option, const char *text)
{
    char may[160] = "", range[64] = "";
    size_t len = 0;
    for (const tool_option_word *word = option->words; word && word->word && len < sizeof(may); word++)
        len += (size_t)snprintf(may + len, sizeof(may) - len, "%s%s", len ? ", " : "", word->word);
    if (option->kind == OPTION_NUMBER)
        snprintf(range, sizeof(range), "%sa number from %lu to %lu", may[0] ? " or " : "",
                 (unsigned long)option->least, (unsigned long)option->most);
    tool_complain("%s: --%s does not take %s, but %s%s", p->command->name, option->name,
                  *text ? text : "nothing", may, range);
    return TOOL_USAGE;
}

static int set_option(parser *p, const tool_option *option, const char *text)
{
    char *at = (char *)p->out + option->at;
    uint32_t value;
    if (option->kind == OPTION_FLAG) {
        *(bool *)(void *)at = true;
        return 0;
    }
    if (option->kind == OPTION_TEXT) {
        memcpy(at, &text, sizeof(text));
        return 0;
    }
    if (!read_value(option, text, &value))
        return bad_value(p, option, text);
    memcpy(at, &value, sizeof(value));
    return 0;
}

// Sets an option to the value glued to it, or to the next word.
static int take_option(parser *p, const tool_option *option, const char *glued)
{
    if (option->kind == OPTION_FLAG || glued)
        return set_option(p, option, glued);
    if (p->left == 0)
        return wrong(p, "no value for --", option->name);
    p->left--;
    return set_option(p, option, *p->words++);
}

// `--name`, `--name=value`
static int take_long(parser *p, const char *word)
{
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    if (len == 4 && memcmp(name, "help", 4) == 0) {
        p->help = true;
        return 0;
    }
    const tool_option *option = find_option(p->command, name, len);
    if (option == NULL) {
        char bare[WORD_MAX + 1];
        snprintf(bare, sizeof(bare), "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX), name);
        return unknown_option(p, bare, word);
    }
    if (equals && option->kind == OPTION_FLAG)
        return wrong(p, "no value is wanted for --", option->name);
    return take_option(p, option, equals ? equals + 1 : NULL);
}

// `-x`, `-xyz`, `-nvalue`
static int take_short(parser *p, const char *word)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const tool_option *option = find_letter(p->command, *letter);
        if (*letter == 'h') {
            p->help = true;
            continue;
        }
        if (option == NULL)
            return wrong(p, "unknown option ", word);
        if (option->kind != OPTION_FLAG)
            return take_option(p, option, letter[1] ? letter + 1 : NULL);
        set_option(p, option, NULL);
    }
    return 0;
}

static int take_argument(parser *p, const char *word)
{
    if (p->out->argument)
        return wrong(p, "what is this for: ", word);
    p->out->argument = word;
    return 0;
}

static int take_words(parser *p)
{
    bool plain = false;
    int result = 0;
    while (p->left > 0 && result == 0) {
        const char *word = *p->words++;
        p->left--;
        if (!plain && strcmp(word, "--") == 0)
            plain = true;
        else if (!plain && strncmp(word, "--", 2) == 0)
            result = take_long(p, word);
        else if (!plain && word[0] == '-' && word[1])
            result = take_short(p, word);
        else
            result = take_argument(p, word);
    }
    return result;
}

int options_parse(const tool_command *command, int count, char **words, tool_settings *out, bool *help)
{
    parser p = {.command = command, .left = count, .words = words, .out = out};
    *out = (tool_settings){.timeout = 5000, .max_peers = 1000};
    int result = take_words(&p);
    *help = p.help;
    if (result || p.help)
        return result;
    if (command->argument_needed && out->argument == NULL)
        return wrong(&p, "missing ", command->argument);
    out->connect |= out->client_id || out->username || out->password || out->keep_alive || out->clean;
    return 0;
}

/* --- Help
 * ---------------------------------------------------------------------------------------------------------
 */

enum { HELP_COLUMN = 26, HELP_WIDTH = 80 };

void options_wrap(FILE *out, const char *text, int indent, int column)
{
    while (*text) {
        int len = (int)strcspn(text, " \n");
        if (column > indent && column + 1 + len > HELP_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        if (column < indent)
            column += fprintf(out, "%*s", indent - column, "");
        else if (column > indent)
            column += fprintf(out, " ");
        column += fprintf(out, "%.*s", len, text);
        text += len;
        if (*text == '\n') {
            fputc('\n', out);
            column = 0;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

static void help_row(FILE *out, char letter, const char *name, const char *value, const char *help)
{
    int column = letter ? fprintf(out, "  -%c, ", letter) : fprintf(out, "      ");
    column += fprintf(out, "--%s%s%s", name, value ? " " : "", value ? value : "");
    if (column > HELP_COLUMN - 2) {
        fputc('\n', out);
        column = 0;
    }
    options_wrap(out, help, HELP_COLUMN, column);
}

void options_help(FILE *out, const tool_command *command)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].commands & command->bit)
            help_row(out, options[i].letter, options[i].name, options[i].value, options[i].help);
    help_row(out, 'h', "help", NULL, "this text");
}

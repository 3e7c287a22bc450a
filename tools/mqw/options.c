// SPDX-License-Identifier: MIT
// The command line, read by the table of options; see options.h.
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "table.h"
#include "tool.h"

static bool has_option(const tool_command *command, size_t index)
{
    return option_table[index].kind != OPTION_HEADING && (option_table[index].commands & command->bit);
}

/* --- Suggestions -------------------------------------------------------------------------------------- */

// The option that was probably meant, or NULL when none is near.
static const tool_option *nearest_option(const tool_command *command, const char *name)
{
    const tool_option *best = NULL;
    unsigned least = (unsigned)strlen(name) / 3 + 2;
    for (size_t i = 0; i < option_count; i++) {
        unsigned distance =
            has_option(command, i) ? nearest_distance(name, option_table[i].name) : UINT32_MAX;
        if (distance < least) {
            least = distance;
            best = &option_table[i];
        }
    }
    return best;
}

/* --- Parsing ------------------------------------------------------------------------------------------ */

typedef struct parser {
    const tool_command *command;
    const char *where; // of which file the words are; NULL: the command line
    unsigned line;
    int left;
    char **words;
    tool_settings *out;
    bool plain; // no options any more: -- was said
    bool help;
} parser;

// Begins a complaint: which command, or which line of which file.
static const char *speaker(const parser *p, char room[128])
{
    if (p->where)
        snprintf(room, 128, "%.100s:%u", p->where, p->line);
    else
        snprintf(room, 128, "%s", p->command->name);
    return room;
}

static int wrong(const parser *p, const char *what, const char *word)
{
    char room[128];
    tool_complain("%s: %s%s (mqw %s --help tells more)", speaker(p, room), what, word, p->command->name);
    return p->command->misused;
}

static int unknown_option(const parser *p, const char *name, const char *word)
{
    char room[128];
    const tool_option *near = nearest_option(p->command, name);
    if (near == NULL)
        return wrong(p, "unknown option ", word);
    tool_complain("%s: unknown option %s; did you mean --%s?", speaker(p, room), word, near->name);
    return p->command->misused;
}

static const tool_option *find_option(const tool_command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < option_count; i++)
        if (has_option(command, i) && strlen(option_table[i].name) == len &&
            memcmp(option_table[i].name, name, len) == 0)
            return &option_table[i];
    return NULL;
}

static const tool_option *find_letter(const tool_command *command, char letter)
{
    for (size_t i = 0; i < option_count; i++)
        if (has_option(command, i) && option_table[i].letter == letter)
            return &option_table[i];
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
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (*end != '\0' || errno || number < option->least || number > option->most)
        return false;
    *value = (uint32_t)number;
    return true;
}

// A decimal number in thousandths; digits behind the third are cut.
static bool read_decimal(const tool_option *option, const char *text, uint32_t *value)
{
    uint64_t number = 0;
    unsigned digits = 0, behind = 0;
    bool point = false;
    for (; *text; text++) {
        bool digit = *text >= '0' && *text <= '9';
        if ((!digit && (*text != '.' || point)) || number > UINT32_MAX)
            return false;
        point |= !digit;
        digits += digit;
        if (digit && behind < 3) {
            number = number * 10 + (unsigned)(*text - '0');
            behind += point;
        }
    }
    for (; behind < 3; behind++)
        number *= 10;
    *value = (uint32_t)number;
    return digits > 0 && number >= option->least && number <= option->most;
}

static bool read_value(const tool_option *option, const char *text, uint32_t *value)
{
    switch (option->kind) {
    case OPTION_NUMBER: return read_number(option, text, value);
    case OPTION_DECIMAL: return read_decimal(option, text, value);
    case OPTION_WORDS: return read_words(option, text, value);
    default: return find_word(option->words, text, strlen(text), value);
    }
}

// Says what a value may be.
static int bad_value(const parser *p, const tool_option *option, const char *text)
{
    char may[160] = "", range[64] = "", room[128];
    size_t len = 0;
    for (const tool_option_word *word = option->words; word && word->word && len < sizeof(may); word++)
        len += (size_t)snprintf(may + len, sizeof(may) - len, "%s%s", len ? ", " : "", word->word);
    if (option->kind == OPTION_NUMBER)
        snprintf(range, sizeof(range), "%sa number from %lu to %lu", may[0] ? " or " : "",
                 (unsigned long)option->least, (unsigned long)option->most);
    if (option->kind == OPTION_DECIMAL)
        snprintf(range, sizeof(range), "a number from %g to %g", option->least / 1000.0,
                 option->most / 1000.0);
    tool_complain("%s: --%s does not take %s, but %s%s", speaker(p, room), option->name,
                  *text ? text : "nothing", may, range);
    return p->command->misused;
}

bool texts_add(tool_texts *texts, const char *text)
{
    const char **items = realloc(texts->items, (texts->count + 1) * sizeof(*items));
    if (items == NULL)
        return false;
    texts->items = items;
    items[texts->count++] = text;
    return true;
}

// Keeps a copy of a text for as long as the settings live; NULL: no memory.
static char *keep_text(tool_settings *settings, char *text)
{
    char **texts = text ? realloc(settings->texts, (settings->text_count + 1) * sizeof(*texts)) : NULL;
    if (texts == NULL) {
        free(text);
        return NULL;
    }
    settings->texts = texts;
    return texts[settings->text_count++] = text;
}

// What stands in the list of processes is wiped.
static int keep_secret(parser *p, char *at, char *text)
{
    const char *copy = keep_text(p->out, strdup(text));
    if (copy == NULL)
        return wrong(p, "out of memory", "");
    memcpy(at, &copy, sizeof(copy));
    memset(text, '*', strlen(text));
    return 0;
}

static int set_option(parser *p, const tool_option *option, char *text)
{
    char *at = (char *)p->out + option->at;
    uint32_t value;
    if (option->given)
        *(bool *)(void *)((char *)p->out + option->given) = true;
    switch (option->kind) {
    case OPTION_FLAG: *(bool *)(void *)at = true; return 0;
    case OPTION_TEXT: memcpy(at, &text, sizeof(text)); return 0;
    case OPTION_SECRET: return keep_secret(p, at, text);
    case OPTION_TEXTS: return texts_add((tool_texts *)(void *)at, text) ? 0 : wrong(p, "out of memory", "");
    default: break;
    }
    if (!read_value(option, text, &value))
        return bad_value(p, option, text);
    memcpy(at, &value, sizeof(value));
    return 0;
}

// The words behind -D; the first of them may have been glued to it.
static int take_property(parser *p, const tool_option *option, char *glued)
{
    char why[PROPERTY_WHY], *words[PROPERTY_WORDS];
    int count = glued != NULL;
    words[0] = glued;
    for (int i = 0; i < p->left && count < PROPERTY_WORDS; i++)
        words[count++] = p->words[i];
    int taken = property_read(&p->out->properties, p->command->sends, count, words, why);
    if (taken == 0) {
        char room[128];
        tool_complain("%s: --%s: %s", speaker(p, room), option->name, why);
        return p->command->misused;
    }
    taken -= glued != NULL;
    p->words += taken;
    p->left -= taken;
    return 0;
}

// Sets an option to the value glued to it, or to the next word.
static int take_option(parser *p, const tool_option *option, char *glued)
{
    if (option->kind == OPTION_PROPERTY)
        return take_property(p, option, glued);
    if (option->kind == OPTION_FLAG)
        return set_option(p, option, NULL);
    if (glued == NULL && p->left == 0)
        return wrong(p, "no value for --", option->name);
    char *text = glued;
    if (text == NULL) {
        text = *p->words++;
        p->left--;
    }
    return set_option(p, option, text);
}

// `--name`, `--name=value`
static int take_long(parser *p, char *word)
{
    const char *name = word + 2;
    char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    if (len == 4 && memcmp(name, "help", 4) == 0) {
        p->help = true;
        return 0;
    }
    const tool_option *option = find_option(p->command, name, len);
    if (option == NULL) {
        char bare[NEAREST_MAX + 1];
        snprintf(bare, sizeof(bare), "%.*s", (int)(len < NEAREST_MAX ? len : NEAREST_MAX), name);
        return unknown_option(p, bare, word);
    }
    if (equals && option->kind == OPTION_FLAG)
        return wrong(p, "no value is wanted for --", option->name);
    return take_option(p, option, equals ? equals + 1 : NULL);
}

// `-x`, `-xyz`, `-nvalue`
static int take_short(parser *p, char *word)
{
    for (char *letter = word + 1; *letter; letter++) {
        const tool_option *option = find_letter(p->command, *letter);
        if (option == NULL && *letter == 'h') {
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

// One word, or several.
static int take_argument(parser *p, const char *word)
{
    if (p->command->bit & (COMMAND_PUB | COMMAND_SUB | COMMAND_SERVE | COMMAND_PASSWD | COMMAND_BENCH))
        return texts_add(&p->out->urls, word) ? 0 : wrong(p, "out of memory", "");
    if (p->out->argument)
        return wrong(p, "what is this for: ", word);
    p->out->argument = word;
    return 0;
}

static int take_word(parser *p)
{
    char *word = *p->words++;
    p->left--;
    if (!p->plain && strcmp(word, "--") == 0)
        p->plain = true;
    else if (!p->plain && strncmp(word, "--", 2) == 0)
        return take_long(p, word);
    else if (!p->plain && word[0] == '-' && word[1])
        return take_short(p, word);
    else
        return take_argument(p, word);
    return 0;
}

/* --- Files of options --------------------------------------------------------------------------------- */

enum { FILE_MAX = 1024 * 1024 };

// All of a file as text; NULL with errno.
static char *read_all(const char *name)
{
    FILE *file = fopen(name, "re");
    if (file == NULL)
        return NULL;
    char *text = malloc(FILE_MAX + 1);
    size_t len = text ? fread(text, 1, FILE_MAX, file) : 0;
    bool failed = text == NULL || ferror(file) || !feof(file);
    int error = text && !ferror(file) ? EFBIG : errno;
    fclose(file);
    if (failed) {
        free(text);
        errno = error;
        return NULL;
    }
    text[len] = '\0';
    return text;
}

static char *next_word(char *text)
{
    char *blank = text + strcspn(text, " \t");
    if (*blank)
        *blank++ = '\0';
    return blank + strspn(blank, " \t");
}

// `-option value`: the value is the rest of the line, blanks and all. Only -D has several.
static int take_line(parser *p, char *line)
{
    char *words[1 + PROPERTY_WORDS] = {line};
    char *value = next_word(line);
    int count = 1;
    bool property = strcmp(line, "-D") == 0 || strcmp(line, "--property") == 0;
    while (property && *value && count < PROPERTY_WORDS) {
        words[count++] = value;
        value = next_word(value);
    }
    if (*value)
        words[count++] = value;
    p->words = words;
    p->left = count;
    int result = 0;
    while (p->left > 0 && result == 0)
        result = take_word(p);
    if (result == 0 && p->out->options_file)
        result = wrong(p, "a file of options cannot name another: ", p->out->options_file);
    return result;
}

// Options from a file, in the place where it is named. Not `wanted`: there need not be one.
static int take_file(parser *p, const char *name, bool wanted)
{
    char *text = read_all(name);
    if (text == NULL && (wanted || errno != ENOENT)) {
        tool_complain("%s: cannot read %s: %s", p->command->name, name, strerror(errno));
        return p->command->misused;
    }
    if (text == NULL || keep_text(p->out, text) == NULL)
        return 0;
    parser inner = {.command = p->command, .where = name, .out = p->out};
    int result = 0;
    while (*text && result == 0) {
        size_t len = strcspn(text, "\n");
        char *line = text + strspn(text, " \t");
        text += len + (text[len] == '\n');
        line[strcspn(line, "\r\n")] = '\0';
        inner.line++;
        if (*line && *line != '#')
            result = take_line(&inner, line);
    }
    return result;
}

// ~/.config/mqw/pub, ~/.config/mqw/sub
static int take_habits(parser *p)
{
    char name[1024];
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    bool own = base && *base;
    if ((p->command->bit & (COMMAND_PUB | COMMAND_SUB)) == 0 || (!own && home == NULL))
        return 0;
    int len = snprintf(name, sizeof(name), "%s%s/mqw/%s", own ? base : home, own ? "" : "/.config",
                       p->command->name);
    char *kept = len < (int)sizeof(name) ? keep_text(p->out, strdup(name)) : NULL;
    return kept ? take_file(p, kept, false) : 0;
}

// What a file says holds from the place on where it is named.
static int take_word_or_file(parser *p)
{
    int result = take_word(p);
    const char *name = p->out->options_file;
    p->out->options_file = NULL;
    return result == 0 && name ? take_file(p, name, true) : result;
}

int options_parse(const tool_command *command, int count, char **words, tool_settings *out, bool *help)
{
    parser p = {.command = command, .left = count, .words = words, .out = out};
    *out = (tool_settings){.timeout = 5000, .max_peers = 1000, .repeat = 1};
    out->bench = (tool_bench_settings){.publishers = 1,
                                       .subscribers = 1,
                                       .size = 64,
                                       .window = 100,
                                       .duration = 10000,
                                       .warmup = 1000,
                                       .settle = 2000,
                                       .at_once = 100};
    if (command->bit & (COMMAND_PUB | COMMAND_SUB | COMMAND_BENCH))
        out->keep_alive = 60;
    int result = take_habits(&p);
    while (p.left > 0 && result == 0)
        result = take_word_or_file(&p);
    *help = p.help;
    if (result || p.help)
        return result;
    if (command->argument_needed && out->argument == NULL)
        return wrong(&p, "missing ", command->argument);
    out->connect |= out->client_id || out->username || out->password || out->keep_alive || out->clean;
    return 0;
}

void options_free(tool_settings *settings)
{
    tool_texts *lists[] = {&settings->urls,        &settings->topics,      &settings->filtered,
                           &settings->unsubscribe, &settings->web.headers, &settings->serve.keys,
                           &settings->bench.watch};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        free(lists[i]->items);
    for (size_t i = 0; i < settings->text_count; i++)
        free(settings->texts[i]);
    free(settings->texts);
    properties_free(&settings->properties);
}

// SPDX-License-Identifier: MIT
// A packet as a transcript expects it; see expectation.h. Both packets are compared in their full text form,
// so that nothing here needs to know which fields a packet has: the line is read into a packet and printed
// again, which brings each value into the form in which the peer's is printed.
#include "expectation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

struct expectation {
    char *text;  // as given
    char *plain; // as printed: without fields of any value
    unsigned type;
};

/* --- Text that grows ---------------------------------------------------------------------------------- */

typedef struct builder {
    char *text;
    size_t len;
    size_t size;
    bool failed;
} builder;

static void add(builder *b, mqw_text text)
{
    if (b->text == NULL || b->len + text.len + 1 > b->size) {
        size_t size = (b->len + text.len + 1) * 2;
        char *more = b->failed ? NULL : realloc(b->text, size);
        if (more == NULL) {
            b->failed = true;
            return;
        }
        b->text = more;
        b->size = size;
    }
    memcpy(b->text + b->len, text.data, text.len);
    b->len += text.len;
    b->text[b->len] = '\0';
}

static void add_word(builder *b, mqw_text text)
{
    if (b->len > 0)
        add(b, MQW_TEXT(" "));
    add(b, text);
}

static char *built(builder *b)
{
    if (b->len == 0)
        add(b, MQW_TEXT(""));
    if (!b->failed)
        return b->text;
    free(b->text);
    return NULL;
}

static mqw_text text_from(const char *text)
{
    return (mqw_text){text, strlen(text)};
}

char *packet_text(const mqw_packet *packet)
{
    size_t size = mqw_print(NULL, 0, packet, MQW_FULL) + 1;
    char *text = malloc(size);
    if (text)
        mqw_print(text, size, packet, MQW_FULL);
    return text;
}

/* --- Variables ---------------------------------------------------------------------------------------- */

static bool is_variable(const tool_token *word)
{
    return word->value.len > 1 && word->value.data[0] == '$';
}

static const char *value_of(const tool_variables *variables, mqw_text name)
{
    for (size_t i = 0; i < variables->count; i++)
        if (token_is(name, variables->names[i]))
            return variables->values[i];
    return NULL;
}

void variables_free(tool_variables *variables)
{
    for (size_t i = 0; i < variables->count; i++) {
        free(variables->names[i]);
        free(variables->values[i]);
    }
    variables->count = 0;
}

char *variables_expand(const tool_variables *variables, mqw_text line)
{
    builder b = {0};
    tool_token word;
    while (token_next(&line, &word)) {
        const char *value = is_variable(&word) ? value_of(variables, word.value) : NULL;
        if (value == NULL) {
            add_word(&b, word.whole);
            continue;
        }
        add_word(&b, word.name);
        add(&b, MQW_TEXT("="));
        add(&b, text_from(value));
    }
    return built(&b);
}

static void keep_value(tool_variables *variables, mqw_text name, mqw_text value)
{
    if (value_of(variables, name) || variables->count == VARIABLES_MAX)
        return;
    char *name_copy = strndup(name.data, name.len), *value_copy = strndup(value.data, value.len);
    if (name_copy && value_copy) {
        variables->names[variables->count] = name_copy;
        variables->values[variables->count++] = value_copy;
        return;
    }
    free(name_copy);
    free(value_copy);
}

/* --- Reading a line ----------------------------------------------------------------------------------- */

static bool is_any(const tool_token *word)
{
    return token_is(word->value, "*") || is_variable(word);
}

// `!name`: the field is not there, or has its default.
static bool is_absence(const tool_token *word)
{
    return word->whole.len > 1 && word->whole.data[0] == '!';
}

// The line without the fields that have no value in it.
static char *without_any(const char *text)
{
    builder b = {0};
    mqw_text left = text_from(text);
    tool_token word;
    while (token_next(&left, &word))
        if (!is_any(&word) && !is_absence(&word))
            add_word(&b, word.whole);
    return built(&b);
}

// Brings a line into the form in which packets are printed.
static char *normal_form(const char *text, unsigned *type, mqw_error *why)
{
    size_t len = strlen(text);
    mqw_packet packet;
    char *result = NULL;
    uint8_t *room = malloc(len + 16);
    int code = room ? mqw_scan((mqw_text){text, len}, &packet, room, len + 16, why) : MQW_E_NO_MEMORY;
    if (code < 0)
        why->code = code;
    else if ((result = packet_text(&packet)) == NULL)
        why->code = MQW_E_NO_MEMORY;
    else
        *type = packet.type;
    free(room);
    return result;
}

tool_expectation *expectation_new(const tool_variables *variables, mqw_text line, mqw_error *why)
{
    *why = (mqw_error){.code = MQW_E_NO_MEMORY};
    tool_expectation *expected = calloc(1, sizeof(*expected));
    char *named = NULL;
    if (expected && (expected->text = variables_expand(variables, line)))
        named = without_any(expected->text);
    if (named)
        expected->plain = normal_form(named, &expected->type, why);
    free(named);
    if (expected && expected->plain)
        return expected;
    expectation_free(expected);
    return NULL;
}

void expectation_free(tool_expectation *expected)
{
    if (expected == NULL)
        return;
    free(expected->text);
    free(expected->plain);
    free(expected);
}

unsigned expectation_type(const tool_expectation *expected)
{
    return expected->type;
}

const char *expectation_text(const tool_expectation *expected)
{
    return expected->text;
}

/* --- Comparing ---------------------------------------------------------------------------------------- */

// The next word of that name in a line; false: there is none.
static bool next_named(mqw_text *left, mqw_text name, tool_token *out)
{
    while (token_next(left, out))
        if (token_same(out->name, name))
            return true;
    return false;
}

// All words of that name in a line, as one text; NULL: no memory.
static char *all_named(mqw_text line, mqw_text name)
{
    builder b = {0};
    tool_token word;
    while (next_named(&line, name, &word))
        add_word(&b, word.whole);
    return built(&b);
}

static bool is_property(mqw_text name)
{
    static const char *const names[] = {
#define X(id, field, ...) #field,
        MQW_PROPERTIES(X)
#undef X
            "subscription_id",
    };
    if (name.len > 5 && memcmp(name.data, "will.", 5) == 0)
        name = (mqw_text){name.data + 5, name.len - 5};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (token_is(name, names[i]))
            return true;
    return false;
}

enum { FIELDS_MAX = 64 }; // more than any packet has

typedef struct comparison {
    mqw_text plain; // of the expectation, and
    mqw_text got;   // of the packet
    expectation_difference *told;
    void *ctx;
    int differences;           // negative: no memory
    mqw_text done[FIELDS_MAX]; // fields that were compared
    size_t done_count;
} comparison;

static void differ(comparison *c, mqw_text name, const char *expected, const char *got)
{
    c->differences++;
    if (c->told)
        c->told(c->ctx, name, expected, got);
}

// Fields that a packet leaves out have their default on both sides, and so are equal.
static void compare_field(comparison *c, mqw_text name)
{
    char *expected = all_named(c->plain, name), *got = all_named(c->got, name);
    if (expected == NULL || got == NULL)
        c->differences = INT32_MIN;
    else if (strcmp(expected, got) != 0)
        differ(c, name, expected, got);
    free(expected);
    free(got);
}

// Any value will do, but a property has to be there.
static void compare_any(comparison *c, const tool_token *word)
{
    mqw_text left = c->got;
    tool_token found;
    if (!is_property(word->name) || next_named(&left, word->name, &found))
        return;
    char *expected = strndup(word->whole.data, word->whole.len);
    differ(c, word->name, expected ? expected : "", "");
    free(expected);
}

// Whether a field is compared for the first time; remembers it.
static bool is_new(comparison *c, mqw_text name)
{
    for (size_t i = 0; i < c->done_count; i++)
        if (token_same(c->done[i], name))
            return false;
    if (c->done_count < FIELDS_MAX)
        c->done[c->done_count++] = name;
    return true;
}

// Compares the fields that a line names, each once.
static void compare_named(comparison *c, mqw_text line)
{
    tool_token word;
    token_next(&line, &word); // the name of the packet
    while (token_next(&line, &word) && c->differences >= 0) {
        if (is_absence(&word))
            word.name = (mqw_text){word.name.data + 1, word.name.len - 1};
        if (!is_new(c, word.name))
            continue;
        if (is_any(&word))
            compare_any(c, &word);
        else
            compare_field(c, word.name);
    }
}

int expectation_compare(const tool_expectation *expected, const mqw_packet *packet, bool exact,
                        expectation_difference *told, void *ctx)
{
    char *got = packet_text(packet);
    if (got == NULL)
        return MQW_E_NO_MEMORY;
    comparison c = {.plain = text_from(expected->plain), .got = text_from(got), .told = told, .ctx = ctx};
    if (expected->type != packet->type) {
        differ(&c, MQW_TEXT("type"), mqw_packet_name((int)expected->type),
               mqw_packet_name((int)packet->type));
    } else {
        compare_named(&c, text_from(expected->text));
        if (exact)
            compare_named(&c, c.got);
    }
    free(got);
    return c.differences < 0 ? MQW_E_NO_MEMORY : c.differences;
}

void expectation_keep(const tool_expectation *expected, const mqw_packet *packet, tool_variables *variables)
{
    char *got = packet_text(packet);
    mqw_text left = text_from(expected->text);
    tool_token word, found;
    while (got && token_next(&left, &word)) {
        mqw_text line = text_from(got);
        if (is_variable(&word) && next_named(&line, word.name, &found) && found.value.data)
            keep_value(variables, word.value, found.value);
    }
    free(got);
}

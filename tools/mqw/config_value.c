// SPDX-License-Identifier: MIT
// One value of a configuration: read from text, and written as one would write it; see config.h.
#include <stdlib.h>
#include <string.h>

#include "config.h"

typedef struct config_unit {
    const char *name;
    uint64_t worth;
} config_unit;

// The largest comes first: that is how values are shown.
static const config_unit sizes[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}, {NULL, 0}};
static const config_unit times[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                    {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const config_unit plain_units[] = {{"", 1}, {NULL, 0}};

static const config_unit *units_of(const config_key *key)
{
    switch (key->kind) {
    case CONFIG_BYTES: return sizes;
    case CONFIG_SECONDS:
    case CONFIG_MS: return times;
    default: return plain_units;
    }
}

static uint64_t load(const config_key *key, const void *home)
{
    const unsigned char *at = (const unsigned char *)home + key->at;
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    switch (key->size) {
    case 1: memcpy(&u8, at, 1); return u8;
    case 2: memcpy(&u16, at, 2); return u16;
    case 4: memcpy(&u32, at, 4); return u32;
    default: memcpy(&u64, at, 8); return u64;
    }
}

static void save(const config_key *key, void *home, uint64_t value)
{
    unsigned char *at = (unsigned char *)home + key->at;
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    switch (key->size) {
    case 1: memcpy(at, &u8, 1); break;
    case 2: memcpy(at, &u16, 2); break;
    case 4: memcpy(at, &u32, 4); break;
    default: memcpy(at, &value, 8); break;
    }
}

static bool find_word(const config_word *words, const char *text, uint64_t *value)
{
    for (; words && words->word; words++)
        if (strcmp(words->word, text) == 0) {
            *value = words->value;
            return true;
        }
    return false;
}

static const config_word flags[] = {{"yes", 1}, {"no", 0},  {"true", 1}, {"false", 0},
                                    {"on", 1},  {"off", 0}, {NULL, 0}};

/* --- Reading ------------------------------------------------------------------------------------------ */

// Digits and a unit. A time without one is seconds.
static bool read_number(const config_key *key, const char *text, uint64_t *value)
{
    const config_unit *units = units_of(key), *found = NULL;
    uint64_t number = 0;
    unsigned base = key->kind == CONFIG_OCTAL ? 8 : 10;
    const char *at = text;
    for (; *at >= '0' && *at < (char)('0' + base); at++) {
        if (number > (UINT64_MAX >> 4) / base)
            return false;
        number = number * base + (unsigned)(*at - '0');
    }
    const char *name = *at == '\0' && units == times ? "s" : at;
    for (; units->name && found == NULL; units++)
        found = strcmp(units->name, name) == 0 ? units : NULL;
    if (at == text || found == NULL || number > UINT64_MAX / found->worth)
        return false;
    number *= found->worth;
    *value = key->kind == CONFIG_SECONDS ? number / 1000 : number;
    return key->kind != CONFIG_SECONDS || number % 1000 == 0;
}

static void show_number(const config_key *key, uint64_t value, char *out, size_t cap)
{
    const config_unit *unit = units_of(key);
    if (key->kind == CONFIG_OCTAL) {
        snprintf(out, cap, "0%llo", (unsigned long long)value);
        return;
    }
    value *= key->kind == CONFIG_SECONDS ? 1000 : 1;
    while (unit[1].name && (value % unit->worth || value == 0))
        unit++;
    snprintf(out, cap, "%llu%s", (unsigned long long)(value / unit->worth), unit->name);
}

// What the value may be, in words.
static const char *describe(const config_key *key, const char *text, char *why, size_t cap)
{
    static const char *const nouns[] = {[CONFIG_NUMBER] = "a number",
                                        [CONFIG_OCTAL] = "an octal number",
                                        [CONFIG_BYTES] = "a number of bytes",
                                        [CONFIG_SECONDS] = "a time",
                                        [CONFIG_MS] = "a time"};
    size_t len = (size_t)snprintf(why, cap, "%.60s is not ", *text ? text : "nothing");
    for (const config_word *word = key->words; word && word->word && len < cap; word++)
        len += (size_t)snprintf(why + len, cap - len, "%s%s",
                                word == key->words ? (word[1].word ? "one of " : "") : ", ", word->word);
    if (key->kind != CONFIG_WORD && len < cap) {
        char least[32], most[32];
        show_number(key, key->least, least, sizeof(least));
        show_number(key, key->most, most, sizeof(most));
        snprintf(why + len, cap - len, "%s%s from %s to %s", key->words ? " or " : "", nouns[key->kind],
                 least, most);
    }
    return why;
}

static const char *set_text(const config_key *key, void *home, const char *text)
{
    char **at = (char **)(void *)((char *)home + key->at);
    char *copy = *text ? strdup(text) : NULL;
    if (*text && copy == NULL)
        return "out of memory";
    free(*at);
    *at = copy;
    return NULL;
}

const char *config_set(const config_key *key, void *home, const char *text, char *why, size_t cap)
{
    uint64_t value = 0;
    switch (key->kind) {
    case CONFIG_TEXT:
    case CONFIG_FILE: return set_text(key, home, text);
    case CONFIG_FLAG:
        if (!find_word(flags, text, &value)) {
            snprintf(why, cap, "%.60s is neither yes nor no", *text ? text : "nothing");
            return why;
        }
        break;
    case CONFIG_WORD:
        if (!find_word(key->words, text, &value))
            return describe(key, text, why, cap);
        break;
    default:
        if (!find_word(key->words, text, &value) &&
            (!read_number(key, text, &value) || value < key->least || value > key->most))
            return describe(key, text, why, cap);
    }
    save(key, home, value);
    return NULL;
}

/* --- Showing ------------------------------------------------------------------------------------------ */

static const char *word_of(const config_word *words, uint64_t value)
{
    for (; words && words->word; words++)
        if (words->value == value)
            return words->word;
    return NULL;
}

void config_show(const config_key *key, const void *home, char *out, size_t cap)
{
    if (key->kind == CONFIG_TEXT || key->kind == CONFIG_FILE) {
        const char *const *text = (const char *const *)(const void *)((const char *)home + key->at);
        snprintf(out, cap, "%s", *text ? *text : "");
        return;
    }
    uint64_t value = load(key, home);
    const char *word = word_of(key->kind == CONFIG_FLAG ? flags : key->words, value);
    if (word || key->kind == CONFIG_WORD)
        snprintf(out, cap, "%s", word ? word : "");
    else
        show_number(key, value, out, cap);
}

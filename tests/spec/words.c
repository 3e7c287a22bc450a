// SPDX-License-Identifier: MIT
// Packets, errors and rules in the words of the transcripts.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec.h"

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define SPEC_MSAN
#endif
#endif

void spec_forget(mqw_packet *packet, uint8_t nonsense)
{
#ifdef SPEC_MSAN
    (void)nonsense;
    __msan_poison(packet, sizeof *packet);
#else
    memset(packet, nonsense, sizeof *packet);
#endif
}

void spec_print_packet(spec_bytes *out, const mqw_packet *packet, mqw_form form)
{
    size_t len = mqw_print(NULL, 0, packet, form);
    char *line = malloc(len + 1);
    if (line == NULL)
        abort();
    mqw_print(line, len + 1, packet, form);
    spec_put(out, line, len);
    free(line);
}

bool spec_scan(const char *line, mqw_packet *out, uint8_t **room)
{
    size_t len = strlen(line);
    *room = malloc(len + 16);
    if (*room == NULL)
        abort();
    return mqw_scan((mqw_text){line, len}, out, *room, len + 16, NULL) == 0;
}

bool spec_canonical(const char *line, spec_bytes *out)
{
    uint8_t *room = NULL;
    mqw_packet packet;
    bool good = spec_scan(line, &packet, &room);
    if (good)
        spec_print_packet(out, &packet, MQW_FULL);
    free(room);
    return good;
}

static const struct {
    int code;
    const char *name;
} results[] = {
#define X(value, NAME, ...) {value, #NAME},
    MQW_RESULTS(X)
#undef X
};

const char *spec_result_name(int code)
{
    for (size_t i = 0; i < SPEC_COUNT(results); i++)
        if (results[i].code == code)
            return results[i].name + 2; // without its E_
    return "?";
}

void spec_print_error(spec_bytes *out, const mqw_error *error)
{
    spec_printf(out, "%s 0x%02X %s at %llu", spec_result_name(error->code), (unsigned)error->reason,
                mqw_error_clause(error), (unsigned long long)error->offset);
    if (error->field != NULL)
        spec_printf(out, " %s", error->field);
}

void spec_print_refusal(spec_bytes *out, const mqw_error *error)
{
    spec_printf(out, "%s %s", spec_result_name(error->code), mqw_error_clause(error));
    if (error->field != NULL)
        spec_printf(out, " %s", error->field);
}

const char *spec_clause(mqw_rule rule, uint8_t version)
{
    mqw_error error = {0};
    error.rule = (uint8_t)rule;
    error.version = version;
    return mqw_error_clause(&error);
}

static void add_range(mqw_rule_set *set, mqw_rule first, mqw_rule last)
{
    for (int rule = (int)first; rule <= (int)last; rule++)
        mqw_rule_add(set, (mqw_rule)rule);
}

static bool add_rule(mqw_rule_set *set, const char *name, size_t len)
{
    if (len == 5 && strncmp(name, "ORDER", len) == 0)
        return add_range(set, MQW_RULE_ROLE, MQW_RULE_SESSION_EXPIRY_RAISED), true;
    if (len == 6 && strncmp(name, "LIMITS", len) == 0)
        return add_range(set, MQW_RULE_RECEIVE_MAXIMUM_SERVER, MQW_RULE_PROBLEM_INFO), true;
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++)
        if (strlen(mqw_rule_name(rule)) == len && strncmp(mqw_rule_name(rule), name, len) == 0)
            return mqw_rule_add(set, (mqw_rule)rule), true;
    return false;
}

static bool add_rules(mqw_rule_set *set, const char *names)
{
    for (;;) {
        size_t len = strcspn(names, ",");
        if (!add_rule(set, names, len))
            return false;
        if (names[len] == '\0')
            return true;
        names += len + 1;
    }
}

bool spec_policy_word(const char *word, mqw_policy *policy)
{
    const struct {
        const char *name;
        mqw_rule_set *set;
    } sets[] = {{"refuse=", &policy->refuse}, {"report=", &policy->report}, {"ignore=", &policy->ignore}};
    if (strcmp(word, "policy=original") == 0) {
        *policy = MQW_POLICY_ORIGINAL;
        return true;
    }
    for (size_t i = 0; i < SPEC_COUNT(sets); i++)
        if (strncmp(word, sets[i].name, strlen(sets[i].name)) == 0)
            return add_rules(sets[i].set, word + strlen(sets[i].name));
    return false;
}

void spec_ignore_order(mqw_policy *policy)
{
    add_range(&policy->ignore, MQW_RULE_ROLE, MQW_RULE_PROBLEM_INFO);
}

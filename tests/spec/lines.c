// SPDX-License-Identifier: MIT
// Encodes and decodes single lines for tests written in other languages.
#define _GNU_SOURCE // getline
#include "lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec.h"

static void say_error(const mqw_error *why)
{
    spec_bytes text = {0};
    spec_print_error(&text, why);
    printf("! %s\n", spec_text(&text));
    spec_free(&text);
}

static void decode(const mqw_codec *codec, const char *hex)
{
    spec_bytes in = {0}, line = {0};
    const char *why_not = "";
    mqw_packet packet;
    mqw_error why = {0};
    if (!spec_notation(hex, &in, &why_not)) {
        printf("! NOTATION %s\n", why_not);
        spec_free(&in);
        return;
    }
    uint8_t *exact = spec_exact(in.data, in.len);
    int size = mqw_decode(codec, (mqw_bytes){exact, in.len}, &packet, &why);
    if (size > 0 && (size_t)size == in.len) {
        spec_print_packet(&line, &packet, MQW_FULL);
        puts(spec_text(&line));
    } else if (size >= 0) {
        printf("! SIZE %d of %zu\n", size, in.len);
    } else {
        say_error(&why);
    }
    free(exact);
    spec_free(&in);
    spec_free(&line);
}

static void encode(const mqw_codec *codec, const char *line)
{
    uint8_t *room = NULL;
    mqw_packet packet;
    mqw_error why = {0};
    if (!spec_scan(line, &packet, &room)) {
        puts("! SCAN");
        free(room);
        return;
    }
    static uint8_t out[1 << 20];
    int size = mqw_encode(codec, &packet, out, sizeof out, &why);
    for (int i = 0; i < size; i++)
        printf("%02x", out[i]);
    if (size >= 0)
        putchar('\n');
    else
        say_error(&why);
    free(room);
}

static uint8_t sender_of(const char *word)
{
    return strcmp(word, "client") == 0 ? MQW_CLIENT : strcmp(word, "server") == 0 ? MQW_SERVER : MQW_ANY;
}

static void serve(const char *line)
{
    char verb[16] = "", version[16] = "", sender[16] = "";
    if (!spec_word(&line, verb, sizeof verb) || !spec_word(&line, version, sizeof version) ||
        !spec_word(&line, sender, sizeof sender)) {
        puts("! LINE");
        return;
    }
    mqw_codec codec = {.version = (uint8_t)atoi(version), .sender = sender_of(sender)};
    line += strspn(line, " ");
    if (strcmp(verb, "decode") == 0)
        decode(&codec, line);
    else
        encode(&codec, line);
}

int spec_serve_lines(void)
{
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t len; (len = getline(&line, &cap, stdin)) > 0;) {
        line[strcspn(line, "\n")] = '\0';
        serve(line);
        fflush(stdout);
    }
    free(line);
    return 0;
}

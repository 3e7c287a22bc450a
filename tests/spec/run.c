// SPDX-License-Identifier: MIT
// Runs transcripts: finds their blocks, counts the checks, and sees to it that headings keep their promises.
// test_spec [--seeds DIRECTORY] [--rules] FILE.md...
// test_spec --lines
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lines.h"
#include "spec.h"

enum { MOST_SEED = 512 };

static const char *current_file;
static const char *seed_directory;
static unsigned long passed, failed;
static mqw_rule_set shown_rules;

/* Each statement that a heading names, and the versions that were shown below it. */
static struct {
    char text[1024];
    int line;
    unsigned shown;
} heading;

bool spec_check(bool good, int line, const char *format, ...)
{
    if (good) {
        passed++;
        return true;
    }
    failed++;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: ", current_file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

void spec_showed_version(uint8_t version)
{
    heading.shown |= 1u << version;
}

void spec_showed_rule(unsigned rule)
{
    if (rule != 0 && rule < MQW_RULE_COUNT)
        mqw_rule_add(&shown_rules, (mqw_rule)rule);
}

/* The name of a seed comes from its bytes, so that the same one is written once. */
void spec_seed(const char *room, const void *data, size_t len)
{
    if (seed_directory == NULL || len > MOST_SEED)
        return;
    const uint8_t *bytes = data;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", seed_directory, room);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%016llx", seed_directory, room, (unsigned long long)hash);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, len, file) != len || fclose(file) != 0) {
        perror(path);
        exit(2);
    }
}

/* --- words --- */

bool spec_is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\0';
}

bool spec_word(const char **text, char *room, size_t cap)
{
    *text += strspn(*text, " \t");
    size_t len = strcspn(*text, " \t");
    if (len == 0)
        return false;
    snprintf(room, cap, "%.*s", (int)len, *text);
    *text += len;
    return true;
}

const char *spec_behind(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (strncmp(text, prefix, len) != 0)
        return NULL;
    return text + len + strspn(text + len, " \t");
}

unsigned spec_version_bit(const char *word)
{
    if (word[0] != 'v' || word[1] < '3' || word[1] > '5' || (word[2] != '\0' && word[2] != ':'))
        return 0;
    return 1u << (word[1] - '0');
}

bool spec_for_version(const char **line, uint8_t version)
{
    unsigned versions = 0;
    const char *at = *line;
    char word[8];
    while (spec_word(&at, word, sizeof word)) {
        unsigned bit = spec_version_bit(word);
        versions |= bit;
        if (bit == 0)
            return true;
        if (word[2] == ':') {
            *line = at + strspn(at, " \t");
            return (versions >> version & 1) != 0;
        }
    }
    return true;
}

/* --- headings --- */

/* `v4:MQTT-1.2.3-4` asks for a sample in 3.1.1 below it, `v5:` for one in 5.0. */
static void close_heading(void)
{
    const char *at = heading.text;
    char word[64];
    while (spec_word(&at, word, sizeof word)) {
        bool versioned = spec_version_bit(word) != 0 && strncmp(word + 2, ":MQTT-", 6) == 0;
        if (!versioned && strncmp(word, "MQTT-", 5) != 0)
            continue;
        unsigned wanted = versioned ? spec_version_bit(word) : ~0u;
        spec_check((heading.shown & wanted) != 0, heading.line, "nothing below the heading shows %s", word);
    }
    heading.text[0] = '\0';
}

static void open_heading(const char *line, int number)
{
    close_heading();
    snprintf(heading.text, sizeof heading.text, "%s", line);
    heading.line = number;
    heading.shown = 0;
}

/* --- blocks --- */

static const struct {
    const char *kind;
    void (*run)(const spec_block *block);
} kinds[] = {
    {"packet", spec_run_packets},  {"send", spec_run_sends},    {"properties", spec_run_properties},
    {"reasons", spec_run_reasons}, {"topics", spec_run_topics}, {"conversation", spec_run_conversation},
};

/* Blocks without a kind, and of a few others, are for the reader alone. */
static void run_block(spec_block *block)
{
    char kind[32] = "";
    spec_word(&block->words, kind, sizeof kind);
    for (size_t i = 0; i < SPEC_COUNT(kinds); i++)
        if (strcmp(kind, kinds[i].kind) == 0) {
            kinds[i].run(block);
            return;
        }
    const char *for_the_reader[] = {"", "text", "sh", "c"};
    for (size_t i = 0; i < SPEC_COUNT(for_the_reader); i++)
        if (strcmp(kind, for_the_reader[i]) == 0)
            return;
    spec_check(false, block->number, "no kind of block: %s", kind);
}

/* --- files --- */

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    spec_bytes text = {0};
    char piece[4096];
    for (size_t len; (len = fread(piece, 1, sizeof piece, file)) > 0;)
        spec_put(&text, piece, len);
    spec_put_byte(&text, '\0');
    fclose(file);
    return (char *)text.data;
}

static char *take_line(char **left)
{
    char *line = *left;
    char *end = strchr(line, '\n');
    *left = end == NULL ? line + strlen(line) : end + 1;
    if (end != NULL)
        *end = '\0';
    return line;
}

/* Reads the lines of a block up to its closing fence. */
static void read_block(char **left, int *number, spec_block *block)
{
    size_t cap = 64;
    block->lines = malloc(cap * sizeof *block->lines);
    while (block->lines != NULL && **left != '\0') {
        char *line = take_line(left);
        ++*number;
        if (strcmp(line, "```") == 0)
            return;
        if (block->count == cap)
            block->lines = realloc(block->lines, (cap *= 2) * sizeof *block->lines);
        if (block->lines != NULL)
            block->lines[block->count++] = (spec_line){line, *number};
    }
    spec_check(false, block->number, "the block is not closed");
}

static void run_file(const char *path)
{
    char *text = read_whole(path);
    char *left = text;
    const char *name = strrchr(path, '/');
    current_file = name == NULL ? path : name + 1;
    for (int number = 1; *left != '\0'; number++) {
        char *line = take_line(&left);
        if (line[0] == '#')
            open_heading(line, number);
        if (strncmp(line, "```", 3) != 0)
            continue;
        spec_block block = {.words = line + 3, .number = number};
        read_block(&left, &number, &block);
        run_block(&block);
        free(block.lines);
    }
    close_heading();
    free(text);
}

/* Rules of the tables that no transcript shows broken. */
static void check_rules(void)
{
    for (int rule = 1; rule < MQW_RULE_COUNT; rule++)
        spec_check(mqw_rule_in(&shown_rules, (mqw_rule)rule), 0, "no transcript shows the rule %s",
                   mqw_rule_name(rule));
}

int main(int argc, char **argv)
{
    bool rules = false;
    int at = 1;
    if (argc == 2 && strcmp(argv[1], "--lines") == 0)
        return spec_serve_lines();
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--seeds") == 0 && at + 1 < argc)
            seed_directory = argv[++at];
        else if (strcmp(argv[at], "--rules") == 0)
            rules = true;
        else
            return fprintf(stderr, "unknown option %s\n", argv[at]), 2;
    }
    for (; at < argc; at++)
        run_file(argv[at]);
    current_file = "all files";
    if (rules)
        check_rules();
    printf("%lu passed, %lu failed\n", passed, failed);
    return passed > 0 && failed == 0 ? 0 : 1;
}

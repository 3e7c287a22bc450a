// SPDX-License-Identifier: MIT
// The password file as mqw serve keeps it; see users.h.
#include "users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <mqwire/codec.h>

#include "tool.h"

static const char *put(tool_users *users, const char *name, const char *hash, const char *scram)
{
    users_entry *more = realloc(users->entries, (users->count + 1) * sizeof(*more));
    if (more == NULL)
        return "out of memory";
    users->entries = more;
    users_entry *entry = &more[users->count];
    *entry = (users_entry){.name = strdup(name), .hash = strdup(hash), .has_scram = *scram != '\0'};
    users->count++;
    if (entry->name == NULL || entry->hash == NULL)
        return "out of memory";
    if (entry->has_scram && !users_scram_read(scram, &entry->scram))
        return "what stands behind the hash is no SCRAM-SHA-256 secret";
    users->has_scram |= entry->has_scram;
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const users_entry *)a)->name, ((const users_entry *)b)->name);
}

static const char *take_line(tool_users *users, char *line, size_t len)
{
    char *name = NULL, *hash = NULL, *scram = NULL;
    if (strlen(line) != len)
        return "there is a zero byte in the line";
    if (len + 1 >= USERS_LINE)
        return "the line is too long";
    const char *wrong = users_split(line, &name, &hash, &scram);
    return wrong || *name == '\0' ? wrong : put(users, name, hash, scram);
}

static bool read_lines(tool_users *users, FILE *file, const char *called)
{
    char *line = NULL;
    size_t cap = 0;
    unsigned number = 0;
    bool good = true;
    for (ssize_t len; (len = getline(&line, &cap, file)) >= 0;) {
        number++;
        const char *wrong = take_line(users, line, (size_t)len);
        if (wrong)
            tool_complain("%s:%u: %s", called, number, wrong);
        good &= wrong == NULL;
    }
    if (line)
        users_wipe(line, cap);
    free(line);
    if (ferror(file))
        tool_complain("cannot read %s: %s", called, strerror(errno));
    return good && !ferror(file);
}

static bool has_doubles(const tool_users *users, const char *called)
{
    for (size_t i = 1; i < users->count; i++)
        if (by_name(&users->entries[i - 1], &users->entries[i]) == 0) {
            tool_complain("%s: %s stands there twice", called, users->entries[i].name);
            return true;
        }
    return false;
}

tool_users *users_read(const char *file)
{
    tool_users *users = calloc(1, sizeof(*users));
    FILE *stream = users ? fopen(file, "re") : NULL;
    bool good = false;
    if (stream) {
        good = read_lines(users, stream, file);
        fclose(stream);
    } else {
        tool_complain("cannot read %s: %s", file, users ? strerror(errno) : "out of memory");
    }
    if (good && users->count > 1)
        qsort(users->entries, users->count, sizeof(users_entry), by_name);
    if (good && getrandom(&users->seed, sizeof(users->seed), 0) == (ssize_t)sizeof(users->seed) &&
        !has_doubles(users, file))
        return users;
    users_free(users);
    return NULL;
}

void users_free(tool_users *users)
{
    for (size_t i = 0; users && i < users->count; i++) {
        users_entry *entry = &users->entries[i];
        if (entry->hash)
            users_wipe(entry->hash, strlen(entry->hash));
        free(entry->name);
        free(entry->hash);
        users_wipe(&entry->scram, sizeof(entry->scram));
    }
    free(users ? users->entries : NULL);
    free(users);
}

const users_entry *users_find(const tool_users *users, mqw_text name)
{
    size_t low = 0, high = users ? users->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = users->entries[middle].name;
        size_t len = strlen(other), least = len < name.len ? len : name.len;
        int order = least ? memcmp(name.data, other, least) : 0;
        order = order ? order : name.len > len ? 1 : name.len < len ? -1 : 0;
        if (order == 0)
            return &users->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

// What somebody who does not exist is compared with is that of one who does, always the same one for a name:
// hashes of several costs in one file would tell them apart otherwise.
static const char *hash_of_nobody(const tool_users *users, mqw_text name)
{
    uint64_t sum = users->seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.len; i++)
        sum = (sum ^ (unsigned char)name.data[i]) * 0x100000001b3u;
    sum ^= sum >> 32;
    const char *hash = users->count ? users->entries[sum % users->count].hash : "";
    return *hash ? hash : "$y$j9T$mqwireNobodyAtAll000000$"; // the default cost
}

const char *users_hash(const tool_users *users, mqw_text name, bool *real)
{
    const users_entry *entry = users_find(users, name);
    *real = entry && *entry->hash;
    return *real ? entry->hash : hash_of_nobody(users, name);
}

static bool is_same_scram(const mqw_scram_secret *a, const mqw_scram_secret *b)
{
    return a->iterations == b->iterations && a->salt_len == b->salt_len &&
           memcmp(a->salt, b->salt, sizeof(a->salt)) == 0 &&
           memcmp(a->stored_key, b->stored_key, sizeof(a->stored_key)) == 0 &&
           memcmp(a->server_key, b->server_key, sizeof(a->server_key)) == 0;
}

bool users_same(const users_entry *a, const users_entry *b)
{
    return strcmp(a->hash, b->hash) == 0 && a->has_scram == b->has_scram &&
           (!a->has_scram || is_same_scram(&a->scram, &b->scram));
}

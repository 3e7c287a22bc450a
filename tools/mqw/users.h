// SPDX-License-Identifier: MIT
// The password file of mqw serve: names, hashes of passwords, and secrets for SCRAM.
#ifndef MQW_USERS_H
#define MQW_USERS_H

#include <mqwire/auth.h>

// A line of the file: NAME:HASH, or NAME:HASH:SCRAM. HASH is what crypt(3) makes; empty: no password fits.
typedef struct users_entry {
    char *name;
    char *hash;
    mqw_scram_secret scram;
    bool has_scram;
} users_entry;

typedef struct tool_users {
    users_entry *entries; // sorted by name
    size_t count;
    bool has_scram; // one of them
    uint64_t seed;
} tool_users;

enum {
    USERS_LINE = 4096,
    USERS_NAME = 512,     // longest name
    USERS_PASSWORD = 512, // longest password, in bytes; a longer one fits nobody
    USERS_HASH = 384      // longest hash, with its zero
};

// Reads a file. NULL: it was told what is wrong, with file and line.
tool_users *users_read(const char *file);
void users_free(tool_users *users);
// NULL: there is nobody of that name.
const users_entry *users_find(const tool_users *users, mqw_text name);
// The hash that a password of `name` is compared with, for somebody who does not exist as well: it then takes
// as long, and fits no password.
const char *users_hash(const tool_users *users, mqw_text name, bool *real);
// Whether two entries let in by the same secrets.
bool users_same(const users_entry *a, const users_entry *b);

// One line of the file, cut at its colons: 0 with the parts (hash, and scram or ""), or in words what is
// wrong with it. A comment or an empty line has an empty name.
const char *users_split(char *line, char **name, char **hash, char **scram);
// A secret for SCRAM as text, and back.
void users_scram_show(const mqw_scram_secret *secret, char *out, size_t cap);
bool users_scram_read(const char *text, mqw_scram_secret *out);

// Whether a password is the one of a hash. Takes a while and 16 MiB: for a thread of its own.
bool users_fits(const char *hash, mqw_text password);
// Makes a hash with a new salt (yescrypt). False: the system cannot.
bool users_make_hash(mqw_text password, char out[USERS_HASH]);
// Overwrites what nobody should find in memory.
void users_wipe(void *secret, size_t len);

#endif

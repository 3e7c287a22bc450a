// SPDX-License-Identifier: MIT
// Changes that are to be written together: the prefixes that go, then for each key what it is in the end.
// What is set and deleted again before it was written costs no write.
#ifndef MQW_SQLITE_BATCH_H
#define MQW_SQLITE_BATCH_H

#include "mqwire/store.h"
#include "store/keys.h"

/** What becomes of a key. Its bytes lie behind the links. */
typedef struct mqw__change {
    uint8_t *value;
    size_t value_len;
    size_t room; /**< At value. */
    uint16_t key_len;
    uint8_t levels;
    bool deleted;
    struct mqw__change *next[];
} mqw__change;

/** Records whose keys begin so are deleted. */
typedef struct mqw__prefix {
    struct mqw__prefix *next;
    size_t len;
    uint8_t bytes[];
} mqw__prefix;

typedef struct mqw__batch {
    struct mqw__block *blocks; /**< Where all of it lies; freed at once. */
    uint64_t bytes;            /**< Taken of them. */
    mqw__prefix *prefixes;     /**< In any order. */
    uint64_t random;
    mqw__change *head[MQW__LEVELS]; /**< head[0]: the first in order of keys. */
} mqw__batch;

void mqw__batch_init(mqw__batch *batch);
/** Empties it. */
void mqw__batch_clear(mqw__batch *batch);
bool mqw__batch_empty(const mqw__batch *batch);
mqw_bytes mqw__change_key(const mqw__change *change);

/** 0, or MQW_E_NO_MEMORY and nothing is changed. */
int mqw__batch_put(mqw__batch *batch, mqw_bytes key, mqw_bytes value);
/** The same; a key that is in the batch needs no memory. */
int mqw__batch_delete(mqw__batch *batch, mqw_bytes key);
int mqw__batch_delete_all(mqw__batch *batch, mqw_bytes prefix);

#endif

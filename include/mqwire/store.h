// SPDX-License-Identifier: MIT
/**
 * @file store.h
 * Records that outlive the process: keys and values of bytes, changed in batches that are whole or not at
 * all.
 *
 * mqw_store_put and mqw_store_delete add to the batch of this turn: what one callback of the loop changes is
 * never divided. mqw_store_commit asks to be told when all of it is on disk. Batches are committed in order;
 * all that is asked for while one is being written shares the next. A change that nobody asked to commit is
 * written on one of the next turns all the same; it is lost when the loop does not run any more and the store
 * is not closed.
 *
 * A store belongs to the thread of its loop; what blocks is done by a thread of the store's own. It keeps the
 * loop running only while somebody waits for a commit or for its closing. Every call is legal in every
 * callback of the store and of mqw_store_read, closing included; after mqw_store_close they give
 * MQW_E_CLOSED.
 *
 * mqw_store_memory is here, mqw_store_sqlite in libmqwire-sqlite, and mqw_store_custom takes one of the
 * program's own.
 */
#ifndef MQWIRE_STORE_H
#define MQWIRE_STORE_H

#include <uv.h>

#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A set of records, in order of their keys (bytes compared as unsigned). */
typedef struct mqw_store mqw_store;

/** A batch is on disk (result 0), or the store has failed for good (MQW_E_STREAM, MQW_E_NO_MEMORY;
 * mqw_store_error says why): the batch is then there whole or not at all, and none after it is. Called by the
 * loop, never inside a call of the store. */
typedef void mqw_store_done(mqw_store *store, int result, void *ctx);
/** A record; views live until it returns. Returns 0 to go on, else the value that mqw_store_read then gives.
 */
typedef int mqw_store_each(mqw_bytes key, mqw_bytes value, void *ctx);

enum {
    MQW_STORE_MAX_KEY = 1024,        /**< Longest key. */
    MQW_STORE_MAX_VALUE = 0x20000000 /**< Longest value: 512 MiB, more than any packet. */
};

/** Records in memory, gone with the process: for tests, and where sessions need not outlive it. 0 or
 * MQW_E_NO_MEMORY. */
MQW_API int mqw_store_memory(mqw_store **out, uv_loop_t *loop);

/** Zero is the default of every field. */
typedef struct mqw_sqlite_options {
    size_t size;          /**< sizeof(mqw_sqlite_options); 0: the first layout. */
    const char *vfs;      /**< SQLite's name of the file system; NULL: its default. */
    uint64_t max_pending; /**< Bytes of changes not yet on disk; above it mqw_store_put is MQW_E_BUSY. Default
                             64 MiB. */
    uint32_t busy_timeout; /**< Milliseconds to wait for another process at opening; default 0. */
    /** A batch that cannot be written (the disk is full, or fails) is tried again, 0.1 to 5 seconds later,
     * until it can be; who waits for a commit waits so long, and mqw_store_error says why. Closing tries
     * once more. For brokers. */
    bool keep_trying;
} mqw_sqlite_options;

/** Records in an SQLite file (WAL, synchronous=FULL), made when it is not there, mode 0600 (with a `vfs`: as
 * that makes it); while it is open its log is beside it (`-wal`). One process at a time. In libmqwire-sqlite.
 * After a failure nothing is written any more (but see keep_trying): close it, and open it again. 0,
 * MQW_E_MISUSE, MQW_E_NO_MEMORY, or MQW_E_STREAM: `why` (may be NULL) gets a sentence. */
MQW_API int mqw_store_sqlite(mqw_store **out, uv_loop_t *loop, const char *path,
                             const mqw_sqlite_options *options, char *why, size_t cap);

/** A store of the program's own, as a table of functions on the thread of the loop. */
typedef struct mqw_store_ops {
    size_t size; /**< sizeof(mqw_store_ops); 0: the first layout. */
    int (*put)(void *self, mqw_bytes key, mqw_bytes value); /**< See mqw_store_put. */
    int (*remove)(void *self, mqw_bytes key, bool prefix); /**< See mqw_store_delete, mqw_store_delete_all. */
    /** See mqw_store_commit: calls done(store, result, ctx) later. */
    int (*commit)(void *self, mqw_store *store, mqw_store_done *done, void *ctx);
    int (*read)(void *self, mqw_bytes prefix, mqw_store_each *each, void *ctx); /**< See mqw_store_read. */
    const char *(*error)(void *self);                                           /**< See mqw_store_error. */
    /** See mqw_store_close: calls mqw_store_closed later, when all commits are told. */
    void (*close)(void *self, mqw_store *store);
} mqw_store_ops;
/** Makes a store of it; `ops` is copied; `error` may be NULL, the others not. 0, MQW_E_MISUSE or
 * MQW_E_NO_MEMORY. */
MQW_API int mqw_store_custom(mqw_store **out, uv_loop_t *loop, const mqw_store_ops *ops, void *self);
/** For stores of the program's own: close is done; `closed` is heard and the store freed. */
MQW_API void mqw_store_closed(mqw_store *store);
/** The program's own of mqw_store_custom. */
MQW_API void *mqw_store_self(const mqw_store *store);
/** The loop that the store belongs to. */
MQW_API uv_loop_t *mqw_store_loop(const mqw_store *store);

/** Sets a record in the batch; both are copied. 0, MQW_E_BUSY (too much is not yet on disk), MQW_E_NO_MEMORY,
 * MQW_E_TOO_LARGE (value), MQW_E_MISUSE (empty key or a longer one than MQW_STORE_MAX_KEY), or MQW_E_STREAM
 * after a failure. */
MQW_API int mqw_store_put(mqw_store *store, mqw_bytes key, mqw_bytes value);
/** Deletes a record in the batch; it need not be there. Results as mqw_store_put, never MQW_E_BUSY. */
MQW_API int mqw_store_delete(mqw_store *store, mqw_bytes key);
/** Deletes all records whose keys begin with `prefix`; all there are when it is empty. Results as
 * mqw_store_delete. */
MQW_API int mqw_store_delete_all(mqw_store *store, mqw_bytes prefix);
/** Tells when everything so far is on disk. `done` may be NULL. Nothing changed since: it is told on a later
 * turn all the same. 0 or MQW_E_NO_MEMORY. */
MQW_API int mqw_store_commit(mqw_store *store, mqw_store_done *done, void *ctx);
/** Gives all records whose keys begin with `prefix`, in order, changes of the batch included. Blocks: for
 * starting up. Whether a read sees what its own `each` changes is not said. 0, what `each` returned,
 * MQW_E_STREAM or MQW_E_NO_MEMORY. */
MQW_API int mqw_store_read(mqw_store *store, mqw_bytes prefix, mqw_store_each *each, void *ctx);
/** Why the store has failed, or fails now, in words; "" when all is well. */
MQW_API const char *mqw_store_error(const mqw_store *store);
/** Commits what is left, then closes; commits still under way are told first. `closed` (may be NULL) is heard
 * from the loop, never inside this call; the store is freed after it. Closing a second time does nothing. */
MQW_API void mqw_store_close(mqw_store *store, void (*closed)(void *ctx), void *ctx);

#ifdef __cplusplus
}
#endif
#endif

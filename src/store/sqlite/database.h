// SPDX-License-Identifier: MIT
// The SQLite file: opening it as ours, writing a batch, reading. By one thread at a time.
#ifndef MQW_SQLITE_DATABASE_H
#define MQW_SQLITE_DATABASE_H

#include <sqlite3.h>

#include "batch.h"

enum { MQW__WORDS = 512 };

enum { MQW__PUT, MQW__DELETE, MQW__DELETE_ALL, MQW__STATEMENTS };

typedef struct mqw__database {
    sqlite3 *db;
    sqlite3_stmt *statements[MQW__STATEMENTS];
} mqw__database;

/** 0, MQW_E_STREAM or MQW_E_NO_MEMORY with a sentence; then there is nothing to close. */
int mqw__database_open(mqw__database *file, const char *path, const mqw_sqlite_options *options,
                       char why[MQW__WORDS]);
/** All of it in one transaction that is on disk when this returns 0; else MQW_E_STREAM or MQW_E_NO_MEMORY
 * with a sentence, and nothing of it is. */
int mqw__database_write(mqw__database *file, const mqw__batch *batch, char why[MQW__WORDS]);
/** See mqw_store_read. */
int mqw__database_read(mqw__database *file, mqw_bytes prefix, mqw_store_each *each, void *ctx,
                       char why[MQW__WORDS]);
void mqw__database_close(mqw__database *file);

#endif

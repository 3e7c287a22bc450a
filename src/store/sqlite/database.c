// SPDX-License-Identifier: MIT
// The SQLite file: opening it as ours, writing a batch, reading.
#include "database.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"

enum { APPLICATION = 0x6D717772 /* "mqwr" */, FORMAT = 1, WAIT = 10 /* ms between two tries */ };

// Without row numbers a record lies in one tree instead of two: records of 100 bytes come to a quarter (of
// many in a commit) or a third (of one) less to write, and a prefix is read in one pass; those of 10 KiB come
// to 5 % more.
static const char schema[] = "CREATE TABLE record (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID";

static const char *const sentences[MQW__STATEMENTS] = {
    [MQW__PUT] = "REPLACE INTO record (key, value) VALUES (?1, ?2)",
    [MQW__DELETE] = "DELETE FROM record WHERE key = ?1",
    [MQW__DELETE_ALL] = "DELETE FROM record WHERE key >= ?1 AND key < ?2",
};

static const char reading[] = "SELECT key, value FROM record WHERE key >= ?1 AND key < ?2 ORDER BY key";

// --- words ---

static const char *words_of(int code)
{
    static const struct {
        int code;
        const char *words;
    } table[] = {
        {SQLITE_BUSY, "is in use by another process or store"},
        {SQLITE_NOTADB, "is not an SQLite database"},
        {SQLITE_CORRUPT, "is damaged"},
        {SQLITE_CANTOPEN, "cannot be opened"},
        {SQLITE_READONLY, "can only be read"},
        {SQLITE_FULL, "finds the disk full"},
        {SQLITE_IOERR, "cannot be read or written"},
        {SQLITE_NOMEM, "finds no memory"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == (code & 0xFF))
            return table[i].words;
    return "cannot be used";
}

// The result for what SQLite says, with a sentence.
static int explain(mqw__database *file, const char *path, int code, char why[MQW__WORDS])
{
    bool by_system = (code & 0xFF) == SQLITE_CANTOPEN || (code & 0xFF) == SQLITE_IOERR;
    int cause = file->db && by_system ? sqlite3_system_errno(file->db) : 0;
    const char *detail = file->db ? sqlite3_errmsg(file->db) : sqlite3_errstr(code);
    snprintf(why, MQW__WORDS, "%s %s: %s%s%s", path, words_of(code), detail, cause ? ": " : "",
             cause ? strerror(cause) : "");
    return (code & 0xFF) == SQLITE_NOMEM ? MQW_E_NO_MEMORY : MQW_E_STREAM;
}

static int explain_later(mqw__database *file, int code, char why[MQW__WORDS])
{
    return explain(file, sqlite3_db_filename(file->db, "main"), code, why);
}

// --- opening ---

/** What is found in a file. */
typedef struct findings {
    int application, format;
    int ours, others; /**< Tables and the like. */
} findings;

static int take_number(void *number, int columns, char **values, char **names)
{
    (void)columns, (void)names;
    *(int *)number = values[0] ? (int)strtol(values[0], NULL, 10) : 0;
    return 0;
}

static int take_schema(void *arg, int columns, char **values, char **names)
{
    findings *found = arg;
    (void)columns, (void)names;
    if (values[0] && strcmp(values[0], schema) == 0)
        found->ours++;
    else
        found->others++;
    return 0;
}

static int look(sqlite3 *db, findings *found)
{
    int rc = sqlite3_exec(db, "PRAGMA application_id", take_number, &found->application, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA user_version", take_number, &found->format, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "SELECT sql FROM sqlite_schema", take_schema, found, NULL);
    return rc;
}

// NULL: the file is ours, or will be.
static const char *judge(const findings *found)
{
    bool empty = found->application == 0 && found->format == 0 && found->ours + found->others == 0;
    if (empty)
        return NULL;
    if (found->application != APPLICATION)
        return "is a database of another program";
    if (found->format > FORMAT)
        return "was made by a newer version of mqwire";
    if (found->format != FORMAT || found->ours != 1 || found->others != 0)
        return "does not hold the table that it should";
    return NULL;
}

// A commit returns when the log is on disk. EXTRA is FULL, and the directory is on disk, too, once a new file
// has done with its rollback journal: that must not come back after a power cut and undo everything. The log
// is emptied into the database every 1000 pages, and is not longer than that then; also now, since after a
// power cut it may end within a sector of the disk, and writing behind that end would risk the sector.
static int set_up(sqlite3 *db)
{
    return sqlite3_exec(db,
                        "PRAGMA synchronous = EXTRA;"
                        "PRAGMA journal_mode = WAL;"
                        "PRAGMA fullfsync = ON;"
                        "PRAGMA checkpoint_fullfsync = ON;"
                        "PRAGMA wal_autocheckpoint = 1000;"
                        "PRAGMA journal_size_limit = 4194304;"
                        "PRAGMA cell_size_check = ON;"
                        "PRAGMA wal_checkpoint(TRUNCATE)",
                        NULL, NULL, NULL);
}

static int make_schema(sqlite3 *db)
{
    char sql[320];
    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", schema,
             APPLICATION, FORMAT);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int prepare_statements(mqw__database *file)
{
    int rc = SQLITE_OK;
    for (int i = 0; i < MQW__STATEMENTS && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(file->db, sentences[i], -1, SQLITE_PREPARE_PERSISTENT, &file->statements[i],
                                NULL);
    return rc;
}

// SQLite says so by not changing the mode.
static int take_mode(void *wal, int columns, char **values, char **names)
{
    (void)columns, (void)names;
    *(bool *)wal = values[0] && strcmp(values[0], "wal") == 0;
    return 0;
}

// One process at a time, which also spares the shared memory file. The first access decides about the lock.
static int open_file(mqw__database *file, const char *path, const char *vfs, const char **wrong)
{
    findings found = {0};
    bool wal = false;
    *wrong = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, &file->db, flags, vfs);
    if (rc == SQLITE_OK && sqlite3_db_readonly(file->db, "main") == 1) {
        *wrong = "can only be read";
        return SQLITE_READONLY;
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(file->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = look(file->db, &found);
    if (rc == SQLITE_OK && (*wrong = judge(&found)) != NULL)
        return SQLITE_ERROR;
    if (rc == SQLITE_OK)
        rc = set_up(file->db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(file->db, "PRAGMA journal_mode", take_mode, &wal, NULL);
    if (rc == SQLITE_OK && !wal) {
        *wrong = "cannot have a write-ahead log";
        return SQLITE_ERROR;
    }
    if (rc == SQLITE_OK && found.ours == 0)
        rc = make_schema(file->db);
    return rc == SQLITE_OK ? prepare_statements(file) : rc;
}

// SQLite would make it readable for all; what it puts beside it gets the same mode.
static void make_private(const char *path)
{
    int made = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0)
        close(made);
}

int mqw__database_open(mqw__database *file, const char *path, const mqw_sqlite_options *options,
                       char why[MQW__WORDS])
{
    // Names that SQLite takes for something else (":memory:", "file:") are files, too.
    size_t room = strlen(path) + sizeof "./";
    char *name = mqw__sqlite_alloc(room);
    if (!name)
        return explain(file, path, SQLITE_NOMEM, why);
    snprintf(name, room, "%s%s", options->vfs || path[0] == '/' ? "" : "./", path);
    if (!options->vfs)
        make_private(name);
    const char *wrong = NULL;
    uint64_t until = uv_hrtime() / 1000000 + options->busy_timeout;
    int rc = open_file(file, name, options->vfs, &wrong);
    while ((rc & 0xFF) == SQLITE_BUSY && uv_hrtime() / 1000000 < until) {
        mqw__database_close(file);
        sqlite3_sleep(WAIT);
        rc = open_file(file, name, options->vfs, &wrong);
    }
    int result = rc == SQLITE_OK ? 0 : explain(file, path, rc, why);
    if (wrong)
        snprintf(why, MQW__WORDS, "%s %s", path, wrong);
    if (result)
        mqw__database_close(file);
    free(name);
    return result;
}

void mqw__database_close(mqw__database *file)
{
    for (int i = 0; i < MQW__STATEMENTS; i++)
        sqlite3_finalize(file->statements[i]);
    sqlite3_close(file->db);
    *file = (mqw__database){0};
}

// --- writing ---

// Nothing at all would be NULL to SQLite.
static int bind_bytes(sqlite3_stmt *statement, int at, mqw_bytes bytes)
{
    return sqlite3_bind_blob64(statement, at, bytes.len ? bytes.data : (const void *)"", bytes.len,
                               SQLITE_STATIC);
}

// Keys that begin with the prefix are those from it up to it with as many 0xFF behind as no key is long.
static int bind_range(sqlite3_stmt *statement, mqw_bytes prefix)
{
    uint8_t end[MQW_STORE_MAX_KEY + 1];
    memset(end, 0xFF, sizeof end);
    if (prefix.len)
        memcpy(end, prefix.data, prefix.len);
    int rc = bind_bytes(statement, 1, prefix);
    return rc == SQLITE_OK ? sqlite3_bind_blob(statement, 2, end, sizeof end, SQLITE_TRANSIENT) : rc;
}

static int run(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    int reset = sqlite3_reset(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : reset;
}

static int delete_prefix(mqw__database *file, const mqw__prefix *prefix)
{
    sqlite3_stmt *statement = file->statements[MQW__DELETE_ALL];
    int rc = bind_range(statement, (mqw_bytes){prefix->bytes, prefix->len});
    return rc == SQLITE_OK ? run(statement) : rc;
}

static int change(mqw__database *file, const mqw__change *one)
{
    sqlite3_stmt *statement = file->statements[one->deleted ? MQW__DELETE : MQW__PUT];
    int rc = bind_bytes(statement, 1, mqw__change_key(one));
    if (rc == SQLITE_OK && !one->deleted)
        rc = bind_bytes(statement, 2, (mqw_bytes){one->value, one->value_len});
    return rc == SQLITE_OK ? run(statement) : rc;
}

static int change_all(mqw__database *file, const mqw__batch *batch)
{
    int rc = SQLITE_OK;
    for (const mqw__prefix *next = batch->prefixes; next && rc == SQLITE_OK; next = next->next)
        rc = delete_prefix(file, next);
    for (const mqw__change *next = batch->head[0]; next && rc == SQLITE_OK; next = next->next[0])
        rc = change(file, next);
    return rc;
}

int mqw__database_write(mqw__database *file, const mqw__batch *batch, char why[MQW__WORDS])
{
    int rc = sqlite3_exec(file->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = change_all(file, batch);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(file->db, "COMMIT", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return 0;
    int result = explain_later(file, rc, why);
    (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

// --- reading ---

// Bytes that are bytes need no memory here, only in the step before.
static mqw_bytes column(sqlite3_stmt *statement, int at)
{
    const void *data = sqlite3_column_blob(statement, at);
    return (mqw_bytes){data, (size_t)sqlite3_column_bytes(statement, at)};
}

int mqw__database_read(mqw__database *file, mqw_bytes prefix, mqw_store_each *each, void *ctx,
                       char why[MQW__WORDS])
{
    sqlite3_stmt *statement = NULL;
    int result = 0;
    int rc = sqlite3_prepare_v2(file->db, reading, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = bind_range(statement, prefix);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    while (rc == SQLITE_ROW && result == 0) {
        result = each(column(statement, 0), column(statement, 1), ctx);
        if (result == 0)
            rc = sqlite3_step(statement);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        result = explain_later(file, rc, why);
    sqlite3_finalize(statement);
    return result;
}

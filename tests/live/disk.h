// SPDX-License-Identifier: MIT
// A disk in memory, as a file system of SQLite, whose power can be cut: of what was written since the last
// sync, a random part arrives, in any order, torn at sectors of 512 bytes; names made or deleted since the
// directory was synced are there or not. It can also be full, fail, or be read-only.
#ifndef MQW_DISK_H
#define MQW_DISK_H

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISK_SECTOR = 512, DISK_NAMES = 8, DISK_HISTORY = 16 };

/** A write that was not synced; a truncation when it has no data. */
typedef struct disk_op {
    struct disk_op *next;
    size_t at, len;
    uint8_t *data;
} disk_op;

/** Bytes that may be longer than what is there of them. */
typedef struct disk_content {
    uint8_t *data;
    size_t size, room;
} disk_content;

/** A file: what programs see of it, and what is on the platters. */
typedef struct disk_inode {
    struct disk_inode *next;
    disk_content seen, kept;
    disk_op *ops, **last_op; /**< What makes the one of the other. */
} disk_inode;

/** A name, the files it stood for since the directory was synced; the last is what programs see. */
typedef struct disk_name {
    char name[64];
    disk_inode *history[DISK_HISTORY]; /**< NULL: none. */
    int changes;
} disk_name;

typedef struct disk {
    sqlite3_vfs vfs;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool gate_closed; /**< Writes wait. */
    uint64_t seed;
    bool dark;   /**< The power is off. */
    int life;    /**< Rises with each cut: what was open before is of no use. */
    int ops;     /**< Changes so far. */
    int cut_at;  /**< The change at which the power goes; 0: none. */
    int fail_at; /**< The change from which on all fail; 0: none … */
    int failure; /**< … with this code of SQLite. */
    int busy;    /**< So many times a lock is refused. */
    int syncs;   /**< So far. */
    bool read_only;
    bool no_log;    /**< A write-ahead log is not possible. */
    bool psow;      /**< Bytes beside those that are written survive a cut. */
    bool lazy;      /**< A database on it does not sync: to see that this is noticed. */
    int checkpoint; /**< Pages after which the log is emptied. */
    disk_inode *inodes;
    disk_name names[DISK_NAMES];
} disk;

typedef struct disk_file {
    sqlite3_file base;
    disk *disk;
    disk_inode *inode;
    int life;
    bool syncs_directory; /**< With its first sync, as SQLite's own file system does for logs. */
} disk_file;

static inline uint32_t disk_random(disk *on, uint32_t below)
{
    on->seed = on->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(on->seed >> 33) % below;
}

// --- contents ---

static inline void disk_resize(disk_content *content, size_t size)
{
    if (size > content->room) {
        content->room = size * 2;
        content->data = realloc(content->data, content->room);
        assert(content->data);
    }
    if (size > content->size)
        memset(content->data + content->size, 0, size - content->size);
    content->size = size;
}

static inline void disk_fill(disk_content *content, size_t at, const uint8_t *data, size_t len)
{
    if (at + len > content->size)
        disk_resize(content, at + len);
    if (len)
        memcpy(content->data + at, data, len);
}

static inline void disk_apply(disk_content *content, const disk_op *op)
{
    if (op->data)
        disk_fill(content, op->at, op->data, op->len);
    else
        disk_resize(content, op->at);
}

static inline void disk_note(disk_inode *inode, size_t at, const void *data, size_t len)
{
    disk_op *op = calloc(1, sizeof *op);
    assert(op);
    op->at = at;
    op->len = len;
    if (data) {
        op->data = malloc(len + 1);
        assert(op->data);
        memcpy(op->data, data, len);
    }
    *inode->last_op = op;
    inode->last_op = &op->next;
    disk_apply(&inode->seen, op);
}

static inline void disk_forget_ops(disk_inode *inode)
{
    while (inode->ops) {
        disk_op *op = inode->ops;
        inode->ops = op->next;
        free(op->data);
        free(op);
    }
    inode->last_op = &inode->ops;
}

static inline void disk_sync_inode(disk_inode *inode)
{
    for (const disk_op *op = inode->ops; op; op = op->next)
        disk_apply(&inode->kept, op);
    disk_forget_ops(inode);
}

// --- names ---

static inline disk_inode **disk_seen(disk_name *name)
{
    return &name->history[name->changes];
}

static inline disk_name *disk_find(disk *on, const char *path)
{
    for (int i = 0; i < DISK_NAMES; i++) {
        disk_name *name = &on->names[i];
        if (!name->name[0])
            snprintf(name->name, sizeof name->name, "%s", path);
        if (strcmp(name->name, path) == 0)
            return name;
    }
    abort(); // too many names
}

static inline void disk_bind(disk_name *name, disk_inode *inode)
{
    assert(name->changes + 1 < DISK_HISTORY);
    name->history[++name->changes] = inode;
}

static inline void disk_sync_directory(disk *on)
{
    for (int i = 0; i < DISK_NAMES; i++) {
        disk_name *name = &on->names[i];
        name->history[0] = *disk_seen(name);
        name->changes = 0;
    }
}

static inline disk_inode *disk_make(disk *on, disk_name *name)
{
    disk_inode *inode = calloc(1, sizeof *inode);
    assert(inode);
    inode->next = on->inodes;
    inode->last_op = &inode->ops;
    on->inodes = inode;
    disk_bind(name, inode);
    return inode;
}

// --- the cut ---

/** What arrives of one sector of a write. */
static inline void disk_tear(disk *on, disk_content *kept, const disk_op *op, size_t at, size_t len)
{
    uint8_t noise[DISK_SECTOR];
    uint32_t fate = disk_random(on, 16);
    if (fate < 7) // nothing
        return;
    if (fate < 15) { // all
        disk_fill(kept, at, op->data + (at - op->at), len);
        return;
    }
    for (size_t i = 0; i < DISK_SECTOR; i++)
        noise[i] = (uint8_t)disk_random(on, 256);
    size_t sector = at / DISK_SECTOR * DISK_SECTOR;
    if (on->psow)
        disk_fill(kept, at, noise, len);
    else
        disk_fill(kept, sector, noise, DISK_SECTOR);
}

static inline void disk_scatter(disk *on, disk_content *kept, const disk_op *op)
{
    if (!op->data) {
        if (disk_random(on, 2))
            disk_apply(kept, op);
        return;
    }
    for (size_t at = op->at, end = op->at + op->len; at < end;) {
        size_t next = (at / DISK_SECTOR + 1) * DISK_SECTOR;
        size_t len = (next < end ? next : end) - at;
        disk_tear(on, kept, op, at, len);
        at += len;
    }
}

// In any order: each time one of those that are left.
static inline void disk_cut_inode(disk *on, disk_inode *inode, uint32_t manner)
{
    if (manner == 1) // everything has arrived just before
        disk_sync_inode(inode);
    uint32_t left = 0;
    for (const disk_op *op = inode->ops; op; op = op->next)
        left++;
    while (manner > 1 && left > 0) {
        disk_op **at = &inode->ops;
        for (uint32_t skip = disk_random(on, left--); skip > 0; skip--)
            at = &(*at)->next;
        disk_op *op = *at;
        *at = op->next;
        disk_scatter(on, &inode->kept, op);
        free(op->data);
        free(op);
    }
    disk_forget_ops(inode);
    disk_resize(&inode->seen, 0);
    disk_fill(&inode->seen, 0, inode->kept.data, inode->kept.size);
}

static inline void disk_cut_held(disk *on)
{
    uint32_t manner = disk_random(on, 6);
    on->life++;
    on->dark = true;
    on->cut_at = 0;
    for (int i = 0; i < DISK_NAMES; i++) {
        disk_name *name = &on->names[i];
        name->history[0] = name->history[manner == 0   ? 0
                                         : manner == 1 ? (uint32_t)name->changes
                                                       : disk_random(on, (uint32_t)name->changes + 1)];
        name->changes = 0;
    }
    for (disk_inode *inode = on->inodes; inode; inode = inode->next)
        disk_cut_inode(on, inode, manner);
}

/** Cuts the power now. */
static inline void disk_cut(disk *on)
{
    pthread_mutex_lock(&on->lock);
    disk_cut_held(on);
    pthread_mutex_unlock(&on->lock);
}

/** The power is on again; what was open before must be closed by now. */
static inline void disk_power_on(disk *on)
{
    pthread_mutex_lock(&on->lock);
    on->dark = false;
    pthread_mutex_unlock(&on->lock);
}

/** Lets writes pass, or makes them wait. */
static inline void disk_gate(disk *on, bool open)
{
    pthread_mutex_lock(&on->lock);
    on->gate_closed = !open;
    pthread_cond_broadcast(&on->opened);
    pthread_mutex_unlock(&on->lock);
}

// A change begins; the lock is held from here to disk_done. 0, or the code of SQLite that it fails with.
static inline int disk_change(disk *on, int life)
{
    pthread_mutex_lock(&on->lock);
    while (on->gate_closed)
        pthread_cond_wait(&on->opened, &on->lock);
    if (on->dark || life != on->life)
        return SQLITE_IOERR;
    on->ops++;
    if (on->fail_at && on->ops >= on->fail_at)
        return on->failure;
    if (on->ops != on->cut_at)
        return SQLITE_OK;
    disk_cut_held(on);
    return SQLITE_IOERR;
}

static inline int disk_done(disk *on, int rc)
{
    pthread_mutex_unlock(&on->lock);
    return rc;
}

// --- a file, as SQLite sees it ---

static inline int disk_close(sqlite3_file *base)
{
    (void)base;
    return SQLITE_OK;
}

static inline int disk_read(sqlite3_file *base, void *to, int len, sqlite3_int64 at)
{
    disk_file *file = (disk_file *)base;
    pthread_mutex_lock(&file->disk->lock);
    const disk_content *seen = &file->inode->seen;
    size_t there = seen->size > (size_t)at ? seen->size - (size_t)at : 0, want = (size_t)len;
    if (there > want)
        there = want;
    memset(to, 0, want);
    if (there)
        memcpy(to, seen->data + at, there);
    int rc = there < want ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
    return disk_done(file->disk, file->life == file->disk->life ? rc : SQLITE_IOERR_READ);
}

static inline int disk_write(sqlite3_file *base, const void *from, int len, sqlite3_int64 at)
{
    disk_file *file = (disk_file *)base;
    int rc = disk_change(file->disk, file->life);
    if (rc == SQLITE_OK)
        disk_note(file->inode, (size_t)at, from, (size_t)len);
    return disk_done(file->disk, rc);
}

static inline int disk_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    disk_file *file = (disk_file *)base;
    int rc = disk_change(file->disk, file->life);
    if (rc == SQLITE_OK)
        disk_note(file->inode, (size_t)size, NULL, 0);
    return disk_done(file->disk, rc);
}

static inline int disk_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    disk_file *file = (disk_file *)base;
    int rc = disk_change(file->disk, file->life);
    if (rc == SQLITE_OK) {
        file->disk->syncs++;
        disk_sync_inode(file->inode);
        if (file->syncs_directory)
            disk_sync_directory(file->disk);
        file->syncs_directory = false;
    }
    return disk_done(file->disk, rc);
}

static inline int disk_size(sqlite3_file *base, sqlite3_int64 *size)
{
    disk_file *file = (disk_file *)base;
    pthread_mutex_lock(&file->disk->lock);
    *size = (sqlite3_int64)file->inode->seen.size;
    return disk_done(file->disk, SQLITE_OK);
}

static inline int disk_lock(sqlite3_file *base, int level)
{
    disk *on = ((disk_file *)base)->disk;
    (void)level;
    if (on->busy == 0)
        return SQLITE_OK;
    on->busy--;
    return SQLITE_BUSY;
}

static inline int disk_unlock(sqlite3_file *base, int level)
{
    (void)base, (void)level;
    return SQLITE_OK;
}

static inline int disk_locked(sqlite3_file *base, int *locked)
{
    (void)base;
    *locked = 0;
    return SQLITE_OK;
}

// Keeps the store from setting what the test has set for it (disk_watch).
static inline int disk_control(sqlite3_file *base, int op, void *arg)
{
    const disk *on = ((disk_file *)base)->disk;
    const char *name = op == SQLITE_FCNTL_PRAGMA ? ((char **)arg)[1] : "";
    const char *value = op == SQLITE_FCNTL_PRAGMA && ((char **)arg)[2] ? ((char **)arg)[2] : "";
    bool hidden = (on->checkpoint && strcmp(name, "wal_autocheckpoint") == 0) ||
                  (on->no_log && strcmp(name, "journal_mode") == 0 && value[0]) ||
                  (on->lazy && strcmp(name, "synchronous") == 0 && strcmp(value, "OFF") != 0);
    return hidden ? SQLITE_OK : SQLITE_NOTFOUND;
}

static inline int disk_sector(sqlite3_file *base)
{
    return ((disk_file *)base)->disk->psow ? 4096 : DISK_SECTOR;
}

static inline int disk_characteristics(sqlite3_file *base)
{
    return ((disk_file *)base)->disk->psow ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
}

// --- the file system ---

static inline int disk_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out)
{
    // Version 1: no shared memory, which a store that has its file for itself does not need.
    static const sqlite3_io_methods methods = {.iVersion = 1,
                                               .xClose = disk_close,
                                               .xRead = disk_read,
                                               .xWrite = disk_write,
                                               .xTruncate = disk_truncate,
                                               .xSync = disk_sync,
                                               .xFileSize = disk_size,
                                               .xLock = disk_lock,
                                               .xUnlock = disk_unlock,
                                               .xCheckReservedLock = disk_locked,
                                               .xFileControl = disk_control,
                                               .xSectorSize = disk_sector,
                                               .xDeviceCharacteristics = disk_characteristics};
    disk *on = vfs->pAppData;
    disk_file *file = (disk_file *)base;
    memset(file, 0, sizeof *file);
    int life = on->life, rc = SQLITE_OK;
    assert(path);
    disk_name *name = disk_find(on, path);
    bool is_there = *disk_seen(name) != NULL;
    if (is_there || on->read_only)
        pthread_mutex_lock(&on->lock);
    else
        rc = disk_change(on, life);
    if (rc == SQLITE_OK && !is_there && (on->read_only || !(flags & SQLITE_OPEN_CREATE)))
        rc = SQLITE_CANTOPEN;
    if (rc == SQLITE_OK && !is_there)
        disk_make(on, name);
    if (rc == SQLITE_OK) {
        bool log = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
        *file = (disk_file){{&methods}, on, *disk_seen(name), life, !is_there && log};
        if (out)
            *out = on->read_only ? SQLITE_OPEN_READONLY : flags;
    }
    return disk_done(on, rc);
}

static inline int disk_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    disk *on = vfs->pAppData;
    disk_name *name = disk_find(on, path);
    if (!*disk_seen(name))
        return SQLITE_IOERR_DELETE_NOENT;
    int rc = disk_change(on, on->life);
    if (rc == SQLITE_OK) {
        disk_bind(name, NULL);
        if (sync_directory)
            disk_sync_directory(on);
    }
    return disk_done(on, rc);
}

static inline int disk_access(sqlite3_vfs *vfs, const char *path, int flags, int *result)
{
    disk *on = vfs->pAppData;
    (void)flags;
    pthread_mutex_lock(&on->lock);
    const disk_inode *inode = *disk_seen(disk_find(on, path));
    *result = inode && (flags != SQLITE_ACCESS_EXISTS || inode->seen.size > 0);
    return disk_done(on, SQLITE_OK);
}

static inline int disk_full_path(sqlite3_vfs *vfs, const char *path, int room, char *full)
{
    (void)vfs;
    snprintf(full, (size_t)room, "%s", path);
    return SQLITE_OK;
}

static inline int disk_randomness(sqlite3_vfs *vfs, int len, char *bytes)
{
    (void)vfs;
    memset(bytes, 7, (size_t)len);
    return len;
}

static inline int disk_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static inline int disk_time(sqlite3_vfs *vfs, double *julian)
{
    (void)vfs;
    *julian = 2460000;
    return SQLITE_OK;
}

static disk *disk_watched;

// Of each new database: what the disk wants otherwise than the store.
static inline int disk_watch(sqlite3 *db, char **why, const void *api)
{
    (void)why, (void)api;
    if (disk_watched && disk_watched->checkpoint)
        sqlite3_wal_autocheckpoint(db, disk_watched->checkpoint);
    if (disk_watched && disk_watched->lazy)
        return sqlite3_exec(db, "PRAGMA main.synchronous = OFF", NULL, NULL, NULL);
    return SQLITE_OK;
}

/** An empty disk, known to SQLite as `disk`; one at a time. */
static inline void disk_start(disk *on, uint64_t seed)
{
    memset(on, 0, sizeof *on);
    pthread_mutex_init(&on->lock, NULL);
    pthread_cond_init(&on->opened, NULL);
    on->seed = seed;
    on->vfs = (sqlite3_vfs){.iVersion = 1,
                            .szOsFile = sizeof(disk_file),
                            .mxPathname = 63,
                            .zName = "disk",
                            .pAppData = on,
                            .xOpen = disk_open,
                            .xDelete = disk_delete,
                            .xAccess = disk_access,
                            .xFullPathname = disk_full_path,
                            .xRandomness = disk_randomness,
                            .xSleep = disk_sleep,
                            .xCurrentTime = disk_time};
    disk_watched = on;
    sqlite3_vfs_register(&on->vfs, 0);
    sqlite3_auto_extension((void (*)(void))disk_watch);
}

static inline void disk_end(disk *on)
{
    sqlite3_vfs_unregister(&on->vfs);
    disk_watched = NULL;
    while (on->inodes) {
        disk_inode *inode = on->inodes;
        on->inodes = inode->next;
        disk_forget_ops(inode);
        free(inode->seen.data);
        free(inode->kept.data);
        free(inode);
    }
    pthread_cond_destroy(&on->opened);
    pthread_mutex_destroy(&on->lock);
}

#endif

// SPDX-License-Identifier: MIT
// Records a second in the SQLite store, on disk before they are told, next to a loop of plain write and
// fdatasync on the same disk. Each record is put, committed, and deleted when it was told, as a promise is.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mqwire/store.h>

#include "measure.h"

enum { PAGE = 4096, RING = 4 << 20 };

static const uint64_t run_ns = 1000000000;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

/** Pages written and synced one by one, over and over in 4 MiB, as a log does. Returns syncs a second. */
static double plain(const char *path)
{
    static uint8_t page[PAGE];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        fail("no file can be made");
    for (long at = 0; at < RING; at += PAGE)
        if (pwrite(fd, page, PAGE, at) != PAGE)
            fail("the disk is full");
    (void)fsync(fd);
    long syncs = 0;
    uint64_t start = measure_wall_ns(), now = start;
    for (; now - start < run_ns; now = measure_wall_ns(), syncs++) {
        memset(page, (int)syncs, PAGE);
        if (pwrite(fd, page, PAGE, syncs * PAGE % RING) != PAGE || fdatasync(fd) != 0)
            fail("the disk fails");
    }
    close(fd);
    (void)unlink(path);
    return (double)syncs * 1e9 / (double)(now - start);
}

/** A store that is kept busy. */
typedef struct job {
    uv_loop_t loop;
    mqw_store *store;
    size_t size;   /**< Of a value. */
    uint64_t made; /**< Records … */
    uint64_t told; /**< … and those that are on disk. */
    uint64_t start, end;
    uint64_t cpu; /**< Of the loop's thread. */
    bool over;
} job;

static mqw_bytes key_of(uint64_t number, char room[32])
{
    return (mqw_bytes){(const uint8_t *)room,
                       (size_t)snprintf(room, 32, "bench/out/%016llx", (unsigned long long)number)};
}

static void on_done(mqw_store *store, int result, void *ctx);

static void promise(job *on)
{
    static uint8_t value[16384];
    char room[32];
    memset(value, (int)on->made, 16);
    int bad = mqw_store_put(on->store, key_of(on->made++, room), (mqw_bytes){value, on->size});
    if (bad != 0 || mqw_store_commit(on->store, on_done, on) != 0)
        fail("a record is refused");
}

// Told in order: the record is the next.
static void on_done(mqw_store *store, int result, void *ctx)
{
    job *on = ctx;
    char room[32];
    if (result != 0)
        fail(mqw_store_error(store));
    if (mqw_store_delete(store, key_of(on->told++, room)) != 0)
        fail("a deletion is refused");
    on->end = measure_wall_ns();
    if (on->end - on->start < run_ns)
        promise(on);
}

/** With so many promises at a time. Returns records a second. */
static double stored(const char *path, size_t size, int window, double *cpu)
{
    static job on;
    char why[256];
    memset(&on, 0, sizeof on);
    uv_loop_init(&on.loop);
    if (mqw_store_sqlite(&on.store, &on.loop, path, NULL, why, sizeof why) != 0)
        fail(why);
    on.size = size;
    uint64_t cpu_before = measure_thread_ns();
    on.start = measure_wall_ns();
    while (window-- > 0)
        promise(&on);
    uv_run(&on.loop, UV_RUN_DEFAULT);
    *cpu = (double)(measure_thread_ns() - cpu_before) / 1e3 / (double)on.told;
    mqw_store_close(on.store, NULL, NULL);
    uv_run(&on.loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&on.loop) != 0)
        fail("the loop is not empty");
    (void)unlink(path);
    return (double)on.told * 1e9 / (double)(on.end - on.start);
}

int main(void)
{
    static const size_t sizes[] = {100, 10240};
    static const int windows[] = {1, 10, 100, 1000};
    char directory[] = "bench-store-XXXXXX", path[64];
    if (!mkdtemp(directory))
        fail("no directory can be made here");
    snprintf(path, sizeof path, "%s/file", directory);
    double before = plain(path);
    printf("%-34s %12s %14s %10s\n", "", "records/s", "per plain sync", "loop us");
    printf("%-34s %12.0f %14s\n", "plain write of 4 KiB and fdatasync", before, "1");
    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
        for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
            double cpu, records = stored(path, sizes[size], windows[i], &cpu);
            printf("store: %5zu bytes, %5d at a time    %12.0f %14.2f %10.2f\n", sizes[size], windows[i],
                   records, records / before, cpu);
        }
    }
    printf("%-34s %12.0f %14.2f\n", "plain again", plain(path), 1.0);
    return rmdir(directory) == 0 ? 0 : 1;
}

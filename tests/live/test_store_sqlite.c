// SPDX-License-Identifier: MIT
// What store.h promises, of the store on SQLite (mqw_store_sqlite), in a real file.
#include "live/store_contract.h"

static char directory[64], file[96];

static void remove_files(void)
{
    char name[128];
    for (int i = 0; i < 3; i++) {
        static const char *const ends[] = {"", "-wal", "-shm"};
        snprintf(name, sizeof name, "%s%s", file, ends[i]);
        (void)unlink(name);
    }
}

static void shelf_clean(void)
{
    remove_files();
}

static void shelf_open(shelf *on)
{
    char why[256] = "-";
    int rc = mqw_store_sqlite(&on->store, &on->live.loop, file, NULL, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(rc, 0);
}

static bool shelf_keeps(void)
{
    return true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_CONTRACT,
    };
    strcpy(directory, "/tmp/mqw-store-XXXXXX");
    if (!mkdtemp(directory))
        return 1;
    snprintf(file, sizeof file, "%s/t.db", directory);
    int rc= cmocka_run_group_tests(tests, NULL, NULL);
    return rc;
}

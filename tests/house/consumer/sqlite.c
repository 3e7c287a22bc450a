// SPDX-License-Identifier: MIT
// A user of libmqwire-sqlite: compiled and run against an installed tree, in a directory of its own.

#include <mqwire/store.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    char why[256];
    mqw_store *store;
    mqw_bytes record = {(const uint8_t *)"record", 6};
    if (mqw_store_sqlite(&store, uv_default_loop(), "consumer.db", NULL, why, sizeof why) != 0) {
        puts(why);
        return 1;
    }
    int failed = mqw_store_put(store, record, record);
    mqw_store_close(store, NULL, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    puts(failed ? "no record" : "one record");
    return failed || unlink("consumer.db") || uv_loop_close(uv_default_loop());
}

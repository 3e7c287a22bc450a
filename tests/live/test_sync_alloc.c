// SPDX-License-Identifier: MIT
// The client that blocks, while each allocation of its thread fails: each call ends with a result, in time,
// and nothing is left. Linked with its own allocation in place of the library's.
#include "live/scripted.h"

#include <mqwire/sync.h>

#include "transport/alloc.h"

enum { LIMIT_EACH = 300 };

static struct {
    pthread_t thread; // the server's allocations do not fail
    long left;        // allocations until one fails; negative: none does
    bool ever;        // all after it fail too
    long made;
} memory = {.left = -1};

static bool fails(void)
{
    if (!pthread_equal(pthread_self(), memory.thread))
        return false;
    memory.made++;
    if (memory.left < 0)
        return false;
    if (memory.left > 0) {
        memory.left--;
        return false;
    }
    if (!memory.ever)
        memory.left = -1;
    return true;
}

void *mqw__uv_new(size_t size)
{
    return fails() ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

static bool echoes(scripted *server, mqw_conn *conn, const mqw_packet *packet)
{
    (void)server;
    if (packet->type == MQW_PUBLISH)
        scripted_publish(conn, packet->publish.topic, "back", (mqw_bytes){NULL, 0}, 1);
    return false;
}

static void is_good(int result)
{
    if (result < 0 && result != MQW_E_NO_MEMORY && result != MQW_E_TIMEOUT && result != MQW_E_CLOSED)
        fail_msg("result %d", result);
}

static void play(const char *address, long fail_at, bool ever)
{
    mqw_client_options options = {.address = address, .retry_min = 1, .retry_max = 1};
    mqw_publish publish = {.topic = MQW_TEXT("a"), .payload = {(const uint8_t *)"b", 1}, .qos = 1};
    const mqw_publish *got = NULL;
    mqw_sync *sync = NULL;
    char why[100];
    memory.left = fail_at;
    memory.ever = ever;
    memory.made = 0;
    uint64_t start = uv_hrtime();
    int result = mqw_sync_open(&sync, &options, LIMIT_EACH, why, sizeof why);
    is_good(result);
    assert_true((result == 0) == (sync != NULL) && (result == 0) == (why[0] == '\0'));
    if (sync) {
        is_good(mqw_sync_subscribe(sync, "a", 1, LIMIT_EACH));
        is_good(mqw_sync_publish(sync, &publish, LIMIT_EACH));
        int next = mqw_sync_next(sync, &got, LIMIT_EACH);
        is_good(next);
        if (next == 1)
            assert_memory_equal(got->payload.data, "back", 4);
        is_good(mqw_sync_close(sync, LIMIT_EACH));
    }
    assert_true(uv_hrtime() - start < UINT64_C(10000000000));
}

static void each_allocation_may_fail(void **state)
{
    scripted server = {.act = echoes, .granted = 1};
    (void)state;
    memory.thread = pthread_self();
    scripted_start(&server);
    play(server.address, -1, false);
    play(server.address, -1, false); // now what is made once and for all is there
    int descriptors = live_descriptors();
    long all = memory.made;
    assert_in_range(all, 20, 500);
    for (long n = 0; n < all; n++)
        play(server.address, n, false);
    for (long n = 0; n < all; n++)
        play(server.address, n, true);
    memory.left = -1;
    scripted_stop(&server);
    assert_true(live_descriptors() <= descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

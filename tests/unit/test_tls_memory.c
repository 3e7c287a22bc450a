// SPDX-License-Identifier: MIT
// TLS when memory runs out: each allocation fails, ours and OpenSSL's, alone or with all behind it. This
// program is linked with its own allocation in place of the library's. Also: what an idle connection takes.
#include "unit/tls_ends.h"

#include <malloc.h>

#include <openssl/crypto.h>

#include "transport/alloc.h"
#include "transport/tls.h"

static struct {
    long left; // allocations until one fails; negative: none does
    bool ever; // all after it fail too
    bool failed;
    bool theirs; // OpenSSL's count, too
    long made;
    size_t held; // bytes
} memory;

static bool fails(void)
{
    memory.made++;
    if (memory.left < 0)
        return false;
    if (memory.left > 0) {
        memory.left--;
        return false;
    }
    if (!memory.ever)
        memory.left = -1;
    memory.failed = true;
    return true;
}

static void *counted(void *block)
{
    memory.held += block ? malloc_usable_size(block) : 0;
    return block;
}

static void *resize(void *old, size_t size)
{
    size_t before = old ? malloc_usable_size(old) : 0;
    void *block = realloc(old, size);
    if (block)
        memory.held -= before;
    return counted(block);
}

void *mqw__uv_new(size_t size)
{
    return fails() ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

static void *their_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return memory.theirs && fails() ? NULL : counted(malloc(size));
}

static void *their_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (size == 0) {
        memory.held -= old ? malloc_usable_size(old) : 0;
        free(old);
        return NULL;
    }
    return memory.theirs && fails() ? NULL : resize(old, size);
}

static void their_free(void *block, const char *file, int line)
{
    (void)file, (void)line;
    memory.held -= block ? malloc_usable_size(block) : 0;
    free(block);
}

// --- scenes: each must come to its end whatever fails ---

static mqw_tls *client, *server;
static char kept_authority[128], kept_pair[128];

static void rehearse(void)
{
    snprintf(kept_authority, sizeof kept_authority, "%s", in_certificates("ca.pem"));
    snprintf(kept_pair, sizeof kept_pair, "%s", in_certificates("both.pem"));
    client = client_that_knows("ca.pem");
    server = new_tls(MQW_SERVER, &(mqw_tls_options){.certificate_file = kept_pair});
}

// OpenSSL does not always remember that it was memory that it lacked.
static void is_no_memory(int result, const char *why)
{
    if (result >= 0)
        return;
    if (!memory.failed || (result != MQW_E_NO_MEMORY && !memory.theirs))
        fail_msg("%d: %s", result, why);
}

// True: all went well.
static bool make(void)
{
    const mqw_tls_options options = {.ca_file = kept_authority,
                                     .certificate_file = kept_pair,
                                     .client_certificate = MQW_TLS_OPTIONAL,
                                     .psk = {(const uint8_t *)"key", 3},
                                     .psk_hint = "hint"};
    mqw_tls *made = NULL;
    char why[256];
    int result = mqw_tls_new(&made, MQW_SERVER, &options, why, sizeof why);
    is_no_memory(result, why);
    if (result < 0)
        return false;
    result = mqw_tls_reload(made, why, sizeof why);
    is_no_memory(result, why);
    mqw_tls_free(made);
    return result == 0;
}

static bool open_one(end *one, mqw_tls *tls)
{
    mqw__layer *layer = NULL;
    memset(one, 0, sizeof *one);
    one->stack = mqw__layers_new();
    if (!one->stack)
        return false;
    int result = mqw__tls_layer_new(&layer, tls, "localhost", "mqtt");
    is_no_memory(result, "");
    if (result < 0)
        return false;
    mqw__layers_push(one->stack, layer);
    one->heard = malloc(HEARD);
    one->result = mqw__layers_start(one->stack);
    return one->result == 0;
}

// What one end says is taken by the other; when one has failed, the other only must not crash.
static bool try_to_say(pair *ends)
{
    mqw_bytes view = {(const uint8_t *)"a word", 6};
    if (!both_ready(ends) || ends->client.result < 0 || ends->server.result < 0)
        return false;
    ends->client.result = mqw__layers_send(ends->client.stack, &view, 1);
    exchange(ends);
    bool heard = ends->server.len == 6;
    int result = mqw__layers_shut(ends->client.stack);
    is_no_memory(result, why_of(&ends->client));
    exchange(ends);
    (void)mqw__layers_shut(ends->server.stack);
    (void)facts_of(&ends->server);
    return heard && mqw__layers_ended(ends->server.stack);
}

static bool converse(void)
{
    pair ends;
    bool opened = open_one(&ends.client, client);
    opened = open_one(&ends.server, server) && opened;
    bool heard = false;
    if (opened) {
        exchange(&ends);
        heard = try_to_say(&ends);
    }
    if (!heard && !memory.failed)
        fail_msg("%s; %s", why_of(&ends.client), why_of(&ends.server));
    close_pair(&ends);
    return heard;
}

// How many allocations a run of a scene makes.
static long count(bool (*scene)(void))
{
    memory.left = -1;
    memory.made = 0;
    assert_true(scene());
    return memory.made;
}

static void with_each_failure(bool (*scene)(void), bool theirs, long step)
{
    memory.theirs = theirs;
    assert_true(scene()); // what OpenSSL makes once and for all is there
    long all = count(scene);
    size_t held = memory.held;
    assert_true(all >= 5);
    for (int ever = 0; ever < 2; ever++)
        for (long at = 0; at < all; at += step) {
            memory.left = at;
            memory.ever = ever;
            memory.failed = false;
            (void)scene();
            memory.left = -1;
        }
    memory.theirs = false;
    assert_true(scene());
    assert_true(memory.held <= held + 4096);
}

static void test_ours(void **state)
{
    (void)state;
    with_each_failure(make, false, 1);
    with_each_failure(converse, false, 1);
}

static void test_theirs(void **state)
{
    (void)state;
    // There are thousands. SIM_RUNS, as for ./dev soak, takes them all.
    bool all = getenv("SIM_RUNS") != NULL;
    with_each_failure(make, true, all ? 1 : 41);
    with_each_failure(converse, true, all ? 1 : 3);
}

// --- memory of a connection ---

static void test_idle(void **state)
{
    (void)state;
    enum { MANY = 50 };
    static pair ends[MANY];
    size_t before = memory.held;
    for (int i = 0; i < MANY; i++) {
        open_pair(&ends[i], client, server, "localhost");
        exchange(&ends[i]);
        say(&ends[i].client, "a word");
        say(&ends[i].server, "a word");
        exchange(&ends[i]);
        assert_int_equal(ends[i].client.len, 6);
    }
    size_t each = (memory.held - before) / MANY / 2;
    printf("an idle TLS connection takes %zu bytes of OpenSSL's memory and %zu of ours\n", each,
           sizeof(mqw__tls_layer));
    assert_true(each < 24 * 1024); // no record buffers, which alone would be 34 KiB
    for (int i = 0; i < MANY; i++)
        close_pair(&ends[i]);
}

static int set_up(void **state)
{
    memory.left = -1;
    if (CRYPTO_set_mem_functions(their_malloc, their_realloc, their_free) != 1 ||
        make_certificates(state) != 0)
        return -1;
    rehearse();
    return 0;
}

static int tear_down(void **state)
{
    mqw_tls_free(client);
    mqw_tls_free(server);
    return remove_certificates(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_theirs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

// SPDX-License-Identifier: MIT
// SCRAM-SHA-256 against any words of the other end: each end comes to its end, nothing is read beyond a
// message, and nobody gets in as somebody else. SASLprep of any bytes. The random numbers are always the
// same.
#include <mqwire/auth.h>

#include "client/chance.h"
#include "client/saslprep.h"
#include "fuzz.h"

bool mqw__chance(void *out, size_t len)
{
    memset(out, 7, len);
    return true;
}

static int find(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    *out = *(const mqw_scram_secret *)ctx;
    return user.len == 4 && memcmp(user.data, "user", 4) == 0 ? 0 : -1;
}

/* A message ends with a line feed, which may stand in none. */
static mqw_bytes next_message(fuzz_input *in)
{
    const uint8_t *end = in->left ? memchr(in->at, '\n', in->left) : NULL;
    mqw_bytes message = fuzz_bytes(in, end ? (size_t)(end - in->at) : in->left);
    (void)fuzz_byte(in);
    return message;
}

/* Counts of five digits and more take too long for a fuzzer. */
static bool is_slow(mqw_bytes message)
{
    size_t digits = 0;
    for (size_t i = 0; i < message.len; i++) {
        digits = message.data[i] >= '0' && message.data[i] <= '9' ? digits + 1 : 0;
        if (digits > 4)
            return true;
    }
    return false;
}

static void check_saslprep(mqw_bytes bytes)
{
    char *once = fuzz_block(bytes.len + 1);
    char *twice = fuzz_block(bytes.len + 1);
    ptrdiff_t len = mqw__saslprep(once, (mqw_text){(const char *)bytes.data, bytes.len});
    REQUIRE(len >= -1 && len <= (ptrdiff_t)bytes.len);
    if (len >= 0) {
        REQUIRE(mqw_utf8_check((mqw_text){once, (size_t)len}) == 0);
        REQUIRE(mqw__saslprep(twice, (mqw_text){once, (size_t)len}) == len);
        REQUIRE(memcmp(once, twice, (size_t)len) == 0);
    }
    free(once);
    free(twice);
}

static int say(mqw_auth *auth, mqw_bytes message, mqw_bytes *out)
{
    uint8_t *copy = fuzz_copy(message);
    int rc = auth->step(auth->self, (mqw_bytes){copy, message.len}, out);
    free(copy);
    REQUIRE(rc <= 1 && (rc >= 0 || out->len == 0));
    REQUIRE(out->len <= 2048 && !(out->len && memchr(out->data, '\n', out->len)));
    return rc;
}

static void exchange(mqw_auth *auth, fuzz_input *in, bool client)
{
    mqw_bytes out = {NULL, 0};
    int rc = client ? auth->step(auth->self, out, &out) : 1;
    int said = 0;
    for (; rc == 1 && in->left; said++) {
        mqw_bytes message = next_message(in);
        if (client && is_slow(message))
            break;
        rc = say(auth, message, &out);
    }
    REQUIRE(said <= 2);
    if (!client && rc == 0) {
        mqw_text user = mqw_scram_user(auth);
        REQUIRE(user.len == 4 && memcmp(user.data, "user", 4) == 0);
    } else {
        REQUIRE(mqw_scram_user(auth).len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mqw_scram_secret secret;
    fuzz_input in = {data, size};
    mqw_auth auth;
    if (secret.iterations == 0)
        REQUIRE(mqw_scram_secret_make(&secret, MQW_TEXT("pencil"), 0) == 0);
    unsigned which = fuzz_byte(&in) % 4;
    if (which == 0) {
        check_saslprep((mqw_bytes){in.at, in.left});
        return 0;
    }
    if (which == 1)
        REQUIRE(mqw_scram_client(&auth, MQW_TEXT("user"), MQW_TEXT("pencil")) == 0);
    else
        REQUIRE(mqw_scram_server(&auth, find, &secret, (mqw_bytes){NULL, 0}) == 0);
    exchange(&auth, &in, which == 1);
    auth.reset(auth.self);
    exchange(&auth, &in, which == 1);
    mqw_auth_free(&auth);
    return 0;
}

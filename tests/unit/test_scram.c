// SPDX-License-Identifier: MIT
// SCRAM-SHA-256: the vector of RFC 7677, both ends with each other, every message changed in every byte, and
// SASLprep. Linked with its own allocation and random numbers in place of the library's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqwire/auth.h>

#include "client/chance.h"
#include "client/saslprep.h"
#include "transport/alloc.h"

static bool no_memory;
static bool no_chance;
static const uint8_t *chosen; // the next random bytes; NULL: any
static uint8_t counter;

void *mqw__uv_new(size_t size)
{
    return no_memory ? NULL : calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return realloc(old, size);
}

bool mqw__chance(void *out, size_t len)
{
    if (no_chance)
        return false;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = chosen ? chosen[i] : counter++;
    return true;
}

// --- shorthand ---

static mqw_text text(const char *from)
{
    return (mqw_text){from, strlen(from)};
}

static mqw_bytes bytes(const char *from)
{
    return (mqw_bytes){(const uint8_t *)from, strlen(from)};
}

static int step(mqw_auth *auth, mqw_bytes in, mqw_bytes *out)
{
    // exactly as long, so that reading beyond it is found out
    uint8_t *copy = malloc(in.len ? in.len : 1);
    assert_non_null(copy);
    if (in.len)
        memcpy(copy, in.data, in.len);
    int rc = auth->step(auth->self, (mqw_bytes){copy, in.len}, out);
    free(copy);
    return rc;
}

static void says(mqw_bytes what, const char *expected)
{
    assert_int_equal(what.len, strlen(expected));
    assert_memory_equal(what.data, expected, what.len);
}

static const mqw_bytes nothing = {NULL, 0};

// --- the vector of RFC 7677, section 3 ---

static const char their_first[] =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
static const char their_last[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

static mqw_auth client_of_the_vector(void)
{
    static uint8_t nonce[16];
    mqw_auth auth;
    assert_int_equal(EVP_DecodeBlock(nonce, (const uint8_t *)"rOprNGfwEbeRWgbNEkqO", 20), 15);
    chosen = nonce;
    assert_int_equal(mqw_scram_client(&auth, text("user"), text("pencil")), 0);
    assert_string_equal(auth.method, "SCRAM-SHA-256");
    return auth;
}

static void the_vector_of_rfc_7677(void **state)
{
    mqw_bytes out;
    mqw_auth auth = client_of_the_vector();
    (void)state;
    for (int round = 0; round < 2; round++) { // the second one with keys that are known
        assert_int_equal(step(&auth, nothing, &out), 1);
        says(out, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_int_equal(step(&auth, bytes(their_first), &out), 1);
        says(out, "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        assert_int_equal(step(&auth, bytes(their_last), &out), 0);
        assert_int_equal(out.len, 0);
        assert_true(step(&auth, bytes(their_last), &out) < 0);
        auth.reset(auth.self);
    }
    mqw_auth_free(&auth);
    assert_null(auth.self);
    mqw_auth_free(&auth);
    mqw_auth_free(NULL);
    chosen = NULL;
}

static void a_client_refuses(const char *answer)
{
    mqw_bytes out;
    mqw_auth auth = client_of_the_vector();
    assert_int_equal(step(&auth, nothing, &out), 1);
    if (step(&auth, bytes(answer), &out) >= 0)
        fail_msg("taken: %s", answer);
    assert_int_equal(out.len, 0);
    assert_true(step(&auth, bytes(their_last), &out) < 0); // it is over
    mqw_auth_free(&auth);
    chosen = NULL;
}

static void a_client_refuses_bad_answers(void **state)
{
#define NONCE "r=rOprNGfwEbeRWgbNEkqO"
    (void)state;
    a_client_refuses("r");
    a_client_refuses("e=other-error");
    a_client_refuses("m=must,r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=4096");
    a_client_refuses("s=QSXCR+Q6sek8bf92," NONCE "x,i=4096");
    a_client_refuses(NONCE ",s=QSXCR+Q6sek8bf92,i=4096");                  // nothing of the server's
    a_client_refuses("r=rOprNGfwEbeRWgbNEkqPx,s=QSXCR+Q6sek8bf92,i=4096"); // not ours
    a_client_refuses(NONCE "\x7f,s=QSXCR+Q6sek8bf92,i=4096");
    a_client_refuses(NONCE "x,s=,i=4096");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf9,i=4096"); // not whole
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf9!,i=4096");
    a_client_refuses(NONCE "x,s= QSXCR+Q6sek8bf,i=4096");
    a_client_refuses(NONCE "x,s=QQ=A,i=4096");
    a_client_refuses(NONCE "x,s=QR==,i=4096"); // bits behind the end
    a_client_refuses(NONCE "x,s=====,i=4096");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf92,i=4095");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf92,i=1000001");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf92,i=99999999999999999999");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf92,i=04096");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf92,i=4096x");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf92,i=-4096");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf92,i=");
    a_client_refuses(NONCE "x,s=QSXCR+Q6sek8bf92");
    char large[4000] = NONCE;
    memset(large + 22, 'x', 3000);
    memcpy(large + 3022, ",s=QSXCR+Q6sek8bf92,i=4096", 27);
    a_client_refuses(large); // too long a message
    memcpy(large + 2000, ",s=QSXCR+Q6sek8bf92,i=4096", 27);
    a_client_refuses(large); // too long an answer to it
}

// A server that does not know the password cannot pass for one that does.
static void a_client_refuses_wrong_proofs(void **state)
{
    char proof[sizeof their_last];
    (void)state;
    for (size_t i = 0; i <= sizeof their_last; i++) {
        mqw_bytes out;
        mqw_auth auth = client_of_the_vector();
        memcpy(proof, their_last, sizeof proof);
        if (i < sizeof their_last - 1)
            proof[i] ^= 1;
        else
            proof[i == sizeof their_last ? 0 : 20] = '\0'; // missing, or short
        assert_int_equal(step(&auth, nothing, &out), 1);
        assert_int_equal(step(&auth, bytes(their_first), &out), 1);
        assert_true(step(&auth, bytes(proof), &out) < 0);
        mqw_auth_free(&auth);
    }
    chosen = NULL;
    a_client_refuses("e=invalid-proof");
}

static void a_client_begins(void **state)
{
    mqw_bytes out;
    mqw_auth auth = client_of_the_vector();
    (void)state;
    assert_true(step(&auth, bytes("hello"), &out) < 0); // nobody has asked yet
    auth.reset(auth.self);
    assert_int_equal(step(&auth, nothing, &out), 1);
    auth.reset(auth.self); // in the middle
    assert_int_equal(step(&auth, nothing, &out), 1);
    assert_true(step(&auth, nothing, &out) < 0);
    mqw_auth_free(&auth);
    chosen = NULL;
}

// --- both ends ---

static struct {
    mqw_scram_secret secret;
    const char *user;
    unsigned asked;
} users;

static int find(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    assert_ptr_equal(ctx, &users);
    users.asked++;
    if (user.len != strlen(users.user) || memcmp(user.data, users.user, user.len) != 0)
        return MQW_E_REFUSED;
    *out = users.secret;
    return 0;
}

typedef struct ends {
    mqw_auth client, server;
} ends;

static ends both(const char *user, const char *password)
{
    ends on;
    assert_int_equal(mqw_scram_client(&on.client, text(user), text(password)), 0);
    assert_int_equal(mqw_scram_server(&on.server, find, &users, bytes("a key of the server")), 0);
    return on;
}

static void end(ends *on)
{
    mqw_auth_free(&on->client);
    mqw_auth_free(&on->server);
}

static void an_exchange(const char *user, const char *password, bool good)
{
    ends on = both(user, password);
    for (int round = 0; round < 2; round++) { // the second one: a re-authentication
        mqw_bytes message;
        assert_int_equal(step(&on.client, nothing, &message), 1);
        assert_int_equal(step(&on.server, message, &message), 1);
        assert_int_equal(mqw_scram_user(&on.server).len, 0);
        assert_int_equal(step(&on.client, message, &message), 1);
        int rc = step(&on.server, message, &message);
        assert_int_equal(rc, good ? 0 : MQW_E_REFUSED);
        if (good) {
            assert_int_equal(step(&on.client, message, &message), 0);
            assert_int_equal(mqw_scram_user(&on.server).len, strlen(users.user));
            assert_memory_equal(mqw_scram_user(&on.server).data, users.user, strlen(users.user));
        } else {
            assert_int_equal(message.len, 0);
            assert_int_equal(mqw_scram_user(&on.server).len, 0);
        }
        on.client.reset(on.client.self);
        on.server.reset(on.server.self);
        assert_int_equal(mqw_scram_user(&on.server).len, 0);
    }
    end(&on);
}

static void a_user(const char *name, const char *password, uint32_t iterations)
{
    users.user = name;
    assert_int_equal(mqw_scram_secret_make(&users.secret, text(password), iterations), 0);
}

static void both_ends_agree(void **state)
{
    (void)state;
    a_user("user", "pencil", 0);
    assert_int_equal(users.secret.iterations, 4096);
    assert_int_equal(users.secret.salt_len, 16);
    an_exchange("user", "pencil", true);
    an_exchange("user", "pencil ", false);
    an_exchange("user", "", false);
    an_exchange("nobody", "pencil", false);
    a_user("a,b=c,", "", 5000);
    an_exchange("a,b=c,", "", true);
    a_user("J\xC3\xBCrgen I X", "p\xC3\xA4ss", 0);
    an_exchange("J\xC3\xBCrgen I\xC2\xA0X\xC2\xAD", "p\xC3\xA4ss", true); // one form of both (RFC 4013)
    assert_int_equal(mqw_scram_user(NULL).len, 0);
}

// Who does not exist gets the same salt each time, and one that looks like those of others.
static void an_unknown_user_looks_like_a_known_one(void **state)
{
    char first[100];
    char again[100];
    mqw_bytes message;
    (void)state;
    a_user("user", "pencil", 0);
    for (int i = 0; i < 3; i++) {
        ends on = both(i < 2 ? "nobody" : "somebody else", "pencil");
        assert_int_equal(step(&on.client, nothing, &message), 1);
        assert_int_equal(step(&on.server, message, &message), 1);
        mqw_text salt = {memchr(message.data, ',', message.len), 0};
        assert_non_null(salt.data);
        salt.len = (size_t)((const char *)message.data + message.len - salt.data);
        snprintf(i ? again : first, sizeof first, "%.*s", (int)salt.len, salt.data);
        assert_int_equal(salt.len, strlen(",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
        if (i)
            assert_int_equal(strcmp(first, again) == 0, i == 1);
        end(&on);
    }
}

// One exchange in which a byte of one of its messages is changed. What the end says that hears the last one;
// *len is the length of the changed message.
static int tampered_exchange(ends *on, int which, size_t at, size_t *len)
{
    char copy[512];
    mqw_bytes message = nothing;
    int rc = 1;
    counter = 0;
    on->client.reset(on->client.self);
    on->server.reset(on->server.self);
    for (int said = 0; said < 4; said++) {
        rc = step(said % 2 ? &on->server : &on->client, message, &message);
        if (rc < 0)
            return rc;
        assert_true(message.len < sizeof copy);
        memcpy(copy, message.data, message.len);
        message.data = (const uint8_t *)copy;
        if (said == which) {
            *len = message.len;
            copy[at] = (char)(copy[at] ^ (at < message.len ? 0x20 : 0));
        }
    }
    return step(&on->client, message, &message);
}

// Each byte of each message changed: never are both satisfied.
static void tampering_is_noticed(void **state)
{
    (void)state;
    a_user("user", "pencil", 0);
    ends on = both("user", "pencil");
    for (int which = 0; which < 4; which++) {
        size_t len = 1;
        for (size_t at = 0; at < len; at++)
            assert_true(tampered_exchange(&on, which, at, &len) < 0);
        assert_int_equal(tampered_exchange(&on, which, len, &len), 0);
    }
    end(&on);
}

static void a_server_refuses(const char *greeting)
{
    mqw_auth server;
    mqw_bytes out;
    assert_int_equal(mqw_scram_server(&server, find, &users, nothing), 0);
    if (step(&server, bytes(greeting), &out) >= 0)
        fail_msg("taken: %s", greeting);
    assert_int_equal(out.len, 0);
    mqw_auth_free(&server);
}

static void a_server_refuses_bad_greetings(void **state)
{
    char large[3000] = "n,,n=user,r=";
    (void)state;
    a_user("user", "pencil", 0);
    users.asked = 0;
    a_server_refuses("");
    a_server_refuses("n,");
    a_server_refuses("n,,");
    a_server_refuses("p=tls-unique,,n=user,r=abc"); // there is no channel binding
    a_server_refuses("n,a=other,n=user,r=abc");
    a_server_refuses("n,,m=x,n=user,r=abc");
    a_server_refuses("n,,n=user");
    a_server_refuses("n,,n=user,r=");
    a_server_refuses("n,,n=user,r=a b");
    a_server_refuses("n,,n=,r=abc");
    a_server_refuses("n,,n=a=2,r=abc");
    a_server_refuses("n,,n=a=2Db,r=abc");
    a_server_refuses("n,,n=a=,r=abc");
    a_server_refuses("n,,n=\xFF,r=abc");
    a_server_refuses("n,,n=a\x01,r=abc");
    memset(large + 12, 'x', 257);
    a_server_refuses(large);
    memset(large + 12, 'x', 2900);
    a_server_refuses(large);
    memset(large + 5, 'x', 600);
    memcpy(large + 605, ",r=abc", 7);
    a_server_refuses(large);
    assert_int_equal(users.asked, 0);
}

static void a_server_refuses_bad_proofs(void **state)
{
    static const char *const bad[] = {
        "c=eSws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "c=biws,r=%sx,p=AAAA",
        "c=biws,r=%s",
        "c=biws,r=%s,p=AAAA",
        "c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,x=y",
        "r=%s,c=biws",
        "c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "c=biws,r=%s,",
        "c=biws,r=%s,x",
        "c=biws,r=%s,x=y",
    };
    (void)state;
    a_user("user", "pencil", 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[300];
        char nonce[100];
        mqw_bytes out;
        mqw_auth server;
        assert_int_equal(mqw_scram_server(&server, find, &users, nothing), 0);
        assert_int_equal(step(&server, bytes("n,,n=user,r=abc"), &out), 1);
        snprintf(nonce, sizeof nonce, "%.*s", (int)strcspn((const char *)out.data, ",") - 2,
                 (const char *)out.data + 2);
        snprintf(line, sizeof line, bad[i], nonce);
        assert_true(step(&server, bytes(line), &out) < 0);
        assert_true(step(&server, bytes(line), &out) < 0);
        mqw_auth_free(&server);
    }
}

// --- arguments, and what may be missing ---

static void misuse(void **state)
{
    mqw_auth auth;
    mqw_scram_secret secret;
    static char large[513];
    (void)state;
    memset(large, 'x', sizeof large);
    assert_int_equal(mqw_scram_client(NULL, text("a"), text("b")), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_client(&auth, text(""), text("b")), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_client(&auth, (mqw_text){large, 513}, text("b")), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_client(&auth, text("a"), (mqw_text){large, 513}), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_client(&auth, text("a\n"), text("b")), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_client(&auth, text("a"), text("\xFF")), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_client(&auth, (mqw_text){large, 512}, (mqw_text){large, 512}), 0);
    mqw_auth_free(&auth);
    assert_int_equal(mqw_scram_server(NULL, find, NULL, nothing), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_server(&auth, NULL, NULL, nothing), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_secret_make(NULL, text("a"), 0), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_secret_make(&secret, text("a"), 4095), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_secret_make(&secret, text("a"), 1000001), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_secret_make(&secret, text("\x7f"), 0), MQW_E_MISUSE);
    assert_int_equal(mqw_scram_secret_make(&secret, (mqw_text){large, 513}, 0), MQW_E_MISUSE);
}

static void what_may_be_missing(void **state)
{
    mqw_auth auth;
    mqw_bytes out;
    mqw_scram_secret secret;
    (void)state;
    no_memory = true;
    assert_int_equal(mqw_scram_client(&auth, text("a"), text("b")), MQW_E_NO_MEMORY);
    assert_int_equal(mqw_scram_server(&auth, find, &users, nothing), MQW_E_NO_MEMORY);
    no_memory = false;
    no_chance = true;
    assert_int_equal(mqw_scram_secret_make(&secret, text("a"), 0), MQW_E_NO_MEMORY);
    assert_int_equal(mqw_scram_server(&auth, find, &users, nothing), MQW_E_NO_MEMORY);
    assert_int_equal(mqw_scram_client(&auth, text("a"), text("b")), 0);
    assert_int_equal(step(&auth, nothing, &out), MQW_E_NO_MEMORY);
    mqw_auth_free(&auth);
    assert_int_equal(mqw_scram_server(&auth, find, &users, bytes("key")), 0);
    assert_int_equal(step(&auth, bytes("n,,n=user,r=abc"), &out), MQW_E_NO_MEMORY);
    mqw_auth_free(&auth);
    no_chance = false;
}

// What a broken look-up gives is not believed.
static int find_nonsense(mqw_text user, mqw_scram_secret *out, void *ctx)
{
    (void)user;
    out->salt_len = 16;
    out->iterations = 4096;
    if (*(const int *)ctx & 1)
        out->salt_len = 65;
    if (*(const int *)ctx & 2)
        out->iterations = 4095;
    if (*(const int *)ctx & 4)
        out->salt_len = 0;
    return 0;
}

static void nonsense_of_the_program(void **state)
{
    (void)state;
    for (int which = 1; which < 8; which++) {
        mqw_auth auth;
        mqw_bytes out;
        assert_int_equal(mqw_scram_server(&auth, find_nonsense, &which, nothing), 0);
        assert_int_equal(step(&auth, bytes("n,,n=user,r=abc"), &out), 1);
        assert_memory_equal(out.data + out.len - 7, ",i=4096", 7);
        mqw_auth_free(&auth);
    }
}

// --- SASLprep (RFC 4013, section 3) ---

static void saslprep(void **state)
{
    static const struct {
        const char *in;
        const char *out; // NULL: refused
    } samples[] = {
        {"", ""},
        {"user", "user"},
        {"USER", "USER"},
        {"I\xC2\xADX", "IX"},       // soft hyphen: to nothing
        {"a\xE2\x80\x83z", "a z"},  // em space: to a space
        {"\xE3\x80\x80", " "},      // ideographic space
        {"\xEF\xBB\xBF", ""},       // zero width no-break space: to nothing
        {"\xC3\xA9", "\xC3\xA9"},   // composed
        {"e\xCC\x81", NULL},        // would be composed
        {"\xC2\xAA", NULL},         // would become `a`
        {"\xE2\x85\xA8", NULL},     // would become `IX`
        {"\x07", NULL},             // control character
        {"\xC2\x80", NULL},         // of the second set, too
        {"\xEE\x80\x80", NULL},     // private use
        {"\xEF\xBF\xBE", NULL},     // not a character
        {"\xE2\x80\x8E", NULL},     // changes directions
        {"\xF3\xA0\x80\x81", NULL}, // tag
        {"\xF4\x8F\xBF\xBF", NULL}, // the last code point
        {"\xED\xA0\x80", NULL},     // surrogate
        {"\xC3", NULL},             // cut short
        {"\xE6\xBC\xA2\xEA\xB0\x80\xD0\x96", "\xE6\xBC\xA2\xEA\xB0\x80\xD0\x96"}, // Han, Hangul, Cyrillic
        {"\xF0\x9F\x94\x91", "\xF0\x9F\x94\x91"}, // not assigned in Unicode 3.2
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        char out[32];
        ptrdiff_t len = mqw__saslprep(out, text(samples[i].in));
        if (len != (samples[i].out ? (ptrdiff_t)strlen(samples[i].out) : -1))
            fail_msg("sample %zu: %td", i, len);
        if (len > 0)
            assert_memory_equal(out, samples[i].out, (size_t)len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_rfc_7677),
        cmocka_unit_test(a_client_refuses_bad_answers),
        cmocka_unit_test(a_client_refuses_wrong_proofs),
        cmocka_unit_test(a_client_begins),
        cmocka_unit_test(both_ends_agree),
        cmocka_unit_test(an_unknown_user_looks_like_a_known_one),
        cmocka_unit_test(tampering_is_noticed),
        cmocka_unit_test(a_server_refuses_bad_greetings),
        cmocka_unit_test(a_server_refuses_bad_proofs),
        cmocka_unit_test(misuse),
        cmocka_unit_test(what_may_be_missing),
        cmocka_unit_test(nonsense_of_the_program),
        cmocka_unit_test(saslprep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// What TLS says when something is wrong: with certificates, with files, with the peer, or when it is no TLS
// at all.
#include "unit/tls_ends.h"

#include <limits.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "transport/tls.h"

// The certificates' days, as they appear in words.
static const char *day(int from_now)
{
    static char text[16];
    time_t when = time(NULL) + (time_t)from_now * 86400;
    struct tm parts;
    assert_non_null(gmtime_r(&when, &parts));
    strftime(text, sizeof text, "%Y-%m-%d", &parts);
    return text;
}

// --- a server's certificate ---

typedef struct trial {
    const char *server; // its certificate
    const char *host;   // that the client wants
    const char *authority;
    const char *revoked;
    const char *words; // NULL: all is well; `%s` is the day
    int day;
} trial;

static const trial trials[] = {
    {"server.pem", "localhost", "ca.pem", NULL, NULL, 0},
    {"server.pem", "127.0.0.1", "ca.pem", NULL, NULL, 0},
    {"server.pem", "::1", "ca.pem", NULL, NULL, 0},
    {"server.pem", "::1%lo", "ca.pem", NULL, NULL, 0},
    {"server.pem", "LOCALHOST.", "ca.pem", NULL, NULL, 0},
    {"server.pem", "a.mqwire.test", "ca.pem", NULL, NULL, 0},
    {"chain.pem", "localhost", "ca.pem", NULL, NULL, 0},
    {"deep.pem", "localhost", "between.pem", NULL, NULL, 0},
    {"self.pem", "localhost", "self.pem", NULL, NULL, 0},
    {"server.pem", "localhost", "ca.pem", "crl.pem", NULL, 0},
    {"named.pem", "only.named.test", "ca.pem", NULL, NULL, 0},
    {"expired.pem", "localhost", "ca.pem", NULL,
     "certificate of localhost has expired on %s (renew it, or set this machine's clock)", -2},
    {"early.pem", "localhost", "ca.pem", NULL,
     "certificate of localhost is not valid before %s (set this machine's clock)", 2},
    {"self.pem", "localhost", "ca.pem", NULL,
     "certificate of localhost is self-signed (to trust it, give it as CA file)", 0},
    {"unknown.pem", "localhost", "ca.pem", NULL,
     "certificate of localhost is from the unknown CA \"Strange CA\" (give that CA as CA file)", 0},
    {"deep.pem", "localhost", "ca.pem", NULL,
     "certificate of localhost is from the unknown CA \"Between CA\" (give that CA as CA file)", 0},
    {"chain.pem", "localhost", "stranger.pem", NULL,
     "certificate of localhost is from the unknown CA \"Test CA\" (give that CA as CA file)", 0},
    {"address.pem", "127.0.0.1", "ca.pem", NULL,
     "certificate of 127.0.0.1 is for 127.0.0.1 by its common name, which does not count for an address "
     "(use that name, or give it as server name)",
     0},
    {"elsewhere.pem", "localhost", "ca.pem", NULL,
     "certificate of localhost is for a.elsewhere.test, b.elsewhere.test, 192.0.2.1, not for localhost "
     "(use that name, or give it as server name)",
     0},
    {"elsewhere.pem", "127.0.0.1", "ca.pem", NULL,
     "certificate of 127.0.0.1 is for a.elsewhere.test, b.elsewhere.test, 192.0.2.1, not for 127.0.0.1 "
     "(use that name, or give it as server name)",
     0},
    {"named.pem", "localhost", "ca.pem", NULL,
     "certificate of localhost is for only.named.test, not for localhost (use that name, or give it as server name)",
     0},
    {"server.pem", "a.b.mqwire.test", "ca.pem", NULL,
     "certificate of a.b.mqwire.test is for localhost, *.mqwire.test, 127.0.0.1, ::1, not for a.b.mqwire.test "
     "(use that name, or give it as server name)",
     0},
    {"revoked.pem", "localhost", "ca.pem", NULL, NULL, 0},
    {"revoked.pem", "localhost", "ca.pem", "crl.pem",
     "certificate of localhost was revoked by its CA (its owner has to get a new one)", 0},
    {"server.pem", "localhost", "ca.pem", "strange_crl.pem",
     "certificate of localhost may be revoked: there is no CRL of the CA \"Test CA\" (add it to the CRL file)",
     0},
    {"client.pem", "localhost", "ca.pem", NULL,
     "certificate of localhost is not made for this purpose (its extended key usage has to name it)", 0},
};

static void shown_words(char *out, size_t cap, const trial *one)
{
    const char *before = one->words, *mark = strstr(before, "%s");
    if (mark)
        snprintf(out, cap, "%.*s%s%s", (int)(mark - before), before, day(one->day), mark + 2);
    else
        snprintf(out, cap, "%s", before);
}

static mqw_tls *client_for(const trial *one, uint16_t version)
{
    const mqw_tls_options options = {.ca_file = in_certificates(one->authority),
                                     .crl_file = in_certificates(one->revoked),
                                     .max_version = version};
    return new_tls(MQW_CLIENT, &options);
}

static void test_certificates_of_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(trials); i++) {
        const trial *one = &trials[i / 2];
        char words[256];
        pair ends;
        mqw_tls *client = client_for(one, i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
        mqw_tls *server = server_with(one->server);
        open_pair(&ends, client, server, one->host);
        exchange(&ends);
        if (one->words) {
            shown_words(words, sizeof words, one);
            assert_string_equal(why_of(&ends.client), words);
            assert_int_equal(ends.client.result, MQW_E_STREAM);
            assert_int_equal(ends.server.result, MQW_E_STREAM); // it was told, too
            assert_true(strlen(words) < sizeof facts_of(&ends.client).tls_error);
            assert_string_equal(facts_of(&ends.client).tls_error, words);
        } else {
            assert_string_equal(why_of(&ends.client), "");
            assert_true(both_ready(&ends));
        }
        close_pair(&ends);
        mqw_tls_free(client);
        mqw_tls_free(server);
    }
}

// Who takes any certificate can still learn what is wrong with it.
static void test_insecure(void **state)
{
    (void)state;
    mqw_tls *client = new_tls(MQW_CLIENT, &(mqw_tls_options){.insecure = true});
    for (size_t i = 0; i < COUNT(trials); i++) {
        mqw_tls *server = server_with(trials[i].server);
        pair ends;
        open_pair(&ends, client, server, trials[i].host);
        exchange(&ends);
        assert_true(both_ready(&ends));
        assert_true(strlen(facts_of(&ends.client).tls_error) > 0);
        close_pair(&ends);
        mqw_tls_free(server);
    }
    mqw_tls_free(client);
}

static void test_any_host(void **state)
{
    (void)state;
    const mqw_tls_options options = {.ca_file = in_certificates("ca.pem"), .any_host = true};
    mqw_tls *client = new_tls(MQW_CLIENT, &options),
            *servers[] = {server_with("elsewhere.pem"), server_with("self.pem")};
    for (int i = 0; i < 2; i++) {
        pair ends;
        open_pair(&ends, client, servers[i], i ? "localhost" : NULL);
        exchange(&ends);
        assert_int_equal(both_ready(&ends), i == 0); // its CA counts all the same
        close_pair(&ends);
        mqw_tls_free(servers[i]);
    }
    mqw_tls_free(client);
}

// Without a name there is nothing to compare, which is not the same as not comparing.
static void test_no_host(void **state)
{
    (void)state;
    static const char *const nobody[] = {NULL, "", "%eth0"};
    mqw_tls *client = client_that_knows("ca.pem");
    mqw__layer *layer = NULL;
    for (size_t i = 0; i < COUNT(nobody); i++)
        assert_int_equal(mqw__tls_layer_new(&layer, client, nobody[i], "mqtt"), MQW_E_MISUSE);
    mqw_tls_free(client);
}

static void test_server_name(void **state)
{
    (void)state;
    const mqw_tls_options options = {.ca_file = in_certificates("ca.pem"), .server_name = "b.elsewhere.test"};
    mqw_tls *client = new_tls(MQW_CLIENT, &options), *server = server_with("elsewhere.pem");
    pair ends;
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    assert_true(both_ready(&ends));
    assert_string_equal(facts_of(&ends.server).tls_sni, "b.elsewhere.test");
    close_pair(&ends);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// --- a client's certificate ---

typedef struct guest {
    const char *certificate;
    uint8_t demand;
    const char *server_words;    // NULL: welcome
    const char *client_words[2]; // TLS 1.2, TLS 1.3
} guest;

#define WANTED "server demands a client certificate (give certificate and key)"

static const guest guests[] = {
    {"client.pem", MQW_TLS_REQUIRED, NULL, {NULL, NULL}},
    {"client.pem", MQW_TLS_OPTIONAL, NULL, {NULL, NULL}},
    {NULL, MQW_TLS_OPTIONAL, NULL, {NULL, NULL}},
    {"stranger_client.pem", MQW_TLS_NONE, NULL, {NULL, NULL}},
    {NULL, MQW_TLS_REQUIRED, "client gave no certificate, but one is demanded here", {WANTED, WANTED}},
    {"stranger_client.pem",
     MQW_TLS_OPTIONAL,
     "certificate of the client \"strange client\" is from the unknown CA \"Strange CA\" (give that CA as CA file)",
     {"server does not know the CA of our certificate (it has to be given that CA)",
      "server does not know the CA of our certificate (it has to be given that CA)"}},
    {"expired_client.pem",
     MQW_TLS_REQUIRED,
     "certificate of the client \"old client\" has expired on %s (renew it, or set this machine's clock)",
     {"server says that our certificate has expired (renew it)",
      "server says that our certificate has expired (renew it)"}},
};

static void welcome(const guest *one, int newer)
{
    const mqw_tls_options theirs = {.certificate_file = in_certificates("both.pem"),
                                    .ca_file = in_certificates("ca.pem"),
                                    .client_certificate = one->demand,
                                    .max_version = newer ? TLS1_3_VERSION : TLS1_2_VERSION};
    const mqw_tls_options ours = {.ca_file = in_certificates("ca.pem"),
                                  .certificate_file = in_certificates(one->certificate),
                                  .key_file = one->certificate ? in_certificates("key.pem") : NULL};
    mqw_tls *client = new_tls(MQW_CLIENT, &ours), *server = new_tls(MQW_SERVER, &theirs);
    pair ends;
    char words[256];
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    if (one->server_words) {
        shown_words(words, sizeof words, &(trial){.words = one->server_words, .day = -2});
        assert_string_equal(why_of(&ends.server), words);
        assert_string_equal(why_of(&ends.client), one->client_words[newer]);
    } else {
        assert_true(both_ready(&ends));
        bool seen = one->certificate && one->demand;
        assert_string_equal(facts_of(&ends.server).tls_subject, seen ? "O=mqwire,CN=client 7" : "");
    }
    close_pair(&ends);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

static void test_certificates_of_clients(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(guests); i++)
        for (int newer = 0; newer < 2; newer++)
            welcome(&guests[i], newer);
}

// --- the two do not fit together ---

typedef struct mismatch {
    mqw_tls_options client, server;
    const char *words[2]; // of the client, of the server
} mismatch;

static int find_psk(mqw_text identity, uint8_t *room, size_t cap, void *ctx)
{
    (void)cap, (void)ctx;
    memset(room, 7, 16);
    return identity.len == 2 && memcmp(identity.data, "me", 2) == 0 ? 16 : 0;
}

static const uint8_t key[16] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, bad_key[16] = {1};

#define PSK(name, bytes) .psk_identity = (name), .psk = {(bytes), sizeof(bytes)}

static const mismatch mismatches[] = {
    {{.max_version = TLS1_2_VERSION},
     {.min_version = TLS1_3_VERSION},
     {"server speaks none of our versions of TLS", "client speaks none of our versions of TLS"}},
    {{.min_version = TLS1_3_VERSION},
     {.max_version = TLS1_2_VERSION},
     {"server speaks none of our versions of TLS", "client speaks none of our versions of TLS"}},
    {{.max_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"},
     {.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"},
     {"server finds no cipher, curve or kind of certificate that both have",
      "client has no cipher that we have, too"}},
    {{.min_version = TLS1_3_VERSION, .ciphersuites = "TLS_AES_128_GCM_SHA256"},
     {.ciphersuites = "TLS_AES_256_GCM_SHA384"},
     {"server finds no cipher, curve or kind of certificate that both have",
      "client has no cipher that we have, too"}},
    {{.alpn = "x-one,x-two"},
     {.alpn = "mqtt"},
     {"server speaks none of the protocols that we ask for (ALPN)",
      "client asks only for protocols (ALPN) that this port does not speak"}},
    {{.max_version = TLS1_2_VERSION, PSK("you", key)},
     {.find_psk = find_psk, .certificate_file = ""},
     {"server does not know our PSK identity", "PSK identity \"you\" of the client is not known here"}},
    {{.max_version = TLS1_2_VERSION, PSK("you\x1B[2J\xC2\x9B", key)},
     {.find_psk = find_psk, .certificate_file = ""},
     {"server does not know our PSK identity", "PSK identity \"you?[2J??\" of the client is not known here"}},
    {{.min_version = TLS1_3_VERSION, PSK("you", key)},
     {.find_psk = find_psk, .certificate_file = ""},
     {"server finds no cipher, curve or kind of certificate that both have",
      "PSK identity \"you\" of the client is not known here"}},
    {{.max_version = TLS1_2_VERSION, PSK("me", bad_key)},
     {.find_psk = find_psk, .certificate_file = ""},
     {"server cannot decrypt what we sent (with PSK: is the key the same?)",
      "client sent something damaged (with PSK: is the key the same?)"}},
    {{.min_version = TLS1_3_VERSION, PSK("me", bad_key)},
     {.find_psk = find_psk, .certificate_file = ""},
     {"server calls something that we sent illegal (with PSK: is the key the same?)",
      "client uses another PSK key for that identity"}},
};

static void test_mismatches(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mismatches); i++) {
        mqw_tls_options ours = mismatches[i].client, theirs = mismatches[i].server;
        bool none = theirs.certificate_file != NULL;
        ours.ca_file = in_certificates("ca.pem");
        theirs.certificate_file = none ? NULL : in_certificates("server.pem");
        theirs.key_file = none ? NULL : in_certificates("key.pem");
        mqw_tls *client = new_tls(MQW_CLIENT, &ours), *server = new_tls(MQW_SERVER, &theirs);
        pair ends;
        open_pair(&ends, client, server, "localhost");
        exchange(&ends);
        assert_string_equal(why_of(&ends.client), mismatches[i].words[0]);
        assert_string_equal(why_of(&ends.server), mismatches[i].words[1]);
        close_pair(&ends);
        mqw_tls_free(client);
        mqw_tls_free(server);
    }
}

// --- it is no TLS at all ---

typedef struct sample {
    const char *bytes;
    size_t len;
    const char *words[2]; // of a client, of a server
} sample;

#define S(text)    text, sizeof(text) - 1
#define NO_TLS     "localhost does not answer in TLS; this port is not for TLS (try mqtt://, or another port)"
#define PLAIN_MQTT "client speaks MQTT without TLS, but this port is for TLS (connect with mqtts://)"
#define PLAIN_HTTP \
    "client speaks HTTP without TLS, but this port is for TLS (connect with wss:// or https://)"
#define PLAIN "client does not speak TLS, but this port is for TLS"

static const sample samples[] = {
    {S("\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0"), {NO_TLS, PLAIN_MQTT}},
    {S("\x10\x80\x01\0\x04MQTT\x05"), {NO_TLS, PLAIN_MQTT}},
    {S("\x10\xff\xff\x01\0\x06MQIsdp\x03"), {NO_TLS, PLAIN_MQTT}},
    {S("\x20\x02\0\0\0\0"), {NO_TLS, PLAIN}},
    {S("GET / HTTP/1.1\r\n"),
     {"localhost answers in HTTP without TLS; this port is not for TLS (try ws://, or another port)",
      PLAIN_HTTP}},
    {S("HTTP/1.1 400 Bad Request\r\n"),
     {"localhost answers in HTTP without TLS; this port is not for TLS (try ws://, or another port)",
      PLAIN_HTTP}},
    {S("SSH-2.0-OpenSSH"), {NO_TLS, PLAIN}},
    {S("\0\0\0\0\0\0\0\0"), {NO_TLS, PLAIN}},
};

static void test_no_tls(void **state)
{
    (void)state;
    mqw_tls *both[] = {client_that_knows("ca.pem"), server_with("server.pem")};
    for (size_t i = 0; i < COUNT(samples); i++)
        for (int server = 0; server < 2; server++)
            for (size_t cut = 1; cut < samples[i].len; cut++) {
                end one;
                open_end(&one, both[server], "localhost");
                assert_int_equal(mqw__layers_start(one.stack), 0);
                give(&one, samples[i].bytes, cut);
                if (one.result == 0)
                    give(&one, samples[i].bytes + cut, samples[i].len - cut);
                assert_int_equal(one.result, MQW_E_STREAM);
                assert_string_equal(why_of(&one), samples[i].words[server]);
                // Who speaks HTTP is answered in HTTP, all others with an alert.
                const char *answer = strstr(samples[i].bytes, "HTTP") ? "HTTP/1.1 400 " : "\x15\x03\x03";
                if (server)
                    assert_memory_equal(mqw__layers_wire(one.stack).data, answer, strlen(answer));
                close_end(&one);
            }
    mqw_tls_free(both[0]);
    mqw_tls_free(both[1]);
}

// --- files and options ---

typedef struct complaint {
    mqw_role role;
    mqw_tls_options options; // texts that begin with @ are names of certificates
    int result;
    const char *words; // `@` stands for the directory of the certificates
} complaint;

static int asked; // for a passphrase

static int tell_wrong(char *room, size_t cap, void *ctx)
{
    (void)ctx;
    asked++;
    assert_true(cap >= 5);
    memcpy(room, "wrong", 5);
    return 5;
}

static int tell_nothing(char *room, size_t cap, void *ctx)
{
    (void)room, (void)cap, (void)ctx;
    asked++;
    return -1;
}

#define SERVER(...) \
    MQW_SERVER,     \
    {               \
        __VA_ARGS__ \
    }
#define CLIENT(...) \
    MQW_CLIENT,     \
    {               \
        __VA_ARGS__ \
    }
#define PAIR .certificate_file = "@server.pem", .key_file = "@key.pem"
#define TEXT_BYTES(text)                          \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

static const complaint complaints[] = {
    {SERVER(.size = 0), MQW_E_REFUSED, "a TLS server needs a certificate and its key, or PSK"},
    {SERVER(.key_file = "@key.pem"), MQW_E_REFUSED,
     "a key without its certificate is of no use; give the certificate, too"},
    {SERVER(PAIR, .client_certificate = MQW_TLS_REQUIRED), MQW_E_REFUSED,
     "to verify clients' certificates, give the CA that they are from (CA file or directory)"},
    {SERVER(PAIR, .client_certificate = 3), MQW_E_MISUSE,
     "client_certificate is one of MQW_TLS_NONE, _OPTIONAL and _REQUIRED"},
    {CLIENT(.min_version = 0x0301), MQW_E_MISUSE,
     "TLS versions are 0x0303 (1.2) and 0x0304 (1.3), the lowest first"},
    {CLIENT(.max_version = 0x0305), MQW_E_MISUSE,
     "TLS versions are 0x0303 (1.2) and 0x0304 (1.3), the lowest first"},
    {CLIENT(.min_version = 0x0304, .max_version = 0x0303), MQW_E_MISUSE,
     "TLS versions are 0x0303 (1.2) and 0x0304 (1.3), the lowest first"},
    {CLIENT(.alpn = "a,,b"), MQW_E_MISUSE,
     "protocols for ALPN are names of 1 to 255 bytes, separated by commas"},
    {CLIENT(.alpn = "a,"), MQW_E_MISUSE,
     "protocols for ALPN are names of 1 to 255 bytes, separated by commas"},
    {CLIENT(.psk_identity = "me"), MQW_E_REFUSED,
     "PSK needs an identity of 1 to 255 bytes and its key of 1 to 512 bytes, both"},
    {CLIENT(.psk = TEXT_BYTES("k")), MQW_E_REFUSED,
     "PSK needs an identity of 1 to 255 bytes and its key of 1 to 512 bytes, both"},
    {CLIENT(.ca_file = "@none.pem"), MQW_E_REFUSED,
     "cannot read the CA file \"@none.pem\": No such file or directory"},
    {CLIENT(.ca_file = "@key.pem"), MQW_E_REFUSED,
     "CA file \"@key.pem\" holds nothing in PEM form (-----BEGIN CERTIFICATE-----)"},
    {CLIENT(.ca = TEXT_BYTES("nothing")), MQW_E_REFUSED,
     "CA file \"(in memory)\" holds nothing in PEM form (-----BEGIN CERTIFICATE-----)"},
    {CLIENT(.ca = TEXT_BYTES("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
     MQW_E_REFUSED, "CA file \"(in memory)\" is damaged in its entry 1"},
    {CLIENT(.ca_dir = "@none"), MQW_E_REFUSED, "CA directory \"@none\" does not exist"},
    {CLIENT(.ca_dir = "@ca.pem"), MQW_E_REFUSED, "CA directory \"@ca.pem\" does not exist"},
    {CLIENT(.ca_file = "@ca.pem", .crl_file = "@ca.pem"), MQW_E_REFUSED,
     "CRL file \"@ca.pem\" holds nothing in PEM form (-----BEGIN X509 CRL-----)"},
    {CLIENT(.ca_file = "@ca.pem", .crl_file = "@none.pem"), MQW_E_REFUSED,
     "cannot read the CRL file \"@none.pem\": No such file or directory"},
    {SERVER(.certificate_file = "@none.pem"), MQW_E_REFUSED,
     "cannot read the certificate file \"@none.pem\": No such file or directory"},
    {SERVER(.certificate_file = "@key.pem"), MQW_E_REFUSED,
     "\"@key.pem\" holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"},
    {SERVER(.certificate_file = "@server.pem"), MQW_E_REFUSED,
     "\"@server.pem\" holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)"},
    {SERVER(.certificate_file = "@server.pem", .key_file = "@other.key"), MQW_E_REFUSED,
     "key \"@other.key\" does not belong to the certificate \"@server.pem\""},
    {SERVER(.certificate_file = "@server.pem", .key_file = "@encrypted.pem"), MQW_E_REFUSED,
     "key \"@encrypted.pem\" is encrypted: give its passphrase, or a key without one"},
    {SERVER(.certificate_file = "@server.pem", .key_file = "@encrypted.pem", .passphrase = tell_wrong),
     MQW_E_REFUSED, "key \"@encrypted.pem\" cannot be decrypted: the passphrase is wrong"},
    {SERVER(.certificate_file = "@server.pem", .key_file = "@encrypted.pem", .passphrase = tell_nothing),
     MQW_E_REFUSED, "key \"@encrypted.pem\" is encrypted, and no passphrase was given"},
    {CLIENT(.ciphers = "nonsense"), MQW_E_REFUSED,
     "\"nonsense\" names no cipher of TLS 1.2 (see: openssl ciphers -v)"},
    {CLIENT(.ciphersuites = "nonsense"), MQW_E_REFUSED,
     "\"nonsense\" names no cipher suites of TLS 1.3 (see: openssl ciphers -v -tls1_3)"},
    {CLIENT(.key_log_file = "@none/log"), MQW_E_REFUSED,
     "cannot write the key log file \"@none/log\": No such file or directory"},
};

static const char *placed(const char *text)
{
    return text && *text == '@' ? in_certificates(text + 1) : text;
}

static void place_all(mqw_tls_options *options)
{
    options->ca_file = placed(options->ca_file);
    options->ca_dir = placed(options->ca_dir);
    options->crl_file = placed(options->crl_file);
    options->certificate_file = placed(options->certificate_file);
    options->key_file = placed(options->key_file);
    options->key_log_file = placed(options->key_log_file);
}

static void place_words(char *out, size_t cap, const char *words)
{
    size_t len = 0;
    for (; *words && len + sizeof certificates < cap; words++) {
        if (*words == '@')
            len += (size_t)snprintf(out + len, cap - len, "%s/", certificates);
        else
            out[len++] = *words;
    }
    out[len] = '\0';
}

static void test_complaints(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(complaints); i++) {
        mqw_tls_options options = complaints[i].options;
        mqw_tls *tls = NULL;
        char why[512] = "?", words[512], few[8] = "?";
        place_all(&options);
        place_words(words, sizeof words, complaints[i].words);
        assert_int_equal(mqw_tls_new(&tls, complaints[i].role, &options, why, sizeof why),
                         complaints[i].result);
        assert_string_equal(why, words);
        assert_null(tls);
        // Cut to the room there is; nobody need listen.
        assert_int_equal(mqw_tls_new(&tls, complaints[i].role, &options, few, sizeof few),
                         complaints[i].result);
        assert_memory_equal(few, words, 7);
        assert_int_equal(few[7], 0);
        assert_int_equal(mqw_tls_new(&tls, complaints[i].role, &options, NULL, 0), complaints[i].result);
    }
    assert_int_equal(mqw_tls_new(NULL, MQW_CLIENT, NULL, NULL, 0), MQW_E_MISUSE);
    assert_int_equal(mqw_tls_reload(NULL, NULL, 0), MQW_E_MISUSE);
    mqw_tls_free(NULL);
}

// A program may ask a person.
static void test_a_passphrase_is_asked_for_once(void **state)
{
    static int (*const tellers[])(char *room, size_t cap, void *ctx) = {tell_wrong, tell_nothing};
    (void)state;
    for (size_t i = 0; i < COUNT(tellers); i++) {
        mqw_tls *tls = NULL;
        mqw_tls_options options = {.size = sizeof options,
                                   .certificate_file = in_certificates("server.pem"),
                                   .key_file = in_certificates("encrypted.pem"),
                                   .passphrase = tellers[i]};
        asked = 0;
        assert_int_equal(mqw_tls_new(&tls, MQW_SERVER, &options, NULL, 0), MQW_E_REFUSED);
        assert_int_equal(asked, 1);
    }
}

// OpenSSL counts in int, and takes what is negative for a text that ends somewhere.
static void test_more_than_openssl_can_count(void **state)
{
    (void)state;
    static const uint8_t few[] = "few";
    char words[80];
    BIO *bio = NULL;
    mqw__tls_why why = {words, sizeof words};
    const mqw_bytes all = {few, (size_t)INT_MAX + 1};
    assert_int_equal(mqw__tls_source(&bio, "key", NULL, all, &why), MQW_E_REFUSED);
    assert_null(bio);
    assert_string_equal(words, "the key in memory is larger than 2 GiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_of_servers),
        cmocka_unit_test(test_insecure),
        cmocka_unit_test(test_any_host),
        cmocka_unit_test(test_no_host),
        cmocka_unit_test(test_server_name),
        cmocka_unit_test(test_certificates_of_clients),
        cmocka_unit_test(test_mismatches),
        cmocka_unit_test(test_no_tls),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_a_passphrase_is_asked_for_once),
        cmocka_unit_test(test_more_than_openssl_can_count),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}

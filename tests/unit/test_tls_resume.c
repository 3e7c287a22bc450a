// SPDX-License-Identifier: MIT
// TLS sessions that are resumed, certificates that are read again, where certificates and keys may come from,
// and what the key log says.
#include "unit/tls_ends.h"

#include <sys/stat.h>
#include <unistd.h>

#include "transport/tls.h"

// Connects, says a word, ends in some manner. Whether it was resumed, which both ends must agree on.
static bool meet(mqw_tls *client, mqw_tls *server, const char *host, bool goodbye)
{
    pair ends;
    open_pair(&ends, client, server, host);
    exchange(&ends);
    assert_string_equal(why_of(&ends.client), "");
    assert_true(both_ready(&ends));
    say(&ends.server, "a word");
    if (goodbye)
        assert_int_equal(mqw__layers_shut(ends.server.stack), 0);
    exchange(&ends);
    has_heard(&ends.client, "a word");
    bool resumed = facts_of(&ends.client).tls_resumed;
    assert_int_equal(facts_of(&ends.server).tls_resumed, resumed);
    assert_string_equal(facts_of(&ends.client).tls_subject, "O=mqwire,CN=server");
    close_pair(&ends);
    return resumed;
}

static mqw_tls *client_of(uint16_t version, bool no_resumption)
{
    const mqw_tls_options options = {
        .ca_file = in_certificates("ca.pem"), .max_version = version, .no_resumption = no_resumption};
    return new_tls(MQW_CLIENT, &options);
}

static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void test_resumed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++)
        for (int goodbye = 0; goodbye < 2; goodbye++) {
            mqw_tls *client = client_of(versions[i], false), *server = server_with("server.pem");
            assert_false(meet(client, server, "localhost", goodbye));
            for (int j = 0; j < 5; j++)
                assert_true(meet(client, server, "localhost", goodbye));
            assert_false(meet(client, server, "127.0.0.1", goodbye)); // a session is for one name
            assert_true(meet(client, server, "localhost", goodbye));
            mqw_tls_free(client);
            mqw_tls_free(server);
        }
}

static void test_not_resumed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        const mqw_tls_options strict = {.certificate_file = in_certificates("both.pem"),
                                        .no_resumption = true};
        mqw_tls *none = client_of(versions[i], true), *client = client_of(versions[i], false);
        mqw_tls *server = server_with("server.pem"), *other = new_tls(MQW_SERVER, &strict);
        for (int j = 0; j < 3; j++) {
            assert_false(meet(none, server, "localhost", true));
            assert_false(meet(client, other, "localhost", true));
        }
        // A server that does not know the session takes the client all the same.
        assert_false(meet(client, server, "localhost", true));
        mqw_tls_free(server);
        server = server_with("server.pem");
        assert_false(meet(client, server, "localhost", true));
        assert_true(meet(client, server, "localhost", true));
        mqw_tls_free(none);
        mqw_tls_free(client);
        mqw_tls_free(server);
        mqw_tls_free(other);
    }
}

// However many servers there are, the number of sessions has a limit; the latest ones stay.
static void test_sessions_kept_are_bounded(void **state)
{
    (void)state;
    const mqw_tls_options options = {.insecure = true};
    mqw_tls *client = new_tls(MQW_CLIENT, &options), *server = server_with("server.pem");
    char host[32];
    for (int i = 0; i < 40; i++) {
        snprintf(host, sizeof host, "host%d.mqwire.test", i);
        assert_false(meet(client, server, host, true));
    }
    for (int i = 0; i < 40; i++) {
        snprintf(host, sizeof host, "host%d.mqwire.test", 39 - i);
        assert_int_equal(meet(client, server, host, true), i < MQW__TLS_SESSIONS);
        if (i == MQW__TLS_SESSIONS)
            break;
    }
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// A session that was wrong once is not tried again: here the server of that name has changed its mind on
// TLS 1.3.
static void test_failure_forgets(void **state)
{
    (void)state;
    const mqw_tls_options newer = {.certificate_file = in_certificates("both.pem"),
                                   .min_version = TLS1_3_VERSION};
    mqw_tls *client = client_of(TLS1_2_VERSION, false), *server = server_with("server.pem");
    mqw_tls *other = new_tls(MQW_SERVER, &newer);
    pair ends;
    assert_false(meet(client, server, "localhost", true));
    assert_true(meet(client, server, "localhost", true));
    open_pair(&ends, client, other, "localhost");
    exchange(&ends);
    assert_int_equal(ends.client.result, MQW_E_STREAM);
    close_pair(&ends);
    assert_false(meet(client, server, "localhost", true));
    mqw_tls_free(client);
    mqw_tls_free(server);
    mqw_tls_free(other);
}

// --- reading again ---

static void copy_file(const char *from, const char *to)
{
    mqw_bytes bytes = read_certificate(from);
    FILE *file = fopen(in_certificates(to), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    fclose(file);
    free((void *)(uintptr_t)bytes.data);
}

static const char *subject_now(mqw_tls *client, mqw_tls *server)
{
    static mqw_stream_facts facts;
    pair ends;
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    assert_true(both_ready(&ends));
    facts = facts_of(&ends.client);
    close_pair(&ends);
    return facts.tls_subject;
}

static void test_reload_of_a_server(void **state)
{
    (void)state;
    char why[256];
    pair before;
    copy_file("server.pem", "now.pem");
    mqw_tls *client = client_of(0, true), *resuming = client_of(0, false), *server = server_with("now.pem");
    assert_false(meet(resuming, server, "localhost", true));
    open_pair(&before, client, server, "localhost");
    exchange(&before);
    copy_file("second.pem", "now.pem");
    assert_int_equal(mqw_tls_reload(server, why, sizeof why), 0);
    assert_string_equal(subject_now(client, server), "O=mqwire,CN=second");
    // Those that were there go on, and tickets stay good.
    say(&before.client, "still here");
    exchange(&before);
    has_heard(&before.server, "still here");
    assert_true(meet(resuming, server, "localhost", true));
    // What cannot be read changes nothing.
    copy_file("key.pem", "now.pem");
    assert_int_equal(mqw_tls_reload(server, why, sizeof why), MQW_E_REFUSED);
    assert_non_null(strstr(why, "holds no certificate in PEM form"));
    assert_string_equal(subject_now(client, server), "O=mqwire,CN=second");
    close_pair(&before);
    mqw_tls_free(client);
    mqw_tls_free(resuming);
    mqw_tls_free(server);
}

// A certificate that was revoked meanwhile is of no use, not even by way of an old ticket.
static void test_reload_of_revocations(void **state)
{
    (void)state;
    copy_file("strange_crl.pem", "now_crl.pem");
    const mqw_tls_options ours = {.ca_file = in_certificates("ca.pem"),
                                  .certificate_file = in_certificates("revoked.pem"),
                                  .key_file = in_certificates("key.pem")};
    const mqw_tls_options theirs = {.certificate_file = in_certificates("both.pem"),
                                    .ca_file = in_certificates("ca.pem"),
                                    .client_certificate = MQW_TLS_REQUIRED};
    mqw_tls *client = new_tls(MQW_CLIENT, &ours), *server = new_tls(MQW_SERVER, &theirs);
    char why[256];
    assert_false(meet(client, server, "localhost", true));
    assert_true(meet(client, server, "localhost", true));
    server->options.crl_file = strdup(in_certificates("crl.pem")); // as if the file had been there, empty
    assert_int_equal(mqw_tls_reload(server, why, sizeof why), 0);
    pair ends;
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    assert_string_equal(
        why_of(&ends.server),
        "certificate of the client \"revoked\" was revoked by its CA (its owner has to get a new one)");
    assert_string_equal(why_of(&ends.client), "server says that our certificate was revoked (get a new one)");
    close_pair(&ends);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// A client that trusts another CA now does not go on with what the old one vouched for.
static void test_reload_of_a_client(void **state)
{
    (void)state;
    copy_file("ca.pem", "now_ca.pem");
    mqw_tls *client = client_that_knows("now_ca.pem"), *server = server_with("server.pem");
    assert_false(meet(client, server, "localhost", true));
    assert_true(meet(client, server, "localhost", true));
    pair before, ends;
    open_pair(&before, client, server, "localhost");
    move(&before.client, &before.server, WHOLE);
    copy_file("stranger.pem", "now_ca.pem");
    assert_int_equal(mqw_tls_reload(client, NULL, 0), 0);
    exchange(&before); // begun before, by the old rules; its session is not kept
    assert_true(both_ready(&before));
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    assert_non_null(strstr(why_of(&ends.client), "from the unknown CA \"Test CA\""));
    close_pair(&before);
    close_pair(&ends);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// --- where things come from ---

static int tell_secret(char *room, size_t cap, void *ctx)
{
    assert_true(cap >= 6);
    memcpy(room, "secret", 6);
    ++*(int *)ctx;
    return 6;
}

static void test_sources(void **state)
{
    (void)state;
    int asked = 0;
    mqw_bytes ca = read_certificate("ca.pem"), certificate = read_certificate("server.pem");
    mqw_bytes key = read_certificate("key.pem"), both = read_certificate("both.pem"),
              secret = read_certificate("encrypted.pem");
    const mqw_tls_options clients[] = {{.ca = ca},
                                       {.ca_dir = in_certificates("directory")},
                                       {.ca = ca, .ca_file = in_certificates("stranger.pem")}};
    const mqw_tls_options servers[] = {
        {.certificate = certificate, .key = key},
        {.certificate = both},
        {.certificate = certificate, .key_file = in_certificates("key.pem")},
        {.certificate_file = in_certificates("server.pem"), .key = key},
        {.certificate_file = in_certificates("both.pem")},
        {.certificate_file = in_certificates("server.pem"),
         .key_file = in_certificates("encrypted.pem"),
         .passphrase = tell_secret,
         .passphrase_ctx = &asked},
        {.certificate = certificate, .key = secret, .passphrase = tell_secret, .passphrase_ctx = &asked}};
    for (size_t i = 0; i < COUNT(clients); i++)
        for (size_t j = 0; j < COUNT(servers); j++) {
            mqw_tls *client = new_tls(MQW_CLIENT, &clients[i]), *server = new_tls(MQW_SERVER, &servers[j]);
            assert_int_equal(mqw_tls_reload(server, NULL, 0), 0);
            assert_string_equal(subject_now(client, server), "O=mqwire,CN=server");
            mqw_tls_free(client);
            mqw_tls_free(server);
        }
    assert_int_equal(asked, 2 * 2 * COUNT(clients));
    const mqw_bytes all[] = {ca, certificate, key, both, secret};
    for (size_t i = 0; i < COUNT(all); i++)
        free((void *)(uintptr_t)all[i].data);
}

// Options of an older program are shorter.
static void test_shorter_options(void **state)
{
    (void)state;
    mqw_tls_options options = {.size = offsetof(mqw_tls_options, ca_dir),
                               .ca_file = in_certificates("ca.pem")};
    options.ca_dir = "/nowhere";
    mqw_tls *tls = new_tls(MQW_CLIENT, &options);
    assert_ptr_equal(mqw_tls_keep(tls), tls);
    mqw_tls_free(tls);
    mqw_tls_free(tls);
}

// Without anything said, the system's store counts: a directory of its own stands for it here.
static void test_system_store(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s", in_certificates("directory"));
    assert_int_equal(setenv("SSL_CERT_DIR", path, 1), 0);
    mqw_tls *client = new_tls(MQW_CLIENT, NULL), *good = server_with("server.pem"),
            *bad = server_with("unknown.pem");
    assert_string_equal(subject_now(client, good), "O=mqwire,CN=server");
    pair ends;
    open_pair(&ends, client, bad, "localhost");
    exchange(&ends);
    assert_non_null(strstr(why_of(&ends.client), "from the unknown CA \"Strange CA\""));
    close_pair(&ends);
    unsetenv("SSL_CERT_DIR");
    mqw_tls_free(client);
    mqw_tls_free(good);
    mqw_tls_free(bad);
}

// --- protocols, key log ---

static void test_protocols(void **state)
{
    (void)state;
    static const struct {
        const char *client, *server, *agreed;
    } rows[] = {{NULL, NULL, "mqtt"},
                {"", NULL, ""},
                {NULL, "", ""},
                {"a,b,c", "c,b", "c"},
                {"http/1.1,mqtt", NULL, "mqtt"},
                {"mqtt", "mqtt2,mqtt", "mqtt"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const mqw_tls_options ours = {.ca_file = in_certificates("ca.pem"), .alpn = rows[i].client};
        const mqw_tls_options theirs = {.certificate_file = in_certificates("both.pem"),
                                        .alpn = rows[i].server};
        mqw_tls *client = new_tls(MQW_CLIENT, &ours), *server = new_tls(MQW_SERVER, &theirs);
        pair ends;
        open_pair(&ends, client, server, "localhost");
        exchange(&ends);
        assert_true(both_ready(&ends));
        assert_string_equal(facts_of(&ends.client).tls_alpn, rows[i].agreed);
        assert_string_equal(facts_of(&ends.server).tls_alpn, rows[i].agreed);
        close_pair(&ends);
        mqw_tls_free(client);
        mqw_tls_free(server);
    }
}

static void test_key_log(void **state)
{
    (void)state;
    const mqw_tls_options options = {.ca_file = in_certificates("ca.pem"),
                                     .key_log_file = in_certificates("keys.log")};
    mqw_tls *client = new_tls(MQW_CLIENT, &options), *server = server_with("server.pem");
    (void)subject_now(client, server);
    struct stat found;
    assert_int_equal(stat(in_certificates("keys.log"), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    mqw_bytes log = read_certificate("keys.log");
    char *text = (char *)(uintptr_t)log.data;
    text[log.len] = '\0';
    assert_non_null(strstr(text, "CLIENT_HANDSHAKE_TRAFFIC_SECRET "));
    assert_non_null(strstr(text, "SERVER_TRAFFIC_SECRET_0 "));
    assert_int_equal(text[log.len - 1], '\n');
    free(text);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_not_resumed),
        cmocka_unit_test(test_sessions_kept_are_bounded),
        cmocka_unit_test(test_failure_forgets),
        cmocka_unit_test(test_reload_of_a_server),
        cmocka_unit_test(test_reload_of_revocations),
        cmocka_unit_test(test_reload_of_a_client),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_shorter_options),
        cmocka_unit_test(test_system_store),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_key_log),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}

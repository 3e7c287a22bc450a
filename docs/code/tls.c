// SPDX-License-Identifier: MIT
// TLS: a server with a certificate, clients that verify it or not, a new certificate while connections are
// there, keys that both sides know, and what is said when it does not work.
#include <mqwire/client.h>

#include <unistd.h>

#include "certificate.h"
#include "host.h"

// --- server ---

// What a server needs; `why` says what is wrong with the files.
static mqw_tls *server_tls(const char *certificate, const char *key)
{
    char why[256];
    mqw_tls *tls = NULL;
    mqw_tls_options options = {.certificate_file = certificate, .key_file = key};
    if (mqw_tls_new(&tls, MQW_SERVER, &options, why, sizeof why) < 0)
        fprintf(stderr, "%s\n", why);
    return tls;
}

static int listen_with_tls(mqw_server **server, uv_loop_t *loop, mqw_tls *tls, const mqw_conn_options *conn)
{
    mqw_open_options options = {.tls = tls, .conn = conn}; // the server takes a reference
    return mqw_server_listen(server, loop, "mqtts://127.0.0.1:0", &options, NULL, NULL);
}

// Who has come, through what. Before that nothing is known: the handshake is over when `connected` is heard.
static void on_connected(mqw_conn *conn, void *ctx)
{
    mqw_stream_facts facts = {.size = sizeof facts};
    (void)ctx;
    mqw_stream_facts_of(mqw_conn_stream(conn), &facts);
    printf("%s: %s %s, certificate \"%s\"\n", facts.peer, facts.tls_version, facts.tls_cipher,
           facts.tls_subject);
    CHECK(facts.tls_version[0] && facts.tls_cipher[0] && strcmp(facts.tls_sni, "localhost") == 0);
}

// After the files have changed. Connections that are there go on.
static void renew(mqw_tls *tls)
{
    char why[256];
    if (mqw_tls_reload(tls, why, sizeof why) < 0)
        fprintf(stderr, "the old certificate stays: %s\n", why);
}

// Looks up the key of a client that has no certificate to check.
static int find_key(mqw_text identity, uint8_t *room, size_t cap, void *ctx)
{
    const char *key = ctx;
    if (identity.len != 8 || memcmp(identity.data, "device-7", 8) != 0 || strlen(key) > cap)
        return 0;
    memcpy(room, key, strlen(key));
    return (int)strlen(key);
}

static int psk_ends(mqw_tls **server, mqw_tls **client, char *key)
{
    mqw_tls_options keeps = {.find_psk = find_key, .find_psk_ctx = key};
    mqw_tls_options has = {.psk_identity = "device-7", .psk = {(const uint8_t *)key, strlen(key)}};
    int result = mqw_tls_new(server, MQW_SERVER, &keeps, NULL, 0);
    return result < 0 ? result : mqw_tls_new(client, MQW_CLIENT, &has, NULL, 0);
}

// --- client ---

typedef struct visit {
    char words[512]; // why it failed
    char subject[256];
    char version[16];
} visit;

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    visit *self = ctx;
    mqw_stream_facts facts = {.size = sizeof facts};
    (void)connack;
    mqw_stream_facts_of(mqw_conn_stream(mqw_client_conn(client)), &facts);
    snprintf(self->subject, sizeof self->subject, "%s", facts.tls_subject);
    snprintf(self->version, sizeof self->version, "%s", facts.tls_version);
    mqw_client_close(client, NULL);
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    snprintf(((visit *)ctx)->words, 512, "%s", failure->words);
}

// A client through TLS. Without `tls` it verifies the server against the system's store.
static int visit_server(uv_loop_t *loop, const char *address, mqw_tls *tls, visit *self)
{
    mqw_client *client;
    mqw_open_options open = {.tls = tls};
    mqw_client_options options = {.address = address, .open = &open, .max_attempts = 1, .ctx = self};
    options.handlers = (mqw_client_handlers){.on_open = on_open, .on_lost = on_lost};
    return mqw_client_open(&client, loop, &options);
}

static mqw_tls *trusting(const char *ca)
{
    mqw_tls *tls = NULL;
    mqw_tls_options options = {.ca_file = ca};
    CHECK(mqw_tls_new(&tls, MQW_CLIENT, &options, NULL, 0) == 0);
    return tls;
}

// --- all of it ---

static visit come(uv_loop_t *loop, const host *other, mqw_tls *tls, const char *name)
{
    visit self = {.words = ""};
    char address[64];
    unsigned expected = other->closed + 1;
    snprintf(address, sizeof address, "mqtts://%s:%s", name, strrchr(other->address, ':') + 1);
    CHECK(visit_server(loop, address, tls, &self) == 0);
    while (other->closed < expected)
        uv_run(loop, UV_RUN_ONCE);
    return self;
}

static void with_certificates(uv_loop_t *loop, const char *certificate, const char *key)
{
    host other = {.echoes = false};
    const mqw_handlers handlers = {.connected = on_connected, .packet = host_packet, .close = host_gone};
    mqw_conn_options conn = {.answers = MQW_ANSWER_PINGRESP, .handlers = &handlers, .handlers_ctx = &other};
    make_certificate(certificate, key, "first");
    mqw_tls *tls = server_tls(certificate, key), *knows = trusting(certificate);
    CHECK(tls && listen_with_tls(&other.server, loop, tls, &conn) == 0);
    CHECK(mqw_server_address(other.server, 0, other.address, sizeof other.address) == 0);
    visit good = come(loop, &other, knows, "localhost");
    CHECK(strcmp(good.subject, "CN=first") == 0 && strcmp(good.version, "TLSv1.3") == 0);
    visit stranger = come(loop, &other, NULL, "localhost");
    visit wrong_name = come(loop, &other, knows, "127.0.0.1");
    printf("%s\n%s\n", stranger.words, wrong_name.words);
    CHECK(stranger.subject[0] == '\0' && stranger.words[0] && wrong_name.words[0]);
    make_certificate(certificate, key, "second");
    renew(tls);
    mqw_tls *knows_second = trusting(certificate);
    visit second = come(loop, &other, knows_second, "localhost");
    CHECK(strcmp(second.subject, "CN=second") == 0);
    CHECK(unlink(key) == 0);
    renew(tls); // fails, and the second certificate stays
    second = come(loop, &other, knows_second, "localhost");
    CHECK(strcmp(second.subject, "CN=second") == 0);
    mqw_tls_free(tls);
    mqw_tls_free(knows);
    mqw_tls_free(knows_second);
    host_stop(&other);
    CHECK(uv_run(loop, UV_RUN_DEFAULT) == 0);
}

static void with_keys(uv_loop_t *loop)
{
    static char key[] = "0123456789abcdef";
    host other = {.echoes = false};
    mqw_tls *server, *client;
    CHECK(psk_ends(&server, &client, key) == 0);
    mqw_open_options options = {.tls = server};
    host_start(&other, loop, "mqtts://127.0.0.1:0", &options);
    visit self = come(loop, &other, client, "127.0.0.1");
    CHECK(self.words[0] == '\0' && self.version[0]);
    mqw_tls_free(server);
    mqw_tls_free(client);
    host_stop(&other);
    run_to_the_end(loop);
}

int main(void)
{
    char directory[] = "/tmp/mqwire-docs-XXXXXX", certificate[64], key[64];
    CHECK(mkdtemp(directory));
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", directory);
    snprintf(key, sizeof key, "%s/key.pem", directory);
    with_certificates(uv_default_loop(), certificate, key);
    with_keys(uv_default_loop());
    CHECK(unlink(certificate) == 0 && rmdir(directory) == 0);
    return 0;
}

// SPDX-License-Identifier: MIT
// TLS as a byte transformer: any way to cut its bytes gives the same conversation. Bytes of all lengths, the
// end, what a peer may do while the connection is there, facts.
#include "unit/tls_ends.h"

#include <openssl/err.h>

#include "transport/tls.h"

// --- cuts ---

typedef struct flavour {
    const char *name;
    uint16_t version;
    bool psk;
} flavour;

static const flavour flavours[] = {{"1.2, certificate", TLS1_2_VERSION, false},
                                   {"1.3, certificate", TLS1_3_VERSION, false},
                                   {"1.2, PSK", TLS1_2_VERSION, true},
                                   {"1.3, PSK", TLS1_3_VERSION, true}};

static int find_psk(mqw_text identity, uint8_t *room, size_t cap, void *ctx)
{
    (void)ctx;
    assert_true(cap >= 32);
    if (identity.len != 2 || memcmp(identity.data, "me", 2) != 0)
        return 0;
    memset(room, 7, 32);
    return 32;
}

static uint8_t psk[32];

static void make_both(const flavour *kind, mqw_tls **client, mqw_tls **server)
{
    memset(psk, 7, sizeof psk);
    mqw_tls_options options = {.min_version = kind->version, .max_version = kind->version};
    mqw_tls_options theirs = options;
    if (kind->psk) {
        options.psk_identity = "me";
        options.psk = (mqw_bytes){psk, sizeof psk};
        theirs.find_psk = find_psk;
    } else {
        options.ca_file = in_certificates("ca.pem");
        theirs.certificate_file = in_certificates("server.pem");
        theirs.key_file = in_certificates("key.pem");
    }
    *client = new_tls(MQW_CLIENT, &options);
    *server = new_tls(MQW_SERVER, &theirs);
}

// The end of the conversation: both have said goodbye and heard it.
static void part(pair *ends, size_t most)
{
    assert_int_equal(mqw__layers_shut(ends->client.stack), 0);
    exchange_by(ends, most);
    assert_true(mqw__layers_ended(ends->server.stack));
    assert_false(mqw__layers_ended(ends->client.stack));
    assert_int_equal(mqw__layers_shut(ends->server.stack), 0);
    exchange_by(ends, most);
    assert_true(mqw__layers_ended(ends->client.stack));
}

static void converse(pair *ends, size_t most)
{
    exchange_by(ends, most);
    assert_string_equal(why_of(&ends->client), "");
    assert_string_equal(why_of(&ends->server), "");
    assert_true(both_ready(ends));
    say(&ends->client, "a question");
    exchange_by(ends, most);
    has_heard(&ends->server, "a question");
    say(&ends->server, "an answer");
    say(&ends->server, ", and more");
    exchange_by(ends, most);
    has_heard(&ends->client, "an answer, and more");
    part(ends, most);
}

static void test_in_small_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(flavours); i++) {
        mqw_tls *client, *server;
        make_both(&flavours[i], &client, &server);
        for (size_t most = 1; most < 8; most++) {
            pair ends;
            open_pair(&ends, client, server, "localhost");
            converse(&ends, most);
            close_pair(&ends);
        }
        mqw_tls_free(client);
        mqw_tls_free(server);
    }
}

// Moves all, with a cut after `cut` bytes of that end.
static void exchange_cut(pair *ends, const end *of, size_t cut)
{
    bool moved = true;
    while (moved) {
        end *client = &ends->client, *server = &ends->server;
        moved = move(client, server, client == of && client->sent < cut ? cut - client->sent : WHOLE);
        moved =
            move(server, client, server == of && server->sent < cut ? cut - server->sent : WHOLE) || moved;
    }
}

// False: there were fewer bytes than that.
static bool converse_cut(mqw_tls *client, mqw_tls *server, bool of_client, size_t cut)
{
    pair ends;
    open_pair(&ends, client, server, "localhost");
    end *of = of_client ? &ends.client : &ends.server;
    exchange_cut(&ends, of, cut);
    assert_true(both_ready(&ends));
    say(&ends.client, "a question");
    exchange_cut(&ends, of, cut);
    has_heard(&ends.server, "a question");
    say(&ends.server, "an answer");
    assert_int_equal(mqw__layers_shut(ends.server.stack), 0);
    exchange_cut(&ends, of, cut);
    has_heard(&ends.client, "an answer");
    assert_true(mqw__layers_ended(ends.client.stack));
    bool enough = of->sent > cut;
    close_pair(&ends);
    return enough;
}

static void test_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(flavours); i++) {
        mqw_tls *client, *server;
        make_both(&flavours[i], &client, &server);
        for (int of_client = 0; of_client < 2; of_client++) {
            // A handshake with certificates is long, and its records are like those of the short one.
            size_t step = flavours[i].psk ? 1 : 29;
            size_t cut = 1;
            while (converse_cut(client, server, of_client, cut))
                cut += step;
            assert_true(cut > 200);
        }
        mqw_tls_free(client);
        mqw_tls_free(server);
    }
}

// --- lengths ---

static uint8_t much[200000];

static void fill_much(void)
{
    for (size_t i = 0; i < sizeof much; i++)
        much[i] = (uint8_t)(i * 2654435761u >> 13);
}

// The same bytes in views of several sizes, to an end with several sizes of scratch.
static void send_much(pair *ends, size_t len, size_t view, size_t most)
{
    mqw_bytes views[64];
    size_t at = 0;
    while (at < len) {
        int count = 0;
        for (; count < 64 && at < len; count++) {
            size_t size = len - at < view ? len - at : view;
            views[count] = (mqw_bytes){much + at, size};
            at += size;
        }
        assert_int_equal(mqw__layers_send(ends->client.stack, views, count), 0);
    }
    exchange_by(ends, most);
    assert_int_equal(ends->server.len, len);
    assert_memory_equal(ends->server.heard, much, len);
    ends->server.len = 0;
}

static void test_lengths(void **state)
{
    static const size_t lengths[] = {1, 100, 16383, 16384, 16385, 32768, 40000, 200000};
    static const size_t views[] = {1000, 4096, 16384, 20000, 200000};
    static const size_t rooms[] = {0, 1000, 16384, 16385, 131072};
    static const size_t pieces[] = {1000, 16000, 65536, WHOLE};
    (void)state;
    mqw_tls *client, *server;
    pair ends;
    fill_much();
    make_both(&flavours[1], &client, &server);
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    for (size_t i = 0; i < COUNT(lengths); i++)
        for (size_t j = 0; j < COUNT(views); j++)
            for (size_t k = 0; k < COUNT(rooms); k++) {
                ends.server.room = rooms[k];
                send_much(&ends, lengths[i], views[j], pieces[(i + j + k) % COUNT(pieces)]);
            }
    close_pair(&ends);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// Records are full, however small the views are: what TLS adds stays small.
static void test_small_views_share_records(void **state)
{
    (void)state;
    mqw_tls *client, *server;
    pair ends;
    mqw_bytes views[64];
    make_both(&flavours[1], &client, &server);
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    for (int i = 0; i < 64; i++)
        views[i] = (mqw_bytes){much, 64};
    assert_int_equal(mqw__layers_send(ends.client.stack, views, 64), 0);
    assert_int_equal(mqw__layers_wire(ends.client.stack).len, 64 * 64 + 22);
    close_pair(&ends);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// A reader that stops after any piece, and lets the rest be kept, loses nothing.
static void test_kept(void **state)
{
    (void)state;
    mqw_tls *client, *server;
    pair ends;
    mqw_bytes piece;
    make_both(&flavours[1], &client, &server);
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    mqw_bytes view = {much, sizeof much};
    fill_much();
    assert_int_equal(mqw__layers_send(ends.client.stack, &view, 1), 0);
    mqw_bytes wire = mqw__layers_wire(ends.client.stack);
    uint8_t *block = malloc(wire.len), *room = malloc(40000);
    memcpy(block, wire.data, wire.len);
    mqw__layers_feed(ends.server.stack, (mqw__span){block, wire.len}, (mqw__span){room, 40000});
    size_t heard = 0;
    for (int i = 0; mqw__layers_next(ends.server.stack, &piece) > 0; i++) {
        assert_memory_equal(piece.data, much + heard, piece.len);
        heard += piece.len;
        if (i > 1)
            continue;
        assert_int_equal(mqw__layers_keep(ends.server.stack), 0);
        if (i == 0)
            memset(block, 0, wire.len);
        else
            memset(room, 0, 40000);
    }
    assert_int_equal(heard, sizeof much);
    free(block);
    free(room);
    close_pair(&ends);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// --- the end ---

static void test_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(flavours); i++) {
        mqw_tls *client, *server;
        pair ends;
        make_both(&flavours[i], &client, &server);
        open_pair(&ends, client, server, "localhost");
        // Ready, and cut off without a word: MQTT says whether that is an error.
        exchange(&ends);
        assert_int_equal(mqw__layers_end(ends.client.stack), 0);
        assert_int_equal(mqw__layers_end(ends.server.stack), 0);
        // What comes behind the goodbye is not read.
        assert_int_equal(mqw__layers_shut(ends.client.stack), 0);
        exchange(&ends);
        give(&ends.server, "more", 4);
        assert_int_equal(ends.server.result, 0);
        assert_int_equal(ends.server.len, 0);
        // The other direction is still there.
        say(&ends.server, "last words");
        exchange(&ends);
        has_heard(&ends.client, "last words");
        close_pair(&ends);
        mqw_tls_free(client);
        mqw_tls_free(server);
    }
}

static void test_end_within_the_handshake(void **state)
{
    (void)state;
    static const char *const words[2][2] = {
        {"localhost has closed the connection without an answer in TLS (is this port for TLS?)",
         "client has closed the connection without a word"},
        {"localhost has closed the connection within the TLS handshake",
         "client has closed the connection within the TLS handshake"}};
    mqw_tls *client, *server;
    make_both(&flavours[1], &client, &server);
    for (int begun = 0; begun < 2; begun++) {
        pair ends;
        open_pair(&ends, client, server, "localhost");
        if (begun) {
            move(&ends.client, &ends.server, WHOLE);
            move(&ends.server, &ends.client, 100);
        }
        assert_int_equal(mqw__layers_end(ends.client.stack), MQW_E_STREAM);
        assert_int_equal(mqw__layers_end(ends.server.stack), MQW_E_STREAM);
        assert_string_equal(why_of(&ends.client), words[begun][0]);
        assert_string_equal(why_of(&ends.server), words[begun][1]);
        // Nothing happens after that, whatever is called.
        assert_int_equal(mqw__layers_shut(ends.client.stack), 0);
        give(&ends.client, "\x16\x03\x03", 3);
        assert_int_equal(ends.client.result, MQW_E_STREAM);
        close_pair(&ends);
    }
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// --- a peer that does what ours does not: OpenSSL by itself ---

typedef struct other {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in;
    BIO *out;
    int reason; /**< Why it failed. */
} other;

static void open_other(other *peer, bool client, int version)
{
    memset(peer, 0, sizeof *peer);
    peer->ctx = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
    assert_non_null(peer->ctx);
    SSL_CTX_set_max_proto_version(peer->ctx, version);
    if (!client) {
        SSL_CTX_use_certificate_chain_file(peer->ctx, in_certificates("server.pem"));
        SSL_CTX_use_PrivateKey_file(peer->ctx, in_certificates("key.pem"), SSL_FILETYPE_PEM);
    }
    peer->ssl = SSL_new(peer->ctx);
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    if (client)
        SSL_set_connect_state(peer->ssl);
    else
        SSL_set_accept_state(peer->ssl);
}

static void close_other(other *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->ctx);
    ERR_clear_error();
}

// What one has written goes to the other.
static void pass(other *peer, end *ours)
{
    char room[70000];
    char heard[100];
    for (bool moved = true; moved;) {
        ERR_clear_error();
        if (SSL_read(peer->ssl, heard, sizeof heard) < 0 && ERR_peek_error() != 0)
            peer->reason = ERR_GET_REASON(ERR_peek_error());
        int len = BIO_read(peer->out, room, sizeof room);
        if (len > 0 && ours->result >= 0)
            give(ours, room, (size_t)len);
        mqw_bytes wire = mqw__layers_wire(ours->stack);
        moved = len > 0 || wire.len > 0;
        if (wire.len > 0)
            BIO_write(peer->in, wire.data, (int)wire.len);
        mqw__layers_wrote(ours->stack, wire.len);
    }
}

static void test_key_updates(void **state)
{
    (void)state;
    mqw_tls *server = server_with("server.pem");
    other peer;
    end ours;
    open_other(&peer, true, TLS1_3_VERSION);
    open_end(&ours, server, NULL);
    pass(&peer, &ours);
    assert_true(mqw__layers_ready(ours.stack));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(peer.ssl, "x", 1), 1);
        pass(&peer, &ours);
        assert_int_equal(ours.result, 0);
        say(&ours, "y");
        pass(&peer, &ours);
    }
    assert_int_equal(ours.len, 100);
    assert_int_equal(SSL_get_error(peer.ssl, SSL_read(peer.ssl, &(char){0}, 1)), SSL_ERROR_WANT_READ);
    close_end(&ours);
    close_other(&peer);
    mqw_tls_free(server);
}

// TLS 1.2 can negotiate anew in the midst of a connection; here it cannot.
static void test_no_renegotiation(void **state)
{
    (void)state;
    mqw_tls *server = server_with("server.pem");
    other peer;
    end ours;
    open_other(&peer, true, TLS1_2_VERSION);
    open_end(&ours, server, NULL);
    pass(&peer, &ours);
    assert_true(mqw__layers_ready(ours.stack));
    assert_int_equal(SSL_renegotiate(peer.ssl), 1);
    assert_int_equal(SSL_do_handshake(peer.ssl), -1);
    pass(&peer, &ours);
    assert_int_equal(peer.reason, SSL_R_NO_RENEGOTIATION);
    close_end(&ours);
    close_other(&peer);
    mqw_tls_free(server);
}

static void test_lost_bytes_are_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(flavours); i++) {
        mqw_tls *client, *server;
        pair ends;
        make_both(&flavours[i], &client, &server);
        open_pair(&ends, client, server, "localhost");
        exchange(&ends);
        say(&ends.client, "first");
        exchange(&ends);
        has_heard(&ends.server, "first");
        say(&ends.client, "lost");
        mqw__layers_wrote(ends.client.stack, mqw__layers_wire(ends.client.stack).len);
        say(&ends.client, "second");
        exchange(&ends);
        assert_int_equal(ends.server.len, 0);
        assert_int_equal(ends.server.result, MQW_E_STREAM);
        assert_string_equal(why_of(&ends.server),
                            "client sent something damaged (with PSK: is the key the same?)");
        // It was told why.
        assert_int_equal(ends.client.result, MQW_E_STREAM);
        assert_string_equal(why_of(&ends.client),
                            "server cannot decrypt what we sent (with PSK: is the key the same?)");
        close_pair(&ends);
        mqw_tls_free(client);
        mqw_tls_free(server);
    }
}

// Good bytes in front of bad ones in the same piece are delivered first.
static void test_good_bytes_before_bad_ones(void **state)
{
    (void)state;
    mqw_tls *client, *server;
    pair ends;
    make_both(&flavours[1], &client, &server);
    open_pair(&ends, client, server, "localhost");
    exchange(&ends);
    say(&ends.client, "good");
    uint8_t room[512];
    mqw_bytes wire = mqw__layers_wire(ends.client.stack);
    memcpy(room, wire.data, wire.len);
    memset(room + wire.len, 0x17, 100);
    give(&ends.server, room, wire.len + 100);
    has_heard(&ends.server, "good");
    assert_int_equal(ends.server.result, MQW_E_STREAM);
    close_pair(&ends);
    mqw_tls_free(client);
    mqw_tls_free(server);
}

// --- facts ---

static void test_facts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(flavours); i++) {
        mqw_tls *client, *server;
        pair ends;
        make_both(&flavours[i], &client, &server);
        open_pair(&ends, client, server, "localhost");
        assert_string_equal(facts_of(&ends.client).tls_version, "");
        exchange(&ends);
        mqw_stream_facts ours = facts_of(&ends.client), theirs = facts_of(&ends.server);
        assert_string_equal(ours.tls_version, flavours[i].version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
        assert_string_equal(theirs.tls_version, ours.tls_version);
        assert_true(strncmp(ours.tls_cipher, "TLS_", 4) == 0);
        assert_string_equal(theirs.tls_cipher, ours.tls_cipher);
        assert_null(strstr(ours.tls_cipher, "_DHE_")); // which is slow
        assert_string_equal(ours.tls_subject, flavours[i].psk ? "" : "O=mqwire,CN=server");
        assert_string_equal(theirs.tls_subject, "");
        assert_string_equal(ours.tls_alpn, "mqtt");
        assert_string_equal(theirs.tls_alpn, "mqtt");
        assert_string_equal(ours.tls_sni, "localhost");
        assert_string_equal(theirs.tls_sni, "localhost");
        assert_string_equal(theirs.tls_psk, flavours[i].psk ? "me" : "");
        assert_string_equal(ours.tls_error, "");
        assert_string_equal(theirs.tls_error, "");
        assert_false(ours.tls_resumed || theirs.tls_resumed);
        close_pair(&ends);
        mqw_tls_free(client);
        mqw_tls_free(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_small_pieces),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_small_views_share_records),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_end_within_the_handshake),
        cmocka_unit_test(test_key_updates),
        cmocka_unit_test(test_no_renegotiation),
        cmocka_unit_test(test_lost_bytes_are_noticed),
        cmocka_unit_test(test_good_bytes_before_bad_ones),
        cmocka_unit_test(test_facts),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}

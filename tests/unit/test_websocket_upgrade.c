// SPDX-License-Identifier: MIT
// The handshake of WebSocket at both ends, at every split: requests that people, programs and attackers send
// to a server, answers that servers, proxies and web sites give to a client (v4:MQTT-6.0.0-4,
// v5:MQTT-6.0.0-4).
#include "transport/upgrade.h"
#include "unit/websocket_peer.h"

#define SIZE(array) (sizeof(array) / sizeof(array)[0])

// --- the server ---

typedef struct request {
    const char *name;
    const char *text;
    const char *status; // of the answer; NULL: none is given
    const char *why;    // NULL: there is a WebSocket
    const char *holds;  // somewhere in the answer; NULL: nothing special
} request;

#define UP  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define K   "Sec-WebSocket-Key: " KEY "\r\n"
#define P   "Sec-WebSocket-Protocol: mqtt\r\n"
#define GET "GET /mqtt HTTP/1.1\r\nHost: a\r\n"

static const request requests[] = {
    {"the usual one", ASK, "101", NULL,
     "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"},
    {"many words",
     GET "upgrade:  h2c ,WebSocket\t\r\nCONNECTION: keep-alive, UPGRADE\r\n" V13 K
         "Sec-WebSocket-Protocol: x, mqttv3.1\r\nSec-WebSocket-Protocol: mqtt\r\n"
         "Sec-WebSocket-Extensions: permessage-deflate\r\nCookie: \xc3\xa9\r\nEmpty:\r\n\r\n",
     "101", NULL, "Sec-WebSocket-Protocol: mqtt\r\n"},
    {"the old protocol", GET UP V13 K "Sec-WebSocket-Protocol: mqttv3.1\r\n\r\n", "101", NULL,
     "Sec-WebSocket-Protocol: mqttv3.1\r\n"},
    {"no protocol", GET UP V13 K "\r\n", "101", NULL, "Accept: " ACCEPT "\r\n\r\n"},
    {"another protocol", GET UP V13 K "Sec-WebSocket-Protocol: chat\r\n\r\n", "400",
     "does not offer the subprotocol", NULL},
    {"protocols are told apart by case", GET UP V13 K "Sec-WebSocket-Protocol: MQTT\r\n\r\n", "400",
     "does not offer the subprotocol", NULL},
    {"a page", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "426", "plain HTTP request (GET)",
     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\n<!doctype html>"},
    {"a page, 1.0", "GET / HTTP/1.0\r\n\r\n", "426", "plain HTTP request", "Connection: close\r\n"},
    {"another upgrade", GET "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "426", "plain HTTP", NULL},
    {"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "426", "(HEAD)", NULL},
    {"POST", "POST /mqtt HTTP/1.1\r\nHost: a\r\n\r\n", "405", "other than GET", "Allow: GET, HEAD\r\n"},
    {"POST that upgrades", "POST /mqtt HTTP/1.1\r\nHost: a\r\n" UP V13 K P "\r\n", "405", "other than GET",
     NULL},
    {"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "405", "other than GET", NULL},
    {"HTTP/1.0 that upgrades", "GET /mqtt HTTP/1.0\r\nHost: a\r\n" UP V13 K P "\r\n", "400", "HTTP/1.0",
     NULL},
    {"no Host", "GET /mqtt HTTP/1.1\r\n" UP V13 K P "\r\n", "400", "is wrong", NULL},
    {"two Hosts", GET "Host: b\r\n" UP V13 K P "\r\n", "400", "is wrong", NULL},
    {"a body", GET UP V13 K P "Content-Length: 5\r\n\r\n", "400", "has a body", NULL},
    {"a body of two lengths", GET UP V13 K P "Content-Length: 0\r\nContent-Length: 5\r\n\r\n", "400",
     "has a body", NULL},
    {"a body in chunks", GET UP V13 K P "Transfer-Encoding: chunked\r\n\r\n", "400", "has a body", NULL},
    {"an empty body", GET UP V13 K P "Content-Length: 0\r\n\r\n", "101", NULL,
     "Sec-WebSocket-Protocol: mqtt\r\n"},
    {"no Connection", GET "Upgrade: websocket\r\n" V13 K P "\r\n", "400", "is wrong", NULL},
    {"no key", GET UP V13 P "\r\n", "400", "is wrong", NULL},
    {"two keys", GET UP V13 K K P "\r\n", "400", "is wrong", NULL},
    {"a short key", GET UP V13 "Sec-WebSocket-Key: dGhl\r\n" P "\r\n", "400", "is wrong", NULL},
    {"no base64", GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBs!SBub25jZQ==\r\n" P "\r\n", "400", "is wrong",
     NULL},
    {"one byte too many", GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n" P "\r\n", "400",
     "is wrong", NULL},
    {"padding inside", GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j====\r\n" P "\r\n", "400",
     "is wrong", NULL},
    {"an old version", GET UP "Sec-WebSocket-Version: 8\r\n" K P "\r\n", "426", "another version",
     "Sec-WebSocket-Version: 13\r\n"},
    {"no version", GET UP K P "\r\n", "426", "another version", NULL},
    {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "not sound HTTP", NULL},
    {"no version of HTTP", "GET /\r\n\r\n", "400", "not sound HTTP", NULL},
    {"no target", "GET  HTTP/1.1\r\n\r\n", "400", "not sound HTTP", NULL},
    {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", "400", "not sound HTTP", NULL},
    {"a bare return", "GET / HTTP/1.1\rHost: a\r\n\r\n", "400", "not sound HTTP", NULL},
    {"a folded line", GET "A: b\r\n c\r\n\r\n", "400", "not sound HTTP", NULL},
    {"a blank before the colon", GET "A : b\r\n\r\n", "400", "not sound HTTP", NULL},
    {"no colon", GET "A\r\n\r\n", "400", "not sound HTTP", NULL},
    {"no name", GET ": b\r\n\r\n", "400", "not sound HTTP", NULL},
    {"a control character", GET "A: b\x01\r\n\r\n", "400", "not sound HTTP", NULL},
    {"MQTT", "\x10\x0d", NULL, "plain MQTT on a port for WebSocket", NULL},
    {"TLS", "\x16\x03\x01", NULL, "TLS on a port for WebSocket", NULL},
    {"something else", "\x01", NULL, "no HTTP", NULL},
    {"something else again", "hello\r\n", NULL, "no HTTP", NULL},
    {"SSH", "SSH-2.0-x\r\n\r\n", NULL, "no HTTP", NULL},
};

// Whether the answer is a whole one: its length is that of its body, and it says that the connection ends.
static void check_answer(const bytes *said, const char *name, bool head)
{
    char text[sizeof said->data + 1];
    memcpy(text, said->data, said->len);
    text[said->len] = '\0';
    const char *body = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    if (!body || !length || !strstr(text, "Connection: close\r\n"))
        fail_msg("%s: answer '%s'", name, text);
    if (head)
        assert_int_equal(strlen(body + 4), 0);
    else
        assert_int_equal(strtoul(length + 16, NULL, 10), strlen(body + 4));
    assert_true(strtoul(length + 16, NULL, 10) > 0);
}

static void try_request(const request *one, const mqw_websocket_options *options, size_t first)
{
    peer self;
    bytes in = {.len = 0};
    assert_true(peer_make(&self, MQW_SERVER, options));
    put_text(&in, one->text);
    if (!one->why)
        put_frame(&in, 0x82, "behind", 6, true); // what comes in the same bytes is not lost
    feed_cut(&self, &in, first);
    if ((self.result < 0) != (one->why != NULL))
        fail_msg("%s: result %d, '%s'", one->name, self.result, mqw__layers_why(self.stack));
    assert_int_equal(mqw__layers_ready(self.stack), !one->why);
    if (!one->why) {
        assert_int_equal(self.heard.len, 6);
        assert_memory_equal(self.heard.data, "behind", 6);
    } else {
        assert_int_equal(self.result, MQW_E_STREAM);
        if (!strstr(mqw__layers_why(self.stack), one->why))
            fail_msg("%s: says '%s'", one->name, mqw__layers_why(self.stack));
    }
    if (!one->status) {
        assert_int_equal(self.said.len, 0);
    } else {
        char start[32];
        snprintf(start, sizeof start, "HTTP/1.1 %s ", one->status);
        if (self.said.len < strlen(start) || memcmp(self.said.data, start, strlen(start)) != 0)
            fail_msg("%s: answers '%.*s'", one->name, (int)self.said.len, (char *)self.said.data);
        if (one->why)
            check_answer(&self.said, one->name, strncmp(one->text, "HEAD", 4) == 0);
    }
    put(&self.said, "", 1);
    if (one->holds && !strstr((char *)self.said.data, one->holds))
        fail_msg("%s: answers '%s'", one->name, (char *)self.said.data);
    peer_free(&self);
}

static void test_requests_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE(requests); i++) {
        try_request(&requests[i], NULL, SIZE_MAX);
        for (size_t first = 0; first <= strlen(requests[i].text); first++)
            try_request(&requests[i], NULL, first);
    }
}

static void test_paths_and_origins(void **state)
{
    (void)state;
    static const mqw_websocket_options options = {.size = sizeof options,
                                                  .path = "/mqtt",
                                                  .origins = "https://a.example, http://b.example:8080",
                                                  .protocols = "mqtt",
                                                  .page = "<h1>hello</h1>"};
#define REST UP V13 K P "\r\n"
    static const request special[] = {
        {"path", ASK, "101", NULL, NULL},
        {"query", "GET /mqtt?x=y HTTP/1.1\r\nHost: a\r\n" REST, "101", NULL, NULL},
        {"longer path", "GET /mqtt/ HTTP/1.1\r\nHost: a\r\n" REST, "404", "path /mqtt/, which", NULL},
        {"shorter path", "GET /mqt HTTP/1.1\r\nHost: a\r\n" REST, "404", "path /mqt, which", NULL},
        {"bad path", "GET /\xff\x80? HTTP/1.1\r\nHost: a\r\n" REST, "404", "path /???, which", NULL},
        {"one origin", GET "Origin: https://a.example\r\n" REST, "101", NULL, NULL},
        {"the other one", GET "Origin: http://b.example:8080\r\n" REST, "101", NULL, NULL},
        {"another origin", GET "Origin: http://b.example\r\n" REST, "403", "http://b.example, an origin",
         NULL},
        {"null", GET "Origin: null\r\n" REST, "403", "a page of null", NULL},
        {"two origins", GET "Origin: https://a.example\r\nOrigin: x\r\n" REST, "403", "origin", NULL},
        {"both at once", GET "Origin: https://a.example, http://b.example:8080\r\n" REST, "403", "origin",
         NULL},
        {"no protocol", GET UP V13 K "\r\n", "400", "subprotocol mqtt", NULL},
        {"page", "GET /any HTTP/1.1\r\nHost: a\r\n\r\n", "200", "plain HTTP", "\r\n\r\n<h1>hello</h1>"},
        {"page, head", "HEAD /any HTTP/1.1\r\nHost: a\r\n\r\n", "200", "plain HTTP",
         "Content-Length: 14\r\n"},
    };
    for (size_t i = 0; i < SIZE(special); i++) {
        try_request(&special[i], &options, SIZE_MAX);
        for (size_t first = 0; first <= strlen(special[i].text); first += 7)
            try_request(&special[i], &options, first);
    }
}

static void test_too_long_requests(void **state)
{
    (void)state;
    for (uint32_t max = 0; max <= 1000; max += 1000) {
        const mqw_websocket_options options = {.size = sizeof options, .max_handshake = max};
        size_t most = max ? max : 8192;
        for (size_t len = most - 1; len <= most + 1; len++) {
            static char text[10000];
            const char *head = GET "A: ";
            memset(text, 'x', sizeof text);
            memcpy(text, head, strlen(head));
            memcpy(text + len - 4, "\r\n\r\n", 5);
            const request one = {"long", text, len <= most ? "426" : "431",
                                 len <= most ? "plain" : "longer than", NULL};
            try_request(&one, &options, SIZE_MAX);
            try_request(&one, &options, len);
            try_request(&one, &options, len / 2);
        }
    }
}

// Memory grows with what has come, not with what is allowed.
static void test_one_byte_reserves_little(void **state)
{
    (void)state;
    peer self;
    const mqw_websocket_options options = {.size = sizeof options, .max_handshake = UINT32_MAX};
    assert_true(peer_make(&self, MQW_SERVER, &options));
    largest = 0;
    feed(&self, (const uint8_t *)"G", 1);
    assert_int_equal(self.result, 0);
    assert_true(largest > 0 && largest <= 1024);
    assert_int_equal(mqw__layers_end(self.stack), MQW_E_STREAM);
    assert_string_equal(mqw__layers_why(self.stack), "peer ended within the WebSocket handshake");
    peer_free(&self);
}

// --- the client ---

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define AGREE  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\n"

typedef struct reply {
    const char *text; // @: the right value of Sec-WebSocket-Accept
    const char *why;  // NULL: there is a WebSocket
} reply;

static const reply replies[] = {
    {SWITCH AGREE "Sec-WebSocket-Protocol: mqtt\r\n\r\n", NULL},
    {"HTTP/1.1 101 \r\nX: y\r\nconnection: x, upgrade\r\nUPGRADE: WebSocket\r\nsec-websocket-protocol:mqtt\r\n"
     "Sec-WebSocket-Accept:@\r\n\r\n",
     NULL},
    {SWITCH AGREE "\r\n", "does not agree to the subprotocol mqtt"},
    {SWITCH AGREE "Sec-WebSocket-Protocol: mqttv3.1\r\n\r\n", "does not agree to the subprotocol mqtt"},
    {SWITCH AGREE "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", "does not agree"},
    {SWITCH AGREE "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
     "extension that nobody has asked for"},
    {SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
            "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
     "does not go with our key"},
    {SWITCH "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
     "does not go with our key"},
    {SWITCH "Connection: Upgrade\r\nSec-WebSocket-Accept: @\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
     "not a WebSocket"},
    {SWITCH "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @\r\n\r\n", "not a WebSocket"},
    {SWITCH "Upgrade: websocket\r\nSec-WebSocket-Accept: @\r\n\r\n", "not a WebSocket"},
    {"HTTP/1.1 200 OK\r\n\r\n<html>", "server refuses the WebSocket: 200 OK"},
    {"HTTP/1.1 401 Unauthorized\r\n\r\n", "401 Unauthorized; it wants a login"},
    {"HTTP/1.1 403 \r\n\r\n", "403 ; it does not want this client"},
    {"HTTP/1.0 404 Not Found\r\n\r\n", "404 Not Found; the path of the address may be wrong"},
    {"HTTP/1.1 426 Upgrade Required\r\n\r\n", "426 Upgrade Required; it speaks another version"},
    {"HTTP/1.1 500 \x1b[31mred\r\n\r\n", "not sound HTTP"},
    {"HTTP/1.1 503 ca\xff f\xc3\xa9\r\n\r\n", "503 ca? f??"},
    {"HTTP/1.1 302 Found\r\nLocation: wss://other.example/mqtt\r\n\r\n",
     "302 Found; it points to wss://other.example/mqtt"},
    {"HTTP/1.1 301 Moved\r\n\r\n", "server refuses the WebSocket: 301 Moved"},
    {"HTTP/1.1 99 x\r\n\r\n", "not sound HTTP"},
    {"HTTP/1.1 1010 x\r\n\r\n", "not sound HTTP"},
    {"HTTP/1.1\r\n\r\n", "not sound HTTP"},
    {"HTTP/2 101 x\r\n\r\n", "does not speak HTTP"},
    {"\x20\x02\x00\x01", "perhaps it is one for plain MQTT"},
    {"\x15\x03\x01", "speaks TLS on this port; use wss://"},
    {"SSH-2.0-OpenSSH\r\n", "does not speak HTTP"},
};

// The text with @ resolved.
static void put_reply(bytes *out, const char *text, const bytes *said)
{
    bytes agreement = {.len = 0};
    put_agreement(&agreement, said);
    put(&agreement, "", 1);
    const char *accept = strstr((char *)agreement.data, "Accept: ") + strlen("Accept: ");
    for (; *text; text++) {
        if (*text == '@')
            put(out, accept, MQW__WS_ACCEPT);
        else
            put(out, text, 1);
    }
}

static size_t try_reply(const reply *one, size_t first)
{
    peer self;
    bytes in = {.len = 0};
    assert_true(peer_make(&self, MQW_CLIENT, NULL));
    put_reply(&in, one->text, &self.said);
    if (!one->why)
        put_frame(&in, 0x82, "behind", 6, false);
    feed_cut(&self, &in, first);
    const char *why = mqw__layers_why(self.stack);
    if (one->why && (self.result != MQW_E_STREAM || !strstr(why, one->why)))
        fail_msg("'%s': %d, says '%s'", one->text, self.result, why ? why : "");
    if (!one->why) {
        assert_int_equal(self.result, 0);
        assert_int_equal(self.heard.len, 6);
    }
    peer_free(&self);
    return in.len;
}

static void test_replies_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE(replies); i++) {
        size_t len = try_reply(&replies[i], SIZE_MAX);
        for (size_t first = 0; first <= len; first++)
            try_reply(&replies[i], first);
    }
}

static void test_reply_that_never_ends(void **state)
{
    (void)state;
    peer self;
    assert_true(peer_make(&self, MQW_CLIENT, NULL));
    feed(&self, (const uint8_t *)"HTTP/1.1 200 OK\r\nA: ", 20);
    static uint8_t blanks[9000];
    memset(blanks, ' ', sizeof blanks);
    feed(&self, blanks, sizeof blanks);
    assert_int_equal(self.result, MQW_E_STREAM);
    assert_string_equal(mqw__layers_why(self.stack), "server's answer is longer than 8192 bytes");
    peer_free(&self);
    assert_true(peer_make(&self, MQW_CLIENT, NULL));
    assert_int_equal(mqw__layers_end(self.stack), MQW_E_STREAM);
    assert_string_equal(
        mqw__layers_why(self.stack),
        "server ended before it had answered the WebSocket handshake; perhaps its port is for "
        "plain MQTT");
    peer_free(&self);
}

// The client has mqtt among its subprotocols (v4:MQTT-6.0.0-3, v5:MQTT-6.0.0-3), and its request is what was
// asked for.
static void test_what_a_client_asks(void **state)
{
    (void)state;
    peer self;
    const mqw_websocket_options options = {.size = sizeof options,
                                           .path = "/a/b?c",
                                           .protocols = "mqtt, mqttv3.1",
                                           .headers = "Authorization: Basic eDp5\n\nX-More:\twith blanks \n",
                                           .origin = "https://page.example"};
    assert_true(peer_make(&self, MQW_CLIENT, &options));
    put(&self.said, "", 1);
    const char *said = (char *)self.said.data;
    static const char *const parts[] = {"GET /a/b?c HTTP/1.1\r\nHost: host.example:8080\r\n",
                                        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
                                        "\r\nSec-WebSocket-Version: 13\r\n",
                                        "\r\nSec-WebSocket-Protocol: mqtt, mqttv3.1\r\n",
                                        "\r\nOrigin: https://page.example\r\n",
                                        "\r\nAuthorization: Basic eDp5\r\nX-More:\twith blanks \r\n\r\n"};
    for (size_t i = 0; i < SIZE(parts); i++)
        if (!strstr(said, parts[i]))
            fail_msg("asks '%s'", said);
    peer_free(&self);
    assert_true(peer_make(&self, MQW_CLIENT, NULL));
    put(&self.said, "", 1);
    assert_memory_equal(self.said.data, "GET /mqtt HTTP/1.1\r\n", 20);
    assert_non_null(strstr((char *)self.said.data, "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"));
    peer_free(&self);
}

// --- options ---

static void test_options_that_could_end_a_line(void **state)
{
    (void)state;
    static const mqw_websocket_options wrong[] = {
        {.path = "mqtt"},
        {.path = ""},
        {.path = "/a b"},
        {.path = "/a\r\nX: y"},
        {.path = "/a#b"},
        {.path = "/\xc3\xa9"},
        {.protocols = ""},
        {.protocols = ", ,"},
        {.protocols = "mq tt"},
        {.protocols = "mqtt\r\nX: y"},
        {.protocols = "mqtt,\n"},
        {.headers = "no colon"},
        {.headers = ": no name"},
        {.headers = "A: b\r\nC: d"},
        {.headers = "A: b\rC: d"},
        {.headers = "A: b\x7f"},
        {.headers = "A b: c"},
        {.headers = "A : c"},
        {.headers = " A: c"},
        {.headers = "A: b\nHost: other"},
        {.headers = "sec-websocket-key: x"},
        {.headers = "Sec-WebSocket-Extensions: x"},
        {.headers = "Content-Length: 5"},
        {.headers = "Transfer-Encoding: chunked"},
        {.headers = "Connection: close"},
        {.origin = ""},
        {.origin = "a\r\nX: y"},
        {.origin = "a b"},
        {.origins = "a\nb"},
    };
    for (size_t i = 0; i < SIZE(wrong); i++) {
        mqw__terms *terms = NULL;
        mqw_websocket_options options = wrong[i];
        options.size = sizeof options;
        for (int role = MQW_CLIENT; role <= MQW_SERVER; role++)
            if (mqw__terms_new(&terms, (mqw_role)role, &options, "", "h") != MQW_E_MISUSE)
                fail_msg("options %zu are accepted", i);
        assert_null(terms);
    }
    mqw__terms *terms = NULL;
    assert_int_equal(mqw__terms_new(&terms, MQW_CLIENT, NULL, "", "h\r\nX: y"), MQW_E_MISUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_at_every_split), cmocka_unit_test(test_paths_and_origins),
        cmocka_unit_test(test_too_long_requests),       cmocka_unit_test(test_one_byte_reserves_little),
        cmocka_unit_test(test_replies_at_every_split),  cmocka_unit_test(test_reply_that_never_ends),
        cmocka_unit_test(test_what_a_client_asks),      cmocka_unit_test(test_options_that_could_end_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// WebSocket: a server for pages of one site, a client that comes through HTTP, a browser that comes without
// MQTT; and ways through proxies.
#include <mqwire/client.h>

#include "host.h"

// --- server ---

// Pages of our own site only; programs, which say no Origin, are welcome, too.
static int listen_for_pages(mqw_server **server, uv_loop_t *loop, const mqw_conn_options *conn)
{
    mqw_websocket_options websocket = {.origins = "https://example.org,http://localhost:8000"};
    websocket.page = "<h1>Our broker</h1><p>Speak MQTT here.</p>"; // for who comes with a browser
    websocket.ping_interval = 30000; // some proxies close what is silent for a minute
    mqw_open_options options = {.websocket = &websocket, .conn = conn};
    return mqw_server_listen(server, loop, "ws://127.0.0.1:0/mqtt", &options, NULL, NULL);
}

// --- client ---

typedef struct visit {
    char words[256];
    char protocol[32];
} visit;

static void on_open(mqw_client *client, const mqw_connack *connack, void *ctx)
{
    mqw_stream_facts facts = {.size = sizeof facts};
    (void)connack;
    mqw_stream_facts_of(mqw_conn_stream(mqw_client_conn(client)), &facts);
    snprintf(((visit *)ctx)->protocol, 32, "%s", facts.ws_protocol);
    mqw_client_close(client, NULL);
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *ctx)
{
    (void)client;
    snprintf(((visit *)ctx)->words, 256, "%s", failure->words);
}

// What a gateway wants to see of us goes into headers.
static int visit_page(uv_loop_t *loop, const char *address, const char *origin, visit *self)
{
    mqw_client *client;
    mqw_websocket_options websocket = {.headers = "Authorization: Bearer 7-up\nX-Tenant: kitchen"};
    websocket.origin = origin;
    mqw_open_options open = {.websocket = &websocket};
    mqw_client_options options = {.address = address, .open = &open, .max_attempts = 1, .ctx = self};
    options.handlers = (mqw_client_handlers){.on_open = on_open, .on_lost = on_lost};
    return mqw_client_open(&client, loop, &options);
}

// --- proxies ---

// All TCP of this client goes through the proxy, which also looks up the name.
static int open_through_proxy(uv_loop_t *loop, const char *proxy, visit *self)
{
    mqw_client *client;
    mqw_open_options open = {.proxy = proxy}; // "http://user:password@10.0.0.1:3128", "socks5://localhost"
    mqw_client_options options = {.address = "mqtts://broker.example", .open = &open, .max_attempts = 1};
    options.handlers = (mqw_client_handlers){.on_open = on_open, .on_lost = on_lost};
    options.ctx = self;
    return mqw_client_open(&client, loop, &options);
}

// --- all of it ---

// A browser that somebody has pointed at this port.
static void on_answer(uv_stream_t *stream, ssize_t len, const uv_buf_t *room)
{
    char *page = stream->data;
    size_t had = strlen(page);
    if (len > 0 && had + (size_t)len < 1000)
        memcpy(page + had, room->base, (size_t)len);
    if (len < 0)
        uv_close((uv_handle_t *)stream, NULL);
}

static void make_room(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
    static char room[1000];
    (void)handle, (void)size;
    *out = uv_buf_init(room, sizeof room);
}

static void browse(uv_connect_t *request, int status)
{
    static char get[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    uv_buf_t buffer = uv_buf_init(get, sizeof get - 1);
    CHECK(status == 0 && uv_try_write(request->handle, &buffer, 1) == (int)buffer.len);
    CHECK(uv_read_start(request->handle, make_room, on_answer) == 0);
}

static void look_with_a_browser(uv_loop_t *loop, int port)
{
    uv_tcp_t tcp;
    uv_connect_t request;
    struct sockaddr_in at;
    char page[1000] = "";
    tcp.data = page;
    CHECK(uv_ip4_addr("127.0.0.1", port, &at) == 0 && uv_tcp_init(loop, &tcp) == 0);
    CHECK(uv_tcp_connect(&request, &tcp, (const struct sockaddr *)&at, browse) == 0);
    while (!uv_is_closing((uv_handle_t *)&tcp))
        uv_run(loop, UV_RUN_ONCE);
    uv_run(loop, UV_RUN_NOWAIT);
    CHECK(strstr(page, "Our broker"));
}

static visit come(uv_loop_t *loop, const char *address, const char *origin)
{
    visit self = {.words = ""};
    CHECK(visit_page(loop, address, origin, &self) == 0);
    while (!self.words[0] && !self.protocol[0])
        uv_run(loop, UV_RUN_ONCE);
    return self;
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    host self = {.echoes = false};
    char address[200];
    const mqw_handlers handlers = {.packet = host_packet, .close = host_gone};
    mqw_conn_options conn = {.answers = MQW_ANSWER_PINGRESP, .handlers = &handlers, .handlers_ctx = &self};
    CHECK(listen_for_pages(&self.server, loop, &conn) == 0);
    CHECK(mqw_server_address(self.server, 0, self.address, sizeof self.address) == 0);
    int port = atoi(strrchr(self.address, ':') + 1);
    snprintf(address, sizeof address, "ws://127.0.0.1:%d/mqtt", port);
    CHECK(strcmp(come(loop, address, NULL).protocol, "mqtt") == 0);
    CHECK(strcmp(come(loop, address, "https://example.org").protocol, "mqtt") == 0);
    CHECK(strstr(come(loop, address, "https://evil.example").words, "403"));
    snprintf(address, sizeof address, "ws://127.0.0.1:%d/elsewhere", port);
    CHECK(strstr(come(loop, address, NULL).words, "404"));
    look_with_a_browser(loop, port);
    visit nowhere = {.words = ""};
    CHECK(open_through_proxy(loop, "socks5://127.0.0.1:1", &nowhere) == 0);
    host_stop(&self);
    run_to_the_end(loop);
    printf("%s\n", nowhere.words);
    CHECK(nowhere.words[0]);
    return 0;
}

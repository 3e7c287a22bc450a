// SPDX-License-Identifier: MIT
// Unix sockets: connections, and the rules of the path.
#include <errno.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "live/live.h"

typedef struct spot {
    char dir[64];
    char path[96];
    char address[128];
} spot;

static void place_make(spot *place)
{
    strcpy(place->dir, "/tmp/mqwire-test-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof place->path, "%s/socket", place->dir);
    snprintf(place->address, sizeof place->address, "unix:%s", place->path);
}

static void place_remove(spot *place)
{
    unlink(place->path);
    assert_int_equal(rmdir(place->dir), 0);
}

static bool exists(const spot *place)
{
    struct stat there;
    return lstat(place->path, &there) == 0;
}

static void leave(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "connack") == 0)
        assert_int_equal(mqw_conn_disconnect(end->conn, NULL), 0);
}

static void test_converse(void **state)
{
    (void)state;
    spot place;
    testbed live;
    hosting host;
    side client = {.act = leave};
    side peer = {.quiet = false};
    mqw_stream_facts facts = {.size = sizeof facts};
    place_make(&place);
    live_start(&live);
    host_listen(&host, &live, place.address, NULL, &peer, 1);
    assert_string_equal(host.address, place.address);
    end_open(&client, &live, place.address, NULL);
    live_until(&live, client.connected && peer.connected);
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(client.conn), &facts), 0);
    assert_string_equal(facts.peer, place.address);
    assert_int_equal(mqw_stream_nodelay(mqw_conn_stream(client.conn), true), MQW_E_REFUSED);
    assert_int_equal(mqw_stream_keepalive(mqw_conn_stream(client.conn), 10), MQW_E_REFUSED);
    send_connect(&client, "c");
    live_until(&live, client.closes && peer.closes);
    assert_string_equal(client.log, "connected connack close ");
    assert_true(exists(&place));
    host_close(&host, false);
    live_end(&live);
    assert_false(exists(&place));
    place_remove(&place);
}

static void fails_to_connect(const char *address, const char *words)
{
    testbed live;
    side client = {.quiet = true};
    live_start(&live);
    end_open(&client, &live, address, NULL);
    live_end(&live);
    assert_string_equal(client.log, "error close ");
    assert_string_equal(client.words, words);
}

static void test_nobody_there(void **state)
{
    (void)state;
    spot place;
    place_make(&place);
    fails_to_connect(place.address, "no such file or directory");
    place_remove(&place);
}

static void test_permissions(void **state)
{
    (void)state;
    static const uint32_t modes[] = {0, 0666, 0640};
    spot place;
    place_make(&place);
    for (size_t i = 0; i < 3; i++) {
        testbed live;
        hosting host;
        struct stat there;
        const mqw_open_options options = {.size = sizeof options, .unix_mode = modes[i]};
        live_start(&live);
        host_listen(&host, &live, place.address, &options, NULL, 0);
        assert_int_equal(lstat(place.path, &there), 0);
        assert_int_equal(there.st_mode & 0777, modes[i] ? modes[i] : 0600);
        host_close(&host, false);
        live_end(&live);
    }
    place_remove(&place);
}

// A path on which nobody listens is replaced, one on which somebody does is not, and no file is ever removed.
static void test_path_in_use(void **state)
{
    (void)state;
    spot place;
    testbed live;
    hosting host;
    mqw_server *other = NULL;
    const mqw_open_options keep = {.size = sizeof keep, .keep_path = true};
    place_make(&place);
    live_start(&live);
    host_listen(&host, &live, place.address, &keep, NULL, 0);
    assert_int_equal(mqw_server_listen(&other, &live.loop, place.address, NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(errno, EADDRINUSE);
    assert_null(other);
    assert_true(exists(&place));
    host_close(&host, false);
    live_end(&live);
    assert_true(exists(&place));
    // Now it is stale.
    fails_to_connect(place.address, "connection refused");
    live_start(&live);
    host_listen(&host, &live, place.address, NULL, NULL, 0);
    host_close(&host, false);
    live_end(&live);
    assert_false(exists(&place));
    // A file.
    int fd = open(place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    live_start(&live);
    assert_int_equal(mqw_server_listen(&other, &live.loop, place.address, NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(errno, EADDRINUSE);
    live_end(&live);
    assert_true(exists(&place));
    place_remove(&place);
}

// A path that somebody else has taken meanwhile is not ours to remove.
static void test_path_was_replaced(void **state)
{
    (void)state;
    spot place;
    testbed live;
    hosting host;
    place_make(&place);
    live_start(&live);
    host_listen(&host, &live, place.address, NULL, NULL, 0);
    assert_int_equal(unlink(place.path), 0);
    int fd = open(place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    host_close(&host, false);
    live_end(&live);
    assert_true(exists(&place));
    place_remove(&place);
}

static void test_no_such_directory(void **state)
{
    (void)state;
    testbed live;
    mqw_server *server = NULL;
    live_start(&live);
    assert_int_equal(mqw_server_listen(&server, &live.loop, "unix:/no/such/dir/socket", NULL, NULL, NULL),
                     MQW_E_STREAM);
    assert_int_equal(errno, ENOENT);
    live_end(&live);
}

// A backlog that is full makes connecting wait, not fail.
static void test_full_backlog(void **state)
{
    (void)state;
    enum { CLIENTS = 6 };
    spot place;
    testbed live;
    hosting host;
    side clients[CLIENTS];
    side peers[CLIENTS];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    place_make(&place);
    strcpy(name.sun_path, place.path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 1), 0);
    live_start(&live);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (side){.act = leave};
        peers[i] = (side){.quiet = false};
        end_open(&clients[i], &live, place.address, NULL);
        send_connect(&clients[i], "c");
    }
    uint64_t start = uv_now(&live.loop);
    live_until(&live, uv_now(&live.loop) - start > 50);
    int connected = 0;
    for (int i = 0; i < CLIENTS; i++)
        connected += clients[i].connected;
    assert_true(connected < CLIENTS);
    char adopted[32];
    snprintf(adopted, sizeof adopted, "fd:%d", fd);
    host_listen(&host, &live, adopted, NULL, peers, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        live_until(&live, clients[i].closes);
    for (int i = 0; i < CLIENTS; i++)
        assert_string_equal(clients[i].log, "connected connack close ");
    host_close(&host, true);
    live.descriptors--; // the adopted one is closed with the server
    live_end(&live);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converse),          cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_permissions),       cmocka_unit_test(test_path_in_use),
        cmocka_unit_test(test_path_was_replaced), cmocka_unit_test(test_no_such_directory),
        cmocka_unit_test(test_full_backlog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
// Streams over any descriptor: pipe pairs, named pipes, a pseudo terminal as a serial line, files, a child's
// standard input and output.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "live/live.h"

static void echo(side *end, const char *event, const mqw_packet *packet)
{
    if (strcmp(event, "publish") == 0)
        assert_int_equal(mqw_conn_send(end->conn, packet), 0);
}

static void leave_at_echo(side *end, const char *event, const mqw_packet *packet)
{
    (void)packet;
    if (strcmp(event, "publish") == 0)
        assert_int_equal(mqw_conn_disconnect(end->conn, NULL), 0);
}

static void pipe_side(side *end, testbed *live, mqw_role role, int in, int out)
{
    mqw_stream *stream = NULL;
    assert_int_equal(mqw_stream_descriptor(&stream, &live->loop, in, out), 0);
    end->conn = mqw_conn_new(role, NULL);
    assert_non_null(end->conn);
    assert_int_equal(mqw_conn_pipe(end->conn, stream, NULL, &end_handlers, end), 0);
}

static void converse(testbed *live, side *client, side *peer)
{
    static uint8_t payload[300000];
    client->act = leave_at_echo;
    peer->act = echo;
    send_connect(client, "c");
    send_publish(client, payload, sizeof payload);
    live_until(live, client->closes && peer->closes);
    assert_string_equal(client->log, "connected connack drain publish close ");
    assert_int_equal(client->payload, sizeof payload);
    assert_int_equal(client->errors + peer->errors, 0);
}

static void test_pipe_pair(void **state)
{
    (void)state;
    testbed live;
    side client = {.quiet = false};
    side peer = {.quiet = false};
    int there[2];
    int back[2];
    mqw_stream_facts facts = {.size = sizeof facts};
    char expected[32];
    live_start(&live);
    assert_int_equal(pipe2(there, O_CLOEXEC), 0);
    assert_int_equal(pipe2(back, O_CLOEXEC), 0);
    pipe_side(&client, &live, MQW_CLIENT, back[0], there[1]);
    pipe_side(&peer, &live, MQW_SERVER, there[0], back[1]);
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(client.conn), &facts), 0);
    snprintf(expected, sizeof expected, "fd:%d,%d", back[0], there[1]);
    assert_string_equal(facts.peer, expected);
    assert_int_equal(facts.descriptor, back[0]);
    converse(&live, &client, &peer);
    live_end(&live);
}

static void write_without_a_reader(void)
{
    testbed live;
    side end = {.quiet = true};
    int there[2];
    int back[2];
    live_start(&live);
    assert_int_equal(pipe2(there, O_CLOEXEC), 0);
    assert_int_equal(pipe2(back, O_CLOEXEC), 0);
    pipe_side(&end, &live, MQW_CLIENT, back[0], there[1]);
    live_until(&live, end.connected);
    close(there[0]);
    send_connect(&end, "c");
    live_until(&live, end.closes);
    assert_string_equal(end.log, "connected error close ");
    assert_int_equal(end.error.code, MQW_E_STREAM);
    assert_string_equal(end.words, "broken pipe");
    close(back[1]);
    live_end(&live);
}

// The reader of a pipe goes while we write: no signal may reach the program, which has SIGPIPE as it is by
// default.
static void test_pipe_without_a_reader(void **state)
{
    (void)state;
    sigset_t pending;
    sigset_t mask;
    write_without_a_reader();
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGPIPE));
}

// A SIGPIPE that was blocked and pending before is still there afterwards.
static void test_a_pending_signal_stays(void **state)
{
    (void)state;
    sigset_t pipes;
    sigset_t pending;
    int got = 0;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    sigprocmask(SIG_BLOCK, &pipes, NULL);
    raise(SIGPIPE);
    write_without_a_reader();
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGPIPE));
    assert_int_equal(sigwait(&pipes, &got), 0);
    sigprocmask(SIG_UNBLOCK, &pipes, NULL);
}

// The end of a pipe whose writer is gone; what is queued still goes out.
static void test_end_of_a_pipe(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    int there[2];
    int back[2];
    uint8_t room[64];
    live_start(&live);
    assert_int_equal(pipe2(there, O_CLOEXEC), 0);
    assert_int_equal(pipe2(back, O_CLOEXEC), 0);
    pipe_side(&end, &live, MQW_SERVER, there[0], back[1]);
    assert_int_equal(write(there[1], "\x10\x0c\0\4MQTT\4\2\0\0\0\0", 14), 14);
    close(there[1]);
    live_until(&live, end.closes);
    assert_string_equal(end.log, "connected connect close ");
    assert_int_equal(read(back[0], room, sizeof room), 4);
    assert_int_equal(read(back[0], room, sizeof room), 0);
    close(back[0]);
    live_end(&live);
}

// --- named pipes ---

typedef struct fifos {
    char dir[64];
    char there[96];
    char back[96];
    char client[256];
} fifos;

static void pipes_make(fifos *pipes)
{
    strcpy(pipes->dir, "/tmp/mqwire-test-XXXXXX");
    assert_non_null(mkdtemp(pipes->dir));
    snprintf(pipes->there, sizeof pipes->there, "%s/there", pipes->dir);
    snprintf(pipes->back, sizeof pipes->back, "%s/back", pipes->dir);
    assert_int_equal(mkfifo(pipes->there, 0600), 0);
    assert_int_equal(mkfifo(pipes->back, 0600), 0);
    snprintf(pipes->client, sizeof pipes->client, "pipe:%s,%s", pipes->back, pipes->there);
}

static void pipes_remove(fifos *pipes)
{
    unlink(pipes->there);
    unlink(pipes->back);
    assert_int_equal(rmdir(pipes->dir), 0);
}

static void test_named_pipes(void **state)
{
    (void)state;
    fifos pipes;
    testbed live;
    side client = {.quiet = false};
    side peer = {.quiet = false};
    pipes_make(&pipes);
    live_start(&live);
    // The first one waits for somebody at the other ends.
    end_open(&client, &live, pipes.client, NULL);
    uint64_t start = uv_now(&live.loop);
    live_until(&live, uv_now(&live.loop) - start > 30);
    assert_int_equal(client.connected, 0);
    int in = open(pipes.there, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int out = open(pipes.back, O_WRONLY | O_CLOEXEC);
    pipe_side(&peer, &live, MQW_SERVER, in, out);
    converse(&live, &client, &peer);
    live_end(&live);
    pipes_remove(&pipes);
}

static void test_named_pipes_without_a_peer(void **state)
{
    (void)state;
    fifos pipes;
    testbed live;
    side end = {.quiet = true};
    const mqw_open_options options = {.size = sizeof options, .connect_timeout = 50};
    pipes_make(&pipes);
    live_start(&live);
    end_open(&end, &live, pipes.client, &options);
    live_end(&live);
    assert_string_equal(end.log, "error close ");
    assert_string_equal(end.words, "connection timed out");
    pipes_remove(&pipes);
    end = (side){.quiet = true};
    live_start(&live);
    end_open(&end, &live, pipes.client, &options);
    live_end(&live);
    assert_string_equal(end.words, "no such file or directory");
}

// --- a serial line ---

static int open_terminal(char *name, size_t cap)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, name, cap), 0);
    return master;
}

static void test_serial_line(void **state)
{
    (void)state;
    testbed live;
    side client = {.quiet = false};
    side peer = {.quiet = false};
    char name[64];
    char address[96];
    struct termios mode;
    live_start(&live);
    int master = open_terminal(name, sizeof name);
    snprintf(address, sizeof address, "tty:%s,115200", name);
    end_open(&client, &live, address, NULL);
    mqw_stream_facts facts = {.size = sizeof facts};
    live_until(&live, client.connected);
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(client.conn), &facts), 0);
    assert_int_equal(tcgetattr(facts.descriptor, &mode), 0);
    assert_int_equal(cfgetospeed(&mode), B115200);
    assert_int_equal(mode.c_lflag & (ICANON | ECHO), 0);
    pipe_side(&peer, &live, MQW_SERVER, master, master);
    converse(&live, &client, &peer);
    live_end(&live);
}

static void test_no_serial_line(void **state)
{
    (void)state;
    testbed live;
    mqw_conn *conn = NULL;
    live_start(&live);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "tty:/no/such/line", NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "tty:/dev/null", NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(mqw_conn_open(&conn, &live.loop, "tty:/dev/null,12345", NULL, NULL, NULL),
                     MQW_E_ADDRESS);
    live_end(&live);
}

// --- what cannot be watched ---

static void test_files(void **state)
{
    (void)state;
    enum { PINGS = 100000 };
    testbed live;
    side end = {.quiet = false};
    char path[] = "/tmp/mqwire-test-XXXXXX";
    uint8_t image[14 + 2 * PINGS];
    memset(image, 0, sizeof image);
    memcpy(image, "\x10\x0c\0\4MQTT\4\2\0\0\0\0", 14);
    for (int i = 0; i < PINGS; i++)
        image[14 + 2 * i] = 0xc0;
    live_start(&live);
    int in = mkstemp(path);
    assert_int_equal(write(in, image, sizeof image), sizeof image);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    unlink(path);
    strcpy(path, "/tmp/mqwire-test-XXXXXX");
    int out = mkstemp(path);
    int result = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    pipe_side(&end, &live, MQW_SERVER, in, out);
    live_until(&live, end.closes);
    assert_int_equal(end.heard[MQW_PINGREQ], PINGS);
    assert_int_equal(end.errors, 0);
    assert_int_equal(read(result, image, sizeof image), 4);
    assert_memory_equal(image, "\x20\2\0\0", 4);
    close(result);
    live_end(&live);
}

static void test_nothing(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    live_start(&live);
    int in = open("/dev/null", O_RDWR | O_CLOEXEC);
    pipe_side(&end, &live, MQW_SERVER, in, in);
    mqw_conn_send_raw(end.conn, (mqw_bytes){(const uint8_t *)"\xd0\0", 2});
    live_until(&live, end.closes);
    assert_string_equal(end.log, "connected close ");
    live_end(&live);
}

// A file in, a pipe out and the other way round.
static void test_mixed(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = false};
    int there[2];
    live_start(&live);
    assert_int_equal(pipe2(there, O_CLOEXEC), 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pipe_side(&end, &live, MQW_SERVER, there[0], null);
    assert_int_equal(write(there[1], "\x10\x0c\0\4MQTT\4\2\0\0\0\0\xe0\0", 16), 16);
    live_until(&live, end.heard[MQW_DISCONNECT]);
    close(there[1]);
    live_until(&live, end.closes);
    assert_string_equal(end.log, "connected connect disconnect close ");
    live_end(&live);
}

static void test_same_descriptor_twice(void **state)
{
    (void)state;
    testbed live;
    side end = {.quiet = true};
    mqw_stream *stream = NULL;
    live_start(&live);
    int fd = side_on_socket(&end, &live, MQW_CLIENT, NULL, NULL);
    live_until(&live, end.connected);
    mqw_stream_facts facts = {.size = sizeof facts};
    assert_int_equal(mqw_stream_facts_of(mqw_conn_stream(end.conn), &facts), 0);
    mqw_conn *conn = mqw_conn_new(MQW_CLIENT, NULL);
    char address[16];
    snprintf(address, sizeof address, "fd:%d", facts.descriptor);
    mqw_conn *opened = NULL;
    assert_int_equal(mqw_conn_open(&opened, &live.loop, address, NULL, NULL, NULL), MQW_E_STREAM);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(mqw_conn_pipe(conn, mqw_conn_stream(end.conn), NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_conn_pipe(end.conn, NULL, NULL, NULL, NULL), MQW_E_MISUSE);
    assert_int_equal(mqw_stream_descriptor(&stream, &live.loop, 9999, 9999), MQW_E_STREAM);
    assert_int_equal(mqw_stream_descriptor(NULL, &live.loop, 0, 1), MQW_E_MISUSE);
    mqw_conn_free(conn);
    close(fd);
    live_end(&live);
}

// --- a child's standard input and output ---

static void child(void)
{
    testbed live;
    side peer = {.act = echo};
    int before = fcntl(STDIN_FILENO, F_GETFL);
    live_start(&live);
    pipe_side(&peer, &live, MQW_SERVER, STDIN_FILENO, STDOUT_FILENO);
    assert_true(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK);
    live_end(&live);
    // They are still open, and as they were.
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFL), before);
    assert_false(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK);
    _exit(peer.closes == 1 && peer.errors == 0 ? 0 : 1);
}

static void test_stdin_and_stdout_of_a_child(void **state)
{
    (void)state;
    testbed live;
    side client = {.act = leave_at_echo};
    int there[2];
    int back[2];
    int status = 0;
    live_start(&live);
    assert_int_equal(pipe2(there, O_CLOEXEC), 0);
    assert_int_equal(pipe2(back, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(there[0], STDIN_FILENO);
        dup2(back[1], STDOUT_FILENO);
        close(there[0]), close(there[1]), close(back[0]), close(back[1]);
        child();
    }
    close(there[0]);
    close(back[1]);
    pipe_side(&client, &live, MQW_CLIENT, back[0], there[1]);
    send_connect(&client, "c");
    send_publish(&client, "hello", 5);
    live_until(&live, client.closes);
    assert_string_equal(client.log, "connected connack publish close ");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    live_end(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe_pair),
        cmocka_unit_test(test_pipe_without_a_reader),
        cmocka_unit_test(test_a_pending_signal_stays),
        cmocka_unit_test(test_end_of_a_pipe),
        cmocka_unit_test(test_named_pipes),
        cmocka_unit_test(test_named_pipes_without_a_peer),
        cmocka_unit_test(test_serial_line),
        cmocka_unit_test(test_no_serial_line),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_same_descriptor_twice),
        cmocka_unit_test(test_stdin_and_stdout_of_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

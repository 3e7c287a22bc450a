// SPDX-License-Identifier: MIT
// mqw: MQTT at the terminal. A table of subcommands.
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <mqwire/codec.h>
#include <mqwire/spec.h>

#include "call.h"
#include "help.h"
#include "nearest.h"
#include "paint.h"
#include "plain.h"
#include "tool.h"

static const char console_more[] =
    "\naddresses:\n"
    "  mqtt://HOST[:PORT], tcp://HOST[:PORT], HOST[:PORT], unix:/PATH, fd:N\n"
    "  fd:IN,OUT, stdio:, pipe:IN,OUT (named pipes), tty:/DEVICE[,BAUD]\n"
    "  with TLS mqtts://HOST[:PORT], through WebSocket ws://HOST[:PORT][/PATH],\n"
    "  with both wss://HOST[:PORT][/PATH]\n"
    "\nlines:\n"
    "  PUBLISH topic=\"a/b\" payload=\"hi\" qos=1 packet_id=7   a packet to send\n"
    "  C> PUBLISH ... or S> CONNACK ...                     the same, and who says it\n"
    "  .help, .quit, .wait NAME, .hex BYTES ...             commands of the console\n"
    "  # ...                                                a comment\n"
    "In a transcript (--expect) fields that are not named are not compared; a value\n"
    "* is any, $NAME one that is kept; !FIELD is one that must not be there.\n";

static const char client_more[] =
    "\naddresses:\n"
    "  mqtt://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC], mqtts:// with TLS, HOST[:PORT]\n"
    "  ws://HOST[:PORT][/PATH], wss:// with TLS: WebSocket; unix:/PATH\n"
    "Several are tried in turn.\n"
    "\npasswords: --password-file, --ask-password, the variable MQW_PASSWORD, or -P\n"
    "options can also stand in ~/.config/mqw/";

static const char console_codes[] =
    "  0  all went well\n"
    "  1  the answer is no: a malformed packet, a peer that breaks the rules, or that\n"
    "     differs from the transcript\n"
    "  2  the command line, or a line of a script, is not understood or\n"
    "     may not be said\n"
    "  3  no connection, no listener, no such file\n"
    "  4  the stream or the system failed midway\n";

static const char client_codes[] =
    "  0        all went well\n"
    "  1        the command line is not understood, a file cannot be read, or there\n"
    "           is no connection\n"
    "  7        the connection was lost (--no-reconnect)\n"
    "  8        TLS failed: a certificate that is not good, or no TLS at that port\n"
    "  14       the system failed midway\n"
    "  27       the time of -W is over\n"
    "  1 to 5   refused by a server of MQTT 3.1 or 3.1.1: the return code of CONNACK\n"
    "  128 up   refused by the server: the reason code\n";

static const char bench_more[] =
    "\naddresses:\n"
    "  mqtt://HOST[:PORT], HOST[:PORT], mqtts:// with TLS, ws://HOST[:PORT][/PATH],\n"
    "  wss://, unix:/PATH\n";

static const char bench_codes[] = "  0  all messages came, once, in order and whole\n"
                                  "  1  they did not, or the broker has refused some\n"
                                  "  2  the command line is not understood\n"
                                  "  3  no connection\n"
                                  "  4  a connection was lost midway, or it was interrupted\n";

static const char serve_more[] =
    "\naddresses:\n"
    "  mqtt://HOST[:PORT], mqtts:// with TLS, ws://HOST[:PORT][/PATH], wss://,\n"
    "  unix:/PATH, fd:N, systemd:NAME (a socket that was handed over); HOST * is all\n"
    "\nmqw-serve.conf(5) has all keys of the configuration\n";

static const char serve_codes[] = "  0  it was ended by a signal, or nothing is wrong\n"
                                  "  2  the command line, the configuration or a file that it names is not\n"
                                  "     understood\n"
                                  "  3  it cannot listen, or the store cannot be opened\n"
                                  "  4  the system failed, or it was ended by force\n";

static const char passwd_codes[] =
    "  0  it was done\n"
    "  2  the command line is not understood, the passwords differ, or there is no\n"
    "     such user\n"
    "  3  the file cannot be read or written\n"
    "  4  the system failed\n";

static const tool_command commands[] = {
    {COMMAND_PUB, CALL_FAILED, MQW_IN_CONNECT | MQW_IN_PUBLISH | MQW_IN_WILL | MQW_IN_DISCONNECT, false,
     "[ADDRESS...]", "pub", "publish a message, a file, or lines",
     "Publishes a message and ends when the server has answered for it. The options are those of mosquitto_pub, and "
     "more. Lines of standard input (-l) are read as fast as the server takes them.",
     client_more, client_codes, pub_run},
    {COMMAND_SUB, CALL_FAILED,
     MQW_IN_CONNECT | MQW_IN_SUBSCRIBE | MQW_IN_UNSUBSCRIBE | MQW_IN_WILL | MQW_IN_DISCONNECT, false,
     "[ADDRESS...]", "sub", "print the messages of topics",
     "Subscribes, prints what comes, and comes back when the connection is lost. The options are those of "
     "mosquitto_sub, and more. A message is acknowledged when it has been written to standard output.",
     client_more, client_codes, sub_run},
    {COMMAND_SERVE, TOOL_USAGE, 0, false, "[ADDRESS...]", "serve", "be a broker",
     "Is a broker for MQTT 3.1, 3.1.1 and 5.0, until SIGTERM or SIGINT. Without options it listens on this machine only, "
     "keeps everything in memory and lets everybody in. SIGHUP reads users, rules and certificates again.",
     serve_more, serve_codes, serve_run},
    {COMMAND_PASSWD, TOOL_USAGE, 0, false, "FILE USER", "passwd", "set a password of a broker's user",
     "Asks for a password and puts its hash (yescrypt) into a file for mqw serve --passwords, which is made when it is not "
     "there. A broker that runs reads it again at SIGHUP.",
     "", passwd_codes, passwd_run},
    {COMMAND_BENCH, TOOL_USAGE, 0, false, "ADDRESS...", "bench", "put a broker under load, and measure it",
     "Publishes and subscribes as fast as the broker goes, or so many messages a second, verifies each message that "
     "comes (lost, doubled, out of order, changed), and tells how many it were a second, how long they took, and what "
     "they cost the broker.",
     bench_more, bench_codes, bench_run},
    {COMMAND_DECODE, TOOL_USAGE, 0, false, "[FILE]", "decode", "show the packets of a byte stream",
     "Shows the packets of one direction of a byte stream, each with its offset. FILE - or none is standard input. "
     "The version is learned from a CONNECT in the stream. A malformed packet ends it with exit code 1, naming its "
     "offset and the clause of the standard, and showing the bytes that stand there.",
     "", console_codes, decode_run},
    {COMMAND_OPEN, TOOL_USAGE, 0, true, "ADDRESS", "open", "talk to a server, packet by packet",
     "Connects to ADDRESS and sends what lines of standard input or of a script say; shows every packet both ways with "
     "its time and who said it: C> the client, S> the server. No packet is sent by itself unless an option asks for it. "
     "At a terminal lines are edited, Tab completes, and .help lists what else a line may say.",
     console_more, console_codes, open_run},
    {COMMAND_LISTEN, TOOL_USAGE, 0, true, "ADDRESS", "listen", "be a server, packet by packet",
     "Listens on ADDRESS, port 0 for one that the system picks, and shows every packet both ways for each client that "
     "connects, with its time and who said it. Lines of standard input go to the newest client, or to client N when "
     "they begin with #N.",
     console_more, console_codes, listen_run},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

// Where complaints go; NULL: standard error.
static void (*complain_to)(const char *words, void *ctx);
static void *complain_ctx;

void tool_complain_to(void (*to)(const char *words, void *ctx), void *ctx)
{
    complain_to = to;
    complain_ctx = ctx;
}

void tool_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (complain_to) {
        char words[1024];
        vsnprintf(words, sizeof(words), format, arguments);
        complain_to(words, complain_ctx);
    } else {
        bool colours = paint_wanted(PAINT_AUTO, stderr);
        fprintf(stderr, "%smqw:%s ", paint_code(colours, PAINT_BAD), paint_code(colours, PAINT_PLAIN));
        plain_vprint(stderr, format, arguments);
        fputc('\n', stderr);
    }
    va_end(arguments);
}

const char *tool_why(int result)
{
    return result == MQW_E_STREAM ? strerror(errno) : mqw_strerror(result);
}

static void help_all(FILE *out)
{
    fputs("mqw shows and speaks MQTT 3.1, 3.1.1 and 5.0.\n\nusage:\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  mqw %-6s [OPTION...] %-12s  %s\n", commands[i].name, commands[i].argument,
                commands[i].summary);
    fputs("  mqw help   [COMMAND]                 what a command does, its options and exit codes\n"
          "  mqw --version\n",
          out);
}

static void help_command(const tool_command *command)
{
    printf("usage: mqw %s [OPTION...] %s\n\n", command->name, command->argument);
    help_wrap(stdout, command->about, 0, 0);
    putchar('\n');
    help_options(stdout, command);
    fputs(command->more, stdout);
    if (command->more == client_more)
        printf("%s, one per line\n", command->name);
    printf("\nexit codes:\n%s", command->codes);
}

static const tool_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int no_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (nearest_distance(name, commands[i].name) <= 2) {
            tool_complain("unknown command %s; did you mean %s?", name, commands[i].name);
            return TOOL_USAGE;
        }
    tool_complain("unknown command %s; mqw help lists all", name);
    return TOOL_USAGE;
}

static int help_run(const char *name)
{
    const tool_command *command = name ? find_command(name) : NULL;
    if (name && command == NULL)
        return no_command(name);
    if (command)
        help_command(command);
    else
        help_all(stdout);
    return TOOL_OK;
}

// What completion in a shell reads: the subcommands, or the options of one.
static int help_table(const char *name)
{
    const tool_command *command = name ? find_command(name) : NULL;
    if (name && command == NULL)
        return no_command(name);
    if (command)
        help_dump(stdout, command);
    for (size_t i = 0; command == NULL && i < COMMAND_COUNT; i++)
        printf("%s\t%s\n", commands[i].name, commands[i].summary);
    return TOOL_OK;
}

static int help_or_table(int count, char **words)
{
    const char *first = count > 0 ? words[0] : NULL;
    if (first && strcmp(first, "--table") == 0)
        return help_table(count > 1 ? words[1] : NULL);
    return help_run(first);
}

static int run(const tool_command *command, int count, char **words)
{
    tool_settings settings;
    bool help;
    int result = options_parse(command, count, words, &settings, &help);
    if (result == 0)
        result = help ? help_run(command->name) : command->run(&settings);
    options_free(&settings);
    return result;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static int start(int count, char **words)
{
    if (count < 2) {
        help_all(stderr);
        return TOOL_USAGE;
    }
    if (is_one_of(words[1], "help", "--help", "-h"))
        return help_or_table(count - 2, words + 2);
    if (is_one_of(words[1], "version", "--version", "-V")) {
        puts("mqw " MQW_TOOL_VERSION);
        return TOOL_OK;
    }
    const tool_command *command = find_command(words[1]);
    return command ? run(command, count - 2, words + 2) : no_command(words[1]);
}

// Standard descriptors that are closed would become those of sockets: nothing stands in for them, which reads
// as empty, and refuses what is printed.
static void fill_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDONLY);
}

int main(int count, char **words)
{
    fill_descriptors();
    setlocale(LC_CTYPE, "");
    int result = start(count, words);
    if ((fflush(stdout) != 0 || ferror(stdout)) && result == TOOL_OK) {
        tool_complain("standard output cannot be written");
        result = TOOL_BROKEN;
    }
    return result;
}

// SPDX-License-Identifier: MIT
// mqw: MQTT at the terminal, packet by packet. A table of subcommands.
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>

#include <mqwire/codec.h>
#include <mqwire/spec.h>

#include "tool.h"

static const tool_command commands[] = {
    {COMMAND_DECODE, "decode", "[FILE]", false, "show the packets of a byte stream",
     "Shows the packets of one direction of a byte stream, each with its offset. FILE - or none is standard input. "
     "The version is learned from a CONNECT in the stream. A malformed packet ends it with exit code 1, naming its "
     "offset and the clause of the standard, and showing the bytes that stand there.",
     decode_run},
    {COMMAND_OPEN, "open", "ADDRESS", true, "talk to a server, packet by packet",
     "Connects to ADDRESS and sends what lines of standard input or of a script say; shows every packet both ways with "
     "its time and who said it: C> the client, S> the server. No packet is sent by itself unless an option asks for it. "
     "At a terminal lines are edited, Tab completes, and .help lists what else a line may say.",
     open_run},
    {COMMAND_LISTEN, "listen", "ADDRESS", true, "be a server, packet by packet",
     "Listens on ADDRESS, port 0 for one that the system picks, and shows every packet both ways for each client that "
     "connects, with its time and who said it. Lines of standard input go to the newest client, or to client N when "
     "they begin with #N.",
     listen_run},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const char addresses[] = "  mqtt://HOST[:PORT], tcp://HOST[:PORT], HOST[:PORT], unix:/PATH, fd:N\n"
                                "  fd:IN,OUT, stdio:, pipe:IN,OUT (named pipes), tty:/DEVICE[,BAUD]\n";

static const char lines[] =
    "  PUBLISH topic=\"a/b\" payload=\"hi\" qos=1 packet_id=7   a packet to send\n"
    "  C> PUBLISH ... or S> CONNACK ...                     the same, and who says it\n"
    "  .help, .quit, .wait NAME, .hex BYTES ...             commands of the console\n"
    "  # ...                                                a comment\n"
    "In a transcript (--expect) fields that are not named are not compared; a value\n"
    "* is any, $NAME one that is kept; !FIELD is one that must not be there.\n";

static const char codes[] =
    "  0  all went well\n"
    "  1  the answer is no: a malformed packet, a peer that breaks the rules, or that\n"
    "     differs from the transcript\n"
    "  2  the command line, or a line of a script, is not understood or\n"
    "     may not be said\n"
    "  3  no connection, no listener, no such file\n"
    "  4  the stream or the system failed midway\n";

void tool_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("mqw: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

const char *tool_why(int result)
{
    if (result == MQW_E_REFUSED)
        return "TLS and WebSocket are not built in";
    return result == MQW_E_STREAM ? strerror(errno) : mqw_strerror(result);
}

static void help_all(FILE *out)
{
    fputs("mqw shows and speaks MQTT 3.1, 3.1.1 and 5.0, packet by packet.\n\nusage:\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  mqw %-6s [OPTION...] %-8s  %s\n", commands[i].name, commands[i].argument,
                commands[i].summary);
    fputs("  mqw help [COMMAND]               what a command does, and its options\n"
          "  mqw --version\n\nexit codes:\n",
          out);
    fputs(codes, out);
}

static void help_command(const tool_command *command)
{
    printf("usage: mqw %s [OPTION...] %s\n\n", command->name, command->argument);
    options_wrap(stdout, command->about, 0, 0);
    puts("\noptions:");
    options_help(stdout, command);
    if (command->bit != COMMAND_DECODE)
        printf("\naddresses:\n%s\nlines:\n%s", addresses, lines);
    printf("\nexit codes:\n%s", codes);
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
        if (options_distance(name, commands[i].name) <= 2) {
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

static int run(const tool_command *command, int count, char **words)
{
    tool_settings settings;
    bool help;
    int result = options_parse(command, count, words, &settings, &help);
    if (result)
        return result;
    return help ? help_run(command->name) : command->run(&settings);
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
        return help_run(count > 2 ? words[2] : NULL);
    if (is_one_of(words[1], "version", "--version", "-V")) {
        puts("mqw " MQW_TOOL_VERSION);
        return TOOL_OK;
    }
    const tool_command *command = find_command(words[1]);
    return command ? run(command, count - 2, words + 2) : no_command(words[1]);
}

int main(int count, char **words)
{
    setlocale(LC_CTYPE, "");
    int result = start(count, words);
    if ((fflush(stdout) != 0 || ferror(stdout)) && result == TOOL_OK) {
        tool_complain("standard output cannot be written");
        result = TOOL_BROKEN;
    }
    return result;
}

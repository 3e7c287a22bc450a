// SPDX-License-Identifier: MIT
// The command line: what it says, the parser that reads it by the table of options (table.h), and the help
// made from that table.
#ifndef MQW_OPTIONS_H
#define MQW_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "property.h"

enum {
    COMMAND_DECODE = 1,
    COMMAND_OPEN = 2,
    COMMAND_LISTEN = 4,
    COMMAND_PUB = 8,
    COMMAND_SUB = 16,
    COMMAND_SERVE = 32,
    COMMAND_PASSWD = 64,
    COMMAND_BENCH = 128
};

typedef enum tool_paint_when { PAINT_AUTO, PAINT_ALWAYS, PAINT_NEVER } tool_paint_when;
typedef enum tool_policy_kind { POLICY_STRICT, POLICY_REPORT, POLICY_ORIGINAL } tool_policy_kind;

#define WAIT_FOREVER UINT32_MAX

// An option that may be given several times.
typedef struct tool_texts {
    const char **items;
    size_t count;
} tool_texts;

// What the options of TLS say.
typedef struct tool_tls_settings {
    bool on;
    bool system;   // trust what the system trusts, beside cafile and capath
    bool any_host; // --insecure
    bool anybody;  // --no-verify
    const char *cafile;
    const char *capath;
    const char *certificate;
    const char *key;
    uint32_t key_form;
    const char *key_password; // file
    const char *server_name;
    const char *ciphers;
    const char *alpn;
    uint32_t version; // as on the wire; 0: not said
    const char *psk;  // hexadecimal
    const char *psk_identity;
    const char *key_log;
    uint32_t clients; // MQW_TLS_…
} tool_tls_settings;

// What the options of WebSocket say.
typedef struct tool_web_settings {
    bool on;
    const char *path;
    const char *protocol;
    tool_texts headers;
    const char *origin;
} tool_web_settings;

// What the options of serve and passwd say.
typedef struct tool_serve_settings {
    const char *config;
    bool check;
    bool print;
    const char *store;
    const char *passwords;
    const char *acl;
    const char *metrics;
    const char *user;
    uint32_t level; // of the log; 0: not said
    bool anonymous;
    tool_texts keys; // SECTION.KEY=VALUE

    bool remove;
    bool scram;
    bool from_input;
} tool_serve_settings;

// What the options of mqw bench say.
typedef struct tool_bench_settings {
    const char *topic; // templates
    const char *filter;
    tool_texts watch; // numbers of processes
    uint32_t publishers;
    uint32_t subscribers;
    uint32_t topics; // 0: as many as it takes
    uint32_t size;
    uint32_t sub_qos;
    uint32_t share; // groups
    uint32_t rate;  // a second; 0: as fast as possible
    uint32_t window;
    uint32_t ahead;
    uint32_t duration; // ms
    uint32_t warmup;   // ms
    uint32_t settle;   // ms
    uint32_t messages; // 0: as many as the time allows
    uint32_t storm;
    uint32_t idle;
    uint32_t at_once;
    uint32_t retained;
    uint32_t rounds;
    bool has_publishers;
    bool has_subscribers;
    bool has_sub_qos;
    bool has_duration;
    bool idle_subscribe;
    bool persistent;
    bool keep;
    bool verify_all;
    bool lossy;
    bool compare;
} tool_bench_settings;

// What the command line says. Zero is the default where the table names no other.
typedef struct tool_settings {
    const char *argument; // FILE or ADDRESS; NULL: none
    const char *script;
    const char *client_id;
    const char *username;
    const char *password;
    tool_tls_settings tls;
    tool_web_settings web;
    tool_bench_settings bench;
    tool_serve_settings serve;

    // pub and sub: where to, as whom, what, and how it looks
    const char *host;
    const char *unix_path;
    tool_texts urls; // and other commands that take several words: these
    const char *proxy;
    const char *bind;
    const char *id_prefix;
    const char *password_file;
    const char *will_topic;
    const char *will_payload;
    tool_properties properties;
    tool_texts topics;
    tool_texts filtered;
    tool_texts unsubscribe;
    const char *message;
    const char *file;
    const char *format;
    const char *options_file;
    char **texts; // files of options that were read, which other fields point into
    size_t text_count;

    uint32_t colour;  // paint_when
    uint32_t version; // 0: not said
    uint32_t from;    // mqw_role
    uint32_t policy;  // policy_kind
    uint32_t timeout; // ms
    uint32_t answers; // MQW_ANSWER_…
    uint32_t keep_alive;
    uint32_t wait; // ms, or WAIT_FOREVER
    uint32_t max_peers;
    uint32_t max_packet;      // bytes; 0: the default of the connection
    uint32_t port;            // 0: not said
    uint32_t connect_timeout; // ms
    uint32_t expiry;          // of the session, in seconds
    uint32_t will_qos;
    uint32_t qos;
    uint32_t repeat;
    uint32_t repeat_delay; // ms
    uint32_t max_inflight; // 0: not said
    uint32_t count;        // messages; 0: any number
    uint32_t limit;        // ms; 0: none
    uint32_t chance;       // of a message to be printed, of 100,000; 0: all
    uint32_t progress;     // paint_when

    bool json;
    bool full;
    bool hex;
    bool lenient;
    bool expect;
    bool exact;
    bool unordered;
    bool notes;
    bool connect;
    bool clean;
    bool answer;
    bool echo;
    bool once;
    bool no_delay;
    bool retry;
    bool no_reconnect;
    bool ask_password;
    bool persistent; // no clean start
    bool has_expiry;
    bool will_retain;
    bool retain;
    bool lines;
    bool whole; // standard input
    bool empty;
    bool subscribe_only;
    bool fresh_only;
    bool retained_only;
    bool remove_retained;
    bool as_published;
    bool no_local;
    bool verbose;
    bool no_newline;
    bool pretty;
    bool debug;
    bool quiet;
    bool stats;
} tool_settings;

struct tool_command;

// Reads the words behind the name of a subcommand. Returns 0, or an exit code when that is all: help was
// wanted (then *help is true and nothing is printed yet), or something was wrong (then it was said).
// options_free is due in any case.
int options_parse(const struct tool_command *command, int count, char **words, tool_settings *out,
                  bool *help);
void options_free(tool_settings *settings);

// One more text at the end; false: no memory.
bool texts_add(tool_texts *texts, const char *text);

#endif

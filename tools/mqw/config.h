// SPDX-License-Identifier: MIT
// What mqw serve is told: an INI file, read by one table of keys, which --check, --print-config and the test
// of the manual page read as well.
#ifndef MQW_CONFIG_H
#define MQW_CONFIG_H

#include <stdio.h>

#include <mqwire/broker.h>

// config.access.anonymous: who may connect without a name that was proved.
enum {
    ANONYMOUS_AUTO = 0, // local when nobody has a password or certificate, else nobody
    ANONYMOUS_NO,
    ANONYMOUS_LOCAL, // from this machine
    ANONYMOUS_YES
};

enum { CONFIG_POLICY_STRICT = 0, CONFIG_POLICY_REPORT, CONFIG_POLICY_ORIGINAL };
enum { CONFIG_HUMAN = 0, CONFIG_JSON };
enum { CONFIG_STDERR = 0, CONFIG_SYSLOG };

// A place to listen at, and what is asked of its TLS and WebSocket. Of [tls] there are the same keys: they
// hold where a listener says nothing.
typedef struct config_tls {
    char *certificate, *key, *key_password_file;
    char *ca_file, *ca_dir, *crl_file;
    char *ciphers, *ciphersuites;
    uint32_t client_certificates; // MQW_TLS_…, CONFIG_UNSAID
    uint32_t min_version;         // as on the wire; CONFIG_UNSAID
} config_tls;

#define CONFIG_UNSAID UINT32_MAX

typedef struct config_listener {
    char *name; // of its section; "": the command line
    char *address;
    bool optional; // where the machine has no such address it is left out
    bool secure;   // TLS where the address does not say
    config_tls tls;
    bool websocket;
    char *ws_path, *ws_origins;
    uint32_t ws_ping; // ms; 0: none
    bool proxy_protocol;
    bool reuse_port;
    bool nagle;
    uint32_t tcp_keepalive; // s; 0: off
    uint32_t unix_mode;
    uint32_t max_connections; // 0: no limit of its own
    uint32_t backlog;
    uint32_t close_timeout, linger; // ms
    unsigned *lines;                // of the file, in the order of the table; 0: not there
} config_listener;

typedef struct config_access {
    char *passwords, *acl;
    uint32_t anonymous;     // ANONYMOUS_…
    bool certificates;      // the CN of a client's certificate is its user name
    bool client_id_is_user; // everybody's client identifier is the user name
    uint32_t max_logins;    // passwords that wait to be checked
} config_access;

typedef struct tool_config {
    const char *file; // NULL: none
    char *store;
    mqw_broker_options broker; // numbers only
    char *response_information, *server_reference;
    uint32_t policy; // CONFIG_POLICY_…
    config_access access;
    config_tls tls;
    struct {
        uint32_t level, format, to;
        uint32_t max_rate; // lines a second; 0: no limit
    } log;
    struct {
        char *address;
        bool remote;
    } metrics;
    struct {
        char *user;
        uint32_t drain; // ms
    } process;
    config_listener *listeners;
    size_t listener_count;
    unsigned *lines;
    unsigned mistakes; // that were told
} tool_config;

/* --- The table ---------------------------------------------------------------------------------------- */

typedef enum config_kind {
    CONFIG_FLAG,
    CONFIG_NUMBER,
    CONFIG_OCTAL,
    CONFIG_BYTES,   // a number with K, M or G
    CONFIG_SECONDS, // a time
    CONFIG_MS,      // the same, kept in milliseconds
    CONFIG_TEXT,
    CONFIG_FILE, // a text: a file that has to be there
    CONFIG_WORD
} config_kind;

typedef struct config_word {
    const char *word;
    uint64_t value;
} config_word;

typedef struct config_key {
    const char *section; // "listener": of any [listener NAME]
    const char *name;
    config_kind kind;
    unsigned size; // of the field
    size_t at;
    uint64_t least, most;
    const config_word *words; // that a number may be, too
    const char *standard;     // the default, as one would write it; "": none
} config_key;

extern const config_key config_table[];
extern const size_t config_count;

// Sets a field as text says. NULL, or in `why` what is wrong with the text.
const char *config_set(const config_key *key, void *home, const char *text, char *why, size_t cap);
// Writes a field as one would write it; "" when it has no value.
void config_show(const config_key *key, const void *home, char *out, size_t cap);

/* --- Reading ------------------------------------------------------------------------------------------ */

// The defaults. False: no memory. config_free is due in any case.
bool config_begin(tool_config *config);
// Reads a file. What is wrong is told, each mistake with its line and key, and counted. False: it cannot be
// read, or there were some.
bool config_read(tool_config *config, const char *file);
// Sets SECTION.KEY=VALUE. False: it was told what is wrong.
bool config_assign(tool_config *config, const char *text);
// The same of an option, given as what it is for.
bool config_option(tool_config *config, const char *section, const char *name, const char *text);
// One more listener, which no file has; a name "" is the command line's. NULL: no memory.
config_listener *config_listen(tool_config *config, const char *name, const char *address);
// Whether a listener's address or its keys ask for TLS.
bool config_has_tls(const config_listener *listener);
// Reads the files that keys name as far as that they are there, and looks for what contradicts itself.
bool config_complete(tool_config *config);
// Prints it as a file that would say the same.
void config_print(const tool_config *config, FILE *out);
void config_free(tool_config *config);

// Says what is wrong with a key: where it stands, and which. `listener` NULL: not a listener's.
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
void config_complain(tool_config *config, const config_listener *listener, const char *section, const char *name,
                     const char *format, ...);

#endif

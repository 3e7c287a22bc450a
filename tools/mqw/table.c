// SPDX-License-Identifier: MIT
// The table of options; see table.h.
#include "table.h"

#include <mqwire/broker.h>
#include <mqwire/mqwire.h>
#include <mqwire/tls.h>

static const tool_option_word whens[] = {
    {"auto", PAINT_AUTO}, {"always", PAINT_ALWAYS}, {"never", PAINT_NEVER}, {NULL, 0}};
static const tool_option_word versions[] = {{"3", MQW_3_1},   {"4", MQW_3_1_1},     {"5", MQW_5_0},
                                            {"3.1", MQW_3_1}, {"3.1.1", MQW_3_1_1}, {"5.0", MQW_5_0},
                                            {NULL, 0}};
static const tool_option_word protocols[] = {
    {"31", MQW_3_1},         {"311", MQW_3_1_1},   {"5", MQW_5_0},   {"mqttv31", MQW_3_1},
    {"mqttv311", MQW_3_1_1}, {"mqttv5", MQW_5_0},  {"3", MQW_3_1},   {"4", MQW_3_1_1},
    {"3.1", MQW_3_1},        {"3.1.1", MQW_3_1_1}, {"5.0", MQW_5_0}, {NULL, 0}};
static const tool_option_word sides[] = {{"client", MQW_CLIENT}, {"server", MQW_SERVER}, {NULL, 0}};
static const tool_option_word policies[] = {
    {"strict", POLICY_STRICT}, {"report", POLICY_REPORT}, {"original", POLICY_ORIGINAL}, {NULL, 0}};
static const tool_option_word answers[] = {
    {"none", 0},
    {"all", MQW_ANSWER_PINGRESP | MQW_ANSWER_PINGREQ | MQW_ANSWER_ACKS},
    {"pingreq", MQW_ANSWER_PINGREQ},
    {"acks", MQW_ANSWER_ACKS},
    {NULL, 0}};
static const tool_option_word forever[] = {{"forever", WAIT_FOREVER}, {NULL, 0}};
static const tool_option_word endless[] = {
    {"-1", UINT32_MAX}, {"never", UINT32_MAX}, {"\xE2\x88\x9E", UINT32_MAX}, {NULL, 0}};
static const tool_option_word tls_versions[] = {{"tlsv1.2", 0x0303}, {"tlsv1.3", 0x0304}, {NULL, 0}};
static const tool_option_word key_forms[] = {{"pem", 0}, {NULL, 0}};
static const tool_option_word log_levels[] = {{"error", 1 + MQW_LOG_ERROR},
                                              {"warning", 1 + MQW_LOG_WARNING},
                                              {"notice", 1 + MQW_LOG_NOTICE},
                                              {"debug", 1 + MQW_LOG_DEBUG},
                                              {NULL, 0}};
static const tool_option_word demands[] = {
    {"none", MQW_TLS_NONE}, {"optional", MQW_TLS_OPTIONAL}, {"required", MQW_TLS_REQUIRED}, {NULL, 0}};

#define AT(field) offsetof(tool_settings, field)
#define DECODE    COMMAND_DECODE
#define OPEN      COMMAND_OPEN
#define LISTEN    COMMAND_LISTEN
#define PUB       COMMAND_PUB
#define SUB       COMMAND_SUB
#define BENCH     COMMAND_BENCH
#define SERVE     COMMAND_SERVE
#define PASSWD    COMMAND_PASSWD
#define LIVE      (OPEN | LISTEN)
#define TRAFFIC   (PUB | SUB)
#define CLIENT    (TRAFFIC | BENCH)
#define RAW       (DECODE | LIVE)
#define ALL       (RAW | CLIENT)

/* clang-format off */
#define HEADING(commands, title) {commands, 0, NULL, OPTION_HEADING, 0, NULL, NULL, 0, 0, title, 0}
#define ROW(commands, letter, name, kind, field, value, help) \
    {commands, letter, name, kind, AT(field), value, NULL, 0, 0, help, 0}
#define FLAG(commands, letter, name, field, help) ROW(commands, letter, name, OPTION_FLAG, field, NULL, help)
#define TEXT(commands, letter, name, field, value, help) \
    ROW(commands, letter, name, OPTION_TEXT, field, value, help)
#define SECRET(commands, letter, name, field, value, help) \
    ROW(commands, letter, name, OPTION_SECRET, field, value, help)
#define TEXTS(commands, letter, name, field, value, help) \
    ROW(commands, letter, name, OPTION_TEXTS, field, value, help)
#define COUNT(commands, letter, name, field, least, most, given, help) \
    {commands, letter, name, OPTION_NUMBER, AT(field), "N", NULL, least, most, help, AT(given)}
#define NUMBER(commands, letter, name, field, value, words, least, most, help) \
    {commands, letter, name, OPTION_NUMBER, AT(field), value, words, least, most, help, 0}
#define DECIMAL(commands, letter, name, field, value, least, most, help) \
    {commands, letter, name, OPTION_DECIMAL, AT(field), value, NULL, least, most, help, 0}
#define WORD(commands, letter, name, field, value, words, help) \
    {commands, letter, name, OPTION_WORD, AT(field), value, words, 0, 0, help, 0}

const tool_option option_table[] = {
    // decode
    WORD(DECODE, 'V', "version", version, "N", versions,
         "version of the protocol, 3.1, 3.1.1 or 5.0, where no CONNECT tells it (3.1.1)"),
    WORD(DECODE, 'F', "from", from, "SIDE", sides,
         "who speaks, client or server: what only the other side may say is then an error"),
    FLAG(DECODE, 'x', "hex", hex,
         "FILE is hexadecimal text: bare digits, or what xxd, hexdump -C and od -t x1 print; # begins a comment"),
    FLAG(DECODE, 'l', "lenient", lenient, "go on after broken rules, and name them below the packet"),

    // open, listen
    WORD(LIVE, 'V', "version", version, "N", versions,
         "version of the protocol, 3.1, 3.1.1 or 5.0, until a CONNECT tells it, and of a CONNECT that names none (3.1.1)"),
    FLAG(OPEN, 'c', "connect", connect, "send a plain CONNECT first; the five options below imply it"),
    TEXT(OPEN, 'i', "client-id", client_id, "TEXT", "client identifier of that CONNECT (empty)"),
    TEXT(OPEN, 'u', "username", username, "TEXT", "its user name (none)"),
    SECRET(OPEN, 'P', "password", password, "TEXT", "its password (none)"),
    NUMBER(OPEN, 'k', "keep-alive", keep_alive, "SECONDS", NULL, 0, 65535,
           "its keep alive (0: off); --answers pingreq keeps it"),
    FLAG(OPEN, 'C', "clean", clean, "start clean; without a client identifier that goes without saying"),
    {OPEN, 'a', "answers", OPTION_WORDS, AT(answers), "LIST", answers, 0, 0,
     "what is answered by itself: none (the default), all, or a list of pingreq (keep alive) and acks", 0},
    FLAG(LISTEN, 'a', "answer", answer,
         "give the ordinary answers: CONNACK, SUBACK, UNSUBACK, PINGRESP and all acknowledgements"),
    FLAG(LISTEN, 'E', "echo", echo, "send each PUBLISH to whoever has subscribed to a filter that matches"),
    FLAG(LISTEN, '1', "once", once, "end when the first peer is gone"),
    NUMBER(LISTEN, 'n', "max-peers", max_peers, "N", NULL, 1, 100000, "most peers at a time (1000)"),
    TEXT(OPEN, 's', "script", script, "FILE",
         "take the lines from FILE instead of standard input, and end after it"),
    TEXT(LISTEN, 's', "script", script, "FILE", "play the lines of FILE with the first peer, and end after it"),
    FLAG(LIVE, 'e', "expect", expect,
         "the lines are a transcript of both sides: what the peer says is awaited and compared"),
    FLAG(LIVE, 0, "exact", exact, "with --expect: compare the fields that the transcript leaves out, too"),
    FLAG(LIVE, 0, "unordered", unordered, "with --expect: the peer's packets may come in another order"),
    FLAG(LIVE, 0, "notes", notes, "show the comments of the lines between the packets"),
    NUMBER(LIVE, 't', "timeout", timeout, "MS", forever, 1, UINT32_MAX - 1,
           "longest time for something awaited to come (5000), or forever"),
    NUMBER(OPEN, 'w', "wait", wait, "MS", forever, 0, UINT32_MAX - 1,
           "how long to listen on when the input has ended and every request was answered (0), or forever"),
    WORD(LIVE, 0, "policy", policy, "NAME", policies,
         "what to do when the peer breaks a rule: strict (end), report (tell and go on), original (as MQTT.js 0.3 did)"),
    NUMBER(LIVE, 0, "max-packet", max_packet, "BYTES", NULL, 2, MQW_PACKET_MAX, "largest packet taken (1048576)"),
    FLAG(LIVE, 'x', "hex", hex, "show the bytes of each packet as well"),

    HEADING(PUB, "The message"),
    TEXTS(PUB, 't', "topic", topics, "TOPIC", "where to publish"),
    TEXT(PUB, 'm', "message", message, "TEXT", "the payload"),
    TEXT(PUB, 'f', "file", file, "FILE", "the payload is in FILE, which is read as it is sent"),
    FLAG(PUB, 'l', "stdin-line", lines, "each line of standard input is a message"),
    FLAG(PUB, 'n', "null-message", empty, "an empty payload; with -r it removes the retained message"),
    FLAG(PUB, 's', "stdin-file", whole, "the payload is all of standard input"),
    NUMBER(PUB, 'q', "qos", qos, "N", NULL, 0, 2, "quality of service: 0 (the default), 1 or 2"),
    FLAG(PUB, 'r', "retain", retain, "the server is to keep the message"),
    NUMBER(PUB, 0, "repeat", repeat, "N", NULL, 1, UINT32_MAX - 1, "publish N times (-m, -f, -s and -n)"),
    DECIMAL(PUB, 0, "repeat-delay", repeat_delay, "SECONDS", 0, 4294967294u,
            "wait so long between one that was delivered and the next (0)"),
    NUMBER(PUB, 'M', "max-inflight", max_inflight, "N", NULL, 1, 65535,
           "most messages that wait for their answer (what the server takes)"),

    HEADING(SUB, "What to hear"),
    TEXTS(SUB, 't', "topic", topics, "FILTER", "subscribe to a topic filter; may be repeated"),
    NUMBER(SUB, 'q', "qos", qos, "N", NULL, 0, 2, "highest quality of service: 0 (the default), 1 or 2"),
    NUMBER(SUB, 'C', "count", count, "N", NULL, 1, UINT32_MAX - 1, "end after N messages"),
    DECIMAL(SUB, 'W', "time-limit", limit, "SECONDS", 1, 4294967294u, "end after that time, with exit code 27"),
    FLAG(SUB, 'E', "subscribe-only", subscribe_only, "end when the subscriptions were answered"),
    TEXTS(SUB, 'T', "filter-out", filtered, "FILTER", "do not print what matches; may be repeated"),
    TEXTS(SUB, 'U', "unsubscribe", unsubscribe, "FILTER", "unsubscribe after subscribing; may be repeated"),
    FLAG(SUB, 'R', "no-retained", fresh_only, "do not print retained messages"),
    FLAG(SUB, 0, "retained-only", retained_only, "print retained messages only; end at the first other one"),
    FLAG(SUB, 0, "remove-retained", remove_retained, "remove the retained messages that come"),
    FLAG(SUB, 0, "retain-as-published", as_published, "leave the retain flag as it was published (5.0)"),
    FLAG(SUB, 0, "no-local", no_local, "not what this client publishes itself (5.0)"),
    DECIMAL(SUB, 0, "random-filter", chance, "PERCENT", 100, 100000, "print so many of 100 messages, by chance"),

    HEADING(SUB, "How it looks"),
    FLAG(SUB, 'v', "verbose", verbose, "topic, blank, payload"),
    TEXT(SUB, 'F', "format", format, "FORMAT",
         "as FORMAT says: %t topic, %p payload, %q QoS, %j JSON ...; mqw-sub(1) has them all"),
    FLAG(SUB, 'N', "no-newline", no_newline, "no line feed behind a message"),
    FLAG(SUB, 0, "pretty", pretty, "indent the JSON of %j and %J"),

    HEADING(BENCH, "Messages"),
    COUNT(BENCH, 'p', "publishers", bench.publishers, 0, 1000000, bench.has_publishers, "connections that publish (1)"),
    COUNT(BENCH, 's', "subscribers", bench.subscribers, 0, 1000000, bench.has_subscribers, "connections that subscribe (1)"),
    NUMBER(BENCH, 't', "topics", bench.topics, "N", NULL, 1, 9999999,
           "topics, dealt out to publishers and subscribers in turn (as many as there are of the fewer)"),
    TEXT(BENCH, 0, "topic", bench.topic, "TEMPLATE", "their names: %n is the number, %r the name of the run (bench/%r/%n)"),
    TEXT(BENCH, 0, "filter", bench.filter, "TEMPLATE",
         "what is subscribed to for a topic; without %n it is one for all topics (as --topic)"),
    NUMBER(BENCH, 'l', "size", bench.size, "BYTES", NULL, 16, 16777216, "of a payload (64)"),
    NUMBER(BENCH, 'q', "qos", qos, "N", NULL, 0, 2, "quality of service: 0 (the default), 1 or 2"),
    COUNT(BENCH, 0, "sub-qos", bench.sub_qos, 0, 2, bench.has_sub_qos, "that of the subscriptions (the same)"),
    NUMBER(BENCH, 0, "share", bench.share, "N", NULL, 1, 1000000, "shared subscriptions: the subscribers are in N groups"),
    NUMBER(BENCH, 'r', "rate", bench.rate, "N", NULL, 1, 100000000,
           "messages a second of all publishers together, sent on time whatever the broker does (as fast as possible)"),
    NUMBER(BENCH, 'w', "window", bench.window, "N", NULL, 1, 65535,
           "QoS 1 and 2: most messages of a publisher that wait for their acknowledgement (100)"),
    NUMBER(BENCH, 0, "ahead", bench.ahead, "N", NULL, 1, 100000000,
           "without --rate: most messages on their way to each subscriber (1 MiB of them, at most 2500)"),
    {BENCH, 'd', "duration", OPTION_DECIMAL, AT(bench.duration), "SECONDS", NULL, 1, 4294967294u,
     "measure so long (10)", AT(bench.has_duration)},
    DECIMAL(BENCH, 0, "warmup", bench.warmup, "SECONDS", 0, 4294967294u, "publish so long before (1)"),
    NUMBER(BENCH, 'n', "messages", bench.messages, "N", NULL, 1, UINT32_MAX - 1, "publish N messages instead"),
    DECIMAL(BENCH, 0, "settle", bench.settle, "SECONDS", 1, 4294967294u, "what has not come after so long a silence is lost (2)"),
    FLAG(BENCH, 0, "persistent", bench.persistent, "the subscribers' sessions are kept; they are ended afterwards"),
    FLAG(BENCH, 0, "verify-all", bench.verify_all, "compare all of a payload, also above 2 KiB"),
    FLAG(BENCH, 0, "lossy", bench.lossy, "what is lost of QoS 0 does not count as wrong"),

    HEADING(BENCH, "Other loads"),
    NUMBER(BENCH, 0, "idle", bench.idle, "N", NULL, 1, 1000000, "hold N connections that do nothing; with -p and -s: besides"),
    FLAG(BENCH, 0, "idle-subscribe", bench.idle_subscribe, "each of them has a subscription"),
    NUMBER(BENCH, 0, "storm", bench.storm, "N", NULL, 1, 10000000, "connect and disconnect N times"),
    NUMBER(BENCH, 0, "at-once", bench.at_once, "N", NULL, 1, 100000, "most that connect at the same time (100)"),
    NUMBER(BENCH, 0, "retained", bench.retained, "N", NULL, 1, 9999999,
           "store N retained messages, give them to new subscribers, and remove them"),
    FLAG(BENCH, 0, "keep", bench.keep, "do not remove them"),

    HEADING(BENCH, "Rounds"),
    FLAG(BENCH, 0, "compare", bench.compare, "two brokers, in turn: two addresses"),
    NUMBER(BENCH, 0, "rounds", bench.rounds, "N", NULL, 1, 1000, "how often (1, with --compare 3); medians are shown"),
    TEXTS(BENCH, 0, "watch", bench.watch, "PID",
          "number of the broker's process: its processor time and memory; with --compare one for each"),

    HEADING(SERVE, "Where and what"),
    TEXTS(SERVE, 'l', "listen", urls, "ADDRESS",
          "listen here; may be repeated, as ADDRESS (1883, and 8083 for WebSocket, of this machine only)"),
    TEXT(SERVE, 's', "store", serve.store, "FILE", "keep sessions, messages and wills in an SQLite file (in memory)"),
    TEXT(SERVE, 'c', "config", serve.config, "FILE", "read the configuration; options come after it"),
    {SERVE, 'S', "set", OPTION_TEXTS, AT(serve.keys), "SECTION.KEY=VALUE", NULL, 0, 0,
     "set a key of the configuration, as clients.max_queued=100; may be repeated", 0},
    FLAG(SERVE, 0, "check", serve.check, "read everything, tell what is wrong, and end"),
    FLAG(SERVE, 0, "print-config", serve.print, "print the configuration as it is with all options, and end"),
    TEXT(SERVE, 'm', "metrics", serve.metrics, "ADDRESS", "answer /metrics and /healthz at [HOST:]PORT (127.0.0.1; off)"),
    TEXT(SERVE, 'u', "user", serve.user, "NAME", "become that user, when root has started it"),

    HEADING(SERVE, "Who may what"),
    TEXT(SERVE, 'p', "passwords", serve.passwords, "FILE", "users and hashes of their passwords, as mqw passwd makes them"),
    TEXT(SERVE, 'a', "acl", serve.acl, "FILE", "who may read and write which topics; what is not allowed is denied"),
    FLAG(SERVE, 0, "allow-anonymous", serve.anonymous, "everybody who can reach it may connect, without a name"),

    HEADING(SERVE, "TLS, of all that is listened at"),
    TEXT(SERVE, 0, "cert", tls.certificate, "FILE", "certificate and its chain, as PEM"),
    TEXT(SERVE, 0, "key", tls.key, "FILE", "its private key, as PEM (in the file of --cert)"),
    TEXT(SERVE, 0, "key-password-file", tls.key_password, "FILE", "passphrase of the key: the first line of FILE"),
    TEXT(SERVE, 0, "cafile", tls.cafile, "FILE", "certificates that those of clients are verified by, as PEM"),
    TEXT(SERVE, 0, "capath", tls.capath, "DIR", "directory of such certificates, as openssl rehash makes it"),
    WORD(SERVE, 0, "client-certs", tls.clients, "WHICH", demands, "certificates of clients: none, optional or required (none)"),

    HEADING(SERVE, "The log, on standard error"),
    WORD(SERVE, 0, "log-level", serve.level, "LEVEL", log_levels, "error, warning, notice or debug (notice)"),

    FLAG(PASSWD, 0, "delete", serve.remove, "delete the user"),
    FLAG(PASSWD, 0, "stdin", serve.from_input, "the password is the first line of standard input"),
    FLAG(PASSWD, 0, "scram", serve.scram, "also make a secret for SCRAM-SHA-256, for clients of 5.0"),

    HEADING(CLIENT, "The server"),
    TEXT(TRAFFIC, 'h', "host", host, "HOST", "name or address (localhost)"),
    NUMBER(TRAFFIC, 'p', "port", port, "PORT", NULL, 1, 65535, "port (1883; with TLS 8883)"),
    TEXTS(TRAFFIC, 'L', "url", urls, "URL",
          "all at once: mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]; may be repeated, as ADDRESS: tried in turn"),
    TEXT(TRAFFIC, 0, "unix", unix_path, "FILE", "a Unix socket instead"),
    TEXT(CLIENT, 0, "proxy", proxy, "URL", "go through a proxy: socks5h://[USER:PASSWORD@]HOST[:PORT] or http://..."),
    TEXT(CLIENT, 'A', "bind", bind, "ADDRESS", "address of ours to come from"),
    FLAG(TRAFFIC, 0, "nodelay", no_delay, "no-delay of TCP; it is on anyway"),
    DECIMAL(CLIENT, 0, "connect-timeout", connect_timeout, "SECONDS", 1, 4294967294u,
            "longest time until the server has accepted (30)"),
    FLAG(TRAFFIC, 0, "retry", retry, "try again when the first connection cannot be made, too"),
    FLAG(TRAFFIC, 0, "no-reconnect", no_reconnect, "end when the connection is lost, instead of coming back"),

    HEADING(CLIENT, "The session"),
    WORD(BENCH, 'V', "protocol-version", version, "N", protocols, "5 (the default), 311 or 31"),
    WORD(TRAFFIC, 'V', "protocol-version", version, "N", protocols,
         "5, 311 or 31 only (5, and older ones where the server does not know it)"),
    TEXT(TRAFFIC, 'i', "id", client_id, "TEXT", "client identifier (the server picks one)"),
    TEXT(TRAFFIC, 'I', "id-prefix", id_prefix, "TEXT", "client identifier: TEXT and the number of the process"),
    TEXT(CLIENT, 'u', "username", username, "TEXT", "user name"),
    SECRET(CLIENT, 'P', "pw", password, "TEXT", "password, for everybody on this machine to see; better is one of:"),
    TEXT(CLIENT, 0, "password-file", password_file, "FILE", "password: the first line of FILE"),
    FLAG(CLIENT, 0, "ask-password", ask_password, "ask for the password at the terminal"),
    NUMBER(CLIENT, 'k', "keepalive", keep_alive, "SECONDS", NULL, 0, 65535, "keep alive (60; 0: off)"),
    FLAG(TRAFFIC, 'c', "disable-clean-session", persistent, "go on with the session that the server has; needs -i"),
    {TRAFFIC, 'x', "session-expiry-interval", OPTION_NUMBER, AT(expiry), "SECONDS", endless, 0, UINT32_MAX,
     "how long the server keeps the session: 0 (the default), with -c never ends (-1)", AT(has_expiry)},
    {TRAFFIC, 'D', "property", OPTION_PROPERTY, AT(properties), "PACKET NAME VALUE", NULL, 0, 0,
     "a property of 5.0, as: -D publish content-type text/plain, -D connect user-property NAME VALUE", 0},
    TEXT(TRAFFIC, 0, "will-topic", will_topic, "TOPIC", "a will: where it is published"),
    TEXT(TRAFFIC, 0, "will-payload", will_payload, "TEXT", "its payload (empty)"),
    NUMBER(TRAFFIC, 0, "will-qos", will_qos, "N", NULL, 0, 2, "its quality of service (0)"),
    FLAG(TRAFFIC, 0, "will-retain", will_retain, "the server is to keep it"),

    HEADING(LIVE | CLIENT, "TLS"),
    FLAG(LIVE | CLIENT, 0, "tls", tls.on, "TLS also where the address does not say so"),
    TEXT(LIVE | CLIENT, 0, "cafile", tls.cafile, "FILE", "certificates to trust, as PEM (what the system trusts)"),
    TEXT(LIVE | CLIENT, 0, "capath", tls.capath, "DIR", "directory of certificates to trust, as openssl rehash makes it"),
    FLAG(OPEN | CLIENT, 0, "tls-use-os-certs", tls.system, "TLS that trusts what the system trusts, where nothing else is named"),
    TEXT(LIVE | CLIENT, 0, "cert", tls.certificate, "FILE", "our certificate and its chain, as PEM"),
    TEXT(LIVE | CLIENT, 0, "key", tls.key, "FILE", "its private key, as PEM (in the file of --cert)"),
    TEXT(LIVE | CLIENT, 0, "key-password-file", tls.key_password, "FILE", "passphrase of the key: the first line of FILE"),
    WORD(CLIENT, 0, "keyform", tls.key_form, "FORM", key_forms, "form of the key: pem"),
    FLAG(OPEN | CLIENT, 0, "insecure", tls.any_host, "do not compare the name in the certificate with the host"),
    FLAG(OPEN | CLIENT, 0, "no-verify", tls.anybody, "take any certificate of anybody: for tests only"),
    TEXT(OPEN | CLIENT, 0, "server-name", tls.server_name, "HOST", "the name to ask for and to verify (the host)"),
    WORD(LISTEN, 0, "client-certs", tls.clients, "WHICH", demands,
         "certificates of clients: none, optional or required, verified by --cafile or --capath (none)"),
    SECRET(LIVE | CLIENT, 0, "psk", tls.psk, "HEX", "a key that both ends know, instead of certificates"),
    TEXT(LIVE | CLIENT, 0, "psk-identity", tls.psk_identity, "TEXT", "the name of that key"),
    WORD(LIVE | CLIENT, 0, "tls-version", tls.version, "VERSION", tls_versions, "tlsv1.2 or tlsv1.3 only (either)"),
    TEXT(LIVE | CLIENT, 0, "ciphers", tls.ciphers, "LIST", "cipher suites of TLS 1.2, as openssl names them"),
    TEXT(LIVE | CLIENT, 0, "tls-alpn", tls.alpn, "NAME", "protocol to agree on by ALPN (mqtt)"),
    TEXT(LIVE | CLIENT, 0, "tls-keylog", tls.key_log, "FILE", "append the secrets of TLS to FILE, for Wireshark"),

    HEADING(LIVE | CLIENT, "WebSocket"),
    FLAG(LIVE | CLIENT, 0, "ws", web.on, "WebSocket also with -h, and on unix:, fd: and the like"),
    TEXT(LIVE | CLIENT, 0, "ws-path", web.path, "PATH", "path to ask for (/mqtt); of listen: the only one taken"),
    TEXT(LIVE | CLIENT, 0, "ws-protocol", web.protocol, "NAME", "subprotocol (mqtt)"),
    TEXTS(OPEN | CLIENT, 0, "ws-header", web.headers, "LINE", "one more header line, as `Name: value`; may be repeated"),
    TEXT(LIVE | CLIENT, 0, "ws-origin", web.origin, "ORIGIN", "the Origin to name; of listen: those taken, by commas (any)"),

    HEADING(LIVE | CLIENT, "Output"),
    FLAG(RAW, 'f', "full", full,
         "whole packets instead of the short form; what is printed can be played with --script"),
    FLAG(ALL | SERVE, 'j', "json", json, "one JSON object per line"),
    WORD(ALL | SERVE, 0, "color", colour, "WHEN", whens,
         "colours: auto (on a terminal, unless NO_COLOR is set), always or never"),
    FLAG(TRAFFIC, 'd', "debug", debug, "show all packets on standard error"),
    FLAG(TRAFFIC, 0, "stats", stats, "tell how much and how fast, on standard error"),
    WORD(CLIENT, 0, "progress", progress, "WHEN", whens,
         "how far it is, on standard error: auto (on a terminal), always or never"),
    FLAG(TRAFFIC, 0, "quiet", quiet, "say nothing of what fails; the exit code tells"),
    TEXT(TRAFFIC, 'o', "options", options_file, "FILE", "read options from FILE, one per line"),
};
/* clang-format on */

const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);

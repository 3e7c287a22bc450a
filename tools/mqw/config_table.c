// SPDX-License-Identifier: MIT
// The table of all keys of mqw serve; see config.h. mqw-serve.conf(5) says what each is for.
#include "config.h"

static const config_word unlimited[] = {{"unlimited", 0}, {NULL, 0}};
static const config_word none[] = {{"none", UINT16_MAX}, {NULL, 0}};
static const config_word never[] = {{"never", UINT32_MAX}, {NULL, 0}}; // negative, as int32_t
static const config_word off[] = {{"off", 0}, {NULL, 0}};
static const config_word qualities[] = {{"0", UINT8_MAX}, {"1", 1}, {"2", 2}, {NULL, 0}};
static const config_word fullness[] = {{"drop-oldest", MQW_QUEUE_DROP_OLDEST},
                                       {"refuse", MQW_QUEUE_REFUSE},
                                       {"close", MQW_QUEUE_CLOSE},
                                       {NULL, 0}};
static const config_word policies[] = {{"strict", CONFIG_POLICY_STRICT},
                                       {"report", CONFIG_POLICY_REPORT},
                                       {"original", CONFIG_POLICY_ORIGINAL},
                                       {NULL, 0}};
static const config_word anonymities[] = {{"auto", ANONYMOUS_AUTO},
                                          {"no", ANONYMOUS_NO},
                                          {"local", ANONYMOUS_LOCAL},
                                          {"yes", ANONYMOUS_YES},
                                          {NULL, 0}};
static const config_word demands[] = {
    {"none", MQW_TLS_NONE}, {"optional", MQW_TLS_OPTIONAL}, {"required", MQW_TLS_REQUIRED}, {NULL, 0}};
static const config_word tls_versions[] = {{"1.2", 0x0303}, {"1.3", 0x0304}, {NULL, 0}};
static const config_word levels[] = {{"error", MQW_LOG_ERROR},
                                     {"warning", MQW_LOG_WARNING},
                                     {"notice", MQW_LOG_NOTICE},
                                     {"debug", MQW_LOG_DEBUG},
                                     {NULL, 0}};
static const config_word formats[] = {{"human", CONFIG_HUMAN}, {"json", CONFIG_JSON}, {NULL, 0}};
static const config_word places[] = {{"stderr", CONFIG_STDERR}, {"syslog", CONFIG_SYSLOG}, {NULL, 0}};

/* clang-format off */
#define FIELD(type, field) sizeof(((type *)0)->field), offsetof(type, field)
#define ROW(section, name, kind, field, least, most, words, standard) \
    {section, name, kind, FIELD(tool_config, field), least, most, words, standard}
#define NUMBER(section, name, field, least, most, words, standard) \
    ROW(section, name, CONFIG_NUMBER, field, least, most, words, standard)
#define BYTES(section, name, field, least, most, standard) \
    ROW(section, name, CONFIG_BYTES, field, least, most, NULL, standard)
#define TEXT(section, name, field)        ROW(section, name, CONFIG_TEXT, field, 0, 0, NULL, "")
#define FILE_(section, name, field)       ROW(section, name, CONFIG_FILE, field, 0, 0, NULL, "")
#define WORD(section, name, field, words, standard) ROW(section, name, CONFIG_WORD, field, 0, 0, words, standard)
#define FLAG(section, name, field)        ROW(section, name, CONFIG_FLAG, field, 0, 0, NULL, "no")
#define LIMIT(name, kind, field, least, most, words, standard) \
    ROW("clients", name, kind, broker.limits.field, least, most, words, standard)
#define LISTENER(name, kind, field, least, most, words, standard) \
    {"listener", name, kind, FIELD(config_listener, field), least, most, words, standard}
#define TLS(ROW_) \
    ROW_("certificate", CONFIG_FILE, tls.certificate, NULL) \
    ROW_("key", CONFIG_FILE, tls.key, NULL) \
    ROW_("key_password_file", CONFIG_FILE, tls.key_password_file, NULL) \
    ROW_("ca_file", CONFIG_FILE, tls.ca_file, NULL) \
    ROW_("ca_dir", CONFIG_FILE, tls.ca_dir, NULL) \
    ROW_("crl_file", CONFIG_FILE, tls.crl_file, NULL) \
    ROW_("client_certificates", CONFIG_WORD, tls.client_certificates, demands) \
    ROW_("min_version", CONFIG_WORD, tls.min_version, tls_versions) \
    ROW_("ciphers", CONFIG_TEXT, tls.ciphers, NULL) \
    ROW_("ciphersuites", CONFIG_TEXT, tls.ciphersuites, NULL)
#define OF_TLS(name, kind, field, words)      ROW("tls", name, kind, field, 0, 0, words, ""),
#define OF_LISTENER(name, kind, field, words) LISTENER(name, kind, field, 0, 0, words, ""),

enum { DAY = 24 * 60 * 60, DAY_MS = DAY * 1000 };

const config_key config_table[] = {
    TEXT("broker", "store", store),
    NUMBER("broker", "max_connections", broker.max_connections, 1, 10000000, NULL, "100000"),
    NUMBER("broker", "max_per_address", broker.max_per_address, 1, UINT32_MAX, unlimited, "unlimited"),
    NUMBER("broker", "max_connect_rate", broker.max_connect_rate, 1, UINT32_MAX, unlimited, "unlimited"),
    NUMBER("broker", "max_sessions", broker.max_sessions, 1, UINT32_MAX, NULL, "1000000"),
    NUMBER("broker", "max_retained", broker.max_retained, 1, UINT32_MAX, NULL, "1000000"),
    BYTES("broker", "max_memory", broker.max_memory, 1 << 20, (uint64_t)1 << 50, "1G"),
    BYTES("broker", "max_first_packet", broker.max_first_packet, 64, MQW_PACKET_MAX, "64K"),
    ROW("broker", "connect_timeout", CONFIG_MS, broker.connect_timeout, 1, DAY_MS, NULL, "10s"),
    ROW("broker", "auth_timeout", CONFIG_MS, broker.auth_timeout, 1, DAY_MS, NULL, "30s"),
    ROW("broker", "decide_timeout", CONFIG_MS, broker.decide_timeout, 1, DAY_MS, NULL, "30s"),
    ROW("broker", "status_interval", CONFIG_SECONDS, broker.status_interval, 1, DAY, never, "10s"),
    WORD("broker", "policy", policy, policies, "strict"),
    TEXT("broker", "response_information", response_information),
    TEXT("broker", "server_reference", server_reference),

    LIMIT("max_packet_size", CONFIG_BYTES, max_packet_size, 64, MQW_PACKET_MAX, NULL, "1M"),
    LIMIT("max_session_expiry", CONFIG_SECONDS, max_session_expiry, 1, UINT32_MAX, unlimited, "unlimited"),
    LIMIT("max_queued", CONFIG_NUMBER, max_queued, 1, UINT32_MAX, NULL, "10000"),
    LIMIT("max_queued_bytes", CONFIG_BYTES, max_queued_bytes, 1024, UINT32_MAX, NULL, "16M"),
    LIMIT("max_output", CONFIG_BYTES, max_output, 1024, UINT32_MAX, NULL, "1M"),
    LIMIT("max_subscriptions", CONFIG_NUMBER, max_subscriptions, 1, UINT32_MAX, NULL, "1000"),
    LIMIT("max_publish_rate", CONFIG_NUMBER, max_publish_rate, 1, UINT32_MAX, unlimited, "unlimited"),
    LIMIT("max_byte_rate", CONFIG_BYTES, max_byte_rate, 1, UINT32_MAX, unlimited, "unlimited"),
    LIMIT("max_filter_levels", CONFIG_NUMBER, max_filter_levels, 1, UINT16_MAX, NULL, "128"),
    LIMIT("receive_maximum", CONFIG_NUMBER, receive_maximum, 1, UINT16_MAX, NULL, "1024"),
    LIMIT("max_inflight", CONFIG_NUMBER, max_inflight, 1, UINT16_MAX, NULL, "1024"),
    LIMIT("topic_alias_maximum", CONFIG_NUMBER, topic_alias_maximum, 1, UINT16_MAX - 1, none, "16"),
    LIMIT("max_keep_alive", CONFIG_SECONDS, max_keep_alive, 1, UINT16_MAX, unlimited, "unlimited"),
    LIMIT("when_full", CONFIG_WORD, when_full, 0, 0, fullness, "drop-oldest"),
    LIMIT("max_qos", CONFIG_WORD, max_qos, 0, 0, qualities, "2"),
    LIMIT("no_retain", CONFIG_FLAG, no_retain, 0, 0, NULL, "no"),
    LIMIT("no_wildcards", CONFIG_FLAG, no_wildcards, 0, 0, NULL, "no"),
    LIMIT("no_shared", CONFIG_FLAG, no_shared, 0, 0, NULL, "no"),
    LIMIT("no_subscription_ids", CONFIG_FLAG, no_subscription_ids, 0, 0, NULL, "no"),

    FILE_("access", "passwords", access.passwords),
    FILE_("access", "acl", access.acl),
    WORD("access", "anonymous", access.anonymous, anonymities, "auto"),
    FLAG("access", "certificates", access.certificates),
    FLAG("access", "client_id_is_user", access.client_id_is_user),
    NUMBER("access", "max_logins", access.max_logins, 1, 100000, NULL, "256"),

    TLS(OF_TLS)

    WORD("log", "level", log.level, levels, "notice"),
    WORD("log", "format", log.format, formats, "human"),
    WORD("log", "to", log.to, places, "stderr"),
    NUMBER("log", "max_rate", log.max_rate, 1, UINT32_MAX, unlimited, "1000"),

    TEXT("metrics", "address", metrics.address),
    FLAG("metrics", "remote", metrics.remote),

    TEXT("process", "user", process.user),
    ROW("process", "drain_timeout", CONFIG_MS, process.drain, 1, DAY_MS, NULL, "10s"),

    LISTENER("address", CONFIG_TEXT, address, 0, 0, NULL, ""),
    TLS(OF_LISTENER)
    LISTENER("tls", CONFIG_FLAG, secure, 0, 0, NULL, "no"),
    LISTENER("websocket", CONFIG_FLAG, websocket, 0, 0, NULL, "no"),
    LISTENER("ws_path", CONFIG_TEXT, ws_path, 0, 0, NULL, ""),
    LISTENER("ws_origins", CONFIG_TEXT, ws_origins, 0, 0, NULL, ""),
    LISTENER("ws_ping", CONFIG_MS, ws_ping, 1, DAY_MS, off, "off"),
    LISTENER("proxy_protocol", CONFIG_FLAG, proxy_protocol, 0, 0, NULL, "no"),
    LISTENER("reuse_port", CONFIG_FLAG, reuse_port, 0, 0, NULL, "no"),
    LISTENER("nagle", CONFIG_FLAG, nagle, 0, 0, NULL, "no"),
    LISTENER("tcp_keepalive", CONFIG_SECONDS, tcp_keepalive, 1, 32767, off, "off"),
    LISTENER("unix_mode", CONFIG_OCTAL, unix_mode, 1, 0777, NULL, "0600"),
    LISTENER("max_connections", CONFIG_NUMBER, max_connections, 1, UINT32_MAX, unlimited, "unlimited"),
    LISTENER("backlog", CONFIG_NUMBER, backlog, 1, 65535, NULL, "511"),
    LISTENER("close_timeout", CONFIG_MS, close_timeout, 1, DAY_MS, NULL, "5s"),
    LISTENER("linger", CONFIG_MS, linger, 1, DAY_MS, NULL, "2s"),
};
/* clang-format on */

const size_t config_count = sizeof(config_table) / sizeof(config_table[0]);

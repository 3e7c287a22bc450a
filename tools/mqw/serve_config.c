// SPDX-License-Identifier: MIT
// What mqw serve shall do: the file, the options, and sockets that were handed over; see serve.h.
#include <string.h>

#include <mqwire/codec.h>
#include <mqwire/mqwire.h>

#include "notify.h"
#include "serve.h"
#include "tool.h"

enum { NAME = 40 };

/* --- Options ------------------------------------------------------------------------------------------ */

static bool set_texts(tool_config *config, const tool_settings *settings)
{
    const struct {
        const char *section, *name, *text;
    } rows[] = {{"broker", "store", settings->serve.store},
                {"access", "passwords", settings->serve.passwords},
                {"access", "acl", settings->serve.acl},
                {"access", "anonymous", settings->serve.anonymous ? "yes" : NULL},
                {"tls", "certificate", settings->tls.certificate},
                {"tls", "key", settings->tls.key},
                {"tls", "key_password_file", settings->tls.key_password},
                {"tls", "ca_file", settings->tls.cafile},
                {"tls", "ca_dir", settings->tls.capath},
                {"metrics", "address", settings->serve.metrics},
                {"process", "user", settings->serve.user},
                {"log", "format", settings->json ? "json" : NULL}};
    bool good = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].text)
            good &= config_option(config, rows[i].section, rows[i].name, rows[i].text);
    return good;
}

static bool set_options(tool_config *config, const tool_settings *settings)
{
    bool good = set_texts(config, settings);
    if (settings->tls.clients)
        config->tls.client_certificates = settings->tls.clients;
    if (settings->serve.level)
        config->log.level = settings->serve.level - 1;
    for (size_t i = 0; i < settings->serve.keys.count; i++)
        good &= config_assign(config, settings->serve.keys.items[i]);
    for (size_t i = 0; i < settings->urls.count; i++)
        good &= config_listen(config, "", settings->urls.items[i]) != NULL;
    return good;
}

/* --- Listeners that nobody named ---------------------------------------------------------------------- */

static bool is_known(const tool_config *config, const char *address)
{
    for (size_t i = 0; i < config->listener_count; i++)
        if (config->listeners[i].address && strcmp(config->listeners[i].address, address) == 0)
            return true;
    return false;
}

// A socket that no listener asks for: its name says what it is for.
static bool take_socket(tool_config *config, int index)
{
    char name[NAME], address[NAME + 16];
    notify_socket_name(index, name, sizeof(name));
    snprintf(address, sizeof(address), "systemd:%s", name);
    bool metrics = strcmp(name, "metrics") == 0;
    if (metrics && config->metrics.address == NULL)
        return config_option(config, "metrics", "address", address);
    if (metrics || is_known(config, address))
        return true;
    config_listener *listener = config_listen(config, name, address);
    if (listener == NULL)
        return false;
    listener->secure = strcmp(name, "mqtts") == 0 || strcmp(name, "wss") == 0;
    listener->websocket = strcmp(name, "ws") == 0 || strcmp(name, "wss") == 0;
    return true;
}

static bool listen_here(tool_config *config)
{
    static const char *const addresses[] = {"mqtt://127.0.0.1:1883", "mqtt://[::1]:1883",
                                            "ws://127.0.0.1:8083", "ws://[::1]:8083"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        config_listener *listener = config_listen(config, "", addresses[i]);
        if (listener == NULL)
            return false;
        listener->optional = i % 2 == 1;
    }
    return true;
}

/* --- Who may come ------------------------------------------------------------------------------------- */

static bool has_users(const tool_config *config)
{
    return config->access.passwords || config->access.certificates;
}

static bool is_remote(const tool_serve *serve)
{
    for (size_t i = 0; i < serve->config.listener_count; i++)
        if (serve_is_remote(serve, &serve->config.listeners[i]))
            return true;
    return false;
}

// Whoever opens a broker to the world has to say so.
static bool settle_access(tool_serve *serve)
{
    tool_config *config = &serve->config;
    bool users = has_users(config);
    if (config->access.anonymous == ANONYMOUS_AUTO && !users && is_remote(serve)) {
        tool_complain(
            "serve: everybody who can reach this machine could connect: there are no users. Name them "
            "(--passwords FILE; mqw passwd makes it), listen on 127.0.0.1 and [::1] only, or say "
            "--allow-anonymous");
        return false;
    }
    if (config->access.anonymous == ANONYMOUS_AUTO)
        config->access.anonymous = users ? ANONYMOUS_NO : ANONYMOUS_LOCAL;
    if (config->access.anonymous == ANONYMOUS_NO && !users) {
        config_complain(config, NULL, "access", "anonymous",
                        "nobody could connect: there are neither passwords nor certificates = yes");
        return false;
    }
    const char *metrics = config->metrics.address;
    if (metrics && !config->metrics.remote && metrics_is_remote(metrics)) {
        config_complain(config, NULL, "metrics", "address",
                        "everybody who can reach this machine could read %s: say remote = yes "
                        "(--set metrics.remote=yes) if that is wanted",
                        metrics);
        return false;
    }
    return true;
}

bool serve_configure(tool_serve *serve)
{
    tool_config *config = &serve->config;
    const tool_settings *settings = serve->settings;
    if (!config_begin(config)) {
        tool_complain("serve: out of memory");
        return false;
    }
    bool good = settings->serve.config == NULL || config_read(config, settings->serve.config);
    good &= set_options(config, settings);
    serve->sockets = notify_sockets();
    for (int i = 0; i < serve->sockets; i++)
        good &= take_socket(config, i);
    if (config->listener_count == 0)
        good &= listen_here(config);
    good &= config_complete(config);
    return good && settle_access(serve);
}

/* --- For the broker ----------------------------------------------------------------------------------- */

static mqw_policy policy_of(uint32_t kind)
{
    mqw_policy policy = {0};
    if (kind == CONFIG_POLICY_ORIGINAL)
        return MQW_POLICY_ORIGINAL;
    for (unsigned rule = 1; kind == CONFIG_POLICY_REPORT && rule < MQW_RULE_COUNT; rule++)
        mqw_rule_add(&policy.report, (mqw_rule)rule);
    return policy;
}

static mqw_text text_of(const char *text)
{
    return (mqw_text){text, text ? strlen(text) : 0};
}

mqw_broker_options serve_broker_options(tool_serve *serve)
{
    const tool_config *config = &serve->config;
    mqw_broker_options options = config->broker;
    options.size = sizeof(options);
    options.limits.size = sizeof(options.limits);
    options.hooks.size = sizeof(options.hooks);
    options.ctx = serve;
    options.store = serve->store;
    options.policy = policy_of(config->policy);
    options.response_information = text_of(config->response_information);
    options.server_reference = text_of(config->server_reference);
    serve_access_hooks(serve, &options.hooks);
    serve_tell_hooks(serve, &options.hooks);
    return options;
}

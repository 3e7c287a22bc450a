// SPDX-License-Identifier: MIT
// A client through TLS: verifies the server against a CA of its own, shows what was agreed, publishes,
// leaves. tls_client mqtts://HOST[:PORT] CA_FILE [CERTIFICATE_FILE KEY_FILE]
#include <mqwire/client.h>
#include <stdio.h>

static void on_open(mqw_client *client, const mqw_connack *connack, void *failed)
{
    mqw_stream_facts facts = {.size = sizeof(facts)};
    (void)connack, (void)failed;
    mqw_stream_facts_of(mqw_conn_stream(mqw_client_conn(client)), &facts);
    printf("%s, %s, to %s\n", facts.tls_version, facts.tls_cipher, facts.tls_subject);
}

static void on_published(mqw_client *client, int result, const mqw_packet *answer, void *failed)
{
    (void)answer;
    *(int *)failed = result < 0 || result >= MQW_REASON_UNSPECIFIED_ERROR;
    mqw_client_close(client, NULL);
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *failed)
{
    (void)client, (void)failed;
    fprintf(stderr, "%s: %s\n", failure->address, failure->words); // also why a certificate is no good
}

int main(int count, char **words)
{
    char why[200];
    int failed = 0;
    mqw_tls *tls;
    mqw_client *client;
    if (count < 3)
        return 2;
    mqw_tls_options verify = {.ca_file = words[2]};
    verify.certificate_file = count > 3 ? words[3] : NULL; // what the server wants to see of us
    verify.key_file = count > 4 ? words[4] : NULL;
    if (mqw_tls_new(&tls, MQW_CLIENT, &verify, why, sizeof(why)) < 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    mqw_open_options open = {.tls = tls};
    mqw_client_options options = {.address = words[1], .open = &open, .max_attempts = 1, .ctx = &failed};
    options.handlers.on_open = on_open;
    options.handlers.on_lost = on_lost;
    int result = mqw_client_open(&client, uv_default_loop(), &options);
    mqw_tls_free(tls); // the client keeps it as long as it needs it
    if (result < 0)
        return 1;
    mqw_publish hello = {.topic = MQW_TEXT("greeting"), .payload = {(const uint8_t *)"hello", 5}, .qos = 1};
    mqw_client_publish(client, &hello, on_published, &failed);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT) || failed;
}

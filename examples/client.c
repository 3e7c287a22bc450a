// SPDX-License-Identifier: MIT
// A client for everyday: subscribes, publishes, hears its own message, leaves. When the connection is lost it
// comes back by itself. client [ADDRESS]
#include <mqwire/client.h>
#include <stdio.h>

static void on_news(mqw_client *client, const mqw_publish *news, mqw_token token, void *failed)
{
    (void)token, (void)failed;
    printf("%.*s: %.*s\n", (int)news->topic.len, news->topic.data, (int)news->payload.len,
           (const char *)news->payload.data);
    mqw_client_close(client, NULL); // says goodbye once everything is acknowledged
}

static void on_subscribed(mqw_client *client, int result, const mqw_packet *answer, void *failed)
{
    (void)answer;
    mqw_bytes payload = {(const uint8_t *)"it rains", 8};
    mqw_publish news = {.topic = MQW_TEXT("news/today"), .payload = payload, .qos = 1};
    if (result < 0 || result >= MQW_REASON_UNSPECIFIED_ERROR) {
        fprintf(stderr, "no subscription: %s\n",
                result < 0 ? mqw_strerror(result) : mqw_reason_name(MQW_5_0, (uint8_t)result));
        *(int *)failed = 1;
        mqw_client_close(client, NULL);
    } else {
        mqw_client_publish(client, &news, NULL, NULL);
    }
}

static void on_lost(mqw_client *client, const mqw_client_failure *failure, void *failed)
{
    (void)client;
    fprintf(stderr, "%s: %s\n", failure->address, failure->words);
    if (failure->retry_in < 0)
        *(int *)failed = 1;
    else
        fprintf(stderr, "next attempt in %lld ms\n", (long long)failure->retry_in);
}

int main(int count, char **words)
{
    int failed = 0;
    mqw_filter filter = {.filter = MQW_TEXT("news/#"), .qos = 1};
    mqw_client_options options = {.address = count > 1 ? words[1] : "localhost", .max_attempts = 3};
    mqw_client *client;
    options.handlers.on_lost = on_lost;
    options.ctx = &failed;
    int result = mqw_client_open(&client, uv_default_loop(), &options);
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", options.address, mqw_strerror(result));
        return 1;
    }
    mqw_client_route(client, "news/#", on_news, &failed);
    mqw_client_subscribe(client, &filter, 1, NULL, on_subscribed, &failed); // waits for the connection
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT) || failed;
}

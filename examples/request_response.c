// SPDX-License-Identifier: MIT
// Request and response (5.0): one client asks, and the other one, or here the same, answers.
// request_response [ADDRESS]
#include <mqwire/client.h>
#include <stdio.h>
#include <stdlib.h>

// The service: doubles a number. It answers to wherever the request says.
static void on_request(mqw_client *client, const mqw_publish *request, mqw_token token, void *failed)
{
    char text[16];
    (void)token, (void)failed;
    snprintf(text, sizeof(text), "%.*s", (int)request->payload.len, (const char *)request->payload.data);
    unsigned long number = strtoul(text, NULL, 10);
    int len = snprintf(text, sizeof(text), "%lu", 2 * number % 1000000);
    mqw_publish answer = {.payload = {(const uint8_t *)text, (size_t)len}, .qos = 1};
    if (mqw_client_respond(client, request, &answer, NULL, NULL) == MQW_E_REFUSED)
        fprintf(stderr, "a request without a response topic\n");
}

static void on_response(mqw_client *client, int result, const mqw_publish *response, void *failed)
{
    if (response)
        printf("2 * 21 = %.*s\n", (int)response->payload.len, (const char *)response->payload.data);
    else
        fprintf(stderr, "no answer: %s\n",
                result < 0 ? mqw_strerror(result) : mqw_reason_name(MQW_5_0, (uint8_t)result));
    *(int *)failed = !response;
    mqw_client_close(client, NULL);
}

static void on_subscribed(mqw_client *client, int result, const mqw_packet *answer, void *failed)
{
    mqw_publish request = {
        .topic = MQW_TEXT("service/double"), .payload = {(const uint8_t *)"21", 2}, .qos = 1};
    (void)answer;
    *(int *)failed = 1; // until there is an answer
    if (result < 0 || mqw_client_request(client, &request, 5000, on_response, failed) < 0)
        mqw_client_close(client, NULL);
}

int main(int count, char **words)
{
    int failed = 1;
    mqw_filter service = {.filter = MQW_TEXT("service/double"), .qos = 1};
    mqw_client_options options = {.address = count > 1 ? words[1] : "localhost", .max_attempts = 1};
    mqw_client *client;
    if (mqw_client_open(&client, uv_default_loop(), &options) < 0)
        return 1;
    mqw_client_route(client, "service/double", on_request, &failed);
    mqw_client_subscribe(client, &service, 1, NULL, on_subscribed, &failed);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT) || failed;
}

// SPDX-License-Identifier: MIT
// A client without a loop of its own: each call waits until it is done, or its time is up. sync [ADDRESS]
#include <mqwire/sync.h>
#include <stdio.h>

int main(int count, char **words)
{
    char why[200];
    mqw_sync *sync;
    const mqw_publish *news;
    mqw_client_options options = {.address = count > 1 ? words[1] : "localhost", .max_attempts = 1};
    mqw_publish today = {
        .topic = MQW_TEXT("news/today"), .payload = {(const uint8_t *)"it rains", 8}, .qos = 1};
    if (mqw_sync_open(&sync, &options, 5000, why, sizeof(why)) != 0) {
        fprintf(stderr, "%s: %s\n", options.address, why);
        return 1;
    }
    int granted = mqw_sync_subscribe(sync, "news/#", 1, 5000);
    int published = granted < 0 ? granted : mqw_sync_publish(sync, &today, 5000);
    if (granted < 0 || granted >= MQW_REASON_UNSPECIFIED_ERROR || published < 0)
        fprintf(stderr, "%s\n", mqw_sync_error(sync));
    int got = 0;
    while (got == 0 && mqw_sync_next(sync, &news, 5000) == 1) {
        printf("%.*s: %.*s\n", (int)news->topic.len, news->topic.data, (int)news->payload.len,
               (const char *)news->payload.data);
        got = 1;
    }
    return mqw_sync_close(sync, 5000) != 0 || !got;
}

// SPDX-License-Identifier: MIT
// Any text is a packet or is not; a packet prints to a line that is the same packet, and what can be sent of
// it arrives.
#include "fuzz.h"

static void check_refused(mqw_text line, const mqw_error *why, int result)
{
    REQUIRE(result == MQW_E_MALFORMED && why->offset <= line.len && why->field != NULL);
}

static void check_prints_same(const char *line)
{
    size_t len = strlen(line);
    uint8_t *room = fuzz_block(len + 16);
    mqw_packet packet;
    FUZZ_FORGET(&packet);
    REQUIRE(mqw_scan((mqw_text){line, len}, &packet, room, len + 16, NULL) == 0);
    char *again = fuzz_line(&packet, MQW_FULL);
    REQUIRE(strcmp(again, line) == 0);
    free(again);
    free(room);
}

/* Too little room is told as such, and nothing is written beyond it. */
static void check_room(mqw_text line, size_t cap)
{
    mqw_packet packet;
    uint8_t *room = fuzz_block(cap);
    int result = mqw_scan(line, &packet, room, cap, NULL);
    REQUIRE(result == 0 || result == MQW_E_NO_ROOM);
    free(room);
}

static void check_sent(const mqw_packet *packet, uint8_t version, uint8_t sender)
{
    mqw_codec codec = {version, sender, NULL};
    mqw_error why;
    int len;
    uint8_t *bytes = fuzz_encode(&codec, packet, &len, &why);
    REQUIRE(len > 0 || (why.rule != 0 && !why.by_peer && mqw_error_text(&why)[0] != '\0'));
    if (len > 0) {
        char *line = fuzz_bare_line(packet);
        fuzz_check_encoded(&codec, (mqw_bytes){bytes, (size_t)len}, line);
        free(line);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mqw_text text = {(const char *)data, size};
    uint8_t *room = fuzz_block(size + 16);
    mqw_packet packet;
    mqw_error why = {0};
    FUZZ_FORGET(&packet);
    int result = mqw_scan(text, &packet, room, size + 16, &why);
    if (result < 0) {
        check_refused(text, &why, result);
    } else {
        char *line = fuzz_line(&packet, MQW_FULL), *for_the_eye = fuzz_line(&packet, MQW_SHORT);
        check_prints_same(line);
        check_room(text, size / 2);
        for (uint8_t version = 3; version <= 5; version++)
            for (uint8_t sender = MQW_ANY; sender <= MQW_SERVER; sender++)
                check_sent(&packet, version, sender);
        free(for_the_eye);
        free(line);
    }
    free(room);
    return 0;
}

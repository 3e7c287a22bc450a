// SPDX-License-Identifier: MIT
// Any bytes, in any version, from any side, under any policy: decoded, encoded, printed, scanned, copied,
// downgraded. The first byte is the version, the second the sender and the policy.
#include "fuzz.h"

static void check_error(const mqw_codec *codec, mqw_bytes in, int result, const mqw_error *why)
{
    mqw_packet packet;
    char sentence[512];
    REQUIRE(result == why->code && why->by_peer && why->rule != 0);
    REQUIRE(why->offset <= in.len && why->reason >= 0x80);
    REQUIRE(mqw_decode(codec, in, &packet, NULL) == result);
    REQUIRE(mqw_error_print(sentence, sizeof sentence, why) < sizeof sentence);
}

/* What is missing at the end makes a packet incomplete, or leaves the error that it has. */
static void check_cut(const mqw_codec *codec, mqw_bytes in, int whole, size_t len)
{
    mqw_packet packet;
    uint8_t *cut = fuzz_copy((mqw_bytes){in.data, len});
    int result = mqw_decode(codec, (mqw_bytes){cut, len}, &packet, NULL);
    REQUIRE(result == 0 || result == whole);
    free(cut);
}

static void check_scan(const char *line)
{
    size_t len = strlen(line);
    char *exact = (char *)fuzz_copy((mqw_bytes){(const uint8_t *)line, len});
    uint8_t *room = fuzz_block(len + 16);
    mqw_packet packet;
    mqw_error why = {0};
    FUZZ_FORGET(&packet);
    REQUIRE(mqw_scan((mqw_text){exact, len}, &packet, room, len + 16, &why) == 0);
    char *again = fuzz_line(&packet, MQW_FULL);
    REQUIRE(strcmp(again, line) == 0);
    free(again);
    free(room);
    free(exact);
}

static void check_copy(const mqw_packet *packet, const char *line)
{
    mqw_packet *copy = mqw_packet_copy(packet, NULL);
    REQUIRE(copy != NULL);
    char *again = fuzz_line(copy, MQW_FULL);
    REQUIRE(strcmp(again, line) == 0);
    free(again);
    mqw_packet_free(copy, NULL);
}

/* What 3.1.1 and 5.0 let pass under the strict rules can be sent; else it can be refused, but it is never our
 * fault. */
static void check_encode(const mqw_codec *codec, const mqw_packet *packet, bool strict)
{
    mqw_error why;
    int len;
    uint8_t *bytes = fuzz_encode(codec, packet, &len, &why);
    bool unsupported = packet->type == MQW_CONNECT && packet->connect.unsupported;
    bool checked =
        packet->type == MQW_CONNECT && !unsupported ? packet->connect.version > 3 : codec->version > 3;
    REQUIRE(len > 0 || !strict || !checked || unsupported);
    REQUIRE(len > 0 || (why.rule != 0 && !why.by_peer));
    if (len > 0) {
        char *line = fuzz_bare_line(packet);
        fuzz_check_encoded(codec, (mqw_bytes){bytes, (size_t)len}, line);
        free(line);
    }
    free(bytes);
}

/* What a version can say after a downgrade, it can say. */
static void check_downgrade(const mqw_packet *packet, uint8_t version, mqw_role sender, size_t size)
{
    mqw_packet lower = *packet;
    uint8_t *room = fuzz_block(size);
    if (mqw_packet_downgrade(&lower, version, sender, room, size) >= 0) {
        mqw_codec codec = {version, (uint8_t)sender, NULL};
        mqw_error why;
        int len;
        uint8_t *bytes = fuzz_encode(&codec, &lower, &len, &why);
        REQUIRE(len > 0 || why.rule != MQW_RULE_NOT_IN_VERSION);
        free(bytes);
        char *line = fuzz_line(&lower, MQW_SHORT);
        free(line);
    }
    free(room);
}

static void walk_lists(const mqw_packet *packet)
{
    mqw_list left = packet->type == MQW_SUBSCRIBE || packet->type == MQW_UNSUBSCRIBE
                        ? packet->subscribe.filters
                        : (mqw_list){{NULL, 0}};
    mqw_filter filter;
    mqw_text topic;
    size_t items = 0, most = left.wire.len;
    while (packet->type == MQW_SUBSCRIBE ? mqw_next_filter(&left, &filter) : mqw_next_topic(&left, &topic))
        items++;
    REQUIRE(left.wire.len == 0 && items <= most);
}

static void check_packet(const mqw_codec *codec, const mqw_packet *packet, mqw_bytes in, bool strict)
{
    char *line = fuzz_line(packet, MQW_FULL), *for_the_eye = fuzz_line(packet, MQW_SHORT);
    check_scan(line);
    check_copy(packet, line);
    check_encode(codec, packet, strict);
    walk_lists(packet);
    for (uint8_t version = 3; codec->version == 5 && version <= 5; version++) {
        check_downgrade(packet, version, MQW_CLIENT, in.len);
        check_downgrade(packet, version, MQW_SERVER, in.len);
    }
    free(for_the_eye);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    mqw_policy policy = fuzz_policy(data[1] / 3);
    mqw_codec codec = {(uint8_t)(3 + data[0] % 3), data[1] % 3, &policy};
    mqw_bytes in = {data + 2, size - 2};
    mqw_packet packet;
    mqw_error why = {0};
    FUZZ_FORGET(&packet);
    int result = mqw_decode(&codec, in, &packet, &why);
    int declared = mqw_packet_size(in);
    REQUIRE(result <= 0 || result == declared);
    REQUIRE(result != 0 || declared == 0 || (size_t)declared > in.len);
    if (result < 0)
        check_error(&codec, in, result, &why);
    if (result > 0)
        in.len = (size_t)result;
    for (size_t len = 0; len < in.len; len += 1 + len / 4)
        check_cut(&codec, in, result < 0 ? result : 0, len);
    if (result > 0)
        check_packet(&codec, &packet, in, data[1] / 3 % 4 == 0);
    return 0;
}

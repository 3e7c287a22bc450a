// SPDX-License-Identifier: MIT
// The handshake of WebSocket with anybody: a request or an answer comes to the same however it is cut, what
// is behind it stays, and every answer is a whole one. The first byte says which end we are, and what we
// want.
#define _GNU_SOURCE
#include "fuzz.h"
#include "transport/upgrade.h"

typedef struct outcome {
    int result;
    size_t left;
    char why[MQW__WS_WORDS];
    char *say;
} outcome;

static mqw__terms *terms_of(unsigned how)
{
    const mqw_websocket_options options = {.size = sizeof options,
                                           .path = how & 2 ? "/mqtt" : NULL,
                                           .origins = how & 4 ? "https://a.example" : NULL,
                                           .protocols = how & 8 ? "mqtt,chat" : NULL,
                                           .page = how & 16 ? "<p>" : NULL,
                                           .max_handshake = how & 32 ? 256 : 0};
    mqw__terms *terms = NULL;
    REQUIRE(mqw__terms_new(&terms, how & 1 ? MQW_CLIENT : MQW_SERVER, &options, "", "h") == 0);
    return terms;
}

static void check_answer(const char *say)
{
    const char *length = strstr(say, "Content-Length: ");
    const char *body = strstr(say, "\r\n\r\n");
    REQUIRE(length && body && strstr(say, "Connection: close\r\n"));
    size_t len = strlen(body + 4);
    REQUIRE(len == 0 || strtoul(length + strlen("Content-Length: "), NULL, 10) == len);
}

static void check(const mqw__upgrade *upgrade, int result)
{
    REQUIRE(result == 0 || result == 1 || result == MQW_E_STREAM);
    REQUIRE(strnlen(upgrade->why, sizeof upgrade->why) < sizeof upgrade->why);
    if (result == MQW_E_STREAM)
        REQUIRE(upgrade->why[0] != '\0');
    for (const char *at = upgrade->why; *at; at++)
        REQUIRE(*at >= ' ' && *at <= '~');
    if (upgrade->terms->role == MQW_SERVER && result == 1)
        REQUIRE(memcmp(upgrade->say, "HTTP/1.1 101 ", 13) == 0 && upgrade->why[0] == '\0');
    if (upgrade->terms->role == MQW_SERVER && result < 0 && upgrade->say)
        check_answer(upgrade->say);
    if (result == 1)
        REQUIRE(upgrade->protocol.len > 0 || upgrade->terms->any_protocol);
    REQUIRE(upgrade->http.len <= upgrade->http.most);
}

static outcome run(mqw__terms *terms, const uint8_t *data, size_t size, size_t piece)
{
    static const uint8_t nonce[16];
    outcome out = {.left = size};
    mqw__upgrade *upgrade = mqw__upgrade_new(terms);
    REQUIRE(upgrade != NULL);
    if (terms->role == MQW_CLIENT)
        REQUIRE(mqw__upgrade_ask(upgrade, nonce) == 0);
    while (out.result == 0 && out.left > 0) {
        size_t len = out.left < piece ? out.left : piece;
        uint8_t *block = fuzz_copy((mqw_bytes){data + size - out.left, len});
        mqw__span in = {block, len};
        out.result = mqw__upgrade_take(upgrade, &in);
        REQUIRE(out.result != 0 || in.len == 0);
        out.left -= len - in.len;
        free(block);
    }
    check(upgrade, out.result);
    memcpy(out.why, upgrade->why, sizeof out.why);
    out.say = upgrade->say ? strdup(upgrade->say) : NULL;
    mqw__upgrade_free(upgrade);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    mqw__terms *terms = terms_of(data[0]);
    size_t piece = data[1] % 32 + 1;
    outcome whole = run(terms, data + 2, size - 2, size);
    outcome cut = run(terms, data + 2, size - 2, piece);
    REQUIRE(whole.result == cut.result && whole.left == cut.left && strcmp(whole.why, cut.why) == 0);
    REQUIRE(!whole.say == !cut.say && (!whole.say || strcmp(whole.say, cut.say) == 0));
    free(whole.say);
    free(cut.say);
    mqw__terms_drop(terms);
    return 0;
}

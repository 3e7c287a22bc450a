// SPDX-License-Identifier: MIT
// Any text is an address or is not; nothing in one can end a line of a header, or reach beyond its place.
#include "fuzz.h"
#include "transport/address.h"
#include "transport/terms.h"

static void check_text(const char *text, size_t cap, bool path)
{
    size_t len = strnlen(text, cap);
    REQUIRE(len < cap);
    for (size_t i = 0; i < len; i++)
        REQUIRE((unsigned char)text[i] > ' ' && text[i] != 0x7F && (!path || text[i] != '#'));
}

static void check_tcp(const mqw__address *address)
{
    check_text(address->host, sizeof address->host, false);
    check_text(address->path, sizeof address->path, true);
    REQUIRE(address->host[0] != '\0');
    REQUIRE(address->path[0] == '\0' || (address->websocket && address->path[0] == '/'));
    REQUIRE(!address->tls || !address->plain);
    mqw__terms *terms = NULL;
    int result = mqw__terms_new(&terms, MQW_CLIENT, NULL, address->path, address->host);
    REQUIRE(result == 0 || (result == MQW_E_MISUSE && !terms));
    mqw__terms_drop(terms);
}

static void check(int result, const mqw__address *address)
{
    REQUIRE(result == 0 || result == MQW_E_ADDRESS);
    if (result < 0)
        return;
    REQUIRE(strnlen(address->user, sizeof address->user) < sizeof address->user);
    REQUIRE(strnlen(address->password, sizeof address->password) < sizeof address->password);
    REQUIRE(address->has_user || !address->has_password);
    if (address->kind == MQW__TCP)
        check_tcp(address);
    else
        REQUIRE(strnlen(address->path, sizeof address->path) < sizeof address->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_block(size + 1);
    mqw__address address;
    memcpy(text, data, size);
    text[size] = '\0';
    int result = mqw__address_read(&address, text);
    check(result, &address);
    REQUIRE(result < 0 || !address.proxy);
    result = mqw__address_read_proxy(&address, text);
    check(result, &address);
    REQUIRE(result < 0 || (address.proxy && address.port > 0));
    free(text);
    return 0;
}

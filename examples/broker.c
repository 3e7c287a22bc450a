// SPDX-License-Identifier: MIT
// A whole broker in a program of one's own: all of 3.1, 3.1.1 and 5.0, until Ctrl-C. broker [ADDRESS ...]
#include <mqwire/broker.h>
#include <stdio.h>

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    mqw_broker_close(signal->data, NULL, NULL); // tells everybody; the loop then ends
    uv_close((uv_handle_t *)signal, NULL);
}

int main(int count, char **words)
{
    static const char *const usual[] = {"localhost"};
    const char *const *addresses = count > 1 ? (const char *const *)words + 1 : usual;
    uv_signal_t interrupt;
    mqw_broker *broker;
    char address[128];
    if (mqw_broker_open(&broker, uv_default_loop(), NULL) < 0)
        return 1;
    for (int i = 0; i < (count > 1 ? count - 1 : 1); i++) {
        int result = mqw_broker_listen(broker, addresses[i], NULL);
        if (result < 0) {
            fprintf(stderr, "%s: %s\n", addresses[i], mqw_strerror(result));
            return 1;
        }
    }
    for (int i = 0; mqw_broker_address(broker, i, address, sizeof(address)) == 0; i++)
        fprintf(stderr, "listening on %s\n", address);
    interrupt.data = broker;
    uv_signal_init(uv_default_loop(), &interrupt);
    uv_signal_start(&interrupt, on_signal, SIGINT);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

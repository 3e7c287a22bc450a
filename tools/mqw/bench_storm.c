// SPDX-License-Identifier: MIT
// A storm of connections: each logs in and says goodbye.
#include <stdlib.h>

#include "bench_load.h"

static bench_step step_storm;

static void on_open(bench_peer *peer, const mqw_connack *connack)
{
    bench_storm_peer *self = (bench_storm_peer *)(void *)peer;
    (void)connack;
    histogram_add(&self->load->latency, uv_hrtime() - peer->begun);
    peer_ready(peer);
    peer_close(peer);
}

static const mqw_handlers handlers = {PEER_HANDLERS};

void storm_begin(bench_load *load)
{
    uint32_t count = load->settings->bench.storm;
    load->storm = calloc(count, sizeof(*load->storm));
    bool made = load->storm != NULL;
    for (uint32_t i = 0; made && i < count; i++) {
        load->storm[i].peer =
            (bench_peer){.kind = "c", .index = i, .handlers = &handlers, .on_open = on_open};
        load->storm[i].load = load;
        made = crew_add(&load->crew, &load->storm[i].peer);
    }
    load->from = load_moment(load);
    if (made)
        load_go(load, step_storm);
    else
        load_fail(load, "out of memory");
}

static void step_storm(bench_load *load)
{
    bench_result *result = load->result;
    if (!crew_open(&load->crew) || load->crew.alive > 0)
        return;
    bench_moment to = load_moment(load);
    double count = load->settings->bench.storm;
    load_note_span(load, &load->from, &to);
    result_set(result, FIGURE_CONNECTIONS, count);
    result_set(result, FIGURE_CONNECT_RATE, count / result->value[FIGURE_SECONDS]);
    result_set(result, FIGURE_CONNECT_P50, (double)histogram_at(&load->latency, 0.5) * 1e-9);
    result_set(result, FIGURE_CONNECT_P99, (double)histogram_at(&load->latency, 0.99) * 1e-9);
    if (result->has[FIGURE_BROKER_CPU])
        result_set(result, FIGURE_CONNECT_CPU, result->value[FIGURE_BROKER_CPU] / count);
    load_close(load);
}

// SPDX-License-Identifier: MIT
// How a load goes while it runs: a line at the bottom of a terminal.
#ifndef MQW_BENCH_LIVE_H
#define MQW_BENCH_LIVE_H

#include "bench_load.h"

// Shows it when it is time and wanted.
void live_show(bench_load *load);
// Takes the line off the terminal.
void live_hide(bench_load *load);

#endif

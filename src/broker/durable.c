// SPDX-License-Identifier: MIT
// The broker's store: whether it is well, and when it is asked to commit.
#include "inside.h"

int mqw__record_open(mqw_broker *broker, mqw_store *store)
{
    (void)broker, (void)store;
    return MQW_E_MISUSE;
}

bool mqw__record_busy(const mqw_broker *broker)
{
    return broker->durable;
}

void mqw__record_free(mqw_broker *broker)
{
    broker->durable = NULL;
}

bool mqw__record_well(const mqw_broker *broker)
{
    return !broker->durable;
}

// SPDX-License-Identifier: MIT
// Small blocks that come and go with each message, so that the hot path allocates nothing.
#include "inside.h"

enum { MOST_SPARE = 1 << 20 }; // bytes

static size_t rounded(size_t size)
{
    return (size + MQW__MAIL_STEP - 1) / MQW__MAIL_STEP * MQW__MAIL_STEP;
}

// Where blocks of a rounded size are kept; MQW__MAIL_SIZES and above: those are not.
static size_t shelf(size_t size)
{
    return size / MQW__MAIL_STEP - 1;
}

static void *take_spare(mqw__mail *mail, size_t size)
{
    size_t at = shelf(size);
    void *block = at < MQW__MAIL_SIZES ? mail->spare[at] : NULL;
    if (block) {
        mail->spare[at] = *(void **)block;
        mail->spare_bytes -= size;
    }
    return block;
}

void *mqw__mail_take(mqw_broker *broker, size_t size)
{
    size = rounded(size);
    if (!mqw__hold(broker, size))
        return NULL;
    void *block = take_spare(&broker->mail, size);
    if (!block)
        block = mqw__alloc(&broker->allocator, size);
    if (!block)
        mqw__let_go(broker, size);
    return block;
}

void mqw__mail_give(mqw_broker *broker, void *block, size_t size)
{
    mqw__mail *mail = &broker->mail;
    size = rounded(size);
    mqw__let_go(broker, size);
    size_t at = shelf(size);
    if (at >= MQW__MAIL_SIZES || mail->spare_bytes + size > MOST_SPARE) {
        mqw__free(&broker->allocator, block, size);
        return;
    }
    *(void **)block = mail->spare[at];
    mail->spare[at] = block;
    mail->spare_bytes += size;
}

void mqw__mail_free(mqw_broker *broker)
{
    mqw__mail *mail = &broker->mail;
    for (size_t at = 0; at < MQW__MAIL_SIZES; at++)
        while (mail->spare[at]) {
            void *block = mail->spare[at];
            mail->spare[at] = *(void **)block;
            mqw__free(&broker->allocator, block, (at + 1) * MQW__MAIL_STEP);
        }
    mail->spare_bytes = 0;
}

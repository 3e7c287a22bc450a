// SPDX-License-Identifier: MIT
// Records of what has changed.
#include "inside.h"

int mqw__record_session(mqw__session *session)
{
    (void)session;
    return 0;
}

void mqw__record_session_over(mqw__session *session)
{
    (void)session;
}

int mqw__record_subscription(const mqw__subscription *subscription)
{
    (void)subscription;
    return 0;
}

void mqw__record_unsubscribed(const mqw__subscription *subscription)
{
    (void)subscription;
}

int mqw__record_retained(mqw_broker *broker, mqw__letter *letter)
{
    (void)broker, (void)letter;
    return 0;
}

void mqw__record_unretained(mqw_broker *broker, mqw__letter *old)
{
    (void)broker, (void)old;
}

int mqw__record_will(mqw__session *session)
{
    (void)session;
    return 0;
}

void mqw__record_will_over(mqw__session *session)
{
    (void)session;
}

int mqw__record_promised(mqw__session *session, mqw_promise *promise)
{
    (void)session, (void)promise;
    return 0;
}

int mqw__record_leaves(mqw__session *session, mqw_promise *promise)
{
    (void)session, (void)promise;
    return 0;
}

void mqw__record_over(mqw__session *session, const mqw_promise *was)
{
    (void)session, (void)was;
}

int mqw__record_received(mqw__session *session, uint16_t packet_id)
{
    (void)session, (void)packet_id;
    return 0;
}

int mqw__record_unreceived(mqw__session *session, uint16_t packet_id)
{
    (void)session, (void)packet_id;
    return 0;
}

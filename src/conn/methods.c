// SPDX-License-Identifier: MIT
// One method per packet, the same on both roles.
#include "conn/inside.h"

static int method(mqw_conn *conn, int type, const void *body)
{
    if (!body)
        return mqw__conn_refuse(conn, MQW_E_MISUSE, MQW_RULE_FIELD_RANGE, type, "packet");
    return mqw__conn_queue(conn, type, body, NULL, true);
}

int mqw_conn_connect(mqw_conn *conn, const mqw_connect *connect)
{
    return method(conn, MQW_CONNECT, connect);
}

int mqw_conn_connack(mqw_conn *conn, const mqw_connack *connack)
{
    return method(conn, MQW_CONNACK, connack);
}

int mqw_conn_publish(mqw_conn *conn, const mqw_publish *publish)
{
    return method(conn, MQW_PUBLISH, publish);
}

int mqw_conn_puback(mqw_conn *conn, const mqw_ack *ack)
{
    return method(conn, MQW_PUBACK, ack);
}

int mqw_conn_pubrec(mqw_conn *conn, const mqw_ack *ack)
{
    return method(conn, MQW_PUBREC, ack);
}

int mqw_conn_pubrel(mqw_conn *conn, const mqw_ack *ack)
{
    return method(conn, MQW_PUBREL, ack);
}

int mqw_conn_pubcomp(mqw_conn *conn, const mqw_ack *ack)
{
    return method(conn, MQW_PUBCOMP, ack);
}

int mqw_conn_subscribe(mqw_conn *conn, const mqw_subscribe *subscribe)
{
    return method(conn, MQW_SUBSCRIBE, subscribe);
}

int mqw_conn_suback(mqw_conn *conn, const mqw_suback *suback)
{
    return method(conn, MQW_SUBACK, suback);
}

int mqw_conn_unsubscribe(mqw_conn *conn, const mqw_subscribe *unsubscribe)
{
    return method(conn, MQW_UNSUBSCRIBE, unsubscribe);
}

int mqw_conn_unsuback(mqw_conn *conn, const mqw_suback *unsuback)
{
    return method(conn, MQW_UNSUBACK, unsuback);
}

int mqw_conn_pingreq(mqw_conn *conn)
{
    return mqw__conn_queue(conn, MQW_PINGREQ, NULL, NULL, true);
}

int mqw_conn_pingresp(mqw_conn *conn)
{
    return mqw__conn_queue(conn, MQW_PINGRESP, NULL, NULL, true);
}

int mqw_conn_disconnect(mqw_conn *conn, const mqw_disconnect *disconnect)
{
    static const mqw_disconnect normal = {.reason = 0};
    return method(conn, MQW_DISCONNECT, disconnect ? disconnect : &normal);
}

int mqw_conn_auth(mqw_conn *conn, const mqw_disconnect *auth)
{
    return method(conn, MQW_AUTH, auth);
}

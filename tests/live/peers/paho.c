// SPDX-License-Identifier: MIT
// Paho's C client with a broker, in 3.1, 3.1.1 and 5.0: each QoS there and back, and a retained message.
// paho ADDRESS [CA]
#include <MQTTClient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MQTTClient client;

static void check(int holds, const char *what, int code)
{
    if (holds)
        return;
    fprintf(stderr, "%s (%d)\n", what, code);
    exit(1);
}

static void enter(const char *address, char *ca, int version)
{
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions options5 = MQTTClient_connectOptions_initializer5;
    MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
    char id[16];
    int code;
    create.MQTTVersion = version;
    if (version == MQTTVERSION_5)
        options = options5;
    options.MQTTVersion = version;
    options.connectTimeout = 10;
    tls.trustStore = ca;
    tls.verify = 1;
    if (ca)
        options.ssl = &tls;
    snprintf(id, sizeof id, "paho-%d", version);
    code = MQTTClient_createWithOptions(&client, address, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
    check(code == MQTTCLIENT_SUCCESS, "create", code);
    code = version == MQTTVERSION_5 ? (int)MQTTClient_connect5(client, &options, NULL, NULL).reasonCode
                                    : MQTTClient_connect(client, &options);
    check(code == 0, "connect", code);
}

static void subscribe(const char *filter, int version)
{
    int code = version == MQTTVERSION_5
                   ? (int)MQTTClient_subscribe5(client, filter, 2, NULL, NULL).reasonCode - 2
                   : MQTTClient_subscribe(client, filter, 2);
    check(code == 0, "subscribe", code);
}

static void publish(const char *topic, char *payload, int qos, int retained, int version)
{
    MQTTClient_message message = MQTTClient_message_initializer;
    MQTTProperty type = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE, .value.data = {4, "text"}};
    MQTTClient_deliveryToken token;
    int code;
    message.payload = payload;
    message.payloadlen = (int)strlen(payload);
    message.qos = qos;
    message.retained = retained;
    if (version == MQTTVERSION_5) {
        MQTTProperties_add(&message.properties, &type);
        code = MQTTClient_publishMessage5(client, topic, &message, &token).reasonCode;
        MQTTProperties_free(&message.properties);
    } else {
        code = MQTTClient_publishMessage(client, topic, &message, &token);
    }
    check(code == 0, "publish", code);
    if (qos > 0)
        check(MQTTClient_waitForCompletion(client, token, 10000) == 0, "no acknowledgement", qos);
}

static void hear(const char *topic, const char *payload, int qos, int retained, int version)
{
    MQTTClient_message *message = NULL;
    char *name = NULL;
    int len;
    int code = MQTTClient_receive(client, &name, &len, &message, 10000);
    check(code == 0 && message, "nothing came", code);
    check(strcmp(name, topic) == 0, name, qos);
    check(message->payloadlen == (int)strlen(payload) &&
              memcmp(message->payload, payload, strlen(payload)) == 0,
          payload, qos);
    check(message->qos == qos && message->retained == retained, "QoS or retained", message->qos);
    if (version == MQTTVERSION_5)
        check(MQTTProperties_hasProperty(&message->properties, MQTTPROPERTY_CODE_CONTENT_TYPE),
              "no content type", qos);
    MQTTClient_freeMessage(&message);
    MQTTClient_free(name);
}

static void talk(const char *address, char *ca, int version)
{
    char *payloads[] = {"zero", "one", "two"};
    enter(address, ca, version);
    subscribe("paho/#", version);
    for (int qos = 0; qos < 3; qos++) {
        publish("paho/t", payloads[qos], qos, 0, version);
        hear("paho/t", payloads[qos], qos, 0, version);
    }
    publish("paho/kept", "kept", 1, 1, version);
    hear("paho/kept", "kept", 1, 0, version);
    subscribe("paho/kept", version);
    hear("paho/kept", "kept", 1, 1, version);
    publish("paho/kept", "", 1, 1, version);
    hear("paho/kept", "", 1, 0, version);
    check(MQTTClient_isConnected(client), "connection lost", version);
    MQTTClient_disconnect(client, 5000);
    MQTTClient_destroy(&client);
}

int main(int count, char **words)
{
    MQTTClient_init_options all = MQTTClient_init_options_initializer;
    if (count < 2)
        return 2;
    all.do_openssl_init = 1;
    MQTTClient_global_init(&all);
    for (int version = MQTTVERSION_3_1; version <= MQTTVERSION_5; version++)
        talk(words[1], count > 2 ? words[2] : NULL, version);
    return 0;
}

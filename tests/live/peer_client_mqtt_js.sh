#!/bin/sh
# SPDX-License-Identifier: MIT
# Our client (mqw pub, mqw sub) and npm's through mosquitto: 5.0 properties arrive whole both ways, shared subscriptions
# share; and our client to mosquitto by every way: TCP, TLS, WebSocket, both, a Unix socket, and through nginx.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program mosquitto nginx node openssl
need_module mqtt
certificate

for attempt in 1 2 3 4 5; do
    plain=$(free_port) web=$(free_port) secure=$(free_port) both=$(free_port)
    cat >"$scratch/mosquitto.conf" <<CONF
allow_anonymous true
persistence false
user root
listener $plain 127.0.0.1
listener 0 $scratch/broker.socket
listener $web 127.0.0.1
protocol websockets
listener $secure 127.0.0.1
certfile $scratch/cert.pem
keyfile $scratch/key.pem
listener $both 127.0.0.1
protocol websockets
certfile $scratch/cert.pem
keyfile $scratch/key.pem
CONF
    mosquitto -v -c "$scratch/mosquitto.conf" >"$scratch/broker.log" 2>&1 &
    broker=$!
    children="$children $broker"
    if await_listener "$plain" && await_listener "$web" && await_listener "$secure" && await_listener "$both" &&
        kill -0 $broker; then
        break
    fi
    wait $broker
    [ "$attempt" -lt 5 ] || { fail "mosquitto does not start"; sed 's/^/    mosquitto: /' "$scratch/broker.log"; finish; }
done

for attempt in 1 2 3 4 5; do
    front=$(free_port) secure_front=$(free_port)
    cat >"$scratch/nginx.conf" <<CONF
daemon off;
master_process off;
pid $scratch/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path $scratch/nginx.1;
    proxy_temp_path $scratch/nginx.2;
    fastcgi_temp_path $scratch/nginx.3;
    uwsgi_temp_path $scratch/nginx.4;
    scgi_temp_path $scratch/nginx.5;
    server {
        listen 127.0.0.1:$front;
        listen 127.0.0.1:$secure_front ssl;
        ssl_certificate $scratch/cert.pem;
        ssl_certificate_key $scratch/key.pem;
        proxy_http_version 1.1;
        proxy_set_header Upgrade \$http_upgrade;
        proxy_set_header Connection "upgrade";
        location / { proxy_pass http://127.0.0.1:$web; }
    }
}
CONF
    nginx -c "$scratch/nginx.conf" -e "$scratch/nginx.log" >"$scratch/nginx.out" 2>&1 &
    nginx=$!
    children="$children $nginx"
    await_listener "$front" && await_listener "$secure_front" && kill -0 $nginx && break
    [ "$attempt" -lt 5 ] || { fail "nginx does not start"; sed 's/^/    nginx: /' "$scratch/nginx.log"; finish; }
done

# hears NAME OPTIONS...: a subscriber in the background that is subscribed when this returns; its output is in
# $scratch/NAME.out, its process in $child.
hears() {
    name=$1
    shift
    timeout 30 "$MQW" sub -i "$name" "$@" >"$scratch/$name.out" 2>"$scratch/$name.err" &
    child=$!
    children="$children $child"
    await_text "$scratch/broker.log" "Sending SUBACK to $name"
}
heard() { # NAME PID: it has ended well
    check
    wait "$2" || { cat "$scratch/$1.err"; fail "$1 ends with $?"; }
    cp "$scratch/$1.out" "$out"
}

# --- every way --------------------------------------------------------------------------------------------------------

way=0
for address in "mqtt://127.0.0.1:$plain" "mqtts://localhost:$secure" "ws://127.0.0.1:$web" "wss://localhost:$both" \
    "unix:$scratch/broker.socket" "ws://127.0.0.1:$front/mqtt" "wss://localhost:$secure_front/mqtt"; do
    case $address in
    mqtts* | wss*) trust="--cafile $scratch/cert.pem" ;;
    *) trust= ;;
    esac
    for version in 31 311 5; do
        way=$((way + 1))
        # shellcheck disable=SC2086 # two words, or none
        hears "way-$way" $trust -V "$version" -t "way/$way" -q 2 -C 3 "$address"
        reader=$child
        for qos in 0 1 2; do
            # shellcheck disable=SC2086
            run 0 "$MQW" pub $trust -V "$version" -t "way/$way" -q $qos -m "message $qos" "$address"
        done
        heard "way-$way" "$reader"
        lines 3 '^message [012]$'
    done
done

# --- npm's client and ours -----------------------------------------------------------------------------------------

npm() { # WHAT
    run 0 node "$SOURCE_DIR/tests/live/peer_client_mqtt_js.mjs" "$NODE_DIR" "$plain" "$1"
}

hears ours -p "$plain" -V 5 -t 'down/#' -q 2 -j -C 3 -D subscribe subscription-identifier 7
reader=$child
npm say
heard ours "$reader"
# shellcheck disable=SC2016 # the ${i} is of JavaScript
json 'all.length === 3 && all.every((m, i) => m.topic === `down/${i}` && m.qos === i && m.payload === "héllo")'
json 'all.every(({ properties: p }) => p.payload_format === 1 && p.message_expiry === 60 && p.content_type === "text/plain" &&
    p.response_topic === "r/t" && p.correlation_data === "c1" && p.subscription_ids.join() === "7")'
json 'all.every(({ properties: p }) => JSON.stringify(p.user.map(u => [u.name, u.value])) ===
    JSON.stringify([["k", "v"], ["k", "w"], ["ключ", ""]]))'

node "$SOURCE_DIR/tests/live/peer_client_mqtt_js.mjs" "$NODE_DIR" "$plain" hear >"$scratch/theirs" 2>"$scratch/theirs.err" &
theirs=$!
children="$children $theirs"
await_text "$scratch/broker.log" 'Sending SUBACK to npm-hear'
run 0 "$MQW" pub -p "$plain" -V 5 -t up/x -q 2 -m 'grüß' -D publish user-property k v -D publish user-property k w \
    -D publish user-property ключ '' -D publish content-type text/plain -D publish response-topic r/t \
    -D publish correlation-data c1 -D publish message-expiry-interval 60 -D publish payload-format-indicator 1
check
wait "$theirs" || { cat "$scratch/theirs.err"; fail 'npm hears nothing'; }
cp "$scratch/theirs" "$out"
json 'all[0].topic === "up/x" && all[0].qos === 2 && all[0].payload === "grüß" && all[0].contentType === "text/plain" &&
    all[0].responseTopic === "r/t" && all[0].correlationData === "c1" && all[0].messageExpiryInterval === 60 &&
    all[0].payloadFormatIndicator === true && [].concat(all[0].subscriptionIdentifier).join() === "9"'
json 'JSON.stringify(all[0].userProperties) === JSON.stringify({ k: ["v", "w"], "ключ": "" })'

# two of ours share what npm publishes: every message once, each gets some
# shellcheck disable=SC2016 # $share is of MQTT
hears one -p "$plain" -V 5 -t '$share/group/shared/t' -q 1 -C 10
first=$child
# shellcheck disable=SC2016 # as above
hears two -p "$plain" -V 5 -t '$share/group/shared/t' -q 1 -C 10
second=$child
npm share
heard one "$first"
heard two "$second"
sort -n "$scratch/one.out" "$scratch/two.out" >"$out"
check
seq 0 19 | cmp -s - "$out" || fail 'shared subscriptions do not share'

stop "$nginx"
stop "$broker"
finish

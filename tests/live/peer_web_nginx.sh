#!/bin/sh
# SPDX-License-Identifier: MIT
# nginx in between, as people run it: a WebSocket proxy for ws and, ending TLS, for wss, before our listener on TCP and
# on a Unix socket; and what it says when there is nothing behind it, or when it takes us for a browser.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program nginx node openssl
need_module mqtt
certificate

start behind "$MQW" listen --answer --echo --full ws://127.0.0.1:0/mqtt
tcp=${address##*:}
start local "$MQW" listen --answer --echo --full --ws "unix:$scratch/local.socket"

for attempt in 1 2 3 4 5; do
    plain=$(free_port) secure=$(free_port)
    cat >"$scratch/nginx.conf" <<CONF
daemon off;
master_process off;
pid $scratch/nginx.pid;
error_log $scratch/nginx.log notice;
events {}
http {
    access_log $scratch/access.log;
    client_body_temp_path $scratch/nginx.1;
    proxy_temp_path $scratch/nginx.2;
    fastcgi_temp_path $scratch/nginx.3;
    uwsgi_temp_path $scratch/nginx.4;
    scgi_temp_path $scratch/nginx.5;
    server {
        listen 127.0.0.1:$plain;
        listen 127.0.0.1:$secure ssl;
        ssl_certificate $scratch/cert.pem;
        ssl_certificate_key $scratch/key.pem;
        proxy_http_version 1.1;
        proxy_set_header Upgrade \$http_upgrade;
        proxy_set_header Connection "upgrade";
        location = /mqtt { proxy_pass http://127.0.0.1:$tcp; }
        location = /local/mqtt { proxy_pass http://unix:$scratch/local.socket:/mqtt; }
        location = /nothing { proxy_pass http://unix:$scratch/nothing.socket:/; }
        location = /moved { return 302 wss://other.example/mqtt; }
        location = /login { auth_basic realm; auth_basic_user_file $scratch/nobody; proxy_pass http://127.0.0.1:$tcp; }
    }
}
CONF
    : >"$scratch/nobody"
    nginx -c "$scratch/nginx.conf" -e "$scratch/nginx.log" >"$scratch/nginx.out" 2>&1 &
    nginx=$!
    children="$children $nginx"
    await_listener "$plain" && await_listener "$secure" && kill -0 $nginx && break
    [ "$attempt" -lt 5 ] || { fail "nginx does not start"; sed 's/^/    nginx: /' "$scratch/nginx.log"; finish; }
done

# What a client needs to trust the server at an address.
trusted_at() { # ADDRESS
    case $1 in
    wss:*) echo "--cafile $scratch/cert.pem" ;;
    esac
}

# --- our client through nginx to our server ---------------------------------------------------------------------------

for address in "ws://127.0.0.1:$plain/mqtt" "wss://localhost:$secure/mqtt" "ws://127.0.0.1:$plain/local/mqtt" \
    "wss://127.0.0.1:$secure/local/mqtt"; do
    for version in 3 4 5; do
        # shellcheck disable=SC2046 # options, or none
        holds --unordered $(trusted_at "$address") <<SCRIPT
C> CONNECT version=$version client_id="nginx-$version" clean_start
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="a/#":1
S> SUBACK packet_id=1 reasons=1
C> PUBLISH topic="a/b" payload=0x00ff qos=1 packet_id=2
S> PUBACK packet_id=2
S> PUBLISH topic="a/b" payload=0x00ff qos=1 packet_id=\$one
C> PUBACK packet_id=\$one
C> PINGREQ
S> PINGRESP
C> DISCONNECT
.wait close
SCRIPT
    done
done

# --- npm's client the same way -----------------------------------------------------------------------------------------

run 0 node "$SOURCE_DIR/tests/live/peer_web_mqtt_js.mjs" "$NODE_DIR" "ws://127.0.0.1:$plain"
run 0 node "$SOURCE_DIR/tests/live/peer_web_mqtt_js.mjs" "$NODE_DIR" "wss://127.0.0.1:$secure" "$scratch/cert.pem"
cat "$out"

# --- what nginx says -----------------------------------------------------------------------------------------------------

refused() { # ADDRESS WORDS
    # shellcheck disable=SC2046 # options, or none
    echo | run 3 "$MQW" open $(trusted_at "$1") "$1"
    error_says "$2"
}
refused "ws://127.0.0.1:$plain/none" "server refuses the WebSocket: 404 Not Found; the path of the address may be wrong"
refused "ws://127.0.0.1:$plain/nothing" "server refuses the WebSocket: 502 Bad Gateway"
refused "ws://127.0.0.1:$plain/moved" "302 Moved Temporarily; it points to wss://other.example/mqtt"
refused "ws://127.0.0.1:$plain/login" "401 Unauthorized; it wants a login"
refused "ws://127.0.0.1:$secure/mqtt" "server refuses the WebSocket: 400 Bad Request"
printf '.wait close\n' | run 4 "$MQW" open -c "mqtt://127.0.0.1:$plain"
says "peer speaks HTTP"

# A person with a browser, through nginx and directly.
node -e 'require("http").get(process.argv[1], answer => { answer.setEncoding("utf8"); let body = "";
    answer.on("data", text => body += text).on("end", () => console.log(answer.statusCode, body)); })' \
    "http://127.0.0.1:$plain/mqtt" >"$out"
says "426 <!doctype html>"
stop "$nginx"
finish

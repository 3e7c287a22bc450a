#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw serve: passwords, mqw passwd, SCRAM, rules, certificates of clients, WebSocket with npm mqtt, reloading.
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
. "${SOURCE_DIR:-.}/tests/live/lib/serve.sh"
need_program mosquitto_pub mosquitto_sub openssl
users=$scratch/users

# --- mqw passwd -----------------------------------------------------------------------------------------------

set_password() { # USER PASSWORD OPTIONS...
    user=$1 password=$2
    shift 2
    printf '%s\n' "$password" | run 0 "$MQW" passwd --stdin "$@" "$users" "$user"
}
printf '# who may come\n' >"$users.new"
mv "$users.new" "$users"
chmod 640 "$users"
set_password alice 'correct horse'
set_password bob "bob's"
set_password "$(printf 'j\303\266rg')" umlaut
check
[ "$(stat -c %a "$users")" = 640 ] || fail "the mode is $(stat -c %a "$users")"
check
[ "$(head -n 1 "$users")" = '# who may come' ] || fail 'the comment is gone'
check
[ "$(grep -c '^[^:]*:\$y\$j9T\$' "$users")" -eq 3 ] || fail 'these are no yescrypt hashes'
cp "$users" "$scratch/before"
set_password bob another
check
[ "$(wc -l <"$users")" -eq 4 ] || fail 'a line was not changed in its place'
check
grep '^alice:' "$users" | cmp -s - "$scratch/before" && fail 'nothing was changed'
[ "$(grep '^alice:' "$users")" = "$(grep '^alice:' "$scratch/before")" ] || fail 'the line of another was changed'
[ "$(grep '^bob:' "$users")" != "$(grep '^bob:' "$scratch/before")" ] || fail 'the password is the old one'
run 0 "$MQW" passwd --delete "$users" bob
check
! grep -q '^bob:' "$users" || fail 'bob is still there'
run 2 "$MQW" passwd --delete "$users" bob
error_says 'nobody of that name'
run 3 "$MQW" passwd --delete "$scratch/none" bob
run 2 "$MQW" passwd --stdin "$users" 'a:b' </dev/null
error_says 'without colon'
run 2 "$MQW" passwd --stdin "$users"
error_says 'FILE and USER'
run 2 "$MQW" passwd --stdin "$users" carl </dev/null
error_says 'empty'
head -c 600 /dev/zero | tr '\0' x | run 2 "$MQW" passwd --stdin "$users" carl
run 2 setsid -w "$MQW" passwd "$users" carl </dev/null
error_says 'there is no terminal'
run 0 sh -c "echo secret | '$MQW' passwd --stdin '$scratch/fresh' first"
check
[ "$(stat -c %a "$scratch/fresh")" = 600 ] || fail "a new file has mode $(stat -c %a "$scratch/fresh")"
check
[ -z "$(find "$scratch" -name 'users.*' -newer "$scratch/before")" ] || fail 'something was left beside the file'
ln -s "$scratch/fresh" "$scratch/link"
run 0 sh -c "echo secret | '$MQW' passwd --stdin '$scratch/link' second"
check
[ -L "$scratch/link" ] && [ "$(wc -l <"$scratch/fresh")" -eq 2 ] || fail 'a link was replaced'
# asked for twice at a terminal, which shows neither
expect -c "log_user 0; log_file -a $scratch/typed; spawn $MQW passwd $users dora
    expect {New password: }; send \"typed one\r\"; expect {The same again: }; send \"typed one\r\"; expect eof
    lassign [wait] pid spawn_id os code; exit \$code" || fail 'no password could be typed'
check
! grep -q 'typed one' "$scratch/typed" || fail 'the terminal has shown the password'
expect -c "log_user 0; spawn $MQW passwd $users dora
    expect {New password: }; send \"typed one\r\"; expect {The same again: }; send \"another\r\"; expect {not the same}
    expect eof; lassign [wait] pid spawn_id os code; exit \$code" && fail 'different passwords were taken'

# --- passwords ------------------------------------------------------------------------------------------------

set_password alice 'correct horse' --scram
serve users --passwords "$users" mqtt://127.0.0.1:0
port=$(port users mqtt) users_pid=$child
not_logged users 'no authentication'
knock() { # CODE OPTIONS...: mosquitto_pub ends with it
    wanted=$1
    shift
    run "$wanted" mosquitto_pub -h 127.0.0.1 -p "$port" -t t -m m "$@"
}
for version in 31 311 5; do
    knock 0 -V "$version" -u alice -P 'correct horse'
done
knock 0 -u "$(printf 'j\303\266rg')" -P umlaut
knock 0 -u dora -P 'typed one'
knock 4 -V 311 -u alice -P 'correct hors'
error_says 'bad user name or password'
knock 4 -V 311 -u alice -P 'correct horse '
knock 4 -V 311 -u mallory -P x
knock 5 -V 311
knock 4 -V 311 -u alice
knock 4 -V 31 -u alice -P "$(head -c 2000 /dev/zero | tr '\0' x)"
for said in 'user=alice' 'refused .*says_user=mallory .*reason=0x86' 'refused .*reason=0x87'; do
    logged users "$said"
done
not_logged users 'correct hors'
connect() { # FIELDS EXPECTED
    printf 'CONNECT version=5 client_id="x" clean_start %s\n.wait CONNACK\n' "$1" >"$scratch/lines"
    run 0 "$MQW" open --full --script "$scratch/lines" "mqtt://127.0.0.1:$port"
    says "$2"
}
connect 'username="mallory" password="x"' reason=0x86
connect 'username="alice" password="x"' reason=0x86
connect 'username="alice" password="correct horse"' reason=0x00
connect '' reason=0x87
# a name that does not exist takes as long: at least half the time of one that does
took() {
    node -e 'const { spawnSync } = require("child_process"), start = process.hrtime.bigint();
        for (let i = 0; i < 5; i++) spawnSync("mosquitto_pub", process.argv.slice(1));
        console.log(Number((process.hrtime.bigint() - start) / 1000n))' \
        -- -h 127.0.0.1 -p "$port" -t t -m m -u "$1" -P wrong
}
real=$(took alice) unreal=$(took nobody)
check
[ "$unreal" -gt $((real / 2)) ] && [ "$real" -gt $((unreal / 2)) ] || fail "a known name takes $real us, an unknown one $unreal us"
# SCRAM
scram() { # USER PASSWORD: what the npm client or ours says is the test of the library; here the server's side is asked
    printf 'CONNECT version=5 client_id="s" clean_start auth_method="SCRAM-SHA-256" auth_data="n,,n=%s,r=abcdefgh"\n.wait AUTH\n' "$1" \
        >"$scratch/lines"
    run 0 "$MQW" open --full --script "$scratch/lines" "mqtt://127.0.0.1:$port"
    says 'S> AUTH'
    says 'i=100000'
}
scram alice
scram nobody
printf 'CONNECT version=5 client_id="s" clean_start auth_method="MAGIC"\n.wait CONNACK\n' >"$scratch/lines"
run 0 "$MQW" open --full --script "$scratch/lines" "mqtt://127.0.0.1:$port"
says 'reason=0x8c'

# --- reloading ------------------------------------------------------------------------------------------------

subscribe() { # NAME USER PASSWORD: a client that stays
    "$MQW" sub --no-reconnect -t none -u "$2" -P "$3" -i "$1" "mqtt://127.0.0.1:$port" >"$scratch/$1.out" 2>&1 &
    children="$children $!"
    staying=$!
    logged users "connected client=$1"
}
subscribe stays alice 'correct horse'
stays=$staying
subscribe goes dora 'typed one'
run 0 "$MQW" passwd --delete "$users" dora
set_password emil new
kill -HUP "$users_pid"
logged users 'reloaded'
logged users 'disconnected client=goes .*reason=0x87'
knock 0 -u emil -P new
knock 4 -V 311 -u dora -P 'typed one'
check
kill -0 "$stays" || fail 'who may still be there has gone'
cp "$users" "$scratch/good"
echo 'nonsense without a colon' >>"$users"
kill -HUP "$users_pid"
logged users "$users:[0-9]+: NAME:HASH is wanted"
logged users 'not-reloaded'
knock 0 -u emil -P new
knock 0 -u alice -P 'correct horse'
cp "$scratch/good" "$users"
for line in 'x:plain' 'x:' ':hash' 'x:$y$j9T$abc:SCRAM-SHA-256$1:a$b:c'; do
    printf '# first\n%s\n' "$line" >"$scratch/wrong"
    run 2 "$MQW" serve --check --passwords "$scratch/wrong"
    error_says "$scratch/wrong:2: "
done
cat "$users" "$users" >"$scratch/wrong"
run 2 "$MQW" serve --check --passwords "$scratch/wrong"
error_says 'stands there twice'
ends 0 "$users_pid" TERM

# --- rules ----------------------------------------------------------------------------------------------------

cat >"$scratch/acl" <<'ACL'
# anonymous clients
topic read public/#

user alice
topic readwrite house/#
topic deny house/secret/#
topic write in/only
topic read $SYS/#

user emil
topic house/+/light

pattern readwrite by/%u/%c
pattern write say/%u
ACL
serve rules --passwords "$users" --acl "$scratch/acl" --set access.anonymous=yes mqtt://127.0.0.1:0 --log-level debug
port=$(port rules mqtt) rules_pid=$child
may() { # EXPECTED-REASON TOPIC OPTIONS...: publishes with QoS 1 and 5.0
    reason=$1 topic=$2
    shift 2
    run "$([ "$reason" = 0 ] && echo 0 || echo "$reason")" "$MQW" pub -V 5 -q 1 -t "$topic" -m x "$@" "mqtt://127.0.0.1:$port"
}
alice='-u alice -P correct_horse'
set_password alice correct_horse
kill -HUP "$rules_pid"
logged rules reloaded
# shellcheck disable=SC2086 # options
{
    may 0 house/kitchen $alice
    may 135 house/secret/x $alice
    may 135 elsewhere $alice
    may 0 in/only $alice
    may 135 public/x
    may 0 by/alice/seven $alice -i seven
    may 135 by/alice/eight $alice -i seven
    may 135 by/emil/seven $alice -i seven
    may 0 say/alice $alice
    may 135 say/emil $alice
    may 0 house/a/light -u emil -P new
    may 135 house/a/b/light -u emil -P new
    may 135 by/emil/x -u emil -P new -i +
    # before 5.0 the message goes nowhere, in silence
    run 0 "$MQW" pub -V 311 -q 1 -t elsewhere -m x $alice "mqtt://127.0.0.1:$port"
    # a will that may not be published is refused with its client
    run 135 "$MQW" pub -V 5 -t in/only -m x --will-topic elsewhere --will-payload gone $alice "mqtt://127.0.0.1:$port"
    run 0 "$MQW" pub -V 5 -t in/only -m x --will-topic house/gone --will-payload gone $alice "mqtt://127.0.0.1:$port"
}
granted() { # REASONS FILTER FIELDS: what SUBACK says
    printf 'CONNECT version=5 client_id="s" clean_start %s\n.wait CONNACK\nSUBSCRIBE packet_id=1 filter="%s":1\n.wait SUBACK\n' "$3" "$2" \
        >"$scratch/lines"
    run 0 "$MQW" open --full --script "$scratch/lines" "mqtt://127.0.0.1:$port"
    says "SUBACK packet_id=1 reasons=$1"
}
as_alice='username="alice" password="correct_horse"'
granted 0x01 'house/#' "$as_alice"
granted 0x01 '#' "$as_alice"
granted 0x01 '$share/g/house/+' "$as_alice"
granted 0x87 'house/secret/#' "$as_alice"
granted 0x87 'elsewhere/#' "$as_alice"
granted 0x87 'in/only' "$as_alice"
granted 0x01 '$SYS/broker/uptime' "$as_alice"
granted 0x87 '$SYS/#' ''
granted 0x01 'public/a' ''
granted 0x87 'house/a' ''
# a wider subscription hears only what may be read
"$MQW" sub -t '#' -q 1 -C 1 -W 20 -v -u alice -P correct_horse -i ear "mqtt://127.0.0.1:$port" >"$scratch/ear" 2>&1 &
ear=$!
children="$children $ear"
logged rules 'subscribed client=ear'
may 0 by/emil/x -u emil -P new -i x
may 0 house/x/light -u emil -P new
wait "$ear"
check
[ "$(cat "$scratch/ear")" = 'house/x/light x' ] || { cp "$scratch/ear" "$out"; fail 'heard what may not be read'; }
# other rules hold for who is there
"$MQW" sub -t '#' -q 1 -C 1 -W 20 -v -u alice -P correct_horse -i ear "mqtt://127.0.0.1:$port" >"$scratch/ear" 2>&1 &
ear=$!
children="$children $ear"
logged rules '(connected client=ear[^$]*){2}|subscribed client=ear[\s\S]*subscribed client=ear'
printf 'user alice\ntopic read new/#\nuser emil\ntopic write #\n' >"$scratch/acl"
kill -HUP "$rules_pid"
logged rules 'reloaded[\s\S]*reloaded'
may 0 house/x/light -u emil -P new
may 0 new/x -u emil -P new
wait "$ear"
check
[ "$(cat "$scratch/ear")" = 'new/x x' ] || { cp "$scratch/ear" "$out"; fail 'the old rules still hold'; }
for line in 'topic read' 'pattern read a/#/b' 'user' 'group x' 'topic write $share/g/a'; do
    printf 'user a\n%s\n' "$line" >"$scratch/bad acl"
    run 2 "$MQW" serve --check --acl "$scratch/bad acl"
    error_says "$scratch/bad acl:2: "
done
not_logged rules 'correct_horse|payload'
ends 0 "$rules_pid" TERM

# --- certificates ---------------------------------------------------------------------------------------------

mkdir "$scratch/certs"
"${SOURCE_DIR:-.}/tests/live/lib/certificates.sh" "$scratch/certs" || { fail 'no certificates'; finish; }
certs=$scratch/certs
printf 'user client 7\ntopic readwrite seven/#\nuser alice\ntopic readwrite alice/#\n' >"$scratch/acl"
cp "$certs/server.pem" "$scratch/served.pem"
cat >"$scratch/tls.conf" <<CONF
[tls]
certificate = $scratch/served.pem
key = $certs/key.pem
ca_file = $certs/ca.pem
[access]
certificates = yes
passwords = $users
acl = $scratch/acl
[listener required]
address = mqtts://127.0.0.1:0
client_certificates = required
[listener optional]
address = wss://127.0.0.1:0
client_certificates = optional
min_version = 1.3
CONF
serve tls --config "$scratch/tls.conf"
tls_pid=$child required=$(address tls mqtts) optional=$(address tls wss)
with() { # CODE TOPIC OPTIONS...
    wanted=$1 topic=$2
    shift 2
    run "$wanted" "$MQW" pub -V 5 -q 1 -t "$topic" -m x --cafile "$certs/ca.pem" "$@"
}
with 0 seven/x --cert "$certs/client.pem" --key "$certs/key.pem" "$required"
with 135 alice/x --cert "$certs/client.pem" --key "$certs/key.pem" "$required"
with 0 seven/x --cert "$certs/client.pem" --key "$certs/key.pem" -u alice -P wrong "$optional"
with 0 alice/x -u alice -P correct_horse "$optional"
with 134 alice/x -u alice -P wrong "$optional"
with 135 alice/x "$optional"
with 8 seven/x "$required"
with 8 seven/x --cert "$certs/stranger_client.pem" --key "$certs/key.pem" "$required"
with 8 seven/x --cert "$certs/expired_client.pem" --key "$certs/key.pem" "$required"
with 8 alice/x -u alice -P correct_horse --tls-version tlsv1.2 "$optional"
logged tls 'connected .*user="client 7".* tls=TLSv1\.[23] certificate=.*CN=client 7'
run 0 mosquitto_pub -h 127.0.0.1 -p "${required##*:}" --cafile "$certs/ca.pem" --cert "$certs/client.pem" --key "$certs/key.pem" -t seven/m -m x
# npm mqtt through WebSocket and TLS
need_module mqtt
run 0 node -e 'const mqtt = require("mqtt"), fs = require("fs");
    const [url, ca, username, password] = process.argv.slice(1);
    const client = mqtt.connect(url, { ca: fs.readFileSync(ca), username, password, protocolVersion: 5, connectTimeout: 8000 });
    client.on("error", error => { console.error(String(error)); process.exit(1); });
    client.on("message", (topic, payload) => { console.log(`${topic} ${payload}`); client.end(() => process.exit(0)); });
    client.subscribe("alice/#", { qos: 2 }, () => client.publish("alice/web", "through the web", { qos: 2 }));
    setTimeout(() => process.exit(2), 20000)' "$optional" "$certs/ca.pem" alice correct_horse
says 'alice/web through the web'
# certificates are read again; a bad one leaves the old one
serial() {
    openssl s_client -connect "127.0.0.1:${optional##*:}" </dev/null 2>/dev/null | openssl x509 -noout -subject
}
check
serial | grep -q 'CN = server' || fail "the certificate is $(serial)"
cp "$certs/second.pem" "$scratch/served.pem"
kill -HUP "$tls_pid"
logged tls reloaded
check
serial | grep -q 'CN = second' || fail "the certificate is still $(serial)"
echo nonsense >"$scratch/served.pem"
kill -HUP "$tls_pid"
logged tls 'not-reloaded .*certificates of .* stay as they were: '
check
serial | grep -q 'CN = second' || fail 'a bad certificate has replaced the good one'
ends 0 "$tls_pid" TERM
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw pub and mqw sub beside mosquitto_pub and mosquitto_sub, at the same broker with the same arguments: what is
# printed and the exit codes are the same. Where ours differ on purpose, the reason stands there.
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
need_program mosquitto mosquitto_pub mosquitto_sub mosquitto_passwd node openssl
export HOME="$scratch/home" XDG_CONFIG_HOME=
mkdir -p "$scratch/home"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost' -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>"$err" ||
    fail 'openssl makes no certificate'
mosquitto_passwd -c -b "$scratch/passwords" joe secret 2>/dev/null
printf 'topic readwrite open/#\ntopic readwrite $SYS/#\n' >"$scratch/acl"
printf 'user joe\ntopic readwrite joe/#\ntopic read only/#\n' >>"$scratch/acl"

# mosquitto cannot pick a port by itself; another program may be faster, so it is tried again.
start_broker() {
    for attempt in 1 2 3 4 5; do
        port=$(free_port) guarded=$(free_port) secure=$(free_port) psk=$(free_port)
        cat >"$scratch/mosquitto.conf" <<CONF
per_listener_settings true
persistence false
user root
listener $port 127.0.0.1
allow_anonymous true
max_topic_alias 10
listener 0 $scratch/broker.socket
allow_anonymous true
listener $guarded 127.0.0.1
allow_anonymous false
password_file $scratch/passwords
acl_file $scratch/acl
listener $secure 127.0.0.1
allow_anonymous true
certfile $scratch/cert.pem
keyfile $scratch/key.pem
listener $psk 127.0.0.1
allow_anonymous true
psk_hint broker
psk_file $scratch/psk
CONF
        echo 'device:0123456789abcdef' >"$scratch/psk"
        : >"$scratch/broker.$attempt.log"
        mosquitto -v -c "$scratch/mosquitto.conf" >"$scratch/broker.$attempt.log" 2>&1 &
        broker=$!
        log=$scratch/broker.$attempt.log
        children="$children $broker"
        await_start "$log" && return
    done
    fail "mosquitto does not start"
    sed 's/^/    mosquitto: /' "$log"
    finish
}

# Until it runs, or says that it cannot.
await_start() {
    node -e 'const fs = require("fs"), file = process.argv[1];
        const look = () => {
            const text = fs.readFileSync(file, "utf8");
            if (/ running/.test(text)) process.exit(0);
            if (/Error/.test(text)) process.exit(1);
        };
        fs.watch(file, look);
        look();
        setTimeout(() => process.exit(1), 10000)' "$1"
}
start_broker

# same ARGUMENTS...: of a subscriber that hears retained messages; both print the same and end with the same code.
same() {
    check
    ours=0 theirs=0
    timeout 20 mosquitto_sub "$@" >"$scratch/theirs" 2>"$scratch/theirs.err" </dev/null &
    other=$!
    timeout 20 "$MQW" sub "$@" >"$out" 2>"$err" </dev/null || ours=$?
    wait "$other" || theirs=$?
    [ "$ours" -eq "$theirs" ] || fail "exit code $ours, mosquitto_sub $theirs: $*"
    cmp -s "$out" "$scratch/theirs" || {
        fail "not what mosquitto_sub prints: $*"
        sed 's/^/    theirs: /' "$scratch/theirs"
    }
}
# same_code ARGUMENTS...: the exit codes of publishers. What stands in $input is their input.
input=/dev/null
same_code() {
    check
    ours=0 theirs=0
    timeout 20 mosquitto_pub "$@" <"$input" >"$out" 2>"$err" || theirs=$?
    timeout 20 "$MQW" pub "$@" <"$input" >"$out" 2>"$err" || ours=$?
    [ "$ours" -eq "$theirs" ] || fail "exit code $ours, mosquitto_pub $theirs: $*"
}

# --- what is printed --------------------------------------------------------------------------------------

run 0 "$MQW" pub -p "$port" -V 5 -r -q 1 -t f/1 -m '{"a":1,"b":"xé"}' -D publish content-type text/plain \
    -D publish user-property k v -D publish user-property k2 'v 2' -D publish correlation-data corr \
    -D publish response-topic re/x -D publish message-expiry-interval 100000 -D publish payload-format-indicator 1
run 0 "$MQW" pub -p "$port" -r -t f/2 -m "$(printf 'h\351llo\t"q\\')"
run 0 "$MQW" pub -p "$port" -r -q 2 -t f/3 -m "$(printf 'two\nlines')"
for version in 31 311 5; do
    for options in '' -v -N '-v -N' '-q 1' '-T f/1 -C 2' '-T f/2 -T f/3 -C 1' --retained-only; do
        count=3
        case $options in *-C*) count= ;; esac
        # shellcheck disable=SC2086 # several options
        same -p "$port" -V "$version" -t 'f/+' ${count:+-C $count} $options
    done
done
same -p "$port" -t 'f/+' -R -W 1
for format in '%t|%p|%q|%r|%l|%m' '%10t|%-10t|%.2t|%10.2t|%-10.2t|%010t|' '%l|%5l|%05l|%-5l|%2l' '%q %5q %r %5r' \
    '%m|%5m|%05m|%-5m|' '%x|%X' '%A|%C|%D|%F|%P|%R|%S' '%20C|%-20C|%.3C|%3F|%03F|%-3F|%5S|%05S|%5A|%05A|' \
    '%50p|%-50p|%050p|' '%%|@@|\\|\a\e\n\r\t\v\0|' '@Y-@m-@d' '%20P|%20D|' '%10%|%.3x|%.2p|%.2l' \
    'plain' '' '%t é %p'; do
    same -p "$port" -V 5 -q 2 -t 'f/+' -C 3 -F "$format"
    same -p "$port" -V 311 -q 2 -t 'f/+' -C 3 -N -F "$format"
done
# mosquitto_sub cuts payloads that are longer than the width (its manual says: minimum), prints half of them in
# hexadecimal, and does not pad a missing response topic.
run 0 "$MQW" sub -p "$port" -t f/3 -C 1 -F '%20x|%020X|%-20x|'
says '  74776f0a6c696e6573|0074776F0A6C696E6573|74776f0a6c696e6573  |'
run 0 "$MQW" sub -p "$port" -t f/1 -C 1 -F '%3p|%3x'
says '{"a":1,"b":"xé"}|7b2261223a312c2262223a2278c3a9227d'
run 0 "$MQW" sub -p "$port" -t f/3 -C 1 -F '%3R|%-3R|'
says '   |   |'
# -v -F, and -W and -C together
same -p "$port" -t 'f/+' -v -F '%t' -C 1 -W 10

# JSON: the same objects but for the time, in which mosquitto_sub has a Z too many, and bytes that are no UTF-8
for kind in j J; do
    mosquitto_sub -p "$port" -V 5 -q 1 -t f/1 -C 1 -F "%$kind" >"$scratch/theirs"
    run 0 "$MQW" sub -p "$port" -V 5 -q 1 -t f/1 -C 1 -F "%$kind"
    check
    node -e 'const fs = require("fs"), assert = require("assert");
        const [ours, theirs] = process.argv.slice(1).map(file => JSON.parse(fs.readFileSync(file, "utf8")));
        assert.match(ours.tst, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d{4}$/);
        delete ours.tst, delete theirs.tst;
        delete ours.properties["message-expiry-interval"], delete theirs.properties["message-expiry-interval"];
        assert.deepStrictEqual(ours, theirs)' "$out" "$scratch/theirs" 2>"$err" || fail "%$kind: not the same object"
done
run 0 "$MQW" sub -p "$port" -t f/2 -C 1 -F %j
json 'all[0].payload[1] === 0xe9 && all[0].payloadlen === 9'
run 0 "$MQW" sub -p "$port" -t f/2 -C 1 -F %J
error_says 'not valid JSON, on topic f/2'
run 0 "$MQW" sub -p "$port" -t f/1 -C 1 --pretty -F %j
lines 1 '^  "topic": "f/1",$'
run 0 "$MQW" sub -p "$port" -t f/1 -C 1 -F '%U %I'
lines 1 '^[0-9]{10}\.[0-9]{9} [0-9-]{10}T[0-9:]{8}\+0000$'
run 0 "$MQW" sub -p "$port" -t 'f/+' -C 3 --json
json 'all.length === 3 && all.every(o => o.type === "PUBLISH" && o.retain === true && o.time)'
json 'all[0].properties.user[1].value === "v 2" && all[1].payload_encoding === "base64"'

# empty payloads
for options in '' -v -N '-v -N' '-F %t:%p:%l'; do
    for tool in mosquitto_sub "$MQW sub"; do
        log_lines=$(grep -c 'SUBSCRIBE' "$log")
        # shellcheck disable=SC2086 # a command and options
        timeout 20 $tool -p "$port" -t empty $options -C 2 >"$scratch/empty" 2>"$err" &
        subscriber=$!
        node -e 'const fs = require("fs"), [file, count] = process.argv.slice(1);
            const look = () => fs.readFileSync(file, "utf8").split("Sending SUBACK").length > count && process.exit(0);
            fs.watch(file, look), look(), setTimeout(() => process.exit(1), 10000)' "$log" "$((log_lines + 1))" ||
            fail 'no subscription'
        run 0 "$MQW" pub -p "$port" -t empty -n
        run 0 "$MQW" pub -p "$port" -t empty -m abc
        wait "$subscriber" || fail "$tool $options: $?"
        [ "$tool" != mosquitto_sub ] || cp "$scratch/empty" "$scratch/theirs"
    done
    check
    cmp -s "$scratch/empty" "$scratch/theirs" || fail "an empty payload looks different: $options"
done

# --- exit codes ---------------------------------------------------------------------------------------------

same -p "$port" -t nothing -W 1
same -p "$port" -t nothing -E
same -p "$guarded" -t open/x -C 1 -V 311
same -p "$guarded" -t open/x -C 1 -V 5
same -p "$guarded" -u joe -P wrong -t joe/x -C 1 -V 5
same -p "$guarded" -u joe -P wrong -t joe/x -C 1 -V 31
same -p "$guarded" -u joe -P secret -t joe/x -E -V 5
same -p 1 -t a
same -t 'a/#/b' -p "$port"
same -p "$port"
same -p "$port" -t a -c
same -p "$port" -t a -W 0
same -p "$port" -t a -F %Z
same -p "$secure" -t 'f/+' -C 3 -h localhost --cafile "$scratch/cert.pem" -v
same -p "$psk" -t 'f/+' -C 3 --psk 0123456789abcdef --psk-identity device --tls-version tlsv1.2
same --unix "$scratch/broker.socket" -t f/1 -C 1
same -L "mqtt://127.0.0.1:$port/f/1" -C 1 -v
run 0 "$MQW" sub -h "127.0.0.1:$port" -t f/1 -C 1
same -L "mqtt://127.0.0.1:$port/f/1" -t f/2 -C 2 -v
same -L "mqtt://joe:secret@127.0.0.1:$guarded/joe/x" -E
same_code -p "$port" -t a -m x
same_code -p "$port" -t a -m x -q 1 -V 311
same_code -p "$port" -t a -m x -q 2 -V 5
same_code -p "$port" -t a -n -r
same_code -p "$port" -t a -m x -q 3
same_code -p "$port" -t a -m x -n
same_code -p "$port" -t 'a/+' -m x
same_code -p "$port" -t a
same_code -p "$port" -m x
same_code -p "$port" -t a -f /no/such/file
same_code -p "$port" -t a -m x --zork
same_code -p 1 -t a -m x
same_code -p "$guarded" -u joe -P wrong -t joe/x -m x -V 5
same_code -p "$guarded" -u joe -P wrong -t joe/x -m x -V 311
same_code -p "$guarded" -u joe -P secret -t joe/x -m x -q 1
same_code -h localhost -p "$secure" -t a -m x --cafile "$scratch/cert.pem"
same_code -h 127.0.0.1 -p "$secure" -t a -m x --cafile "$scratch/cert.pem" --insecure
same_code -p "$port" -t a -m x --cafile "$scratch/cert.pem" # TLS at a port without
same_code -p "$port" -t a -m x --cafile /no/such/file
same_code -h 127.0.0.1 -p "$port" -t a -m x -A 127.0.0.1
same_code -p "$psk" -t a -m x --psk 0123456789abcdef --psk-identity device --tls-version tlsv1.2
same_code -p "$port" -t a -m x --repeat 3 --repeat-delay 0.01 -q 1
printf 'one\n\nthree' >"$scratch/lines"
input=$scratch/lines
same_code -p "$port" -t a -l -q 1
same_code -p "$port" -t a -s
input=/dev/null

# mosquitto_pub ends with 1 where a certificate is not good, and with 8 where TLS fails otherwise; ours always with 8.
run 8 "$MQW" pub -h 127.0.0.1 -p "$secure" -t a -m x --cafile "$scratch/cert.pem"
error_says '127.0.0.1'
run 8 "$MQW" pub -h localhost -p "$secure" -t a -m x --tls-use-os-certs
error_says 'certificate'
run 0 "$MQW" pub -h 127.0.0.1 -p "$secure" -t a -m x --tls --no-verify
run 0 "$MQW" pub -h 127.0.0.1 -p "$secure" -t a -m x --cafile "$scratch/cert.pem" --server-name localhost

# mosquitto_pub and mosquitto_sub end with 0 when the broker refuses a message or all subscriptions; ours do not.
run 135 "$MQW" pub -p "$guarded" -u joe -P secret -V 5 -q 1 -t other/x -m x
error_says 'not published to other/x: not authorized'
run 0 "$MQW" pub -p "$guarded" -u joe -P secret -V 311 -q 1 -t other/x -m x # 3.1.1 cannot refuse

# --- passwords, from everywhere, and never shown --------------------------------------------------------------

echo secret >"$scratch/password"
run 0 "$MQW" pub -p "$guarded" -u joe --password-file "$scratch/password" -t joe/x -m x -q 1 -d
! grep -q secret "$err" || fail '-d shows the password'
error_says 'C> CONNECT'
error_says 'S> PUBACK'
run 0 env MQW_PASSWORD=secret "$MQW" pub -p "$guarded" -u joe -t joe/x -m x
run 0 env MQW_PASSWORD=secret "$MQW" pub -m x "mqtt://joe@127.0.0.1:$guarded/joe/x"
run 0 "$MQW" pub -m x "mqtt://joe:secret@127.0.0.1:$guarded/joe/x"
if command -v expect >/dev/null; then
    check
    expect -c "set timeout 10
        spawn -noecho $MQW pub -p $guarded -u joe --ask-password -t joe/x -m x
        expect Password: { send secret\r } timeout { exit 99 }
        expect eof
        lassign [wait] pid id os code
        exit \$code" >"$out" 2>"$err" </dev/null || fail "--ask-password: $?"
    silent_of secret
    check
    expect -c "set timeout 10
        spawn -noecho $MQW pub -p $guarded -u joe --ask-password -t joe/x -m x
        expect Password: { exec kill -TERM [exp_pid] } timeout { exit 99 }
        lassign [wait] pid id os code how what
        if {\$what ne {SIGTERM}} { exit 98 }
        exit [expr {![regexp { echo } [exec stty -a <\$spawn_out(slave,name)]]}]" >"$out" 2>"$err" </dev/null \
        || fail "SIGTERM at --ask-password: $?"
fi
# the list of processes does not have it
"$MQW" sub -p "$guarded" -u joe -P secret -t joe/x >"$out" 2>"$err" &
subscriber=$!
children="$children $subscriber"
await_text "$log" 'joe/x (QoS 0)'
! tr '\0' ' ' <"/proc/$subscriber/cmdline" | grep -q secret || fail 'the list of processes shows the password'
stop "$subscriber"
[ "$code" -eq 0 ] || fail "SIGTERM ended mqw sub with $code"

# --- properties and wills, as the broker hears them -----------------------------------------------------------

run 0 "$MQW" pub -p "$port" -t a -m x -i named -k 7 -x 10 -d
error_says 'client_id="named" keep_alive=7 clean_start session_expiry=10'
run 0 "$MQW" pub -p "$port" -t a -m x -I pre- -V 31 -d
error_says 'CONNECT version=3 client_id="pre-'
run 0 "$MQW" pub -p "$port" -t a -m x -V 31 -d
error_says 'CONNECT version=3 client_id="mqw-'
run 0 "$MQW" sub -p "$port" -t a -E -d -D connect user-property a b -D connect receive-maximum 5 \
    -D subscribe subscription-identifier 7 -D subscribe user-property c d -D disconnect user-property e f \
    --will-topic w/t --will-payload gone --will-qos 1 --will-retain -D will will-delay-interval 3
error_says 'will.topic="w/t" will.payload="gone" will.qos=1 will.retain will.will_delay=3'
error_says 'receive_maximum=5'
error_says 'user="a":"b"'
error_says 'subscription_id=7 user="c":"d"'
error_says 'DISCONNECT user="e":"f"'

# --- sessions: what comes while we are away, and no more than was asked for ------------------------------------

run 0 "$MQW" sub -p "$port" -c -i away -q 1 -t away/# -E
seq 1 5 | run 0 "$MQW" pub -p "$port" -q 1 -t away/x -l
run 0 "$MQW" sub -p "$port" -c -i away -q 1 -t away/# -C 2
lines 2 '^[12]$'
run 0 "$MQW" sub -p "$port" -c -i away -q 1 -t away/# -C 3 # those that were not printed were not acknowledged
lines 3 '^[345]$'
run 27 "$MQW" sub -p "$port" -c -i away -q 1 -t away/# -W 0.4
lines 0 .
run 27 "$MQW" sub -p "$port" -c -i away -U away/# -t other -W 0.4
run 0 "$MQW" pub -p "$port" -q 1 -t away/x -m missed
run 27 "$MQW" sub -p "$port" -c -i away -t other -W 0.4
lines 0 .

# --- retained messages ---------------------------------------------------------------------------------------

run 0 "$MQW" pub -p "$port" -r -q 1 -t r/1 -m one
run 0 "$MQW" pub -p "$port" -r -q 1 -t r/2 -m two
run 27 "$MQW" sub -p "$port" -t 'r/#' -W 1 --remove-retained -T r/1 -v
lines 1 '^r/2 two$'
run 27 "$MQW" sub -p "$port" -t 'r/#' -W 1 -v
lines 1 '^r/1 one$'
finish

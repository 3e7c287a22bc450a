#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw pub and mqw sub: what the command line may not say, each with the words for it and exit code 1; files of
# options; passwords. Nothing here needs a server.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"
export HOME="$scratch/home" XDG_CONFIG_HOME=
mkdir -p "$scratch/home"
nobody=tcp://127.0.0.1:1

# bad WORDS OPTIONS...: exit code 1, and the error has these words.
bad() {
    words=$1
    shift
    run 1 "$MQW" "$@" </dev/null
    error_says "$words"
}

# --- what is missing, doubled or contradictory ----------------------------------------------------------

bad 'no topic' pub -m x
bad 'no topic filter' sub
bad 'no message' pub -t a
bad 'one of -m, -f, -l, -s and -n only' pub -t a -m x -n
bad 'one of -m, -f, -l, -s and -n only' pub -t a -l -s
bad 'one topic only' pub -t a -t b -m x
bad 'not a topic name' pub -t 'a/#' -m x
bad 'not a topic name' pub -t '' -m x
bad 'not a topic name' pub -t "$(printf 'a\377')" -m x
bad 'a/#/b is not a topic filter' sub -t 'a/#/b'
bad 'a+ is not a topic filter' sub -t ok -T 'a+'
bad 'is not a topic filter' sub -t ok -U ''
bad '--repeat is for one message' pub -t a -l --repeat 2
bad '-c needs a client identifier' pub -t a -m x -c
bad 'needs a client identifier' sub -t a -x -1
bad '-i and -I exclude each other' sub -t a -i x -I y
bad 'exclude each other' sub -t a -R --retained-only
bad 'exclude each other' sub -t a -j -F %t
bad 'exclude each other' sub -t a -u me -P x --password-file y
bad 'need --will-topic' sub -t a --will-payload x
bad '--will-topic is not a topic name' sub -t a --will-topic 'x/+'
bad 'for MQTT 5.0 only' pub -t a -m x -V 311 -x 10
bad 'for MQTT 5.0 only' pub -t a -m x -V 31 -D connect user-property a b
bad 'for MQTT 5.0 only' sub -t a -V 4 --retain-as-published
bad 'for MQTT 5.0 only' sub -t a -V 311 --no-local
bad 'needs a user name' pub -t a -m x -V 311 -P secret
bad 'named twice' pub -t a -m x -h localhost "$nobody"
bad 'say mqtts:// or wss://' pub -t a -m x --cafile ca.pem "$nobody"
bad 'say mqtts:// or wss://' pub -t a -m x --tls mqtt://127.0.0.1:1 ws://127.0.0.1:1
bad 'say mqtts:// or wss://' sub -t a --psk 00 --psk-identity x mqtt://127.0.0.1:1
bad 'say ws:// or wss://' pub -t a -m x --ws mqtt://127.0.0.1:1
bad 'say ws:// or wss://' sub -t a --ws-path /x mqtts://127.0.0.1:1
bad 'cannot connect: ws://127.0.0.1:1: ' pub -t a -m x --ws -h 127.0.0.1 -p 1
bad 'cannot connect: wss://127.0.0.1:1: ' pub -t a -m x --ws --tls -h 127.0.0.1 -p 1
bad 'cannot connect: mqtts://127.0.0.1:1: ' pub -t a -m x --tls-version tlsv1.3 -h 127.0.0.1 -p 1
bad 'cannot connect: mqtts://[::1]:1: ' pub -t a -m x --tls -h ::1 -p 1
long=$(head -c 70000 /dev/zero | tr '\0' x)
bad 'longer than 65535 bytes' pub -t "$long" -m x
bad 'longer than 65535 bytes' sub -t "$long"
bad 'CONNECT client_id' pub -t a -m x -i "$long" "$nobody"
bad 'CONNECT username' pub -t a -m x -u "$long" "$nobody"
bad 'CONNECT' pub -t a -m x -D connect authentication-data x "$nobody"
bad 'CONNECT' pub -t a -m x --will-topic w --will-payload "$long" "$nobody"
run 2 "$MQW" open --tls "$nobody" </dev/null
error_says 'say mqtts:// or wss://'
run 2 "$MQW" open --ws "$nobody" </dev/null
error_says 'say ws:// or wss://'
run 2 "$MQW" listen --cert cert.pem tcp://127.0.0.1:0 </dev/null
error_says 'say mqtts:// or wss://'
bad 'cannot read /no/such/file: No such file or directory' pub -t a -f /no/such/file
bad "cannot read $scratch: Is a directory" pub -t a -f "$scratch"

# --- values ------------------------------------------------------------------------------------------------

bad '--qos does not take 3, but a number from 0 to 2' pub -t a -m x -q 3
bad '--qos does not take high' sub -t a -q high
bad '--port does not take 65536' pub -t a -m x -p 65536
bad '--port does not take 0' pub -t a -m x -p 0
bad '--keepalive does not take 65536' pub -t a -m x -k 65536
bad '--repeat does not take 0' pub -t a -m x --repeat 0
bad '--repeat-delay does not take -1' pub -t a -m x --repeat-delay -1
bad '--repeat-delay does not take 1.2.3' pub -t a -m x --repeat-delay 1.2.3
bad '--repeat-delay does not take .' pub -t a -m x --repeat-delay .
bad '--max-inflight does not take 0' pub -t a -m x -M 0
bad '--count does not take 0' sub -t a -C 0
bad '--time-limit does not take 0' sub -t a -W 0
bad '--time-limit does not take nothing' sub -t a -W ''
bad '--random-filter does not take 101' sub -t a --random-filter 101
bad '--random-filter does not take 0.01' sub -t a --random-filter 0.01
bad '--protocol-version does not take 6, but 31, 311, 5' pub -t a -m x -V 6
bad '--session-expiry-interval does not take 4294967296' pub -t a -m x -x 4294967296
bad '--will-qos does not take 3' pub -t a -m x --will-topic w --will-qos 3
bad '--tls-version does not take tlsv1.1, but tlsv1.2, tlsv1.3' pub -t a -m x --tls-version tlsv1.1
bad '--keyform does not take engine, but pem' pub -t a -m x --keyform engine
bad '--color does not take blue' sub -t a --color blue
bad 'no value for --topic' pub -t
bad 'did you mean --topic?' pub --tpoic a
bad 'unknown option -Z' sub -Z
bad 'no value is wanted for --quiet' sub --quiet=yes

# --- formats -----------------------------------------------------------------------------------------------

bad '%Z is not known' sub -t a -F %Z
bad '%d is not known' sub -t a -F '%1.1d'
bad '\z is not known' sub -t a -F '\z'
bad 'it ends behind %' sub -t a -F %
bad 'it ends behind %' sub -t a -F 'x %-010.3'
bad 'it ends behind @' sub -t a -F @
bad 'it ends behind \' sub -t a -F 'abc\'
bad 'a width above' sub -t a -F %99999999999999999999p

# --- properties --------------------------------------------------------------------------------------------

bad 'PACKET NAME VALUE are wanted' pub -t a -m x -D publish
bad 'PACKET user-property NAME VALUE are wanted' pub -t a -m x -D publish user-property a
bad 'puback cannot be given properties, but CONNECT PUBLISH WILL DISCONNECT' pub -t a -m x -D puback user-property a b
bad 'nonsense is no property' pub -t a -m x -D publish nonsense 1
bad 'session-expiry-interval cannot stand in that packet' pub -t a -m x -D publish session-expiry-interval 1
bad '65536 is not a number in its range' pub -t a -m x -D connect receive-maximum 65536
bad '0 is not a number in its range' pub -t a -m x -D connect receive-maximum 0
bad 'many is not a number' pub -t a -m x -D publish message-expiry-interval many
bad '2 is neither 0 nor 1' pub -t a -m x -D publish payload-format-indicator 2
bad 'a/# is not a topic name' pub -t a -m x -D publish response-topic 'a/#'
bad 'is not UTF-8' pub -t a -m x -D publish content-type "$(printf '\377')"
bad 'content-type is given twice' pub -t a -m x -D publish content-type a -D publish content-type b
bad 'topic-alias is chosen by mqw itself' pub -t a -m x -D publish topic-alias 1

# --- TLS ---------------------------------------------------------------------------------------------------

bad '--psk and --psk-identity go together' pub -t a -m x --psk 00
bad '--psk wants hexadecimal digits' pub -t a -m x --psk 0g --psk-identity me
bad '--key is the key of --cert' pub -t a -m x --key "$scratch/none"
bad '/no/such/ca' pub -t a -m x --cafile /no/such/ca
echo nonsense >"$scratch/nonsense.pem"
bad 'nonsense.pem' pub -t a -m x --cafile "$scratch/nonsense.pem"
bad 'nonsense.pem' pub -t a -m x --cert "$scratch/nonsense.pem"
run 2 "$MQW" listen mqtts://127.0.0.1:0
error_says 'needs --cert'
run 2 "$MQW" listen --client-certs maybe mqtts://127.0.0.1:0
error_says 'none, optional, required'

# --- addresses -----------------------------------------------------------------------------------------------

bad 'address is not understood' pub -t a -m x 'no such://address:x'
bad 'connection refused' pub -t a -m x "$nobody"
bad 'cannot connect' sub -t a "unix:$scratch/nobody"
bad 'cannot connect through the proxy' pub -t a -m x --proxy socks5h://me:hidden@127.0.0.1:1
! grep -q hidden "$err" || fail 'the password of the proxy was shown'
bad '--proxy wants socks5h://' pub -t a -m x --proxy 127.0.0.1:1080
bad '-A wants an address of this machine in numbers' sub -t a -A localhost
bad 'address not available' pub -t a -m x -A 192.0.2.1 "$nobody"
# a password in an address is not shown
bad 'tcp://127.0.0.1:1: connection refused' pub -t a -m x tcp://me:hidden@127.0.0.1:1
! grep -q hidden "$err" || fail 'the password was shown'
# each of several servers is tried, and told
bad 'tcp://127.0.0.1:1:' pub -t a -m x "$nobody" tcp://127.0.0.1:2
error_says 'tcp://127.0.0.1:2:'
# nothing is said when that is wanted
run 1 "$MQW" pub -t a -m x --quiet "$nobody"
[ ! -s "$err" ] || fail '--quiet says something'

# --- passwords -------------------------------------------------------------------------------------------------

bad 'cannot read /no/such/password' pub -t a -m x -u me --password-file /no/such/password
run 1 setsid -w "$MQW" pub -t a -m x -u me --ask-password "$nobody" </dev/null
error_says 'there is no terminal'

# --- files of options --------------------------------------------------------------------------------------------

cat >"$scratch/options" <<'FILE'
# a comment

-t from/the file
-D connect user-property a b
--qos 7
FILE
bad "$scratch/options:5: --qos does not take 7" pub -m x -o "$scratch/options" "$nobody"
bad 'cannot read /no/such/options' pub -o /no/such/options
mkdir -p "$scratch/home/.config/mqw"
echo '--nonsense' >"$scratch/home/.config/mqw/sub"
bad "$scratch/home/.config/mqw/sub:1: unknown option --nonsense" sub -t a
echo '-C none' >"$scratch/home/.config/mqw/sub"
bad 'sub:1: --count does not take none' sub -t a
run 1 env XDG_CONFIG_HOME="$scratch" "$MQW" sub -t a "$nobody"
error_says 'connection refused'
printf -- '-o another\n' >"$scratch/options"
bad 'cannot name another' pub -o "$scratch/options"
# ^C ends the question for a password at once, without the end of the line
if command -v script >/dev/null; then
    mkfifo "$scratch/keys"
    TERM=dumb timeout 20 script -qefc "'$MQW' pub -t a -m x -u me --ask-password $nobody" "$scratch/asked" \
        <"$scratch/keys" >/dev/null &
    asker=$!
    exec 4>"$scratch/keys"
    await_text "$scratch/asked" 'Password: '
    printf 'half\003' >&4
    code=0
    wait "$asker" || code=$?
    exec 4>&-
    check
    [ "$code" -eq 1 ] || fail "^C instead of a password: exit code $code"
    check
    grep -qF 'no password was given' "$scratch/asked" || fail '^C instead of a password'
fi

finish

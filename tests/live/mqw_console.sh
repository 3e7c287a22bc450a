#!/bin/sh
# SPDX-License-Identifier: MIT
# The console at a terminal: editing, completion, packets that come while a line is typed, colours, the end. The terminal
# is one of script(1), whose standard input is the keyboard and whose output is the screen.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"
# libedit keeps the names of functions that were added to it; that is not our leak
echo 'leak:libedit' >"$scratch/leaks"
export LSAN_OPTIONS="suppressions=$scratch/leaks:print_suppressions=0"
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:fast_unwind_on_malloc=0"
export TERM=xterm HOME="$scratch"

start server "$MQW" listen --answer --echo tcp://127.0.0.1:0
server=$address
tab=$(printf '\t')

# terminal COMMAND...: runs it at a terminal; `keys` types, `screen` awaits what is shown.
terminal() {
    rm -f "$scratch/keys" "$scratch/screen"
    mkfifo "$scratch/keys"
    : >"$scratch/screen"
    script -qefc "$*; echo exit code \$?; stty -a" "$scratch/screen" <"$scratch/keys" >/dev/null 2>&1 &
    terminal=$!
    children="$children $terminal"
    exec 5>"$scratch/keys"
}
keys() {
    printf '%s' "$*" >&5
}
enter() {
    printf '%s\r' "$*" >&5
}
screen() {
    await_text "$scratch/screen" "$1"
}
leave() { # EXIT-CODE
    screen "exit code $1"
    exec 5>&-
    wait "$terminal"
    # the terminal is as it was: lines are echoed and whole again
    check
    tr -d '\r' <"$scratch/screen" | grep -q '[^-]icanon' && tr -d '\r' <"$scratch/screen" | grep -q '[^-]echo ' ||
        fail "the terminal was left in raw mode"
}

# --- typing, completion, history -----------------------------------------------------------------------

terminal "$MQW" open --color never --version 5 --answers acks "$server"
screen '# connected to'
screen 'C>'
keys "con$tab"
screen 'CONNECT'
keys "cli${tab}typed\" cle$tab"
enter ''
screen 'client_id="typed" clean_start'
screen 'CONNACK'
# more than one could follow: they are listed, and the line is still there
keys "PUBLISH top$tab$tab"
screen 'topic_alias'
enter '="a" payload="x"'
screen 'PUBLISH topic="a" payload="x"'
# what our side may not say is not offered
keys "SUB$tab"
enter 'packet_id=1 filter="news":1'
screen 'SUBACK'
# a packet that comes while a line is typed does not harm it
keys 'PUBLISH topic="news" pay'
printf '.wait CONNACK\nPUBLISH topic="news" payload="in between"\n' | run 0 "$MQW" open -c "$server"
screen 'payload="in between"'
enter 'load="whole line"'
screen 'payload="whole line"'
# what is wrong is told, and is no reason to end
enter 'PUBLISH topik="a"'
screen 'column 9'
enter '.help'
screen '.wait'
enter '.fly'
screen 'no such command'
# the line before comes back with the arrow
enter 'PINGREQ'
screen 'PINGRESP'
printf '\033[A' >&5
enter ' # again'
screen 'PINGREQ # again'
# lines of a paste are done one after the other
printf 'PINGREQ\r.peers\r' >&5
screen 'subscriptions'
# ^U takes the line away, ^D at the beginning of one ends
keys 'PUBLISH topic="never"'
printf '\025\004' >&5
screen '# closed'
leave 0
check
! grep -q 'C> PUBLISH topic="never" payload' "$scratch/screen" || fail "a line that was taken away was sent"

# reason codes by name
terminal "$MQW" open --color never --version 5 --connect "$server"
screen 'CONNACK'
keys "DISCONNECT reason=DISC$tab"
enter ''
screen 'C> DISCONNECT reason=0x04'
leave 0

# --- colours, interrupts --------------------------------------------------------------------------------

escape=$(printf '\033')
terminal "$MQW" open --connect "$server"
screen "${escape}[1;32mCONNACK"
printf '\003' >&5 # ^C
leave 0
terminal env NO_COLOR=1 "$MQW" open --connect "$server"
screen 'S> CONNACK reason=0x00'
enter '.quit'
leave 0
# the peer's end is the end
terminal env TERM=dumb "$MQW" open --connect "$server"
screen 'S> CONNACK reason=0x00'
enter '.hex c100'
leave 0

# --- the server's console -------------------------------------------------------------------------------

terminal "$MQW" listen --color never tcp://127.0.0.1:0
screen 'listening on tcp://127.0.0.1:'
enter 'PINGRESP'
screen 'nobody is connected'
address=$(tr -d '\r' <"$scratch/screen" | sed -n 's/.*listening on //p')
"$MQW" open -c -i visitor --wait forever "$address" </dev/null >"$scratch/visitor" 2>&1 &
visitor=$!
children="$children $visitor"
screen 'client_id="visitor"'
keys "conna$tab"
screen 'CONNACK '
enter 'reason=0'
await_text "$scratch/visitor" 'S> CONNACK'
enter '.quit'
leave 0
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# The long forms of tests, from seeds that no run has had: scripts/soak.sh MINUTES, with BUILD_DIR set. Fails with
# the seed on the last lines.
set -eu
cd "$(dirname "$0")/.."
minutes=${1:-10}
tests=${BUILD_DIR:?where the tests are built}/tests/live
end=$(($(date +%s) + minutes * 60))
seed=$(date +%s)

# The client on a network that fails: some 100,000 runs a minute, below the seeds that mean a byte.
client_faults() {
    SIM_FIRST=$((seed % 2000000000)) SIM_RUNS=50000 "$tests/test_client_faults"
    seed=$((seed + 50000))
}

# The broker with many clients, any faults: some 30,000 runs a minute. Then its crowds.
broker_faults() {
    SIM_FIRST=$((seed % 2000000000)) SIM_RUNS=20000 "$tests/test_broker_faults"
    seed=$((seed + 20000))
    BROKER_CROWD=15000 BROKER_STREAMS=50000 "$tests/test_broker_crowd"
}

# Stores, clients and brokers when the power fails and when their process is killed.
disk_faults() {
    MQW_FIRST=$seed MQW_RUNS=2000 "$tests/test_store_power"
    MQW_FIRST=$seed MQW_RUNS=200 "$tests/test_client_power"
    MQW_FIRST=$seed MQW_RUNS=100 "$tests/test_broker_power"
    "$tests/test_store_kill"
    "$tests/test_client_kill"
    "$tests/test_broker_kill"
}

while [ "$(date +%s)" -lt "$end" ]; do
    client_faults
    broker_faults
    disk_faults
done
echo "no fault in $minutes minutes"

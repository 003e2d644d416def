#!/usr/bin/env bash
# Runs the bus and two queues in turn on this machine and prints their durable rates side by side.
#
#     benches/peers.sh [ROUNDS]
#
# Needs RabbitMQ's server and nats-server; see README.md beside this file. The servers are private to
# the run: their own ports on the loopback, their own directory, started and ended here.
#
#   KOPIR          the bus's binary; built with `cargo build --release` when not given
#   NATS_SERVER    nats-server, found on the path when not given
#   RABBITMQ_HOME  where RabbitMQ's own scripts lie (default /usr/lib/rabbitmq/bin, as on Debian)
#   BENCH_DIR      where all of them write, on the disk to be measured (default: a temporary one)
set -eu

rounds=${1:-3}
here=$(cd "$(dirname "$0")" && pwd)
nats_server=${NATS_SERVER:-nats-server}
rabbitmq_home=${RABBITMQ_HOME:-/usr/lib/rabbitmq/bin}
nats_port=14222
amqp_port=15673
dist_port=25683
epmd_port=14369

command -v "$nats_server" >/dev/null || { echo "peers.sh: no nats-server; set NATS_SERVER" >&2; exit 1; }
[ -x "$rabbitmq_home/rabbitmq-server" ] || { echo "peers.sh: no RabbitMQ; set RABBITMQ_HOME" >&2; exit 1; }

if [ -z "${KOPIR:-}" ]; then
    cargo build --release --manifest-path "$here/../Cargo.toml"
    KOPIR=${CARGO_TARGET_DIR:-$here/../target}/release/kopir
fi
cargo build --release --manifest-path "$here/peers/Cargo.toml" \
    --target-dir "${CARGO_TARGET_DIR:-$here/../target}/peers"
peers=${CARGO_TARGET_DIR:-$here/../target}/peers/release/kopir-peers

work=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/kopir-peers-XXXXXX")
server=
epmd=

# Ends the server that is running, by its own id, and waits until it is gone.
end_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || :
        wait "$server" 2>/dev/null || :
        server=
    fi
    if [ -n "$epmd" ]; then
        kill "$epmd" 2>/dev/null || :
        wait "$epmd" 2>/dev/null || :
        epmd=
    fi
}
# Removes only what mktemp made above.
finish() {
    end_server
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Waits until something listens on a port of the loopback, or the server has ended.
await_port() {
    tries=0
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
            echo "peers.sh: the server on port $1 did not start:" >&2
            cat "$2" >&2
            exit 1
        fi
        sleep 0.2
    done
}

start_nats() {
    cat > "$work/nats.conf" <<CONF
listen: 127.0.0.1:$nats_port
jetstream { store_dir: "$work/nats", sync_interval: always }
CONF
    "$nats_server" -c "$work/nats.conf" > "$work/nats.log" 2>&1 &
    server=$!
    await_port "$nats_port" "$work/nats.log"
}

# The port mapper is started here, and not by RabbitMQ, which would leave it running. The flags
# reach every Erlang process, also those that the server starts for a moment to look around.
start_rabbitmq() {
    ERL_EPMD_ADDRESS=127.0.0.1 epmd -port "$epmd_port" -relaxed_command_check &
    epmd=$!
    cat > "$work/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$amqp_port
disk_free_limit.absolute = 256MB
log.console = true
CONF
    : > "$work/enabled_plugins"
    : > "$work/rabbitmq-env.conf"
    HOME=$work ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$epmd_port \
    RABBITMQ_NODENAME=kopir-peer@localhost \
    RABBITMQ_DIST_PORT=$dist_port \
    ERL_AFLAGS='-kernel inet_dist_use_interface {127,0,0,1}' \
    RABBITMQ_CONF_ENV_FILE=$work/rabbitmq-env.conf \
    RABBITMQ_CONFIG_FILE=$work/rabbitmq.conf \
    RABBITMQ_ENABLED_PLUGINS_FILE=$work/enabled_plugins \
    RABBITMQ_MNESIA_BASE=$work/rabbitmq \
    RABBITMQ_LOG_BASE=$work/rabbitmq-log \
    RABBITMQ_PID_FILE=$work/rabbitmq.pid \
        "$rabbitmq_home/rabbitmq-server" > "$work/rabbitmq.log" 2>&1 &
    server=$!
    await_port "$amqp_port" "$work/rabbitmq.log"
}

round=1
while [ "$round" -le "$rounds" ]; do
    echo "round $round of $rounds" >&2
    "$KOPIR" bench --dir "$work" --json --only unary --only bulk > "$work/bus.one"
    cat "$work/bus.one" >> "$work/bus.json"
    start_nats
    "$peers" jetstream "nats://127.0.0.1:$nats_port" >> "$work/peers.json"
    end_server
    rm -rf "$work/nats"
    start_rabbitmq
    "$peers" rabbitmq "amqp://guest:guest@127.0.0.1:$amqp_port/%2f" >> "$work/peers.json"
    end_server
    rm -rf "$work/rabbitmq"
    round=$((round + 1))
done

"$nats_server" --version >&2
"$peers" compare "$work/peers.json" "$work/bus.json"

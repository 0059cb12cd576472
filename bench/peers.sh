#!/usr/bin/env bash
# Fletch beside the relay and the brokers of others, under the same load in one run:
#
#	bench/peers.sh [FLAG...]
#
# The flags are those of bench/peers, such as -quick, -run 'fan-out', -report or
# -with NAME='COMMAND … PORT'; with -help it says which there are. Writes
# bench/RESULTS.md. Mosquitto is there when tools/interop/install.sh has run; the
# others are modules, which the go command gets.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/bench/out
mkdir -p "$out"
go build -o "$out/fletch" ./tools/fletch
go build -o "$out/relay" ./bench/relay
(
	cd bench/peers
	go build -o "$out/peers" .
	go build -o "$out/mochi" ./mochi
	go build -o "$out/nats-server" github.com/nats-io/nats-server/v2
)
exec "$out/peers" "$@"

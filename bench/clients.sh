#!/usr/bin/env bash
# Package client beside the other MQTT libraries for Go, in turn in one run:
#
#	bench/clients.sh [FLAG...]
#
# The flags are those of bench/clients, such as -quick, -sink, -gate or
# -run 'op=receive'; with -help it says which there are. Fails where a message is lost
# that must not be, and with -gate where a promise is not kept.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/bench/out
mkdir -p "$out"
go build -o "$out/fletch" ./tools/fletch
(cd bench/clients && go build -o "$out/clients" .)
broker=$out/fletch
for flag in "$@"; do
	case $flag in -sink | --sink) broker= ;; esac
done
"$out/clients" "$@" ${broker:+"$broker"} | tee "$out/clients.txt"

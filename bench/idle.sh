#!/usr/bin/env bash
# What an idle connection costs the broker in memory, with a subscription:
#
#	bench/idle.sh [CONNECTIONS]
#
# 19 000 unless named: the limit of open files has to be above that. ENGINE is how
# they are served (loops). MOST fails above so many bytes for each.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/bench/out
mkdir -p "$out"
go build -o "$out/fletch" ./tools/fletch
go run ./bench/idle -connections "${1:-19000}" -most "${MOST:-0}" \
	"$out/fletch" serve --engine "${ENGINE:-loops}" --listen 127.0.0.1:PORT --log-level error

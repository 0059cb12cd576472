#!/usr/bin/env bash
# What it costs that acknowledged means stored, side by side in one run:
#
#	bench/durable.sh [FLAG...]
#
# The flags are those of bench/durable, such as -run pairs,absent or -data DIR; with
# -help it says which there are. Fails where what is promised is not kept.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/bench/out
mkdir -p "$out"
go build -o "$out/fletch" ./tools/fletch
go run ./bench/durable "$@" "$out/fletch" | tee "$out/durable.txt"

#!/usr/bin/env bash
# What an idle connection costs the broker in memory, with a subscription:
#
#	bench/idle.sh [CONNECTIONS]
#
# 19 000 unless named, or as many as the limit of open files allows. ENGINE is how
# they are served (loops). MOST fails above so many bytes for each, where there are
# 10 000 at least: with few, what the broker takes for itself counts for too much.
set -euo pipefail
cd "$(dirname "$0")/.."
limit=$(ulimit -Hn)
[ "$limit" != unlimited ] || limit=100000
connections=${1:-$((limit < 20000 ? limit - 500 : 19000))}
most=${MOST:-0}
[ "$connections" -ge 10000 ] || most=0
out=$PWD/bench/out
mkdir -p "$out"
go build -o "$out/fletch" ./tools/fletch

exec 3< <(exec "$out/fletch" serve --engine "${ENGINE:-loops}" --listen 127.0.0.1:0 --log-level error 2>&1)
broker=$!
trap 'kill "$broker"' EXIT
read -r -u 3 line # fletch listens on 127.0.0.1:PORT
"$out/fletch" bench idle --broker "${line##* }" --pid "$broker" --subscribers "$connections" |
	awk -v most="$most" '
		{ print }
		$2 == "rss-B/connection" { each = $1 }
		END { if (most && (each == "" || each > most)) { print "idle: expected " most " bytes at most for a connection" > "/dev/stderr"; exit 1 } }'

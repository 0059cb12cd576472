#!/usr/bin/env bash
# Compares the micro-benchmarks of this work tree with those of another commit:
#
#	bench/compare.sh [-gate] [REF [PACKAGE...]]
#
# REF is, unless it is named, where this branch left main, and on main the commit
# before. Without one, as in a shallow clone, nothing is compared, which is no failure.
#
# Both are built first, in the same way, and then run in turn, ROUNDS times (10), so
# that a machine that becomes slower is slower for both. Packages whose programs are
# the same, byte by byte, are left out. BENCH names the benchmarks (.), BENCHTIME is
# for how long each is run (20ms), SHORT=false has also those that take long to begin.
# The results stay in bench/out, old.txt and new.txt.
#
# With -gate what looks worse to tools/benchgate is run again, twice as often, and the
# script fails if it is worse then.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."

gate=
[ "${1-}" != -gate ] || { gate=yes; shift; }

# base gives the commit to compare with, or nothing.
base() {
	local fork head
	head=$(git rev-parse --quiet --verify HEAD) || return 0
	fork=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null) || fork=$head
	[ "$fork" != "$head" ] || fork=$(git rev-parse --quiet --verify HEAD~1) || return 0
	echo "$fork"
}

ref=${1:-$(base)}
[ -n "$ref" ] || { echo "bench: there is no commit before this one here, nothing to compare with"; exit 0; }
packages=("${@:2}")
[ ${#packages[@]} -gt 0 ] || packages=(packets packets/frame packets/flow broker/topics broker/session broker)

out=$PWD/bench/out
mkdir -p "$out"
rm -f "$out"/{old,new}.txt "$out"/*.test
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git archive "$ref" | tar -x -C "$tree"

# Nothing but the code makes a difference: not where it stands, no flags for other
# purposes, and no linker of the system.
export CGO_ENABLED=0 GOFLAGS=-trimpath GOWORK=off

# build SIDE ROOT PACKAGE
build() {
	[ ! -d "$2/$3" ] || (cd "$2" && go test -c -o "$out/${3//\//_}.$1.test" "./$3" >/dev/null)
}

changed=()
for package in "${packages[@]}"; do
	package=${package#./}
	name=$out/${package//\//_}
	build old "$tree" "$package" || echo "bench: $package does not build at $ref"
	build new "$PWD" "$package"
	cmp -s "$name.old.test" "$name.new.test" || changed+=("$package")
done
[ ${#changed[@]} -gt 0 ] || { echo "bench: the same programs as at $ref"; exit 0; }
echo "bench: ${changed[*]} beside $(git log -1 --format='%h %s' "$ref")"

# run SIDE ROOT PACKAGE PATTERN
run() {
	local program=$out/${3//\//_}.$1.test
	[ ! -f "$program" ] || (cd "$2/$3" && "$program" -test.run '^$' -test.bench "$4" -test.short="${SHORT:-true}" \
		-test.cpu 1 -test.benchtime "${BENCHTIME:-20ms}") >>"$out/$1.txt"
}

# rounds N PATTERN
rounds() {
	local round package
	for round in $(seq "$1"); do
		for package in "${changed[@]}"; do
			if [ $((round % 2)) = 0 ]; then
				run old "$tree" "$package" "$2"
				run new "$PWD" "$package" "$2"
			else
				run new "$PWD" "$package" "$2"
				run old "$tree" "$package" "$2"
			fi
		done
	done
}

rounds=${ROUNDS:-10}
touch "$out"/{old,new}.txt
rounds "$rounds" "${BENCH:-.}"
if [ -z "$gate" ]; then
	go tool benchstat "old=$out/old.txt" "new=$out/new.txt"
	exit
fi
go build -o "$out/benchgate" ./tools/benchgate
suspects=$("$out/benchgate" -suspects "$out/old.txt" "$out/new.txt")
if [ -n "$suspects" ]; then
	echo "bench: once more: $suspects"
	rounds $((2 * rounds)) "$suspects"
fi
"$out/benchgate" "$out/old.txt" "$out/new.txt"

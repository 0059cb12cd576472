#!/usr/bin/env bash
# Compares the micro-benchmarks of this work tree with those of another commit:
#
#	bench/compare.sh REF [PACKAGE...]
#
# Both are built first and then run in turn, ROUNDS times (10), so that a machine
# that becomes slower is slower for both. BENCH names the benchmarks (.).
set -euo pipefail
cd "$(dirname "$0")/.."
ref=${1:?which commit to compare with}
shift
packages=("$@")
[ ${#packages[@]} -gt 0 ] || packages=(./packets ./packets/frame ./packets/flow ./broker/topics)

out=$PWD/bench/out
tree=$(mktemp -d)
mkdir -p "$out"
git worktree add --quiet --detach "$tree" "$ref"
trap 'git worktree remove --force "$tree"' EXIT
rm -f "$out"/old.txt "$out"/new.txt "$out"/*.test

for package in "${packages[@]}"; do
	name=$(echo "$package" | tr -c 'a-z\n' '_')
	[ ! -d "$tree/$package" ] || (cd "$tree" && go test -c -o "$out/$name.old.test" "$package")
	go test -c -o "$out/$name.new.test" "$package"
done
for _ in $(seq "${ROUNDS:-10}"); do
	for side in old new; do
		for binary in "$out"/*."$side".test; do
			(cd packets && "$binary" -test.run '^$' -test.bench "${BENCH:-.}" -test.benchmem -test.benchtime "${BENCHTIME:-100ms}") >>"$out/$side.txt"
		done
	done
done
go tool benchstat "old=$out/old.txt" "new=$out/new.txt"

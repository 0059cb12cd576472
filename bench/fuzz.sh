#!/usr/bin/env bash
# Fuzzes every fuzz target of the module, one after the other, for FUZZTIME each:
# a number of inputs such as 200000x, or a duration such as 20s. With a duration
# Go before 1.27 fails at times with "context deadline exceeded" and no input
# (go.dev/issue/75804), so what decides about a change counts.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${FUZZTIME:-200000x}

for package in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		for=$fuzztime share=1
		case $target in
		FuzzServer) share=20 ;;  # an input is a whole connection
		FuzzDamage) share=100 ;; # and here a folder of files
		esac
		if [[ $for == *x ]]; then
			for=$((${for%x} / share))x
		fi
		echo "== $package $target, $for"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$for" -fuzzminimizetime 10x "$package"
	done
done

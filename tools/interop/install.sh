#!/bin/sh
# Installs the peers of the interop tests: Debian's Mosquitto, paho for Python and
# for C with a compiler, and MQTT.js beside the caches of this user. Does nothing
# where all is there, and leaves no service behind. Peers in Go are modules, which
# the go command gets.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

missing=
for package in mosquitto mosquitto-clients python3-paho-mqtt libpaho-mqtt-dev gcc libc6-dev; do
	dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -n "$missing" ]; then
	# What a package wants to start is refused while it is being installed.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
	fi
	apt-get update -qq
	# shellcheck disable=SC2086 # one word a package
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

modules="${XDG_CACHE_HOME:-$HOME/.cache}/fletch-interop"
if ! cmp -s "$here/testdata/mqttjs/package-lock.json" "$modules/installed"; then
	mkdir -p "$modules"
	cp "$here/testdata/mqttjs/package.json" "$here/testdata/mqttjs/package-lock.json" "$here/testdata/mqttjs/.npmrc" "$modules"
	npm ci --prefix "$modules" --omit=dev --ignore-scripts --no-audit --no-fund --silent
	cp "$modules/package-lock.json" "$modules/installed"
fi

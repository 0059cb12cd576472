//go:build linux

package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// broker is a broker to be measured.
type broker struct {
	name string

	// version is "" if it does not say.
	version func() string

	// command is how it is started: where it listens on 127.0.0.1, and a folder of
	// its own.
	command func(port int, dir string) ([]string, error)
}

// Two brokers with a part of their own in the report.
const (
	relayName  = "relay"
	fletchName = "fletch"
)

// brokers are those that are there in every run.
func brokers() []broker {
	return []broker{
		{relayName, none, func(port int, _ string) ([]string, error) {
			return []string{programs + "/relay", at(port)}, nil
		}},
		{fletchName, fletchVersion, fletch},
		{"mosquitto", mosquittoVersion, mosquitto},
		{"nats-server", func() string { return moduleOf(programs+"/nats-server", "github.com/nats-io/nats-server/v2") }, nats},
		{"mochi", func() string { return moduleOf(programs+"/mochi", "github.com/mochi-mqtt/server/v2") }, func(port int, _ string) ([]string, error) {
			return []string{programs + "/mochi", at(port)}, nil
		}},
	}
}

// other is a broker that a flag names.
func other(name string, command []string) broker {
	return broker{name, none, func(port int, _ string) ([]string, error) {
		command := slices.Clone(command)
		for i, a := range command {
			command[i] = strings.ReplaceAll(a, "PORT", strconv.Itoa(port))
		}
		return command, nil
	}}
}

func at(port int) string { return fmt.Sprint("127.0.0.1:", port) }

func none() string { return "" }

// fletch has limits out of the way of what is measured, as all others have.
func fletch(port int, _ string) ([]string, error) {
	return []string{
		programs + "/fletch", "serve", "--listen", at(port), "--log-level", "error", "--sys-interval", "-1s",
		"--maximum-packet-size", "268435455", "--maximum-subscriptions-total", "4000000",
		"--maximum-queued-messages", "4000000", "--maximum-queued-bytes", "1000000000", "--maximum-queued-total", "4000000000",
		"--maximum-retained-messages", "4000000", "--maximum-retained-bytes", "2000000000",
	}, nil
}

func fletchVersion() string {
	info, err := buildinfo.ReadFile(programs + "/fletch")
	if err != nil {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return ""
}

// moduleOf is the version of a module in a program.
func moduleOf(program, module string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return ""
}

func mosquitto(port int, dir string) ([]string, error) {
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			return nil, err
		}
	}
	const config = `user root
listener %d 127.0.0.1
allow_anonymous true
log_dest none
persistence false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
set_tcp_nodelay true
`
	file := filepath.Join(dir, "mosquitto.conf")
	return []string{program, "-c", file}, os.WriteFile(file, fmt.Appendf(nil, config, port), 0o600)
}

func mosquittoVersion() string {
	command, err := mosquitto(0, os.DevNull)
	if command == nil {
		return ""
	}
	out, err := exec.Command(command[0], "-h").Output() // it ends with 3
	if err != nil && len(out) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(first, "mosquitto version ")
}

func nats(port int, dir string) ([]string, error) {
	const config = `host: 127.0.0.1
port: -1
server_name: bench
max_pending: 1GB
max_payload: 8MB
logfile: %q
jetstream { store_dir: %q }
mqtt {
	host: 127.0.0.1
	port: %d
	max_ack_pending: 20000
}
`
	file := filepath.Join(dir, "nats.conf")
	text := fmt.Appendf(nil, config, filepath.Join(dir, "log"), filepath.Join(dir, "jetstream"), port)
	return []string{programs + "/nats-server", "-c", file}, os.WriteFile(file, text, 0o600)
}

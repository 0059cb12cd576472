//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// header is what a run was made with.
type header struct {
	Machine  string
	Brokers  []version // in the order of the tables
	Rounds   int
	Quick    bool `json:",omitempty"`
	GoSystem string
}

type version struct {
	Name, Version string
}

func (b *bench) header() *header {
	h := &header{Machine: machine(), Rounds: b.rounds, Quick: b.quick, GoSystem: runtime.Version()}
	for _, one := range b.brokers {
		h.Brokers = append(h.Brokers, version{one.name, one.version()})
	}
	return h
}

// machine says what may decide the figures, and nothing that names it.
func machine() string {
	model := field("/proc/cpuinfo", "model name")
	var info unix.Sysinfo_t
	var name unix.Utsname
	unix.Sysinfo(&info)
	unix.Uname(&name)
	memory := float64(info.Totalram) * float64(info.Unit) / (1 << 30)
	return fmt.Sprintf("%s, %d processors, %.0f GiB of memory, Linux %s, %s", model, runtime.NumCPU(), memory,
		unix.ByteSliceToString(name.Release[:]), runtime.GOARCH)
}

// field is the first value of that name in a file of /proc.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

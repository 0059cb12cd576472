//go:build linux

package main

import (
	"fmt"
	"time"
)

// What a row measures.
const (
	publish = "publish"
	receive = "receive"
	request = "request"
)

// How many a client has under way in a row, and by what.
const (
	byOne   = "1"     // goroutine that waits for each
	byMany  = "64"    // of them
	byAsync = "async" // as many handles as window, or goroutines where there are no handles
)

// window is how many messages are under way in the asynchronous rows, and so how many
// publishers there can be.
const window = 1000

// patience is how long anything may take to be answered.
const patience = 5 * time.Second

// row is something that is measured of each library.
type row struct {
	Op   string
	QoS  byte
	By   string // of publish and request
	Size int    // of a payload, in bytes
}

func (r row) String() string {
	switch r.Op {
	case publish:
		return fmt.Sprintf("op=publish/qos=%d/by=%s/size=%d", r.QoS, r.By, r.Size)
	case receive:
		return fmt.Sprintf("op=receive/qos=%d/size=%d", r.QoS, r.Size)
	}
	return fmt.Sprintf("op=request/by=%s/size=%d", r.By, r.Size)
}

// group is what stands in one table.
func (r row) group() string {
	if r.Op == request {
		return "request and response"
	}
	return fmt.Sprintf("%s, QoS %d", r.Op, r.QoS)
}

func rows() (all []row) {
	sizes := []int{20, 1024}
	for qos := range byte(3) {
		for _, by := range []string{byOne, byMany, byAsync} {
			for _, size := range sizes {
				all = append(all, row{publish, qos, by, size})
			}
		}
	}
	for qos := range byte(2) {
		for _, size := range sizes {
			all = append(all, row{receive, qos, "", size})
		}
	}
	return append(all, row{request, 0, byOne, 20}, row{request, 0, byMany, 20})
}

// goroutines is how many there are of them where each waits.
func (r row) goroutines() int {
	switch r.By {
	case byOne:
		return 1
	case byMany:
		return 64
	}
	return window
}

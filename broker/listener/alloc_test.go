//go:build !race

package listener

import (
	"net"
	"strings"
	"testing"
)

func TestWriteDoesNotAllocate(t *testing.T) {
	out := &wire{room: 1 << 30}
	c := &webSocket{Conn: out}
	many := []byte(strings.Repeat(packet("payload"), 1000))
	large := []byte(packet(strings.Repeat("x", 10*joined)))
	memory := make(net.Buffers, 3)
	var v net.Buffers
	allocs := testing.AllocsPerRun(100, func() {
		out.sent.Reset()
		c.Write(many)
		v = append(memory[:0], many, large[:100], large[100:])
		c.WriteBuffers(&v)
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

package clienttest_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the test says is what the dialler gets, attempt by attempt.
func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V311)
		strange := errors.New("strange")
		failed := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			for range 3 {
				_, err := l.Dial(ctx, "tcp", "a:1")
				failed <- err
			}
			conn, err := l.Dial(t.Context(), "tcp", "b:2")
			failed <- err
			_, err = conn.Read(make([]byte, 1))
			failed <- err
		}()
		for _, test := range []struct {
			do   func()
			want error
		}{
			{func() { l.Refuse(nil) }, syscall.ECONNREFUSED},
			{func() { l.Refuse(strange) }, strange},
			{l.Hang, context.DeadlineExceeded},
		} {
			test.do()
			if err := <-failed; !errors.Is(err, test.want) || l.Address() != "a:1" {
				t.Errorf("to %s: got %v, want %v", l.Address(), err, test.want)
			}
		}
		peer := l.Accept()
		if err := <-failed; err != nil || l.Address() != "b:2" {
			t.Errorf("to %s: %v", l.Address(), err)
		}
		peer.Reset()
		if err := <-failed; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want that the peer has reset", err)
		}
		peer.ExpectEnd()
	})
}

// A peer that closes in order is at its end, and not reset.
func TestPeerCloses(t *testing.T) {
	l := clienttest.Listen(t, packets.V311)
	go func() { l.Accept().Close() }()
	conn, err := l.Dial(t.Context(), "tcp", "a:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
}

func TestExample(t *testing.T) { reconnects(t) }

package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/fletchmq/fletch/broker/session"
)

// Flush starts a goroutine that writes what the line has.
func (s *stream) Flush(l *session.Line) { go s.writeOut(l) }

func (s *stream) writeOut(l *session.Line) {
	w := writers.Get().(*writer)
	defer w.done()
	over := false
	err := guard(func() error {
		for {
			switch l.Take(&w.batch) {
			case session.Idle:
				return nil
			case session.Over:
				over = true
				return nil
			}
			if err := s.sendBatch(w, l); err != nil {
				return err
			}
		}
	})
	if err == nil && !over {
		return
	}
	s.forgo(w)
	l.Abandon()
	s.hangUp(err)
	close(s.written)
}

// sendBatch writes the batch of w and releases its messages.
func (s *stream) sendBatch(w *writer, l *session.Line) error {
	w.encode(&s.conn, l)
	err := s.writeAll(w)
	w.release()
	if err != nil {
		return err
	}
	s.expand(w)
	return nil
}

// writeAll writes all that w has, in one call of Write where it can. It goes on
// as long as the peer takes something within WriteTimeout.
func (s *stream) writeAll(w *writer) error {
	for len(w.vectors) > 0 {
		if err := s.allowWrite(time.Now().Add(s.b.config.WriteTimeout)); err != nil {
			return err
		}
		n, err := s.writeBuffers(&w.vectors)
		s.tally().sent.add(Traffic{Bytes: uint64(n)})
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n == 0:
			return fmt.Errorf("WriteTimeout: %w", err)
		}
	}
	return nil
}

// writeBuffers takes what is written out of v. A connection that is not one of the
// system, such as a WebSocket, may know how to write all of it at once.
func (s *stream) writeBuffers(v *net.Buffers) (int64, error) {
	if nc, ok := s.nc.(interface {
		WriteBuffers(v *net.Buffers) (int64, error)
	}); ok {
		return nc.WriteBuffers(v)
	}
	return v.WriteTo(s.nc)
}

// allowWrite gives the next write time until deadline, or until the connection
// has to have ended.
func (s *stream) allowWrite(deadline time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.endBy.IsZero() && s.endBy.Before(deadline) {
		deadline = s.endBy
	}
	return s.nc.SetWriteDeadline(deadline)
}

package client

import "time"

// How much is read at once, in bytes, but for large packets. Who waits for the server
// holds a buffer of that size, so it is small while little comes.
const (
	readSize  = 32 << 10
	smallRead = 2 << 10
)

// meter notes when the server gives something, and how much.
type meter struct{ l *link }

func (m meter) Read(b []byte) (int, error) {
	n, err := m.l.rw.Read(b)
	m.l.lastIn.Store(int64(time.Since(m.l.start)))
	m.l.came = n
	return n, err
}

// fit has as much read at once as has come of late.
func (l *link) fit() {
	size := l.frames.ReadSize
	switch {
	case l.came >= size:
		size = readSize
	case l.came < smallRead/2:
		size = smallRead
	}
	if size != l.frames.ReadSize && l.frames.Park() {
		l.frames.ReadSize = size
	}
}

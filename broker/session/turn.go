package session

// Owner sends what a Line has.
type Owner interface {
	// Flush calls Take until that is not Filled any more, and sends what it gives.
	// It need not have done so when it returns, and must not wait for the peer.
	// Until Take has said that the line is Idle, nobody else calls Flush for it.
	Flush(l *Line)

	// Relieved says that a line which was Crowded is not any more. It may come when
	// it is not expected, and must not wait for anything.
	Relieved()
}

// Turn is a stretch of work of one goroutine, and the lines that it has given
// something to send. They are flushed once, at its end.
//
// A line that is due in one turn is not in another: whoever has put something
// into a Turn flushes it, and before anything that waits.
type Turn struct{ due []*Line }

// Flush is the end of the turn. The next one may begin.
func (t *Turn) Flush() {
	for i := 0; i < len(t.due); i++ {
		l := t.due[i]
		l.owner.Flush(l)
	}
	clear(t.due)
	t.due = t.due[:0]
}

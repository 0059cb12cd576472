package session

import "github.com/fletchmq/fletch/broker/journal"

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

// Direct is an Owner whose Flush calls Take before it returns, and does not need what
// that gives as relayed any more then.
type Direct interface {
	Owner
	Direct()
}

// Turn is a stretch of work of one goroutine, and the lines that it has given
// something to send. They are flushed once, at its end.
//
// A line that is due in one turn is not in another: whoever has put something
// into a Turn flushes it, and before anything that waits.
type Turn struct {
	// Admitted says that room has been found for the message that is pushed: there
	// is no other limit for it.
	Admitted bool

	// Crowded is a receiver for which who publishes in this turn should wait: it is
	// the caller's of Push, for itself.
	Crowded any

	due     []*Line
	encoded []byte           // packets that are relayed in another version than they came in
	stored  *journal.Journal // has something of this turn, nil if it has not
	budget  *Budget          // of what is owed
	owed    int              // bytes not yet counted there
	at      uint8            // of a Budget, where this turn counts
}

// mostEncoded is how much of that memory is kept for the next turn, in bytes.
const mostEncoded = 512 << 10

// charge counts n bytes at the end of the turn, or before if they are many.
func (t *Turn) charge(b *Budget, n int) {
	if t.budget != b {
		t.pay()
		t.budget, t.at = b, b.place()
	}
	if t.owed += n; t.owed >= mostSpill || t.owed <= -mostSpill {
		t.pay()
	}
}

func (t *Turn) pay() {
	if t.owed != 0 {
		t.budget.add(t.at, t.owed)
		t.owed = 0
	}
}

// Stored lets what has been put into j be committed at the end of the turn.
func (t *Turn) Stored(j *journal.Journal) { t.stored = j }

// Flush is the end of the turn. The next one may begin.
func (t *Turn) Flush() {
	t.pay()
	if t.stored != nil {
		t.stored.Commit()
		t.stored = nil
	}
	for i := 0; i < len(t.due); i++ {
		l := t.due[i]
		l.owner.Flush(l)
	}
	clear(t.due)
	t.due = t.due[:0]
	if t.encoded = t.encoded[:0]; cap(t.encoded) > mostEncoded {
		t.encoded = nil
	}
}

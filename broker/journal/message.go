package journal

import (
	"encoding/binary"
	"time"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
)

// Message is an application message as it is stored: as a PUBLISH of 5.0 at QoS 0.
type Message struct {
	From    string // client identifier of the publisher
	QoS     packets.QoS
	Expires time.Time // zero if never
	First   byte      // of the PUBLISH
	Body    []byte    // behind its fixed header
}

// Terms is how a message goes to the session that waits for it.
type Terms struct {
	QoS         packets.QoS
	Retain      bool
	PacketID    uint16 // with which it is sent, whenever that is
	Identifiers []uint32
	Group       string // topic filter of the shared subscription, "" without one
}

// Ref is where a message is, for one session.
type Ref struct {
	Sequence uint64 // of the record, 0 for none
	Shared   bool   // with other sessions
}

// Recipient is a session that a message is for.
type Recipient struct {
	Session uint64
	Terms   Terms
}

// Next is the sequence number for another message.
func (j *Journal) Next() uint64 { return j.last.Add(1) }

// Last is the one that Next has given last.
func (j *Journal) Last() uint64 { return j.last.Load() }

// promise puts in that no number up to this one is to be used again.
func (g *Group) promise(sequence uint64) {
	g.Set([]byte{kindNumber}, binary.AppendUvarint(nil, sequence))
}

// Message puts in a message of that sequence number for its recipients: p from that
// client, which expires then. There are MostRecipients at most.
func (g *Group) Message(sequence uint64, p *packets.Publish, from string, expires time.Time, to []Recipient) Ref {
	v := binary.AppendUvarint(g.value[:0], uint64(len(to)))
	for i := range to {
		v = binary.AppendUvarint(v, to[i].Session)
		v = appendNote(v, &to[i].Terms)
	}
	body := len(v)
	v = appendMessage(v, p, from, expires)
	if len(to) > 1 {
		v[body] |= sharedMessage
	}
	g.value = v
	var k [9]byte
	if len(to) == 1 {
		g.Put(key(k[:0], kindMessage, sequence), v)
	} else {
		g.Share(key(k[:0], kindMessage, sequence), v)
	}
	return Ref{Sequence: sequence, Shared: len(to) > 1}
}

// MostRecipients is how many sessions a record of a message of that many bytes is for
// at most: those who are more make another record, so that whoever reads one does not
// read much more than the message.
func MostRecipients(size int) int { return max(64, size/8) }

// Drop is for a session that does not wait for the message any more.
func (g *Group) Drop(m Ref, session uint64) {
	var k [9]byte
	if m.Shared {
		g.Batch.Drop(key(k[:0], kindMessage, m.Sequence), session)
	} else {
		g.Remove(key(k[:0], kindMessage, m.Sequence))
	}
}

// Retain puts in the retained message of a topic name.
func (g *Group) Retain(p *packets.Publish, from string, expires time.Time) {
	g.value = appendMessage(g.value[:0], p, from, expires)
	g.Set(append([]byte{kindRetained}, p.Topic...), g.value)
}

// Unretain takes it out.
func (g *Group) Unretain(topic []byte) { g.Delete(append([]byte{kindRetained}, topic...)) }

// Read gives the message of m, with views into the memory that it appends to buf.
func (j *Journal) Read(buf []byte, m Ref) (Message, []byte, error) {
	var k [9]byte
	buf, err := j.store.Get(buf[:0], key(k[:0], kindMessage, m.Sequence))
	if err != nil {
		return Message{}, buf, err
	}
	_, body, err := store.Holders(nil, buf)
	if err != nil {
		return Message{}, buf, err
	}
	x, ok := parseMessage(body)
	if !ok {
		return Message{}, buf, errRecord(key(nil, kindMessage, m.Sequence))
	}
	return x, buf, nil
}

// The bits of a note, above two for the QoS.
const (
	noteRetain      = 1 << 2
	noteIdentifiers = 1 << 3
	noteGroup       = 1 << 4
)

// appendNote appends terms with their length.
func appendNote(dst []byte, t *Terms) []byte {
	flags := byte(t.QoS)
	if t.Retain {
		flags |= noteRetain
	}
	if len(t.Identifiers) == 0 && t.Group == "" {
		return append(dst, 3, flags, byte(t.PacketID>>8), byte(t.PacketID))
	}
	note := binary.BigEndian.AppendUint16([]byte{flags}, t.PacketID)
	if len(t.Identifiers) > 0 {
		note[0] |= noteIdentifiers
		note = appendIdentifiers(note, t.Identifiers)
	}
	if t.Group != "" {
		note[0] |= noteGroup
		note = appendText(note, t.Group)
	}
	return append(binary.AppendUvarint(dst, uint64(len(note))), note...)
}

func parseNote(note []byte) (t Terms, ok bool) {
	r := reader{rest: note}
	flags, qos := r.flags()
	t.QoS, t.Retain = qos, flags&noteRetain != 0
	t.PacketID = uint16(r.byte())<<8 | uint16(r.byte())
	if flags&noteIdentifiers != 0 {
		t.Identifiers = r.identifiers()
	}
	if flags&noteGroup != 0 {
		t.Group = r.text()
	}
	return t, !r.bad && t.QoS > packets.AtMostOnce && t.PacketID != 0
}

func appendIdentifiers(dst []byte, all []uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(all)))
	for _, id := range all {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	return dst
}

func (r *reader) identifiers() (all []uint32) {
	for n := r.uint(); n > 0 && !r.bad; n-- {
		all = append(all, uint32(r.uint()))
	}
	return all
}

// sharedMessage is beside the QoS of a message that more than one session had to get.
const sharedMessage = 1 << 7

// appendMessage appends what all who get the message share.
func appendMessage(dst []byte, p *packets.Publish, from string, expires time.Time) []byte {
	dst = append(dst, byte(p.QoS))
	dst = appendText(dst, from)
	dst = appendTime(dst, expires)
	bare := *p
	bare.QoS, bare.Dup, bare.PacketID = 0, false, 0
	return bare.AppendTo(dst, packets.V5)
}

func parseMessage(b []byte) (m Message, ok bool) {
	r := reader{rest: b}
	_, m.QoS = r.flags()
	m.From = r.text()
	m.Expires = r.time()
	m.First = r.byte()
	size := r.uint() // the Remaining Length is written as other lengths are
	m.Body = r.rest
	return m, !r.bad && size == uint64(len(m.Body))
}

// appendTime appends milliseconds, 0 for no time.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, 0)
	}
	return binary.AppendUvarint(dst, uint64(max(t.UnixMilli(), 1)))
}

func (r *reader) time() time.Time {
	if ms := r.uint(); ms > 0 {
		return time.UnixMilli(int64(ms))
	}
	return time.Time{}
}

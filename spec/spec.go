// Package spec is the MQTT wire protocol, versions 3.1, 3.1.1 and 5.0, written
// down as plain Go values.
//
// It holds data only: it imports nothing, and no type in it has a func, chan,
// map, interface or pointer in it. Everything the standard says about the form
// of a packet stands here once; command gen derives the codec, its checks, the
// fuzz seeds and the reference from it.
//
// The words are in this file and in cond.go. The tables are connect.go to
// session.go (the packets), properties.go, reasons.go, faults.go and
// statements.go.
package spec

// Version is a set of protocol versions. The zero set means all of them.
type Version uint8

// The three protocol versions and their unions.
const (
	V31  Version = 1 << iota // MQTT 3.1, protocol level 3
	V311                     // MQTT 3.1.1, protocol level 4
	V5                       // MQTT 5.0, protocol level 5

	V3  = V31 | V311
	All = V3 | V5
)

// Side is a set of the two ends of a connection. The zero set means both.
type Side uint8

// The two ends.
const (
	Client Side = 1 << iota
	Server
)

// Kind is a wire representation.
type Kind uint8

// The representations of section 1.5, and the shapes made of them.
const (
	U8     Kind = iota + 1
	Bool        // a byte that is 0 or 1
	U16         // 1.5.2
	U32         // 1.5.3
	VarInt      // 1.5.5
	Text        // 1.5.4, UTF-8
	Binary      // 1.5.6
	Pair        // 1.5.7
	Bits        // one byte of named bit ranges
	Level       // protocol name and protocol level: the version of all that follows
	Props       // a property block: the column Table of Properties
	Group       // Fields, together
	List        // Fields, over and over to the end of the packet
	Rest        // the bytes that are left
)

// Packet is one control packet.
type Packet struct {
	Name    string // as in the standard: "PUBLISH"
	Type    uint8  // high nibble of the first byte
	Section string // of the 5.0 document
	In      Version
	From    Side // who sends it
	Was     Side // who sent it before 5.0, where that differs
	Doc     string
	Flags   []Bit   // named bits of the low nibble of the first byte
	Fixed   uint8   // what the bits of that nibble must be that no Flag of the version names
	Wrong   string  // the Fault of a bit of that nibble that is not what it must be
	Loose   Version // versions in which a bit of that nibble without a name is ignored
	Fields  []Field
	Rules   []Rule
}

// Bit is a named range of bits in a byte. What no Bit of a version names is
// reserved in that version, and must be zero.
type Bit struct {
	Name  string
	At    int    // lowest bit
	Width int    // 0 means 1
	Max   int    // largest value of a range, 0: whatever fits
	Over  string // the Fault of a value above Max
	As    string // Go type of the value, when it has one of its own
	In    Version
	Doc   string
}

// Field is one field; their order is the order on the wire.
type Field struct {
	Name   string
	Kind   Kind
	As     string // Go type of the value, when it has one of its own
	In     Version
	If     Cond    // of the packet, for the field to be there
	Tail   Version // the packet may end before this field in these versions, if it and all after it are absent or zero; one without Tail right behind it is there whenever it is
	Bits   []Bit   // of Kind Bits
	Wrong  string  // of Kind Bits: the Fault of a bit that is set and has no name
	Loose  Version // of Kind Bits: versions in which bits without a name are ignored
	Names  []Name  // of Kind Level
	Table  string  // of Kind Props
	Fields []Field // of Kind Group or List
	Rules  []Rule  // of Kind Group or List: about its Fields
	Secret bool    // never shown in a log
	Doc    string
}

// Name is the protocol name and level of a version.
type Name struct {
	In    Version
	Name  string
	Level uint8
}

// Rule is a normative statement that one packet alone can keep or break. V3 and
// V5 are its numbers in 3.1.1 and in 5.0; without a number it is not a rule of
// that version. "§3.3.2.1" is a statement without a number. In 3.1, which has no
// numbers, the rules of 3.1.1 hold unless In says otherwise.
type Rule struct {
	V3, V5 string
	In     Version
	From   Side // who must keep it
	When   Cond // for the rule to apply
	Must   Cond
	Reason string // the name of the reason code it is answered with
	Doc    string
}

// Fault is a way in which bytes can fail to be a packet at all. The decoder
// meets it before there is anything to ask a Rule about.
type Fault struct {
	Name   string
	V3, V5 string
	Reason string
	Doc    string
}

// Property is a row of table 2-4. In and Many name the packets that may carry it
// once, and any number of times; WILL is the property block of the will.
type Property struct {
	ID      uint8
	Name    string // as a Go name
	Title   string // as in the standard
	Kind    Kind
	As      string // Go type of the value, when it has one of its own
	In      []string
	Many    []string
	Max     int // largest value, 0: whatever fits
	NonZero bool
	Range   string // the Fault of a value out of range, "" for PropertyRange
	Default int    // what absence means, where the standard says so
	Secret  bool   // never shown in a log
	Doc     string
}

// Reason is a row of table 2-6. Only says in which of its packets it may come
// from one side alone, although the packet may come from both.
type Reason struct {
	Code   uint8
	Name   string // as a Go name
	Title  string // as in the standard
	In     []string
	Only   []Sender
	Return uint8 // the return code of 3.1 and 3.1.1 that says the same, 0: none
}

// Sender is the side that may send something in a packet.
type Sender struct {
	Packet string
	From   Side
}

// Return is a return code of 3.1 and 3.1.1, with the packet it stands in.
type Return struct {
	Code   uint8
	Name   string
	Title  string
	Packet string
	In     Version
}

// Keeper is a set of the parts of the program that keep a statement.
type Keeper uint8

// The keepers.
const (
	Codec  Keeper = 1 << iota // packets and packets/frame: a generated check
	Flow                      // packets/flow
	Broker                    // broker
	User                      // client: the name Client is a Side
)

// Statement is a numbered statement of the standard: its number in 3.1.1 and in
// 5.0, and who keeps it. Why says why nothing does.
type Statement struct {
	V3, V5 string
	Keeper Keeper
	Why    string
	Doc    string
}

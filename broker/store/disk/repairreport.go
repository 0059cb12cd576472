package disk

import (
	"fmt"
	"strings"
)

// Report is what Repair has done. The zero Report is that there was no damage.
type Report struct {
	// Aside is the directory where the damaged files are kept as they were.
	Aside string
	Parts []Part
}

// Part is a damaged file.
type Part struct {
	File string // in the directory of the store
	Why  error

	// Kept and Lost are how many entries of a table could be read, and how many
	// could not; -1 if that is not known or it is another file.
	Kept, Lost int64

	// Of a table: what is lost has keys between these two. nil is from the beginning
	// and to the end of the table.
	After, Before []byte

	// Returns says that what was deleted may be there again, as what deleted it is
	// lost.
	Returns bool

	// Rest says that all behind the first damaged place is lost, as of a log.
	Rest bool
}

// String gives lines for who runs the broker.
func (r Report) String() string {
	if len(r.Parts) == 0 {
		return "nothing is damaged\n"
	}
	var b strings.Builder
	for _, p := range r.Parts {
		fmt.Fprintf(&b, "%s: %v\n", p.File, p.Why)
		p.losses(&b)
	}
	fmt.Fprintf(&b, "the damaged files are in %s as they were\n", r.Aside)
	return b.String()
}

func (p *Part) losses(b *strings.Builder) {
	switch {
	case p.Rest:
		b.WriteString("  what was written behind that place is lost, the latest changes first\n")
	case p.Kept >= 0:
		lost := "an unknown number"
		if p.Lost >= 0 {
			lost = fmt.Sprint(p.Lost)
		}
		fmt.Fprintf(b, "  %d records could be read, %s could not: %s\n", p.Kept, lost, p.kinds())
	}
	if p.Returns {
		b.WriteString("  among them were deletions: what they had deleted may be there again\n")
	}
}

// kinds of records, by the first byte of their keys.
var kinds = []struct {
	prefix byte
	name   string
}{
	{'e', "QoS 2 exchanges with receivers"},
	{'h', "QoS 2 exchanges with publishers"},
	{'m', "messages"},
	{'n', "numbers"},
	{'r', "retained messages"},
	{'s', "sessions"},
	{'t', "subscriptions"},
	{'w', "requests for retained messages"},
}

// kinds says what the lost records may be.
func (p *Part) kinds() string {
	var names []string
	for _, k := range kinds {
		if len(p.After) > 0 && k.prefix < p.After[0] || len(p.Before) > 0 && k.prefix > p.Before[0] {
			continue
		}
		names = append(names, k.name)
	}
	text := strings.Join(names, ", ")
	if p.After != nil {
		text += fmt.Sprintf(", after %q", p.After)
	}
	if p.Before != nil {
		text += fmt.Sprintf(", before %q", p.Before)
	}
	return text
}

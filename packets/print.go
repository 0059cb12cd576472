package packets

import (
	"log/slog"
	"strconv"
	"unicode/utf8"
)

// printer collects what a packet says of itself, as one line or as attributes
// for a structured log.
type printer struct {
	line   []byte
	attrs  []slog.Attr
	prefix string // of the keys of a group
	asLine bool
}

// maxShown is how many bytes of a text or payload a log shows.
const maxShown = 64

func printLine(name string, describe func(*printer)) string {
	p := printer{asLine: true, line: append(make([]byte, 0, 96), name...)}
	describe(&p)
	return string(p.line)
}

func printAttrs(name string, describe func(*printer)) slog.Value {
	p := printer{attrs: []slog.Attr{slog.String("type", name)}}
	describe(&p)
	return slog.GroupValue(p.attrs...)
}

func (p *printer) key(key string) {
	p.line = append(p.line, ' ')
	p.line = append(p.line, p.prefix...)
	p.line = append(p.line, key...)
}

func (p *printer) flag(key string, set bool) {
	switch {
	case !set:
	case p.asLine:
		p.key(key)
	default:
		p.attrs = append(p.attrs, slog.Bool(p.prefix+key, true))
	}
}

func (p *printer) number(key string, n uint32) {
	if !p.asLine {
		p.attrs = append(p.attrs, slog.Uint64(p.prefix+key, uint64(n)))
		return
	}
	p.key(key)
	p.line = strconv.AppendUint(append(p.line, '='), uint64(n), 10)
}

// code shows a reason code that is not 0.
func (p *printer) code(key string, r ReasonCode) {
	if r != 0 {
		p.codes(key, []ReasonCode{r})
	}
}

func (p *printer) codes(key string, all []ReasonCode) {
	for _, r := range all {
		p.oneCode(key, r)
	}
}

func (p *printer) oneCode(key string, r ReasonCode) {
	if !p.asLine {
		p.attrs = append(p.attrs, slog.String(p.prefix+key, r.hex()))
		return
	}
	p.key(key)
	p.line = append(append(p.line, '='), r.hex()...)
}

// text shows a UTF-8 string, quoted if it has more in it than most topics have.
func (p *printer) text(key string, v []byte) {
	if !p.asLine {
		p.attrs = append(p.attrs, slog.String(p.prefix+key, shown(v)))
		return
	}
	p.key(key)
	p.line = append(p.line, '=')
	if bare(v) && len(v) <= maxShown {
		p.line = append(p.line, v...)
	} else {
		p.line = strconv.AppendQuote(p.line, shown(v))
	}
}

// data shows bytes, always quoted.
func (p *printer) data(key string, v []byte) {
	if !p.asLine {
		p.attrs = append(p.attrs, slog.String(p.prefix+key, shown(v)))
		return
	}
	p.key(key)
	p.line = strconv.AppendQuote(append(p.line, '='), shown(v))
}

// secret shows that something is there, and no more.
func (p *printer) secret(key string) { p.text(key, []byte("***")) }

func (p *printer) users(u UserProperties) {
	for k, v := range u.All() {
		key := shown(k)
		if !bare(k) {
			key = strconv.Quote(key) // a key with a line break in it must not end the line
		}
		p.text("user:"+key, v)
	}
}

// shown is v as a string, cut to what a log shows, with the length of the rest.
func shown(v []byte) string {
	if len(v) <= maxShown {
		return string(v)
	}
	cut := maxShown
	for cut > maxShown-utf8.UTFMax && !utf8.RuneStart(v[cut]) {
		cut--
	}
	return string(v[:cut]) + "…+" + strconv.Itoa(len(v)-cut)
}

// bare reports whether v can stand in a line without quotes.
func bare(v []byte) bool {
	for _, c := range v {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '/', c == '_', c == '+', c == '#', c == '$', c == '.', c == '-', c == '*':
		default:
			return false
		}
	}
	return len(v) > 0
}

// hex is r as the standard writes it.
func (r ReasonCode) hex() string {
	const digits = "0123456789abcdef"
	return string([]byte{'0', 'x', digits[r>>4], digits[r&15]})
}

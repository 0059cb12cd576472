package packets

import "github.com/fletchmq/fletch/packets/wire"

// checker keeps the first fault that Validate finds.
type checker struct{ fault *wire.Fault }

func (c *checker) add(f *wire.Fault) {
	if c.fault == nil {
		c.fault = f
	}
}

func (c *checker) refuse(bad bool, f *wire.Fault) {
	if bad {
		c.add(f)
	}
}

func (c *checker) text(v []byte)   { c.add(wire.CheckText(v)) }
func (c *checker) binary(v []byte) { c.add(wire.CheckBinary(v)) }

// done is the first fault of a packet with that Remaining Length.
func (c *checker) done(remaining int) *wire.Fault {
	c.refuse(remaining > MaxRemainingLength, wire.TooLarge)
	return c.fault
}

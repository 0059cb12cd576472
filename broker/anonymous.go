package broker

import (
	"fmt"
	"net"

	"github.com/fletchmq/fletch/broker/origin"
)

// admits is why the broker must not listen at address: for nobody who comes from
// there is asked who that is.
func (c *Config) admits(address net.Addr) error {
	switch {
	case c.Authenticate != nil, len(c.Methods) > 0, c.AllowAnonymous:
		return nil
	case origin.Local(address):
		c.Logger.Info("only this machine may connect, for nobody is asked who it is: see Authenticate, Methods and AllowAnonymous", "listener", address)
		return nil
	}
	return fmt.Errorf("broker: listener %v is open to other machines, and nobody is asked who it is: "+
		"expected Config.Authenticate, Config.Methods or Config.AllowAnonymous, or a loopback address", address)
}

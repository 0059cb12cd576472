// Command mochi is a broker made of github.com/mochi-mqtt/server, which has none of
// its own that listens where it is told to and lets everybody in.
//
//	mochi ADDRESS
package main

import (
	"fmt"
	"log/slog"
	"math"
	"os"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "mochi: expected an address")
		os.Exit(2)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "mochi:", err)
		os.Exit(1)
	}
	select {}
}

func serve(address string) error {
	can := mqtt.NewDefaultServerCapabilities()
	can.MaximumInflight = math.MaxUint16
	can.ReceiveMaximum = math.MaxUint16
	can.MaximumClientWritesPending = 1 << 15 // more than ever waits for a client in a closed loop
	s := mqtt.New(&mqtt.Options{Capabilities: can, Logger: slog.New(slog.DiscardHandler)})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	if err := s.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: address})); err != nil {
		return err
	}
	return s.Serve()
}

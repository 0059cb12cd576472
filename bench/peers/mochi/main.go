// Command mochi is a broker made of github.com/mochi-mqtt/server, which has none of
// its own that listens where it is told to and lets everybody in.
//
//	mochi -address HOST:PORT [-pending N]
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	address := flag.String("address", "127.0.0.1:1883", "where to listen")
	pending := flag.Int("pending", 1<<15, "what may wait for a client before messages to it are lost; each has room for as much")
	flag.Parse()
	if err := serve(*address, int32(*pending)); err != nil {
		fmt.Fprintln(os.Stderr, "mochi:", err)
		os.Exit(1)
	}
	select {}
}

func serve(address string, pending int32) error {
	can := mqtt.NewDefaultServerCapabilities()
	can.MaximumInflight = math.MaxUint16
	can.ReceiveMaximum = math.MaxUint16
	can.MaximumClientWritesPending = pending
	s := mqtt.New(&mqtt.Options{Capabilities: can, Logger: slog.New(slog.DiscardHandler)})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	if err := s.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: address})); err != nil {
		return err
	}
	return s.Serve()
}

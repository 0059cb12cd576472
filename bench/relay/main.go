//go:build linux

// Command relay moves bytes between the sockets of MQTT clients without parsing them:
// the floor that the cost of a broker is measured from.
//
//	go run ./bench/relay [-net] [ADDRESS]
//
// It answers CONNECT, and SUBSCRIBE with QoS 0 whatever was asked for. What a client
// sends from its first PUBLISH on goes to all who are subscribed to the topic of that
// one, piece by piece as it is read. So it is a broker for what fletch bench pairs and
// fan-out do at QoS 0, and for nothing else.
//
// One goroutine with epoll serves all connections; with -net there is one for each,
// with package net. A publisher is not read while one of its subscribers has no room.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func main() {
	goroutines := flag.Bool("net", false, "package net, and a goroutine for each connection")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	address := "127.0.0.1:1883"
	if flag.NArg() > 0 {
		address = flag.Arg(0)
	}
	serve := serveEpoll
	if *goroutines {
		serve = serveNet
	}
	ln, err := net.Listen("tcp", address)
	if err == nil {
		fmt.Println("listens on", ln.Addr())
		err = serve(ctx, ln.(*net.TCPListener))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

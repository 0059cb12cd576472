// Fletch is an MQTT broker and the clients to try it with: fletch serve, fletch
// passwd, fletch pub, fletch sub. See fletch --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Serve   serve   `cmd:"" help:"Run a broker."`
	Passwd  passwd  `cmd:"" help:"Give a user of a broker a password."`
	Pub     pub     `cmd:"" help:"Publish a message."`
	Sub     sub     `cmd:"" help:"Subscribe, and print what comes."`
	Bench   bench   `cmd:"" help:"Put a broker under load and measure it."`
	Version version `cmd:"" help:"Print the version."`
}

// world is what a command works with. Data goes to out, words for people to err.
type world struct {
	// ctx ends with the first SIGINT or SIGTERM. A second one kills.
	ctx      context.Context
	in       *os.File
	out, err io.Writer
}

// failure is an error that says which exit status it is.
type failure struct {
	code int
	error
}

func (f failure) Unwrap() error { return f.error }

func main() {
	var c cli
	parser := kong.Must(
		&c,
		kong.Name("fletch"),
		kong.Description("An MQTT broker, and the clients to try it with."),
		kong.Groups(groups),
		kong.WithHyphenPrefixedParameters(true), // -m -3 is a message
		kong.PostBuild(func(k *kong.Kong) error {
			k.Model.HelpFlag.Short = 0 // -h is the host
			return nil
		}),
	)
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		fail(fmt.Errorf("%w (%s --help tells what there is)", err, about(err)))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := command.Run(&world{ctx: ctx, in: os.Stdin, out: os.Stdout, err: os.Stderr}); err != nil {
		fail(err)
	}
}

// about is the command that a mistake in the flags is about.
func about(err error) string {
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context.Selected() != nil {
		return p.Context.Selected().FullPath()
	}
	return "fletch"
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "fletch:", err)
	code := 1
	var f failure
	if errors.As(err, &f) {
		code = f.code
	}
	os.Exit(code)
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/fletchmq/fletch/broker/auth"
)

type passwd struct {
	File string `arg:"" help:"The file, for fletch serve --users. It is made if there is none."`
	Name string `arg:"" help:"The user, added if there is no such user yet. To delete one, delete the line."`
}

var errPassword = errors.New("expected a password: type it, or give it in one line on standard input")

// Run asks for a password, or reads it from where standard input comes from.
func (p *passwd) Run(w *world) error {
	read := w.readPassword
	if info, err := w.in.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		read = w.askPassword
	}
	password, err := read()
	if err != nil {
		return err
	}
	c, err := auth.NewCredentials(password)
	if err != nil {
		return err
	}
	return auth.SetUser(p.File, p.Name, c)
}

// readPassword reads a line, without its end.
func (w *world) readPassword() (string, error) {
	line, err := bufio.NewReader(w.in).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return "", errPassword
	}
	return password, nil
}

// askPassword has it typed twice, unseen.
func (w *world) askPassword() (string, error) {
	if err := w.stty("-echo"); err != nil {
		fmt.Fprintln(w.err, "fletch: this terminal will show what you type")
	} else {
		defer w.stty("echo")
	}
	type result struct {
		password string
		err      error
	}
	typed := make(chan result, 1)
	go func() {
		password, err := w.typeTwice()
		typed <- result{password, err}
	}()
	select {
	case r := <-typed:
		return r.password, r.err
	case <-w.ctx.Done():
		fmt.Fprintln(w.err)
		return "", errors.New("interrupted: nothing has changed")
	}
}

func (w *world) typeTwice() (string, error) {
	in := bufio.NewReader(w.in)
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		fmt.Fprint(w.err, prompt)
		line, err := in.ReadString('\n')
		fmt.Fprintln(w.err)
		if err != nil && err != io.EOF {
			return "", err
		}
		if typed[i] = strings.TrimRight(line, "\r\n"); typed[i] == "" {
			return "", errPassword
		}
	}
	if typed[0] != typed[1] {
		return "", errors.New("not the same password twice: nothing has changed")
	}
	return typed[0], nil
}

// stty sets the terminal that a person types at.
func (w *world) stty(mode string) error {
	cmd := exec.Command("stty", mode)
	cmd.Stdin = w.in
	return cmd.Run()
}

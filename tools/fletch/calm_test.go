package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// However many there are, the log has a few, and the number of the others.
func TestCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		logger := slog.New(newCalm(slog.NewTextHandler(&b, nil)))
		for range 1000 {
			logger.Warn("connection ended")
		}
		if n := strings.Count(b.String(), "\n"); n != linesPerSecond {
			t.Errorf("%d lines in a second", n)
		}
		logger.Warn("users changed")
		if !strings.HasSuffix(b.String(), "msg=\"users changed\"\n") {
			t.Errorf("held back for another message: %s", b.String())
		}
		time.Sleep(time.Second)
		logger.Warn("connection ended")
		logger.Warn("connection ended")
		lines := strings.Split(b.String(), "\n")[linesPerSecond+1:]
		if !strings.HasSuffix(lines[0], " unlogged=980") || strings.Contains(lines[1], "unlogged") {
			t.Errorf("a second later: %q", lines)
		}
	})
}

func TestNotCalmWithDebug(t *testing.T) {
	var b bytes.Buffer
	logger := slog.New(newCalm(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for range 100 {
		logger.Warn("connection ended")
	}
	if n := strings.Count(b.String(), "\n"); n != 100 {
		t.Errorf("%d lines of 100", n)
	}
}

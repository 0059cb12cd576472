package disk

import (
	"context"
	"fmt"
	"log/slog"
)

// logger is what Pebble writes to.
type logger struct {
	log  *slog.Logger
	fail func(error)
}

func (l logger) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("store: " + fmt.Sprintf(format, args...))
	}
}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("store: " + fmt.Sprintf(format, args...))
}

// Fatalf does not return: Pebble would go on with what it does not expect to go on
// with. The locks that the goroutine holds stay locked, so the store is left alone
// once it has failed.
func (l logger) Fatalf(format string, args ...any) {
	l.fail(fmt.Errorf(format, args...))
	select {}
}

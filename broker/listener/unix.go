package listener

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

func listenUnix(ctx context.Context, address, path string, o *Options) (net.Listener, error) {
	if err := removeStale(ctx, address, path); err != nil {
		return nil, err
	}
	l, err := o.listen(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, faultf(err, "%s: expected a path in a directory that exists", address)
	}
	if err != nil {
		return nil, explain(address, err)
	}
	if o.UnixMode != 0 {
		if err := os.Chmod(path, fs.FileMode(o.UnixMode)); err != nil {
			l.Close()
			return nil, explain(address, err)
		}
	}
	return l, nil
}

// removeStale removes the socket of a process that has died, and nothing else.
func removeStale(ctx context.Context, address, path string) error {
	switch info, err := os.Lstat(path); {
	case err != nil:
		return nil // nothing there, or listening will say what is wrong
	case info.Mode().Type() != fs.ModeSocket:
		return faultf(fs.ErrExist, "%s is a file, not a socket: remove it, or choose another path", address)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		conn.Close()
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(path); err != nil {
			return explain(address, err)
		}
	}
	return nil
}

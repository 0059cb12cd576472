//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package disk

import "io"

// lock leaves it to the lock of Pebble, which does not say who has dir open.
func lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

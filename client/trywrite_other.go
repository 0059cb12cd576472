//go:build !unix

package client

import "io"

// tryWriter is nil where there is no Write that does not wait.
func tryWriter(io.Writer) func(b []byte) (int, error) { return nil }

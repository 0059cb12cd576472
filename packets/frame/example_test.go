package frame_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// The stream arrives in pieces that know nothing of packets.
func ExampleSplitter() {
	s := frame.Splitter{Version: packets.V311}
	for _, piece := range []string{"\xc0\x00\x30\x06\x00\x01a", "/hi", "\xc0"} {
		s.Feed([]byte(piece))
		for {
			first, body, ok := s.Next()
			if !ok {
				break
			}
			fmt.Printf("%#x %q\n", first, body)
		}
	}
	fmt.Println(s.Err())
	// Output:
	// 0xc0 ""
	// 0x30 "\x00\x01a/hi"
	// <nil>
}

func ExampleReader() {
	r := frame.NewReader(strings.NewReader("\xc0\x00\x30\x06\x00\x01a/hi"))
	for {
		first, body, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%#x %q\n", first, body)
	}
	// Output:
	// 0xc0 ""
	// 0x30 "\x00\x01a/hi"
}

// A payload that goes to many is held once.
func ExampleSplitter_Take() {
	var s frame.Splitter
	s.Feed([]byte("\x30\x06\x00\x01a/hi"))
	_, body, _ := s.Next()
	f := s.Take(body)
	for _, receiver := range []string{"b", "c"} {
		f.Retain() // for the receiver
		fmt.Printf("%s %q\n", receiver, f.Bytes()[3:])
		f.Release() // by the receiver, later
	}
	f.Release()
	// Output:
	// b "/hi"
	// c "/hi"
}

package frame

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/bench/cputime"
	"github.com/fletchmq/fletch/packets"
)

func BenchmarkSplitter(b *testing.B) {
	for _, size := range []int{2, 64, 256, 4096} {
		stream := publishes(slices.Repeat([]int{size}, max(65536/size/8, 8))...)
		for _, piece := range []int{len(stream), 1000} {
			pieces := slices.Collect(slices.Chunk(stream, piece))
			kind := "whole"
			if len(pieces) > 1 {
				kind = "cut"
			}
			b.Run(fmt.Sprintf("piece=%s/size=%d", kind, size), func(b *testing.B) {
				s := Splitter{Version: packets.V5}
				i := 0
				cputime.Report(b)
				for b.Loop() {
					_, _, ok := s.Next()
					for !ok {
						s.Feed(pieces[i%len(pieces)])
						i++
						_, _, ok = s.Next()
					}
				}
			})
		}
	}
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{2, 256, 4096, 100_000} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			r := NewReader(&loopReader{b: publishes(slices.Repeat([]int{size}, max(65536/size/8, 8))...)})
			r.Version = packets.V5
			cputime.Report(b)
			for b.Loop() {
				if _, _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, size := range []int{64, 256, 4096} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			body := make([]byte, size)
			cputime.Report(b)
			for b.Loop() {
				Copy(body).Release()
			}
		})
	}
}

func BenchmarkTake(b *testing.B) {
	stream := publishes(256)
	var s Splitter
	b.Run("piece=whole/size=256", func(b *testing.B) {
		cputime.Report(b)
		for b.Loop() {
			s.Feed(stream)
			_, body, _ := s.Next()
			s.Take(body).Release()
		}
	})
	s.Reset()
	b.Run("piece=cut/size=256", func(b *testing.B) {
		cputime.Report(b)
		for b.Loop() {
			s.Feed(stream[:100])
			s.Next()
			s.Feed(stream[100:])
			_, body, _ := s.Next()
			s.Take(body).Release()
		}
	})
}

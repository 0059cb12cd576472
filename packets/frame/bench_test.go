package frame

import (
	"fmt"
	"slices"
	"testing"

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
			b.Run(fmt.Sprintf("op=next/piece=%s/size=%d", kind, size), func(b *testing.B) {
				b.ReportAllocs()
				s := Splitter{Version: packets.V5}
				i := 0
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
		b.Run(fmt.Sprintf("op=next/size=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			r := NewReader(&loopReader{b: publishes(slices.Repeat([]int{size}, max(65536/size/8, 8))...)})
			r.Version = packets.V5
			for b.Loop() {
				if _, _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTake(b *testing.B) {
	stream := publishes(256)
	var s Splitter
	b.Run("op=take/piece=whole/size=256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Feed(stream)
			_, body, _ := s.Next()
			s.Take(body).Release()
		}
	})
	s.Reset()
	b.Run("op=take/piece=cut/size=256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Feed(stream[:100])
			s.Next()
			s.Feed(stream[100:])
			_, body, _ := s.Next()
			s.Take(body).Release()
		}
	})
}

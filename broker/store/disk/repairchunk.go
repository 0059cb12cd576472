package disk

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A log and a MANIFEST are chunks: checksum (4 bytes), length of the content (2), type
// (1); in a log also the number of the log (4), and in one that is synced, up to where
// it was synced before (8). Where a chunk cannot be read, a crash may have left it so,
// or it is damaged. It is damaged if there is more behind it that was written later.
const (
	chunkHeader    = 7
	logChunkHeader = chunkHeader + 4 + 8

	manifestTypes = 1 // the first of four
	logTypes      = 9
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// isChunk says whether b begins with a whole chunk, of a type from first on.
func isChunk(b []byte, first byte, header int) bool {
	if len(b) < header || b[6] < first || b[6] >= first+4 {
		return false
	}
	end := header + int(binary.LittleEndian.Uint16(b[4:]))
	if end > len(b) {
		return false
	}
	sum := crc32.Checksum(b[6:end], castagnoli)
	return binary.LittleEndian.Uint32(b) == (sum>>15|sum<<17)+0xa282ead8
}

// manifestGoesOn says whether there is a chunk somewhere in rest.
func manifestGoesOn(rest []byte) bool {
	for i := range rest {
		if isChunk(rest[i:], manifestTypes, chunkHeader) {
			return true
		}
	}
	return false
}

// isCut says whether rest, which begins with a chunk of the MANIFEST that cannot be
// read, may be what a crash has left of the last one: too short, or with zeros where
// nothing was written.
func isCut(rest []byte) bool {
	if len(rest) < chunkHeader || int(binary.LittleEndian.Uint16(rest[4:]))+chunkHeader > len(rest) {
		return true
	}
	return bytes.HasSuffix(rest, make([]byte, 8))
}

// logGoesOn says whether a chunk of the log behind good was written when more than
// that had been synced.
func logGoesOn(text []byte, good int64, number uint32) bool {
	for i := int(good) + 1; i+logChunkHeader <= len(text); i++ {
		b := text[i:]
		if binary.LittleEndian.Uint32(b[chunkHeader:]) == number &&
			binary.LittleEndian.Uint64(b[chunkHeader+4:]) > uint64(good) && isChunk(b, logTypes, logChunkHeader) {
			return true
		}
	}
	return false
}

package store

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The log is in files, its segments. Commits go to the end of the last one. What
// the oldest holds is out of date soon, or copied to the end, and then it is removed:
// the log is always without a beginning and never without something in the middle, so
// that a record's deletion goes no earlier than the record.
//
// A segment begins with a head:
//
//	magic   8 bytes
//	format  4
//	number  8  that of the file's name
//	before  8  how much of the segment before it counts
//	salt    8  random, for the sums of its frames
//	CRC     4  of all these
const (
	magic       = "fletchcs"
	format      = 1 // what this code writes, and the newest that it reads
	segmentHead = 8 + 4 + 8 + 8 + 8 + 4

	segmentSize = 4 << 20 // of one that is not begun any more, but for its last frame

	suffix    = ".log"
	newSuffix = ".log.new"     // one that a repair writes
	oldSuffix = ".log.damaged" // one that a repair has put aside
)

// logFile is what is asked of an *os.File.
type logFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

type segment struct {
	path   string
	number uint64
	before int64
	salt   uint64
	size   int64 // how much of it counts
	live   int64 // bytes of the records in it that are the last of their key
	file   logFile
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%010d%s", number, suffix))
}

// segmentNumber is that of the segment with this file name.
func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, ok && err == nil && filepath.Base(segmentPath("", number)) == name
}

// writeHead begins the file of s.
func (s *segment) writeHead() error {
	var salt [8]byte
	rand.Read(salt[:])
	s.salt = binary.BigEndian.Uint64(salt[:])
	head := []byte(magic)
	head = binary.BigEndian.AppendUint32(head, format)
	head = binary.BigEndian.AppendUint64(head, s.number)
	head = binary.BigEndian.AppendUint64(head, uint64(s.before))
	head = append(head, salt[:]...)
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	s.size = int64(len(head))
	_, err := s.file.WriteAt(head, 0)
	return err
}

// errUnbegun is that a segment has no head because the process or the machine ended
// while it was begun: nothing can be in it.
var errUnbegun = errors.New("it has not been begun")

// readHead fills s from its file, which has size bytes.
func (s *segment) readHead(size int64) error {
	head := make([]byte, min(size, segmentHead))
	if _, err := s.file.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	switch n := min(len(head), len(magic)); {
	case len(bytes.Trim(head, "\x00")) == 0 && s.empty(size):
		return errUnbegun
	case string(head[:n]) != magic[:n]:
		return fmt.Errorf("store: %s is not the log of a client's store: it begins with %q", s.path, head[:n])
	case len(head) < segmentHead:
		return errUnbegun
	}
	if v := binary.BigEndian.Uint32(head[8:]); v > format {
		return fmt.Errorf("store: %s has format %d, and the newest known here is %d", s.path, v, format)
	}
	sum := segmentHead - 4
	if binary.BigEndian.Uint32(head[sum:]) != crc32.Checksum(head[:sum], castagnoli) {
		return &DamageError{s.path, 0, errors.New("its head has not the right checksum")}
	}
	if n := binary.BigEndian.Uint64(head[12:]); n != s.number {
		return &DamageError{s.path, 12, fmt.Errorf("it is number %d by its head", n)}
	}
	s.before = int64(binary.BigEndian.Uint64(head[20:]))
	s.salt = binary.BigEndian.Uint64(head[28:])
	return nil
}

// empty is whether the file of s has only zeros.
func (s *segment) empty(size int64) bool {
	all := make([]byte, size)
	_, err := io.ReadFull(io.NewSectionReader(s.file, 0, size), all)
	return err == nil && len(bytes.Trim(all, "\x00")) == 0
}

func (s *segment) close() error {
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return file.Close()
}

// write puts frame at offset, in one call of the system.
func (s *segment) write(frame []byte, offset int64) error {
	seal(frame, s.salt, offset)
	_, err := s.file.WriteAt(frame, offset)
	return err
}

// syncDir makes the names in dir those after a stop of the machine.
func syncDir(dir string) error {
	if !dirsSync {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes dir, with those above it, to stay.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeDir(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return syncDir(above)
}

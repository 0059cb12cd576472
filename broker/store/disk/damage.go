package disk

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/fletchmq/fletch/broker/store"
)

func damaged(where string, err error) error { return &store.DamageError{Where: where, Err: err} }

// explain makes an error of Pebble one of package store, if it is about damage.
func explain(dir string, err error) error {
	if !pebble.IsCorruptionError(err) {
		return err
	}
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return damaged(info.Path, brief{err})
	}
	return damaged(where(dir, err), err)
}

// brief is an error with the first line of its text: the others are about how Pebble
// came to it.
type brief struct{ error }

func (b brief) Error() string {
	first, _, _ := strings.Cut(b.error.Error(), "\n")
	return first
}

func (b brief) Unwrap() error { return b.error }

// explainOpen is explain for the opening of a store that is there: no file of it may
// be missing.
func explainOpen(dir string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return damaged(where(dir, err), err)
	}
	return explain(dir, err)
}

var (
	manifestName = regexp.MustCompile(`MANIFEST-\d+`)
	tableNumber  = regexp.MustCompile(`file (\d+) \(type sstable\)`)
)

// where is the file that err is about, or dir: that a log is damaged Pebble says
// without its name.
func where(dir string, err error) string {
	if name := manifestName.FindString(err.Error()); name != "" {
		return filepath.Join(dir, name)
	}
	if number := tableNumber.FindStringSubmatch(err.Error()); number != nil {
		return filepath.Join(dir, number[1]+".sst")
	}
	return dir
}

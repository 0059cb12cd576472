package disk

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/fletchmq/fletch/broker/store"
)

func damaged(where string, err error) error { return &store.DamageError{Where: where, Err: err} }

// explain makes an error of Pebble one of package store. Pebble does not always say
// in which file of dir the damage is.
func explain(dir string, err error) error {
	if !pebble.IsCorruptionError(err) {
		return err
	}
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return damaged(info.Path, err)
	}
	return damaged(dir, err)
}

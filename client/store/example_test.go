package store_test

import (
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/fletchmq/fletch/client/store"
)

func ExampleOpenDir() {
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	// Fsync also survives that the machine stops, and takes a disk's time for each commit.
	options := store.DirOptions{Durability: store.Fsync, Logger: slog.New(slog.DiscardHandler)}

	outbox, err := store.OpenDir(dir, options)
	if err != nil {
		log.Fatal(err)
	}
	var b store.Batch
	b.Put(1, []byte("21.5"))
	b.Put(2, []byte("21.7"))
	b.Delete(1)
	if err := outbox.Commit(&b); err != nil {
		log.Fatal(err)
	}
	if err := outbox.Close(); err != nil {
		log.Fatal(err)
	}

	// The next process.
	if outbox, err = store.OpenDir(dir, options); err != nil {
		log.Fatal(err)
	}
	defer outbox.Close()
	err = outbox.Load(func(key uint64, value []byte) error {
		fmt.Printf("%d: %s\n", key, value)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: 2: 21.7
}

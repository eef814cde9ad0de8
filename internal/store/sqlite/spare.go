package sqlite

import (
	"errors"
	"io/fs"
	"os"
)

// spareBytes is room for some changes: each takes a few pages in the write-ahead log.
const spareBytes = 1 << 20

// spare is a file beside the database that holds room for what must be written though the disk is
// full.
func (db *DB) spare() string { return sparePath(db.path) }

func sparePath(database string) string { return database + "-spare" }

// KeepSpare sees that the room is there, if the disk has it.
func (db *DB) KeepSpare() error {
	if info, err := os.Stat(db.spare()); err == nil && info.Size() == spareBytes {
		return nil
	}
	// Bytes that are not zero, so that no file system leaves them out.
	bytes := make([]byte, spareBytes)
	for i := range bytes {
		bytes[i] = byte(i*7 + i>>8 + 1)
	}
	f, err := os.OpenFile(db.spare(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(bytes)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(db.spare())) // part of it would keep others from writing
	}
	return err
}

// SpendSpare gives the room up. It reports whether there was any.
func (db *DB) SpendSpare() (bool, error) {
	err := os.Remove(db.spare())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Package atomicfile gives a file that is written its name, so that by this name it is there whole
// or not at all, also after a crash.
//
// The key decision: the file is made under another name in the same directory by whoever calls, and
// this package only names it. What it is named by is a rename or a hard link, which a file system
// does at once; the file is synced before, the directory behind it.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Replace gives the file made the name path, in place of what has it.
func Replace(made, path string) error {
	f, err := os.OpenFile(made, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(made, path); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Create gives the file made the name path, which nothing may have: the error is a [fs.ErrExist] if
// something has it. Link is [os.Link]: unlike a rename it puts nothing away. The name that it was
// made under may be left, as another name of it.
//
// Where there are no links, as on FAT, the name is taken by an empty file, which only one can make,
// and that is put away. Who makes the name meanwhile, by either way, is refused as beside a link; who
// reads may see it empty. If the process is killed in between, an empty file is left.
func Create(made, path string, link func(from, to string) error) error {
	err := link(made, path)
	if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EPERM) {
		if err != nil {
			return err
		}
		return Replace(made, path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return errors.Join(err, remove(path))
	}
	if err := Replace(made, path); err != nil {
		if info, gone := os.Lstat(path); gone == nil && info.Size() == 0 { // it has not taken its place
			err = errors.Join(err, remove(path))
		}
		return err
	}
	return nil
}

// remove removes a file that may not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

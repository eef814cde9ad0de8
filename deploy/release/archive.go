package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"io/fs"
	"time"
)

// file is one of an archive.
type file struct {
	path string // below the archive's one directory
	text []byte
	mode fs.FileMode
}

// tarred writes an archive for Unix: nobody's files, all of one time.
func tarred(to io.Writer, dir string, files []file, at time.Time) error {
	zipped, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(zipped)
	for _, f := range files {
		err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: dir + "/" + f.path, Size: int64(len(f.text)), Mode: int64(f.mode), ModTime: at, Format: tar.FormatUSTAR,
		})
		if err != nil {
			return err
		}
		if _, err := w.Write(f.text); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

// zipped writes an archive for Windows.
func zipped(to io.Writer, dir string, files []file, at time.Time) error {
	w := zip.NewWriter(to)
	for _, f := range files {
		header := &zip.FileHeader{Name: dir + "/" + f.path, Method: zip.Deflate, Modified: at}
		header.SetMode(f.mode)
		part, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := part.Write(f.text); err != nil {
			return err
		}
	}
	return w.Close()
}

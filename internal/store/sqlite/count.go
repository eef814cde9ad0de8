package sqlite

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
)

// The count of commits stands in a table of one row, which has a page of its own, and every commit
// changes it: that page tells which state of the database a file has. A copy from before the last
// commit has another for certain, however few the pages in which the two differ.

// pageOfCount is a query for that page.
const pageOfCount = `select rootpage from sqlite_schema where type = 'table' and name = 'commits'`

// readCount reads the count off its page (https://sqlite.org/fileformat.html, sections 1.6 and 2.1). ok
// is false where the page is not that of the database: its table was moved, as by VACUUM.
func readCount(page []byte, database string) (counted int64, ok bool) {
	const leaf, cells, first, none, integers, text = 0x0d, 3, 8, 0, 6, 13
	if len(page) < 64 || page[0] != leaf || binary.BigEndian.Uint16(page[cells:]) != 1 {
		return 0, false
	}
	at := int(binary.BigEndian.Uint16(page[first:]))
	if at+3 > len(page) {
		return 0, false
	}
	size, row, head := int(page[at]), page[at+1], int(page[at+2])
	record := page[at+2:]
	if size >= 0x80 || row != 1 || head != 5 || size > len(record) || size < head {
		return 0, false
	}
	widths := [...]int{none: 0, 1, 2, 3, 4, 6, integers: 8, 0, 0, 0}
	types, values := record[1:head], record[head:size]
	if types[0] != none || int(types[1]) >= len(widths) || types[1] == none ||
		int(types[2]) != text+2*len(database) {
		return 0, false
	}
	width := widths[types[1]]
	if types[1] == 9 {
		counted = 1
	}
	if len(values) < width+len(database) || string(values[width:width+len(database)]) != database {
		return 0, false
	}
	for _, b := range values[:width] {
		counted = counted<<8 | int64(b)
	}
	return counted, true
}

// logPages are the pages in one run of a write-ahead log that others may write to: what is committed in it
// stays as it is until the log begins anew.
type logPages struct {
	file  *os.File
	page  int64 // bytes of one
	salts [8]byte
	order binary.ByteOrder
	start [2]uint32 // the checksum of the header
}

// openPages opens the run of a log that there is.
func openPages(path string, page int64) (*logPages, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &logPages{file: f, page: page, order: binary.LittleEndian}
	var header [logHeaderSize]byte
	if _, err := f.ReadAt(header[:], 0); err != nil {
		f.Close()
		return nil, err
	}
	if binary.BigEndian.Uint32(header[:]) == logMagic|1 {
		l.order = binary.BigEndian
	}
	copy(l.salts[:], header[16:])
	l.start = [2]uint32{binary.BigEndian.Uint32(header[24:]), binary.BigEndian.Uint32(header[28:])}
	return l, nil
}

func (l *logPages) close() { _ = l.file.Close() } // which was only read

// at is where a frame begins. They count from 1.
func (l *logPages) at(n uint32) int64 {
	return logHeaderSize + int64(n-1)*(frameHeaderSize+l.page)
}

// farthest is how many frames are gone through for a page: every commit of ours has that of the count.
const farthest = 1 << 16

// newest is the newest frame of a page among some; 0 if there is none. ok is false where that cannot be told.
func (l *logPages) newest(page uint32, first, last uint32) (n uint32, ok bool) {
	for n = last; n >= first && n > 0; n-- {
		if has, ok := l.has(n); !ok || last-n > farthest {
			return 0, false
		} else if has == page {
			return n, true
		}
	}
	return 0, true
}

// oldest is newest, of the oldest.
func (l *logPages) oldest(page uint32, first, last uint32) (n uint32, ok bool) {
	for n = first; n <= last; n++ {
		if has, ok := l.has(n); !ok || n-first > farthest {
			return 0, false
		} else if has == page {
			return n, true
		}
	}
	return 0, true
}

// has is the page that a frame has. ok is false if the frame is of another run.
func (l *logPages) has(n uint32) (page uint32, ok bool) {
	var header [frameHeaderSize]byte
	if _, err := l.file.ReadAt(header[:], l.at(n)); err != nil || !bytes.Equal(header[8:16], l.salts[:]) {
		return 0, false
	}
	return binary.BigEndian.Uint32(header[:]), true
}

// text is the page of a frame.
func (l *logPages) text(n uint32) ([]byte, error) {
	text := make([]byte, l.page)
	_, err := l.file.ReadAt(text, l.at(n)+frameHeaderSize)
	return text, err
}

// isSound reports whether a frame is as it was written. Of what cannot be read SQLite tells.
func (l *logPages) isSound(n uint32, buffer []byte) bool {
	sums := l.start
	at := l.at(n)
	if n > 1 {
		if _, err := l.file.ReadAt(buffer[:8], l.at(n-1)+16); err != nil {
			return true
		}
		sums = [2]uint32{order32(buffer, 0), order32(buffer, 1)}
	}
	buffer = buffer[:frameHeaderSize+l.page]
	if _, err := l.file.ReadAt(buffer, at); err != nil {
		return true
	}
	if !bytes.Equal(buffer[8:16], l.salts[:]) {
		return false
	}
	sums = checksum(l.order, checksum(l.order, sums, buffer[:8]), buffer[frameHeaderSize:])
	return sums == [2]uint32{order32(buffer, 4), order32(buffer, 5)}
}

// unsound is one of the frames up to last that is not as it was written; 0 if none is among those that
// are looked at: so many, from one end to the other, and others each time.
func (l *logPages) unsound(last uint32, looks int) uint32 {
	buffer := make([]byte, frameHeaderSize+l.page)
	looks = min(looks, int(last))
	for i := range looks {
		from, to := uint64(i)*uint64(last)/uint64(looks), uint64(i+1)*uint64(last)/uint64(looks)
		if n := uint32(from+rand.Uint64N(to-from)) + 1; !l.isSound(n, buffer) { //nolint:gosec // no secret
			return n
		}
	}
	return 0
}

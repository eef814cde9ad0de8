package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The write-ahead log, as SQLite's file format describes it: a header, then frames, each
// a header and a page. The checksum of a frame goes on from that of the one before it,
// and all frames of one run of the log have the salts of its header. A frame with a size
// is the last of its commit.
const (
	logHeaderSize   = 32
	frameHeaderSize = 24
	logMagic        = 0x377f0682 // the lowest bit: checksums are of big-endian words
	logVersion      = 3007000
)

// logReport is what a write-ahead log holds, read without SQLite.
type logReport struct {
	there    bool // there is one, with something in it
	pageSize int
	header   bool // the header is sound
	frames   int  // whole ones
	// SQLite goes by the frames up to the first that does not fit, and of those by the ones
	// up to the last commit, which are committed.
	sound, commits, committed int
	// bad is the first frame that does not fit, counted from 1, if good frames of the same
	// run stand behind it; else 0: a log ends like that.
	bad int
	// Behind are the good frames there. lost are the commits that stand there or that the
	// bad frames say to be; open says that the last good frame is not the end of one.
	behind, lost int
	open         bool
	// left says that there are frames of this run which SQLite goes not by.
	left bool
}

// damaged says that SQLite would leave out frames that are good, and are of a commit. Others
// are left of one that nobody was told of, once something shorter was written over its beginning.
func (r *logReport) damaged() bool { return r.lost > 0 }

// oneAtEnd says that what would be left out is one commit, the last in the log. A power
// failure leaves that, if the disk had written only some of a commit's pages when it came:
// then nobody has been told of the commit.
func (r *logReport) oneAtEnd() bool { return r.header && r.lost == 1 && !r.open }

type frame struct {
	page, size uint32
	salt       [2]uint32
	sum, data  [2]uint32 // as it says, and of what it has, going on from the frame before
}

// checksum goes on with a checksum over 8-byte groups.
func checksum(order binary.ByteOrder, s [2]uint32, b []byte) [2]uint32 {
	for ; len(b) >= 8; b = b[8:] {
		s[0] += order.Uint32(b) + s[1]
		s[1] += order.Uint32(b[4:]) + s[0]
	}
	return s
}

// readLog reads the write-ahead log of a file that nobody writes to. A page in it has
// pageSize bytes if its header says nothing that can be.
func readLog(path string, pageSize int) (r logReport, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	var header [logHeaderSize]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		r.there = false // shorter than a header: nothing was written
		return r, ignoreEnd(err)
	}
	r.there = true
	word := func(i int) uint32 { return binary.BigEndian.Uint32(header[4*i:]) }
	order := binary.ByteOrder(binary.LittleEndian)
	if word(0) == logMagic|1 {
		order = binary.BigEndian
	}
	start := checksum(order, [2]uint32{}, header[:24])
	r.header = word(0)&^1 == logMagic && word(1) == logVersion && start == [2]uint32{word(6), word(7)}
	salt := [2]uint32{word(4), word(5)}
	r.pageSize = int(word(2))
	if !r.header {
		r.pageSize = pageSize
	}
	if r.pageSize < 512 || r.pageSize > 65536 || r.pageSize&(r.pageSize-1) != 0 {
		return r, nil
	}
	err = r.walk(in, order, start, salt)
	r.left = r.left || r.sound > r.committed
	if err != nil || r.header || r.behind > 0 {
		return r, err
	}
	// Of a header that is not sound the order may be wrong as well.
	if _, err := f.Seek(logHeaderSize, io.SeekStart); err != nil {
		return r, err
	}
	r.frames = 0
	return r, r.walk(bufio.NewReaderSize(f, 1<<20), otherOrder(order), start, salt)
}

func otherOrder(order binary.ByteOrder) binary.ByteOrder {
	if order == binary.ByteOrder(binary.LittleEndian) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// walk goes through the frames.
func (r *logReport) walk(in io.Reader, order binary.ByteOrder, start, salt [2]uint32) error {
	buffer := make([]byte, frameHeaderSize+r.pageSize)
	fits := r.header // all frames so far do
	previous := start
	bad := 0
	ends := 0 // commits from the first bad frame on, as frames say that may not fit
	for {
		if _, err := io.ReadFull(in, buffer); err != nil {
			return ignoreEnd(err)
		}
		r.frames++
		word := func(i int) uint32 { return order32(buffer, i) }
		f := frame{page: word(0), size: word(1), salt: [2]uint32{word(2), word(3)}, sum: [2]uint32{word(4), word(5)}}
		if !r.header && r.frames == 1 {
			salt = f.salt // all there is to go by
		}
		f.data = checksum(order, checksum(order, previous, buffer[:8]), buffer[frameHeaderSize:])
		good := f.salt == salt && f.page > 0 && f.data == f.sum
		previous = f.sum
		switch {
		case fits && good:
			r.sound++
			if f.size > 0 {
				r.commits++
				r.committed = r.sound
			}
			continue
		case fits:
			fits, bad = false, r.frames
		}
		r.left = r.left || f.salt == salt
		if f.salt == salt && f.size > 0 {
			ends++
		}
		if good {
			r.behind++
			r.bad, r.lost, r.open = max(bad, 1), ends, f.size == 0
		}
	}
}

func order32(b []byte, i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("read the write-ahead log: %w", err)
}

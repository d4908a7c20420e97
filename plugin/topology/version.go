package topology

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/coredns-ordering/ordering/internal/quote"
)

// timestampUnit is the largest unit in which file systems keep the times of files. If a file was
// written less than one unit ago, another write of the same size may leave its time as it is.
const timestampUnit = 2 * time.Second

// version is what was found at the path of a file.
type version struct {
	at    time.Time         // when it was last found to be the current version
	info  os.FileInfo       // nil if the file must be read again to know whether it has changed
	sum   [sha256.Size]byte // of the text, if err is nil
	table *Table            // of the text, if err is nil
	err   error
	whole bool // the last line ends with a line break, so the text was probably not cut off

	// changing reports that the file was changing, so that the version may be a part of the next one.
	changing bool
}

// currentVersion returns the version of the file at path: last, if that is still the current one, or
// else what it reads now, even if the file is changing.
func currentVersion(path string, last version) version {
	info, err := stat(path)
	switch {
	case err != nil:
		return version{err: err}
	case sameInfo(info, last.info):
		last.at = time.Now()
		return last
	}
	return readVersion(path, info)
}

// look is the result of a look at a file.
type look struct {
	version
	seen os.FileInfo // for the next look; nil if there is no file
}

// lookAt is currentVersion for a file that is looked at regularly. It does not read a file that has
// changed since the look before, which returned seen, but returns a version that is changing.
func lookAt(path string, last version, seen os.FileInfo) look {
	info, err := stat(path)
	switch {
	case err != nil:
		return look{version{err: err}, nil}
	case sameInfo(info, last.info):
		last.at = time.Now()
		return look{last, info}
	case !sameInfo(info, seen):
		return look{version{changing: true}, info}
	}
	return look{readVersion(path, info), info}
}

// readVersion reads the file at path. info is what stat returned for it just before.
func readVersion(path string, info os.FileInfo) version {
	v := version{at: time.Now()}
	// The regular file may have been replaced since stat. To open a named pipe without O_NONBLOCK
	// would wait for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		v.err = pathError(path, err)
		return v
	}
	defer file.Close()
	opened, err := file.Stat()
	if err == nil {
		err = checkInfo(opened)
	}
	if err != nil {
		v.err = pathError(path, err)
		return v
	}
	sum := sha256.New()
	v.table, v.err = parse(path, io.TeeReader(file, sum))
	sum.Sum(v.sum[:0])
	after, _ := file.Stat()
	v.whole = endsLine(file, after)
	v.changing = !sameInfo(after, info)
	if !v.changing && v.at.Sub(info.ModTime()).Abs() >= timestampUnit {
		v.info = info
	}
	return v
}

// endsLine reports whether the last byte of file is a line break. info is what Stat returned for it.
func endsLine(file *os.File, info os.FileInfo) bool {
	var last [1]byte
	if info == nil {
		return false
	}
	_, err := file.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] == '\n'
}

// stat returns what is at path, which must be a regular file that is not too large.
func stat(path string) (os.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = checkInfo(info)
	}
	if err != nil {
		return nil, pathError(path, err)
	}
	return info, nil
}

// checkInfo returns an error if info is not of a regular file or of one that is too large.
func checkInfo(info os.FileInfo) error {
	kind := ""
	switch mode := info.Mode(); {
	case mode.IsRegular() && info.Size() > maxFileSize:
		return fmt.Errorf("has %d bytes: at most %d are allowed", info.Size(), maxFileSize)
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	default:
		return errors.New("is not a regular file")
	}
	return fmt.Errorf("is %s, not a regular file", kind)
}

// pathError returns err with the path in front, in place of the system call and path that it names.
func pathError(path string, err error) error {
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	return fmt.Errorf("%s: %w", quote.Line(path), err)
}

// sameInfo reports whether a and b are of one file with the same size and time. It is false if
// either is nil.
func sameInfo(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// detach calls f in a goroutine of its own and returns its result. If ctx ends first, detach returns
// false, and the result is dropped when f returns: a read from a network file system can take for
// ever.
func detach[T any](ctx context.Context, f func() T) (result T, ok bool) {
	done := make(chan T, 1)
	go func() { done <- f() }()
	select {
	case result = <-done:
		return result, true
	case <-ctx.Done():
		return result, false
	}
}

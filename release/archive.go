package main

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An archive takes files one after the other.
type archive interface {
	add(name string, executable bool, content []byte, date time.Time) error
	io.Closer
}

// packInto writes the archive file, with files in a directory that is named like it. Their order,
// dates, owners and permissions do not depend on the machine.
func packInto(file string, files []string, open func(io.Writer) archive, date time.Time) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, out.Close()) }()
	a := open(out)
	directory := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".zip"), ".tar.gz")
	byName := slices.SortedFunc(slices.Values(files), func(x, y string) int {
		return strings.Compare(filepath.Base(x), filepath.Base(y))
	})
	for _, f := range byName {
		content, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		name := filepath.Base(f)
		executable := strings.TrimSuffix(name, ".exe") == "coredns"
		if err := a.add(path.Join(directory, name), executable, content, date); err != nil {
			return err
		}
	}
	return a.Close()
}

// permissions returns the mode of a file in an archive.
func permissions(executable bool) os.FileMode {
	if executable {
		return 0o755
	}
	return 0o644
}

// A tarball is a compressed tar archive.
type tarball struct {
	compressed *gzip.Writer
	*tar.Writer
}

func newTarball(w io.Writer) archive {
	compressed := gzip.NewWriter(w)
	return tarball{compressed, tar.NewWriter(compressed)}
}

func (t tarball) add(name string, executable bool, content []byte, date time.Time) error {
	header := tar.Header{
		Name: name, Mode: int64(permissions(executable)), Size: int64(len(content)), ModTime: date,
		Format: tar.FormatUSTAR,
	}
	if err := t.WriteHeader(&header); err != nil {
		return err
	}
	_, err := t.Write(content)
	return err
}

func (t tarball) Close() error { return cmp.Or(t.Writer.Close(), t.compressed.Close()) }

// A zipped is a zip archive.
type zipped struct{ *zip.Writer }

func newZip(w io.Writer) archive { return zipped{zip.NewWriter(w)} }

func (z zipped) add(name string, executable bool, content []byte, date time.Time) error {
	header := zip.FileHeader{Name: name, Method: zip.Deflate, Modified: date}
	header.SetMode(permissions(executable))
	w, err := z.CreateHeader(&header)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

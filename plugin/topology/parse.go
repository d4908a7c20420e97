package topology

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/internal/quote"
)

const (
	// maxFileSize is the size of the largest file that is read, in bytes. A million networks fit
	// even if each line has 67 bytes, as 2001:db8:1234:5678::/64 with a location of 43 has.
	maxFileSize = 64 << 20

	// maxLineLength is the length of the longest line that is read, in bytes, without the line break.
	maxLineLength = 4096
)

// parse reads a table from lines of NETWORK LOCATION. path is what error messages call the file. An
// error about a line begins with "path:line: ", any other with "path: ". parse reads no more than
// maxFileSize+1 bytes.
func parse(path string, r io.Reader) (*Table, error) {
	var (
		limited = &io.LimitedReader{R: r, N: maxFileSize + 1}
		reader  = bufio.NewReaderSize(limited, maxLineLength+1)
		b       Builder
		lines   []int // by the number of an Add the line of its network
	)
	path = quote.Line(path)
	for line, more := 1, true; more; line++ {
		text, err := reader.ReadSlice('\n')
		switch {
		case limited.N == 0:
			return nil, fmt.Errorf("%s: is larger than %d bytes", path, maxFileSize)
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("%s:%d: the line is longer than %d bytes", path, line, maxLineLength)
		case err != nil && err != io.EOF:
			return nil, pathError(path, err)
		}
		more = err == nil
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff")) // the byte order mark of some editors
		}
		added, err := parseLine(&b, text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		if added {
			lines = append(lines, line)
		}
	}
	t, err := b.Table()
	if twice, ok := errors.AsType[*DuplicateError](err); ok {
		return nil, fmt.Errorf("%s:%d: %v is already on line %d",
			path, lines[twice.Second], twice.Network, lines[twice.First])
	}
	return t, err
}

// parseLine adds the network on a line, if there is one, and reports whether there is.
func parseLine(b *Builder, line []byte) (added bool, err error) {
	line, _, _ = bytes.Cut(line, []byte("#"))
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return false, nil
	}
	if !utf8.Valid(line) {
		return false, fmt.Errorf("%s is not UTF-8", quote.Quoted(string(line)))
	}
	first, rest, _ := strings.Cut(strings.ReplaceAll(string(line), "\t", " "), " ")
	n, err := network.Parse(first)
	if err != nil {
		return false, err
	}
	location, surplus, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	switch {
	case location == "":
		return false, fmt.Errorf("%s has no location: write %s LOCATION", first, first)
	case surplus != "":
		word := strings.Fields(surplus)[0]
		return false, fmt.Errorf("unexpected word %s: a location has no spaces", quote.Word(word))
	}
	return true, b.Add(n, location)
}

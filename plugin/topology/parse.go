package topology

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	networks "github.com/coredns-ordering/ordering/internal/network"
)

// parse reads lines of NETWORK LOCATION. Every error begins with "path:line: ".
func parse(path string, text []byte) (*Table, error) {
	var (
		b     Builder
		lines []int // on which line each network was added
		line  int
	)
	fail := func(at int, err error) (*Table, error) { return nil, fmt.Errorf("%s:%d: %w", path, at, err) }

	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin a file with a byte order mark
	for words := range bytes.Lines(text) {
		line++
		added, err := parseLine(&b, words)
		if err != nil {
			return fail(line, err)
		}
		if added {
			lines = append(lines, line)
		}
	}
	t, err := b.Table()
	if twice, ok := errors.AsType[*DuplicateError](err); ok {
		return fail(lines[twice.Second], fmt.Errorf("%s is already on line %d", twice.Network, lines[twice.First]))
	}
	return t, err
}

// parseLine adds the network on a line, if there is one.
func parseLine(b *Builder, line []byte) (added bool, err error) {
	line, _, _ = bytes.Cut(line, []byte("#"))
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return false, nil
	}
	if !utf8.Valid(line) {
		return false, fmt.Errorf("%q is not UTF-8", line)
	}
	first, rest, _ := strings.Cut(strings.ReplaceAll(string(line), "\t", " "), " ")
	network, err := networks.Parse(first)
	if err != nil {
		return false, err
	}
	location, surplus, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	switch {
	case location == "":
		return false, fmt.Errorf("%s has no location, write: %s LOCATION", first, first)
	case surplus != "":
		return false, fmt.Errorf("%s is too much, a location has no spaces", strings.Fields(surplus)[0])
	}
	return true, b.Add(network, location)
}

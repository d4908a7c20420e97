package topology

import (
	"fmt"
	"strings"
	"unicode"
	"unique"
)

// MaxLabels is the most labels that a location may have.
const MaxLabels = 8

// Unknown is the label that holds the place of one that nobody knows, as in "-/us-east-1a/node-7".
//
// It stands for one particular label, only not known which; so two of them are the same label just when the labels below them
// say so. What lies in one zone lies in one region, whatever its name: "-/us-east-1a/node-7" and "-/us-east-1a/node-8" share
// two labels. "-/us-east-1a/node-7" and "-/us-east-1b/node-9" share none, and so do "-/-/node-7" and "-/-/node-8".
// At the end of a location, where no label below could tell, it is an error.
const Unknown = "-"

// Location is a path from wide to narrow, such as "us-east-1/us-east-1a/node-7". A nil Location is "unknown". Locations are
// made by a Builder; those of different tables compare as well as those of one.
type Location struct {
	path string

	// labels are interned over the whole program, so that comparing two is comparing two pointers.
	labels []unique.Handle[string]
}

// String returns the labels joined by "/", and "" for nil.
func (l *Location) String() string {
	if l == nil {
		return ""
	}
	return l.path
}

// Labels returns the number of labels, 0 for nil.
func (l *Location) Labels() int {
	if l == nil {
		return 0
	}
	return len(l.labels)
}

// Shared returns how many leading labels l and m have in common: the more, the nearer. It is 0 when either is nil. An Unknown
// label counts as common only where the labels below it prove it. Shared does not allocate.
func (l *Location) Shared(m *Location) int {
	if l == nil || m == nil {
		return 0
	}
	n := min(len(l.labels), len(m.labels))
	for i := range n {
		if l.labels[i] != m.labels[i] {
			return i
		}
	}
	return n
}

// Prefix returns the first n labels joined by "/": all of them when there are fewer, "" when n is not positive or l is nil.
func (l *Location) Prefix(n int) string {
	if l == nil || n <= 0 {
		return ""
	}
	end := 0
	for range n {
		slash := strings.IndexByte(l.path[end:], '/')
		if slash < 0 {
			return l.path
		}
		end += slash + 1
	}
	return l.path[:end-1]
}

// Common returns the location of the labels that l and m have in common, nil if there are none.
func (l *Location) Common(m *Location) *Location {
	n := l.Shared(m)
	switch {
	case n == 0:
		return nil
	case n == len(l.labels):
		return l
	}
	// A shared label that is Unknown is never the last one shared.
	return &Location{path: l.Prefix(n), labels: l.labels[:n]}
}

// ParseLocation takes a path from wide to narrow. The error begins with the path.
func ParseLocation(path string) (*Location, error) {
	words := strings.Split(path, "/")
	if len(words) > MaxLabels {
		return nil, fmt.Errorf("%s has %d labels, at most %d are possible", path, len(words), MaxLabels)
	}
	l := &Location{path: path, labels: make([]unique.Handle[string], len(words))}
	below := "" // the labels from the nearest known one below up to here, for an Unknown one to be known by
	for i := len(words) - 1; i >= 0; i-- {
		word := words[i]
		if err := checkLabel(word, path); err != nil {
			return nil, err
		}
		if word != Unknown {
			below = word
			l.labels[i] = unique.Make(word)
			continue
		}
		if below == "" {
			return nil, fmt.Errorf("%s ends in an unknown label, leave it out", path)
		}
		below = Unknown + "/" + below
		l.labels[i] = unique.Make(below)
	}
	return l, nil
}

// checkLabel refuses labels that could not be written on a line of a file, or not be told apart when they are printed.
func checkLabel(label, path string) error {
	if label == "" {
		mend := strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
		if mend == "" {
			return fmt.Errorf("%q is not a location", path)
		}
		return fmt.Errorf("%s has an empty label, did you mean %s?", path, mend)
	}
	for _, r := range label {
		if r == '#' || r == unicode.ReplacementChar || !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return fmt.Errorf("%q has %q in a label", path, r)
		}
	}
	return nil
}

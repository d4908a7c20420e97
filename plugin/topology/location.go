package topology

import (
	"fmt"
	"strings"
	"unicode"
	"unique"

	"github.com/coredns-ordering/ordering/internal/quote"
)

// MaxLabels is the largest number of labels that a location can have.
const MaxLabels = 8

// Unknown is the label to write for one that is not known, as in "-/us-east-1a/node-7".
//
// The label has a value, which is only not known. Two unknown labels are taken to be the same if
// the labels below them, up to the next known one, are the same: two nodes in one zone are in one
// region, whatever its name. So "-/us-east-1a/node-7" and "-/us-east-1a/node-8" share two labels.
// "-/us-east-1a/node-7" and "-/us-east-1b/node-9" share none, and neither do "-/-/node-7" and
// "-/-/node-8". A location cannot end in Unknown.
const Unknown = "-"

// Location is a path from wide to narrow, such as "us-east-1/us-east-1a/node-7". It is immutable and
// safe for concurrent use. ParseLocation and Builder make Locations, and those of different tables
// can be compared. The nil Location has no labels: it stands for a location that is not known.
type Location struct {
	path string

	// labels are interned for the whole process, so that two are compared by their addresses. An
	// Unknown label is interned together with the labels below it, up to the next known one.
	labels []unique.Handle[string]
}

// ParseLocation returns the Location of a path: 1 to MaxLabels labels with "/" between them, from
// wide to narrow. A label is not empty and has no spaces, no "#" and no characters that cannot be
// printed. The error names the path.
func ParseLocation(path string) (*Location, error) {
	labels := strings.Split(path, "/")
	if len(labels) > MaxLabels {
		return nil, fmt.Errorf("%s has %d labels: at most %d are allowed", quote.Word(path), len(labels), MaxLabels)
	}
	l := &Location{path: path, labels: make([]unique.Handle[string], len(labels))}
	known := "" // the nearest known label below, with the Unknown ones above it
	for i := len(labels) - 1; i >= 0; i-- {
		label := labels[i]
		if err := checkLabel(label, path); err != nil {
			return nil, err
		}
		switch {
		case label != Unknown:
			known = label
		case known == "":
			return nil, fmt.Errorf("%s ends in an unknown label: leave it out", quote.Word(path))
		default:
			known = Unknown + "/" + known
		}
		l.labels[i] = unique.Make(known)
	}
	return l, nil
}

// checkLabel returns an error for a label that could not be written on a line of a file, or that
// could look like another one when it is printed.
func checkLabel(label, path string) error {
	if label == "" {
		mended := strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
		if mended == "" {
			return fmt.Errorf("%s is not a location", quote.Quoted(path))
		}
		return fmt.Errorf("%s has an empty label: did you mean %s?", quote.Word(path), quote.Word(mended))
	}
	for _, r := range label {
		if r == '#' || r == unicode.ReplacementChar || !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return fmt.Errorf("%s has %q in a label", quote.Quoted(path), r)
		}
	}
	return nil
}

// String returns the labels with "/" between them, and "" for nil.
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

// Shared returns how many leading labels l and m have in common: the more, the nearer they are. It
// is 0 if either is nil. Unknown labels are compared as Unknown says. Shared does not allocate.
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

// Common returns the location that has the leading labels that l and m have in common, nil if there
// are none.
func (l *Location) Common(m *Location) *Location {
	n := l.Shared(m)
	switch {
	case n == 0:
		return nil
	case n == len(l.labels):
		return l
	}
	// This does not end in Unknown: if an Unknown label is shared, the one below it is too.
	return &Location{path: l.Prefix(n), labels: l.labels[:n]}
}

// Prefix returns the first n labels with "/" between them: all labels if there are no more than n,
// and "" if n is not positive or l is nil.
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

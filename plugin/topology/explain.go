package topology

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	networks "github.com/coredns-ordering/ordering/internal/network"
)

// Leveled is a Source whose labels have names. The labels of other sources are only counted.
type Leveled interface {
	Source

	// Levels returns the names of the labels, from wide to narrow: "region", "zone", "node".
	Levels() []string
}

// Explainer is a Source that can say what its table is made of. It is for people who want to know
// why, so it may take long and read files.
type Explainer interface {
	Source

	// Explain returns what says that addr is where Table has it, such as "podCIDR 10.244.1.0/24" or
	// "places.txt:12"; or if the table does not have it, what does not, such as "not in places.txt".
	Explain(addr netip.Addr) string

	// Mend returns how the location of addr, which the table does not have, could become known: "add
	// a line for 10.99.0.1 to places.txt".
	Mend(addr netip.Addr) string

	// Describe returns what the table was made of and when: "6 nodes, 18 networks, read from the API
	// just now".
	Describe() string
}

// Explain returns what s, if it is an Explainer, says about why it has addr where it has it, and
// otherwise "".
func Explain(s Source, addr netip.Addr) string {
	if e, ok := s.(Explainer); ok {
		return e.Explain(addr)
	}
	return ""
}

// Describe returns what the table of s was made of; its name if s is no Explainer.
func Describe(s Source) string {
	if e, ok := s.(Explainer); ok {
		return e.Describe()
	}
	return s.Name()
}

// explainFile is Explain for the table t of the file at path.
func explainFile(path string, t *Table, addr netip.Addr) string {
	name := filepath.Base(path)
	location := t.Find(addr)
	if location == nil {
		return fmt.Sprintf("not in %s (%s)", name, count(t.Len()))
	}
	if line := findLine(path, location.String(), addr); line > 0 {
		return fmt.Sprintf("%s:%d", name, line)
	}
	return name // which has changed since the table was made
}

// findLine returns the line of the file at path that has the longest network with addr, if that has
// this location; otherwise 0.
func findLine(path, location string, addr netip.Addr) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	found, longest, at := 0, -1, ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#")
		words := strings.Fields(text)
		if len(words) < 2 {
			continue
		}
		if p, err := networks.Parse(words[0]); err == nil && p.Contains(addr) && p.Bits() > longest {
			found, longest, at = n, p.Bits(), words[1]
		}
	}
	if at != location {
		return 0
	}
	return found
}

// count returns "1 network" or "212 networks".
func count(n int) string {
	if n == 1 {
		return "1 network"
	}
	return fmt.Sprintf("%d networks", n)
}

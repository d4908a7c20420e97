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

	// Explain returns the evidence for the location that Table has for addr, such as "podCIDR
	// 10.244.1.0/24" or "places.txt:12". If the table has none, it returns where addr is missing,
	// such as "not in places.txt".
	Explain(addr netip.Addr) string

	// Mend returns what to do so that the table gets a location for addr, which it lacks: "add a
	// line for 10.99.0.1 to places.txt".
	Mend(addr netip.Addr) string

	// Describe returns what the table was made of and when: "6 nodes, 18 networks, read from the API
	// just now".
	Describe() string
}

// Explain returns what s says about the location of addr; "" if s is no Explainer.
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
		return fmt.Sprintf("not in %s (%s)", name, networkCount(t.Len()))
	}
	if line := findLine(path, location.String(), addr); line > 0 {
		return fmt.Sprintf("%s:%d", name, line)
	}
	return name // which has changed since the table was made
}

// findLine returns the number of the line, in the file at path, with the longest network that
// contains addr. It returns 0 if there is none, or if the line has another location.
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

// networkCount returns "1 network" or "212 networks".
func networkCount(n int) string {
	if n == 1 {
		return "1 network"
	}
	return fmt.Sprintf("%d networks", n)
}

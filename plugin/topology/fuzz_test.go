package topology

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte("10.0.0.0/8 a/b\n10.1.0.0/16 -/c # x\n\n2001:db8::/32 d\n::1 e\n"))
	f.Add([]byte("0.0.0.0/0 a\n128.0.0.0/1 b\n255.255.255.255 c\n::/0 a\nffff::/16 é\n"))
	f.Add([]byte("0.0.0.0/0 a\n128.0.0.0/1 a"))
	f.Add([]byte("10.0.0.0/255.0.0.0 a"))
	f.Add([]byte("\ufeff1.2.3.4/5\tx\r\n"))
	f.Add([]byte("::1%\x1b[31m a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := parse("f", bytes.NewReader(text))
		if err != nil {
			message := err.Error()
			if !strings.HasPrefix(message, "f:") || strings.ContainsFunc(message, unicode.IsControl) || len(message) > 4096 {
				t.Fatalf("the error is %q", message)
			}
			return
		}
		networks := lines(table)
		again, err := parse("f", strings.NewReader(networks))
		if err != nil {
			t.Fatalf("%v in\n%s", err, networks)
		}
		if got := lines(again); got != networks {
			t.Fatalf("first\n%s\nthen\n%s", networks, got)
		}
		if again.Depth() > table.Depth() {
			t.Fatalf("%d deep, then %d", table.Depth(), again.Depth())
		}
	})
}

// lines writes what t contains: for all consecutive addresses of one location the fewest networks.
func lines(t *Table) string {
	var text strings.Builder
	writeSpans(&text, t.v4)
	writeSpans(&text, t.v6)
	return text.String()
}

func writeSpans[K address[K]](text *strings.Builder, l layers[K]) {
	s := l.networks
	for first := 0; first < len(s.starts); {
		end := first + 1 // the first span of another location
		for end < len(s.starts) && s.locations[end] == s.locations[first] {
			end++
		}
		start := s.starts[first]
		for more := s.locations[first] != 0; more && s.find(start) < end; {
			e := widest(s, start, end)
			fmt.Fprintln(text, e.prefix(), l.networkLocations[s.locations[first]])
			start, more = start.Last(int(e.length)).Next()
		}
		first = end
	}
}

// widest returns the widest network that begins at start and is in front of span end of s.
func widest[K address[K]](s spans[K], start K, end int) entry[K] {
	e := entry[K]{first: start, length: uint8(start.Size())}
	for e.length > 0 {
		wider := entry[K]{first: start, length: e.length - 1}
		if wider.prefix().Masked() != wider.prefix() || s.find(start.Last(int(wider.length))) >= end {
			break
		}
		e = wider
	}
	return e
}

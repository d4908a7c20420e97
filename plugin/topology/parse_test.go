package topology

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

func TestParse(t *testing.T) {
	table, err := parse("networks", []byte("\ufeff# where our racks are\n"+
		"\n"+
		"10.0.0.0/8\tus/us-a   # the old ones\r\n"+
		"  10.1.0.0/16 us/us-a/r1\n"+
		"192.0.2.7 eu\n"+
		"2001:db8::/32 eu/eu-b/r2/s3#seen\n"+
		"2001:db8::1 -/eu-c\n"+
		"::ffff:172.16.0.0/108 eu/eu-d"))
	topologytest.Must(t, err)
	if table.Len() != 6 || table.Depth() != 4 {
		t.Errorf("%d networks %d deep, want 6 and 4", table.Len(), table.Depth())
	}
	for addr, want := range map[string]string{
		"10.2.3.4": "us/us-a", "10.1.3.4": "us/us-a/r1", "192.0.2.7": "eu", "192.0.2.8": "", "2001:db8::2": "eu/eu-b/r2/s3", "2001:db8::1": "-/eu-c",
		"::ffff:10.1.3.4": "us/us-a/r1", "172.31.0.1": "eu/eu-d", "172.32.0.0": "",
	} {
		if got := table.Find(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s is at %q, want %q", addr, got, want)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ name, text, err string }{
		{"host bits", "10.1.2.3/8 a", "f:1: 10.1.2.3/8 has host bits set: did you mean 10.0.0.0/8?"},
		{"host bits, IPv6", "\n2001:db8::1/32 a", "f:2: 2001:db8::1/32 has host bits set: did you mean 2001:db8::/32?"},
		{"no location", "10.0.0.0/8", "f:1: 10.0.0.0/8 has no location, write: 10.0.0.0/8 LOCATION"},
		{"location in a comment", "10.0.0.0/8 # a", "f:1: 10.0.0.0/8 has no location, write: 10.0.0.0/8 LOCATION"},
		{"three words", "10.0.0.0/8 a b c", "f:1: b is too much, a location has no spaces"},
		{"not a network", "# x\n\nten a", `f:3: "ten" is not an address or network`},
		{"three bytes", "10.0.0/24 a", `f:1: "10.0.0/24" is not an address or network: did you mean 10.0.0.0/24?`},
		{"length", "10.0.0.0/33 a", `f:1: 10.0.0.0/33: "33" is not a prefix length from 0 to 32`},
		{"length, IPv6", "2001:db8::/129 a", `f:1: 2001:db8::/129: "129" is not a prefix length from 0 to 128`},
		{"empty length", "10.0.0.0/ a", `f:1: 10.0.0.0/: "" is not a prefix length from 0 to 32`},
		{"mask", "10.1.0.0/255.0.0.0 a", "f:1: 10.1.0.0/255.0.0.0 has a mask for a length: did you mean 10.0.0.0/8?"},
		{"mask with holes", "10.0.0.0/255.0.255.0 a", `f:1: 10.0.0.0/255.0.255.0: "255.0.255.0" is not a prefix length from 0 to 32`},
		{"zone", "fe80::1%eth0 a", "f:1: fe80::1%eth0 has a zone: leave out %eth0"},
		{"empty label", "10.0.0.0/8 a//b", "f:1: a//b has an empty label, did you mean a/b?"},
		{"no label", "10.0.0.0/8 /", `f:1: "/" is not a location`},
		{"too deep", "10.0.0.0/8 1/2/3/4/5/6/7/8/9", "f:1: 1/2/3/4/5/6/7/8/9 has 9 labels, at most 8 are possible"},
		{"unknown at the end", "10.0.0.0/8 a/-", "f:1: a/- ends in an unknown label, leave it out"},
		{"unprintable", "10.0.0.0/8 a\x01b", `f:1: "a\x01b" has '\x01' in a label`},
		{"not UTF-8", "10.0.0.0/8 \xff", `f:1: "10.0.0.0/8 \xff" is not UTF-8`},
		{"twice", "# x\n10.0.0.0/8 a\n11.0.0.0/8 a\n10.0.0.0/8 b", "f:4: 10.0.0.0/8 is already on line 2"},
		{"twice, the earlier counts", "::/0 a\n10.0.0.0 a\n10.0.0.0/32 a\n::/0 a\n10.0.0.0 c", "f:3: 10.0.0.0/32 is already on line 2"},
		{"two twice", "11.0.0.0/8 a\n10.0.0.0/8 a\n11.0.0.0/8 b\n10.0.0.0/8 b", "f:3: 11.0.0.0/8 is already on line 1"},
		{"twice, all of IPv6", "::/0 a\n::/0 b", "f:2: ::/0 is already on line 1"},
		{"twice, mapped", "10.0.0.0/8 a\n::ffff:10.0.0.0/104 b", "f:2: 10.0.0.0/8 is already on line 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parse("f", []byte(test.text)); err == nil || err.Error() != test.err {
				t.Errorf("error %v\nwant  %s", err, test.err)
			}
		})
	}
}

// lines writes what the spans of a table hold, each as the fewest networks.
func (t *Table) lines() string {
	var text strings.Builder
	writeSpans(&text, t, t.v4)
	writeSpans(&text, t, t.v6)
	return text.String()
}

func writeSpans[K address[K]](text *strings.Builder, t *Table, s spans[K]) {
	for i, start := range s.starts {
		if s.locations[i] == 0 {
			continue
		}
		for more := true; more && s.find(start) == i; {
			n := s.widest(start, i)
			fmt.Fprintln(text, n.prefix(), t.locations[s.locations[i]])
			start, more = start.Last(int(n.length)).Next()
		}
	}
}

// widest returns the widest network that begins at start and stays in span i.
func (s *spans[K]) widest(start K, i int) network[K] {
	n := network[K]{first: start, length: uint8(start.Size())}
	for n.length > 0 {
		wider := network[K]{first: start, length: n.length - 1}
		if wider.prefix().Masked() != wider.prefix() || s.find(start.Last(int(wider.length))) != i {
			break
		}
		n = wider
	}
	return n
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("10.0.0.0/8 a/b\n10.1.0.0/16 -/c # x\n\n2001:db8::/32 d\n::1 e\n"))
	f.Add([]byte("0.0.0.0/0 a\n128.0.0.0/1 b\n255.255.255.255 c\n::/0 a\nffff::/16 é\n"))
	f.Add([]byte("10.0.0.0/255.0.0.0 a"))
	f.Add([]byte("\ufeff1.2.3.4/5\tx\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := parse("f", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Fatalf("no place: %v", err)
			}
			return
		}
		lines := table.lines()
		again, err := parse("f", []byte(lines))
		if err != nil {
			t.Fatalf("%v in\n%s", err, lines)
		}
		if got := again.lines(); got != lines {
			t.Fatalf("first\n%s\nthen\n%s", lines, got)
		}
		if again.Depth() > table.Depth() {
			t.Fatalf("%d deep, then %d", table.Depth(), again.Depth())
		}
	})
}

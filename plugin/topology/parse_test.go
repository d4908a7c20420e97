package topology

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

func TestParse(t *testing.T) {
	table, err := parse("networks", strings.NewReader("\ufeff# where our racks are\n"+
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
		"10.2.3.4": "us/us-a", "10.1.3.4": "us/us-a/r1", "192.0.2.7": "eu", "192.0.2.8": "",
		"2001:db8::2": "eu/eu-b/r2/s3", "2001:db8::1": "-/eu-c", "::ffff:10.1.3.4": "us/us-a/r1",
		"172.31.0.1": "eu/eu-d", "172.32.0.0": "",
	} {
		if got := table.Find(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s is at %q, want %q", addr, got, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	long := strings.Repeat("x", 70)
	for _, test := range []struct{ name, text, err string }{
		{"host bits", "10.1.2.3/8 a", "f:1: 10.1.2.3/8 has host bits set: did you mean 10.0.0.0/8?"},
		{"host bits, IPv6", "\n2001:db8::1/32 a", "f:2: 2001:db8::1/32 has host bits set: did you mean 2001:db8::/32?"},
		{"no location", "10.0.0.0/8", "f:1: 10.0.0.0/8 has no location: write 10.0.0.0/8 LOCATION"},
		{"location in a comment", "10.0.0.0/8 # a", "f:1: 10.0.0.0/8 has no location: write 10.0.0.0/8 LOCATION"},
		{"three words", "10.0.0.0/8 a b c", "f:1: unexpected word b: a location has no spaces"},
		{"not a network", "# x\n\nten a", `f:3: "ten" is not an address or network`},
		{"three bytes", "10.0.0/24 a", `f:1: "10.0.0/24" is not an address or network: did you mean 10.0.0.0/24?`},
		{"length", "10.0.0.0/33 a", `f:1: 10.0.0.0/33: "33" is not a prefix length from 0 to 32`},
		{"mask", "10.1.0.0/255.0.0.0 a", "f:1: 10.1.0.0/255.0.0.0 has a mask instead of a prefix length: did you mean 10.0.0.0/8?"},
		{"zone", "fe80::1%eth0 a", "f:1: fe80::1%eth0 has an IPv6 zone: remove %eth0"},
		{"empty label", "10.0.0.0/8 a//b", "f:1: a//b has an empty label: did you mean a/b?"},
		{"no label", "10.0.0.0/8 /", `f:1: "/" is not a location`},
		{"too deep", "10.0.0.0/8 1/2/3/4/5/6/7/8/9", "f:1: 1/2/3/4/5/6/7/8/9 has 9 labels: at most 8 are allowed"},
		{"unknown at the end", "10.0.0.0/8 a/-", "f:1: a/- ends in an unknown label: leave it out"},
		{"twice", "# x\n10.0.0.0/8 a\n11.0.0.0/8 a\n10.0.0.0/8 b", "f:4: 10.0.0.0/8 is already on line 2"},
		{"two twice, the other family first", "::/0 a\n10.0.0.0 a\n10.0.0.0/32 a\n::/0 a\n10.0.0.0 c",
			"f:3: 10.0.0.0/32 is already on line 2"},
		{"two twice", "11.0.0.0/8 a\n10.0.0.0/8 a\n11.0.0.0/8 b\n10.0.0.0/8 b", "f:3: 11.0.0.0/8 is already on line 1"},
		{"twice, all of IPv6", "::/0 a\n::/0 b", "f:2: ::/0 is already on line 1"},
		{"twice, mapped", "10.0.0.0/8 a\n::ffff:10.0.0.0/104 b", "f:2: 10.0.0.0/8 is already on line 1"},

		{"control character in a label", "10.0.0.0/8 a\x01b", `f:1: "a\x01b" has '\x01' in a label`},
		{"control character in a network", "\x1b[31m a", `f:1: "\x1b[31m" is not an address or network`},
		{"control character in a third word",
			"10.0.0.0/8 a \x1b[31m", `f:1: unexpected word "\x1b[31m": a location has no spaces`},
		{"control character in an empty label", "10.0.0.0/8 a//\x7f", `f:1: "a//\x7f" has '\x7f' in a label`},
		{"control character before an empty label",
			"10.0.0.0/8 \x7f//a", `f:1: "\x7f//a" has an empty label: did you mean "\x7f/a"?`},
		{"not UTF-8", "10.0.0.0/8 \xff", `f:1: "10.0.0.0/8 \xff" is not UTF-8`},
		{"long network", long + " a", `f:1: "` + long[:60] + `"… is not an address or network`},
		{"long location", "10.0.0.0/8 " + long + "/-", "f:1: " + long[:60] + "… ends in an unknown label: leave it out"},
		{"long third word", "10.0.0.0/8 a " + long, "f:1: unexpected word " + long[:60] + "…: a location has no spaces"},
		{"byte order mark on another line",
			one + "\ufeff11.0.0.0/8 b", `f:2: "\ufeff11.0.0.0/8" is not an address or network`},
		{"binary", "\x7fELF\x02\x01\x01\x00", `f:1: "\x7fELF\x02\x01\x01\x00" is not an address or network`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parse("f", strings.NewReader(test.text)); err == nil || err.Error() != test.err {
				t.Errorf("error %v\nwant  %s", err, test.err)
			}
		})
	}
}

func TestParseLimitsLines(t *testing.T) {
	const tooLong = "f:2: the line is longer than 4096 bytes"
	for _, ending := range []string{"", "\n", "\nmore\n"} {
		for length, want := range map[int]string{maxLineLength: "", maxLineLength + 1: tooLong, 10 * maxLineLength: tooLong} {
			text := "10.0.0.0/8 a\n#" + strings.Repeat("x", length-1) + strings.Replace(ending, "more", "11.0.0.0/8 b", 1)
			table, err := parse("f", strings.NewReader(text))
			switch {
			case want == "" && err != nil:
				t.Errorf("a line of %d bytes: %v", length, err)
			case want == "" && table.Len() != 1+strings.Count(ending, "more"):
				t.Errorf("a line of %d bytes: %d networks", length, table.Len())
			case want != "" && (err == nil || err.Error() != want):
				t.Errorf("a line of %d bytes: error %v, want %s", length, err, want)
			}
		}
	}
}

// endless has the same line again and again.
type endless struct {
	line string
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.line[e.read%len(e.line):])
	e.read += n
	return n, nil
}

func TestParseLimitsText(t *testing.T) {
	line := "#" + strings.Repeat("x", 2046) + "\n"
	if _, err := parse("f", io.LimitReader(&endless{line: line}, maxFileSize)); err != nil {
		t.Errorf("%d bytes: %v", maxFileSize, err)
	}
	const want = "f: is larger than 67108864 bytes"
	if _, err := parse("f", io.LimitReader(&endless{line: line}, maxFileSize+1)); err == nil || err.Error() != want {
		t.Errorf("%d bytes: error %v, want %s", maxFileSize+1, err, want)
	}
	e := &endless{line: line}
	if _, err := parse("f", e); err == nil || err.Error() != want {
		t.Errorf("without an end: error %v, want %s", err, want)
	}
	if e.read > maxFileSize+1 {
		t.Errorf("%d bytes were read", e.read)
	}
}

func TestParseQuotesThePath(t *testing.T) {
	for _, text := range []string{"x", one + one, strings.Repeat("x", maxLineLength+1)} {
		_, err := parse("\n", strings.NewReader(text))
		if err == nil || !strings.HasPrefix(err.Error(), `\n:`) {
			t.Errorf("error %v", err)
		}
	}
}

func TestParseReadError(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("10.0.0.0/8 a\n"), iotest.ErrReader(errors.New("the disk is broken")))
	if _, err := parse("f", broken); err == nil || err.Error() != "f: the disk is broken" {
		t.Errorf("error %v", err)
	}
}

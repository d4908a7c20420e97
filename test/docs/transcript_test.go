package docs

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/systemtest"

	"github.com/miekg/dns"
)

// readme returns the text of README.md.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The test starts a new server and sends it the queries at the top of README.md, in their order.
func TestDigPrintsWhatTheReadmeShows(t *testing.T) {
	opening, _, _ := strings.Cut(readme(t), "\n## ")
	corefile, err := os.ReadFile(filepath.Join(root, "examples/lucerne/Corefile"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := start(t, string(corefile))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, b := range blocksOf("README.md", opening) {
		for run := range strings.SplitSeq("\n"+b.text, "\n$ ") {
			command, want, _ := strings.Cut(run, "\n")
			if !strings.HasPrefix(command, "dig ") {
				continue
			}
			shown++
			if got := dig(t, server, strings.Fields(command)); got != strings.TrimSpace(want) {
				t.Errorf("%s\nprints\n%s\nREADME.md shows\n%s", command, got, want)
			}
		}
	}
	if shown == 0 {
		t.Error("README.md has no query before its first section, so this test proves nothing")
	}
}

// dig sends server the query of a dig command line, and returns what +short prints.
func dig(t *testing.T, server string, words []string) string {
	t.Helper()
	q := new(dns.Msg).SetQuestion(".", dns.TypeA)
	q.SetEdns0(1232, false)
	c := &dns.Client{Timeout: 30 * time.Second}
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-b":
			i++
			systemtest.SkipUnlessLocal(t, words[i])
			c.Dialer = &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(words[i])}}
		case word == "-p":
			i++
		case word == "+short", strings.HasPrefix(word, "@"):
		case strings.HasPrefix(word, "+subnet="):
			client, err := netip.ParsePrefix(strings.TrimPrefix(word, "+subnet="))
			if err != nil {
				t.Fatal(err)
			}
			q.IsEdns0().Option = append(q.IsEdns0().Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1,
				SourceNetmask: uint8(client.Bits()), Address: client.Addr().AsSlice()})
		case strings.HasPrefix(word, "+"):
			t.Fatalf("this test does not support the dig option %s", word)
		default:
			q.Question[0].Name = dns.Fqdn(word)
		}
	}
	res, _, err := c.Exchange(q, server)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, rr := range res.Answer {
		lines = append(lines, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return strings.Join(lines, "\n")
}

package docs

import (
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/test/internal/proxied"

	"github.com/miekg/dns"
)

// dig sends server the query of a dig command line, and returns what +short prints.
func dig(t *testing.T, server string, words []string) string {
	t.Helper()
	q := new(dns.Msg).SetQuestion(".", dns.TypeA)
	q.SetEdns0(1232, false)
	c := &dns.Client{Timeout: 30 * time.Second}
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-p":
			i++
		case word == "+short", strings.HasPrefix(word, "@"):
		case strings.HasPrefix(word, "+subnet="):
			client, err := network.Parse(strings.TrimPrefix(word, "+subnet="))
			if err != nil {
				t.Fatal(err)
			}
			q.IsEdns0().Option = append(q.IsEdns0().Option, proxied.Subnet(client))
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

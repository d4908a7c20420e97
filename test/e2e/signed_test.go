package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/keytest"

	"github.com/miekg/dns"
)

const (
	tsigName   = "key.example.org."
	tsigSecret = "bm90IGEgc2VjcmV0IGF0IGFsbCwgYnV0IGxvbmcgZW5vdWdo"
)

// exchangeSigned adds a TSIG to m, sends it, and returns the response, whose TSIG must verify.
func (c client) exchangeSigned(m *dns.Msg) *dns.Msg {
	c.t.Helper()
	m.SetTsig(tsigName, dns.HmacSHA256, 300, time.Now().Unix())
	query, mac, err := dns.TsigGenerate(m, tsigSecret, "", false)
	if err != nil {
		c.t.Fatal(err)
	}
	response := c.exchangeWire(query)
	r := parse(c.t, m, response)
	if err := dns.TsigVerify(response, tsigSecret, mac, false); err != nil {
		c.t.Errorf("the TSIG does not verify: %v\n%v", err, r)
	}
	return r
}

func TestTSIGStaysLastAndVerifies(t *testing.T) {
	path := zoneFile(t, "_http._tcp SRV 10 5 80 www\n"+host("www", "192.0.2.1 192.0.2.2 10.9.8.1"))
	s := start(t, fmt.Sprintf(`example.org {
		import clients
		ordering {
			ecs 10.9.8.0/24
		}
		tsig {
			secret %s %s
			require all
		}
		file %s
	}`, tsigName, tsigSecret, path))
	if r := s.as("10.9.8.7").exchange(question("www.example.org", dns.TypeA)); r.Rcode != dns.RcodeRefused {
		t.Fatalf("an unsigned query gets %s, so this server does not require TSIG", dns.RcodeToString[r.Rcode])
	}
	with := func(m *dns.Msg, options ...dns.EDNS0) *dns.Msg {
		m.SetEdns0(4096, false)
		m.IsEdns0().Option = options
		return m
	}
	tests := []struct {
		name  string
		query *dns.Msg
		opt   bool
	}{
		{"addresses in the answer", question("www.example.org", dns.TypeA), false},
		{"addresses in the section of TSIG", question("_http._tcp.example.org", dns.TypeSRV), false},
		{"EDNS", with(question("_http._tcp.example.org", dns.TypeSRV)), true},
		{"ECS", with(question("_http._tcp.example.org", dns.TypeSRV), subnet("10.9.8.0/24")), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.as("10.9.8.7")
			c.t = t
			for range 4 {
				r := c.exchangeSigned(test.query.Copy())
				if got := first(addresses(append(r.Answer, r.Extra...))); got != "10.9.8.1" {
					t.Errorf("%s comes first:\n%v", got, r)
				}
				if r.Extra[len(r.Extra)-1].Header().Rrtype != dns.TypeTSIG {
					t.Errorf("TSIG is not last:\n%v", r)
				}
				if (r.IsEdns0() != nil) != test.opt {
					t.Errorf("OPT is there: %v, want %v", !test.opt, test.opt)
				}
			}
		})
	}
}

func TestSignaturesVerifyOverTheReorderedRRset(t *testing.T) {
	const (
		near = "10.9.8.1 10.9.8.2"
		far  = "192.0.2.1 192.0.2.2 192.0.2.3"
	)
	key, base := keytest.SigningKey(t, t.TempDir())
	path := zoneFile(t, "alias CNAME www\n"+host("www", far+" "+near))
	signing := "dnssec {\n key file " + base + "\n }\n file " + path + "\n}"
	plain := start(t, "example.org {\n import clients\n "+signing)
	ask := func(s *testServer) []dns.RR {
		q := question("alias.example.org", dns.TypeA)
		q.SetEdns0(4096, true)
		return s.as("10.9.8.7").exchange(q).Answer
	}
	received := types(ask(plain))
	for _, below := range []string{"", "cache\n"} {
		t.Run("over "+below, func(t *testing.T) {
			s := start(t, "example.org {\n import clients\n ordering\n "+below+signing)
			for turn := range 6 {
				answer := ask(s)
				want := rotated(near, turn) + " " + rotated(far, turn)
				if got := addresses(answer); got != want {
					t.Errorf("answer %d is %s\nwant %s", turn, got, want)
				}
				if got := types(answer); !slices.Equal(got, received) {
					t.Errorf("records are %v, want %v as received", got, received)
				}
				verifyRRsets(t, key, answer, 2)
			}
		})
	}
}

// types returns the types of the records of a section.
func types(section []dns.RR) []string {
	all := make([]string, len(section))
	for i, rr := range section {
		all[i] = dns.TypeToString[rr.Header().Rrtype]
	}
	return all
}

// verifyRRsets fails the test unless section has n signatures by key and each verifies over its
// RRset.
func verifyRRsets(t *testing.T, key *dns.DNSKEY, section []dns.RR, n int) {
	t.Helper()
	for _, rr := range section {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			continue
		}
		n--
		rrset := slices.DeleteFunc(slices.Clone(section), func(rr dns.RR) bool {
			return rr.Header().Rrtype != sig.TypeCovered
		})
		if err := sig.Verify(key, rrset); err != nil {
			t.Errorf("the signature of\n%v\ndoes not verify: %v", rrset, err)
		}
	}
	if n != 0 {
		t.Errorf("%d signatures are missing from\n%v", n, section)
	}
}

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestAddressesOfServiceTargetsAreOrdered(t *testing.T) {
	zone := freshZone()
	path := zoneFileOf(t, zone, "_http._tcp SRV 10 5 80 a\n_http._tcp SRV 10 5 80 b\n"+
		host("a", "192.0.2.1 10.9.8.1 192.0.2.2")+host("b", "192.0.2.9 10.9.8.9 2001:db8::9 2001:db8:1::9"))
	s := start(t, zone+" {\n import clients\n ordering\n file "+path+"\n}")
	plain := start(t, zone+" {\n import clients\n file "+path+"\n}")
	name := "_http._tcp." + zone
	for turn := range 4 {
		q := question(name, dns.TypeSRV)
		q.SetEdns0(4096, false)
		r := s.as("10.9.8.7").exchange(q)
		if got, want := texts(r.Answer), texts(plain.as("10.9.8.7").ask(name, dns.TypeSRV).Answer); !slices.Equal(got, want) {
			t.Errorf("SRV are %v, want %v", got, want)
		}
		for target, want := range map[string]string{
			"a." + zone + ".": "10.9.8.1 " + rotated("192.0.2.1 192.0.2.2", turn),
			"b." + zone + ".": "10.9.8.9 192.0.2.9 " + rotated("2001:db8::9 2001:db8:1::9", turn),
		} {
			if got := addresses(withOwner(r.Extra, target)); got != want {
				t.Errorf("answer %d: %s has %s, want %s", turn, target, got, want)
			}
		}
		if last := r.Extra[len(r.Extra)-1]; last.Header().Rrtype != dns.TypeOPT {
			t.Errorf("the additional section ends in %v, want OPT", last)
		}
	}
}

// withOwner returns the records of a section with this owner name, in their order.
func withOwner(section []dns.RR, owner string) (all []dns.RR) {
	for _, rr := range section {
		if rr.Header().Name == owner {
			all = append(all, rr)
		}
	}
	return all
}

func TestGlueOfAReferralIsOrdered(t *testing.T) {
	zone := freshZone()
	path := zoneFileOf(t, zone, "sub NS ns1.sub\nsub NS ns2.sub\n"+
		host("ns1.sub", "192.0.2.1 10.9.8.1")+host("ns2.sub", "192.0.2.2 192.0.2.3"))
	s := start(t, zone+" {\n import clients\n ordering\n file "+path+"\n}")
	for turn := range 4 {
		r := s.as("10.9.8.7").ask("www.sub."+zone, dns.TypeA)
		if len(r.Answer) != 0 || r.Authoritative {
			t.Fatalf("not a referral:\n%v", r)
		}
		names := []string{"sub." + zone + ". IN NS ns1.sub." + zone + ".", "sub." + zone + ". IN NS ns2.sub." + zone + "."}
		if got := texts(r.Ns); !slices.Equal(got, names) {
			t.Errorf("authority is %v, want %v", got, names)
		}
		if got, want := addresses(withOwner(r.Extra, "ns1.sub."+zone+".")), "10.9.8.1 192.0.2.1"; got != want {
			t.Errorf("answer %d: ns1 has %s, want %s", turn, got, want)
		}
		want := rotated("192.0.2.2 192.0.2.3", turn)
		if got := addresses(withOwner(r.Extra, "ns2.sub."+zone+".")); got != want {
			t.Errorf("answer %d: ns2 has %s, want %s", turn, got, want)
		}
	}
}

func TestOtherTypesAreNotReordered(t *testing.T) {
	const records = `
m MX 10 a
m MX 10 b
m MX 5 c
t TXT one
t TXT two
t TXT three
p PTR x
p PTR y
s SRV 0 0 80 a
s SRV 0 0 80 b
d NS a
d NS b
`
	path := zoneFile(t, records)
	s := start(t, "example.org {\n import clients\n ordering\n file "+path+"\n}")
	plain := start(t, "example.org {\n import clients\n file "+path+"\n}")
	tests := []struct {
		name    string
		qtype   uint16
		records int
	}{
		{"m", dns.TypeMX, 3},
		{"t", dns.TypeTXT, 3},
		{"p", dns.TypePTR, 2},
		{"s", dns.TypeSRV, 2},
		{"d", dns.TypeNS, 2},
		{"@", dns.TypeSOA, 1},
	}
	for _, test := range tests {
		t.Run(dns.TypeToString[test.qtype], func(t *testing.T) {
			name := strings.TrimPrefix(test.name+".example.org", "@.")
			for range 5 {
				r, want := s.as("10.9.8.7").ask(name, test.qtype), plain.as("10.9.8.7").ask(name, test.qtype)
				if len(r.Answer)+len(r.Ns) < test.records {
					t.Fatalf("too few records for this test:\n%v", r)
				}
				if !slices.Equal(texts(r.Answer), texts(want.Answer)) || !slices.Equal(texts(r.Ns), texts(want.Ns)) {
					t.Errorf("got\n%v\nwant\n%v", r, want)
				}
			}
		})
	}
}

// A record between the addresses of an RRset keeps its index.
func TestOtherRecordsKeepTheirIndex(t *testing.T) {
	const sig = "www.example.org. 300 IN RRSIG A 8 3 300 20300101000000 20200101000000 1 example.org. AAAA"
	far, near := host("www.example.org.", "192.0.2.1"), host("www.example.org.", "10.9.8.1")
	addr := upstream(t, func(m *dns.Msg) {
		m.Answer = rrs(t, far+sig+"\n"+near)
		m.Ns = rrs(t, "example.org. 300 IN NS b.example.org.\nexample.org. 300 IN NS a.example.org.")
		m.Extra = rrs(t, host("a.example.org.", "192.0.2.1")+"a.example.org. 300 IN TXT between\n"+
			host("a.example.org.", "10.9.8.1"))
	})
	s := start(t, "example.org {\n import clients\n ordering\n forward . "+addr+"\n}")
	r := s.as("10.9.8.7").ask("www.example.org", dns.TypeA)
	if got, want := texts(r.Answer), texts(rrs(t, near+sig+"\n"+far)); !slices.Equal(got, want) {
		t.Errorf("answer is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	names := []string{"example.org. IN NS b.example.org.", "example.org. IN NS a.example.org."}
	if got := texts(r.Ns); !slices.Equal(got, names) {
		t.Errorf("authority is %v, want %v", got, names)
	}
	if got, want := fmt.Sprint(texts(r.Extra)),
		"[a.example.org. IN A 10.9.8.1 a.example.org. IN TXT \"between\" a.example.org. IN A 192.0.2.1]"; got != want {
		t.Errorf("additional is %s, want %s", got, want)
	}
}

func TestErrorResponsesAreNotReordered(t *testing.T) {
	for _, rcode := range []int{dns.RcodeNameError, dns.RcodeServerFailure, dns.RcodeRefused} {
		t.Run(dns.RcodeToString[rcode], func(t *testing.T) {
			const received = "192.0.2.1 192.0.2.2 10.9.8.1"
			addr := upstream(t, func(m *dns.Msg) {
				m.Rcode = rcode
				m.Extra = rrs(t, host("ns.example.org.", received))
			})
			s := start(t, "example.org {\n import clients\n ordering\n forward . "+addr+"\n}")
			for range 3 {
				r := s.as("10.9.8.7").exchange(question("www.example.org", dns.TypeA))
				if r.Rcode != rcode {
					t.Errorf("rcode is %s", dns.RcodeToString[r.Rcode])
				}
				if got := addresses(r.Extra); got != received {
					t.Errorf("additional is %s, want %s", got, received)
				}
			}
		})
	}
}

func TestNegativeAnswersKeepTheirSOA(t *testing.T) {
	s := start(t, "example.org {\n import clients\n ordering\n cache\n file "+
		zoneFile(t, host("www", "10.9.8.1 10.9.8.2"))+"\n}")
	tests := []struct {
		name, qname string
		rcode       int
	}{
		{"no such name", "nobody.example.org", dns.RcodeNameError},
		{"no such type", "www.example.org", dns.RcodeSuccess},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 {
				r := s.as("10.9.8.7").exchange(question(test.qname, dns.TypeAAAA))
				if r.Rcode != test.rcode || len(r.Answer) != 0 || len(r.Ns) != 1 || r.Ns[0].Header().Rrtype != dns.TypeSOA {
					t.Errorf("got\n%v\nwant %s and the SOA", r, dns.RcodeToString[test.rcode])
				}
			}
		})
	}
}

// A transfer has the order of the zone, even if some addresses are near the client.
func TestTransfersAreNotReordered(t *testing.T) {
	zone := freshZone()
	path := zoneFileOf(t, zone, host("www", "192.0.2.1 192.0.2.2 10.9.8.1")+"alias CNAME www\n")
	const allowed = "transfer {\n to *\n }\n"
	s := start(t, zone+" {\n import clients\n ordering\n "+allowed+" file "+path+"\n}")
	plain := start(t, zone+" {\n import clients\n "+allowed+" file "+path+"\n}")
	for _, qtype := range []uint16{dns.TypeAXFR, dns.TypeIXFR} {
		t.Run(dns.TypeToString[qtype], func(t *testing.T) {
			want := transfer(t, plain, zone, qtype)
			if len(want) < 7 {
				t.Fatalf("too few records for this test: %v", want)
			}
			for range 3 {
				if got := transfer(t, s, zone, qtype); !slices.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
	if got, want := s.as("10.9.8.7").answer("www."+zone), "10.9.8.1 192.0.2.1 192.0.2.2"; got != want {
		t.Errorf("after the transfers, an answer is %s, want %s", got, want)
	}
}

// transfer returns the records of a transfer of zone from a server to 10.9.8.7.
func transfer(t *testing.T, from *testServer, zone string, qtype uint16) (all []string) {
	t.Helper()
	q := question(zone, qtype)
	if qtype == dns.TypeIXFR {
		origin := dns.Fqdn(zone)
		q.SetIxfr(origin, 0, "ns."+origin, "hostmaster."+origin)
	}
	stream := from.as("10.9.8.7").dial(from.tcpAddr())
	in := &dns.Transfer{Conn: &dns.Conn{Conn: stream}}
	envelopes, err := in.In(q, "")
	if err != nil {
		t.Fatal(err)
	}
	for e := range envelopes {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		all = append(all, texts(e.RR)...)
	}
	return all
}

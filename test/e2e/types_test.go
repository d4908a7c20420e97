package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestTypesWithoutAddressTakeTurns(t *testing.T) {
	zone := freshZone()
	path := zoneFileOf(t, zone, `
m MX 10 a
m MX 10 b
m MX 10 c
t TXT one
t TXT two
t TXT three
p PTR x
p PTR y
p PTR z
s SRV 0 0 80 a
s SRV 0 0 80 b
s SRV 0 0 80 c
@ NS b
@ NS c
`+host("www", "192.0.2.1 10.9.8.1"))
	s := start(t, zone+" {\n import clients\n ordering {\n types MX NS SRV TXT PTR\n }\n file "+path+"\n}")
	plain := start(t, zone+" {\n import clients\n file "+path+"\n}")
	tests := []struct {
		name  string
		qtype uint16
	}{
		{"m." + zone, dns.TypeMX},
		{zone, dns.TypeNS},
		{"s." + zone, dns.TypeSRV},
		{"t." + zone, dns.TypeTXT},
		{"p." + zone, dns.TypePTR},
	}
	for _, test := range tests {
		t.Run(dns.TypeToString[test.qtype], func(t *testing.T) {
			received := texts(plain.as("10.9.8.7").ask(test.name, test.qtype).Answer)
			if len(received) != 3 {
				t.Fatalf("too few records for this test: %v", received)
			}
			for turn := range 9 {
				client := []string{"10.9.8.7", "2001:db8::7"}[turn%2] // both see one tier
				want := slices.Concat(received[turn%3:], received[:turn%3])
				if got := texts(s.as(client).ask(test.name, test.qtype).Answer); !slices.Equal(got, want) {
					t.Errorf("answer %d is\n%s\nwant\n%s", turn, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
	t.Run("A, which is not in types", func(t *testing.T) {
		for range 2 {
			if got, want := s.as("10.9.8.7").answer("www."+zone), "192.0.2.1 10.9.8.1"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

package examples

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestSeedsServesEveryKindOfRecord(t *testing.T) {
	s := start(t, "seeds")
	const client = "10.2.7.20"
	tests := []struct {
		name   string
		qtype  uint16
		answer string
	}{
		{"corp.example.", dns.TypeSOA, "dc1.corp.example. hostmaster.corp.example. 2026112101 86400 7200 2592000 3600"},
		{"corp.example.", dns.TypeNS, "dc1.corp.example. dc2.corp.example."},
		{"corp.example.", dns.TypeMX, "10 mail.corp.example."},
		{"corp.example.", dns.TypeTXT, `"v=spf1 mx -all"`},
		{"mail.corp.example.", dns.TypeA, "10.2.0.25 10.1.0.25"},
		{"_kerberos._udp.corp.example.", dns.TypeSRV, "0 100 88 dc1.corp.example. 0 100 88 dc2.corp.example."},
		{"intranet.corp.example.", dns.TypeCNAME, "www.corp.example."},
		{"10.0.2.10.in-addr.arpa.", dns.TypePTR, "dc2.corp.example."},
		{"10.in-addr.arpa.", dns.TypeSOA, "dc1.corp.example. hostmaster.corp.example. 2026112101 86400 7200 2592000 3600"},
	}
	for _, test := range tests {
		if got := values(ask(t, s, client, test.name, test.qtype).Answer, test.qtype); got != test.answer {
			t.Errorf("%s %s is %s, want %s", test.name, dns.TypeToString[test.qtype], got, test.answer)
		}
	}
}

func TestSeedsOrdersGlueAndAdditionalAddresses(t *testing.T) {
	s := start(t, "seeds")
	for client, near := range map[string]string{"10.1.7.20": "10.1", "10.2.7.20": "10.2"} {
		far := map[string]string{"10.1": "10.2", "10.2": "10.1"}[near]
		for name, qtype := range map[string]uint16{"corp.example.": dns.TypeMX, "www.branch.corp.example.": dns.TypeA} {
			extra := values(ask(t, s, client, name, qtype).Extra, dns.TypeA)
			if host := extra[strings.LastIndexByte(extra, '.'):]; extra != near+".0"+host+" "+far+".0"+host {
				t.Errorf("%s gets the additional addresses %s of %s, want that in %s first", client, extra, name, near)
			}
		}
	}
}

func TestSitesPreferWhatTheirLinesSay(t *testing.T) {
	s := start(t, "sites")
	const zurich, milan, oslo, standby = "192.0.2.10", "192.0.2.7", "198.51.100.10", "203.0.113.10"
	wants := map[string][]string{ // the beginnings of the addresses; "" is any
		"10.8.1.20":    {zurich, milan, milan, oslo, standby},
		"192.168.40.9": {zurich, milan, milan, oslo, standby},
		"10.31.1.20":   {milan, milan, zurich, oslo, standby},
		"10.77.1.20":   {oslo, "", "", "", standby},
		"10.99.1.20":   {"", "", "", "", standby},
	}
	for client, want := range wants {
		for range 4 {
			got := strings.Fields(addresses(t, s, client, "app.sites.example."))
			if !slices.EqualFunc(got, want, strings.HasPrefix) {
				t.Errorf("%s gets %v, want %v", client, got, want)
			}
		}
	}
}

func TestCloudKnowsRacksAndOffices(t *testing.T) {
	s := start(t, "cloud")
	for client, first := range map[string]string{
		"10.20.0.9":   "10.20.0.1",  // eu-central/a
		"10.20.15.9":  "10.20.16.1", // the rack in eu-central/b
		"10.40.16.9":  "10.40.0.11", // eu-west/b: the other zone of the region
		"192.168.7.9": "10.20.0.1",  // an office
	} {
		if got := addresses(t, s, client, "db.cloud.example."); !strings.HasPrefix(got, first) {
			t.Errorf("%s gets %s, want %s… first", client, got, first)
		}
	}
	six := values(ask(t, s, "10.20.0.9", "db.cloud.example.", dns.TypeAAAA).Answer, dns.TypeAAAA)
	if want := "2001:db8:20:a::11 2001:db8:20:b::11"; six != want {
		t.Errorf("a client in eu-central/a gets %s, want %s", six, want)
	}
}

// The cache keeps one answer of the domain controller for a while. Without it, each answer comes
// rotated.
func TestForwardTakesExactTurnsInFrontOfARotatingServer(t *testing.T) {
	s := start(t, "forward", "    cache 30\n", "")
	for n := range 8 {
		want := [...]string{"10.1.0.80 10.1.0.81 10.2.0.80 10.2.0.81", "10.1.0.81 10.1.0.80 10.2.0.81 10.2.0.80"}[n%2]
		if got := addresses(t, s, "10.1.0.20", "app.corp.example."); got != want {
			t.Errorf("answer %d is %s, want %s", n, got, want)
		}
	}
}

func TestStickyKeepsTheOrderOfAClientAndSpreadsClients(t *testing.T) {
	const clients = 2000
	firsts := func(s string) (all []string) {
		for i := range clients {
			all = append(all, strings.Fields(addresses(t, s, fmt.Sprintf("10.1.%d.%d", i/200, i%200), "cache.sticky.example."))[0])
		}
		return all
	}
	s := start(t, "sticky")
	before := firsts(s)
	if again := firsts(s); !slices.Equal(before, again) {
		t.Error("clients got another order when they asked again")
	}
	count := map[string]int{}
	for _, first := range before {
		count[first]++
	}
	for _, address := range []string{"192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14"} {
		if n := count[address]; n < clients/4*3/4 || n > clients/4*5/4 {
			t.Errorf("%s is first for %d clients of %d, want about a quarter", address, n, clients)
		}
	}
	t.Run("without one address", func(t *testing.T) {
		const gone = "192.0.2.12"
		for i, first := range firsts(start(t, "sticky", "file examples/sticky/sticky.example.zone",
			"template IN A {\n answer \"{{ .Name }} 300 IN A 192.0.2.11\"\n answer \"{{ .Name }} 300 IN A 192.0.2.13\"\n"+
				"answer \"{{ .Name }} 300 IN A 192.0.2.14\"\n}")) {
			if before[i] != gone && first != before[i] {
				t.Fatalf("a client that had %s first now has %s first", before[i], first)
			}
		}
	})
}

func TestWeightsGiveTheLargeServerThreeOfFour(t *testing.T) {
	s := start(t, "weights")
	count := map[string]int{}
	for range 8 {
		got := strings.Fields(addresses(t, s, "10.1.0.20", "api.weights.example."))
		count[got[0]]++
		if got[2] != "192.0.2.99" {
			t.Errorf("the spare server is not last in %v", got)
		}
	}
	if count["192.0.2.10"] != 6 || count["192.0.2.11"] != 2 {
		t.Errorf("8 answers begin with %v, want 6 with the large server and 2 with the small one", count)
	}
}

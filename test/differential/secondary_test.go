package differential

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"
	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/miekg/dns"
)

// foreign are records of types that the file plugin does not read. In a zone transfer they are only
// bytes: WKS, and WINS as a Windows server sends it.
const foreign = `
legacy  IN WKS       10.1.0.10 6 ( 25 80 )
@       IN TYPE65281 \# 20 00010000 00000005 00000384 00000001 0a010007
`

// The zones of examples/seeds, unchanged, at named, which transfers them to CoreDNS: every record
// arrives, and ordering puts the addresses in order.
func TestSecondaryOfNamed(t *testing.T) {
	named := program.Find(t, "named")
	dir := t.TempDir()
	var zones string
	for _, zone := range []string{"corp.example", "10.in-addr.arpa"} {
		text, err := os.ReadFile("../../examples/seeds/" + zone + ".zone")
		if err != nil {
			t.Fatal(err)
		}
		if zone == "corp.example" {
			text = append(text, foreign...)
		}
		program.WriteFile(t, dir, zone, string(text))
		zones += fmt.Sprintf("zone %q { type primary; file %q; };\n", zone, zone)
	}
	primary := program.StartNamed(t, named, dir, "recursion no; allow-transfer { any; };", zones,
		answers(ask, "dc1.corp.example.")).String()

	corefile := fmt.Sprintf(`corp.example 10.in-addr.arpa {
	bind 127.0.0.1
	ordering {
		netmask 255.0.0.0
		classful off
		sortlist 127.0.0.2 10.2.0.0/16
	}
	secondary {
		transfer from %s
	}
}`, primary)
	instance, err := server.Start(t, "Corefile", corefile)
	if err != nil {
		t.Fatal(err)
	}
	secondary := server.UDP(instance)

	for zone, least := range map[string]int{"corp.example.": 25, "10.in-addr.arpa.": 9} {
		program.Eventually(t, "the secondary has "+zone, func() bool {
			res, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion(zone, dns.TypeSOA), secondary)
			return err == nil && len(res.Answer) > 0
		})
		transferred := transfer(t, primary, zone)
		if len(transferred) < least {
			t.Fatalf("the primary has only %d records of %s, so this test proves too little", len(transferred), zone)
		}
		for _, want := range transferred {
			if got := recordsLike(t, secondary, want); !slices.Contains(got, canonicalText(want)) {
				t.Errorf("the primary has\n%s\nthe secondary only\n%s", canonicalText(want), strings.Join(got, "\n"))
			}
		}
	}
	near := netip.MustParsePrefix("10.2.0.0/16")
	got := mustAsk(t, ask, secondary, netip.MustParseAddr("127.0.0.2"), "www.corp.example.", dns.TypeA)
	if len(got) != 4 || !near.Contains(got[0]) || !near.Contains(got[1]) {
		t.Errorf("the client of the sort list gets %v, want two addresses in %v first", got, near)
	}
}

// transfer returns the records of a zone as its primary transfers it.
func transfer(t *testing.T, primary, zone string) (all []dns.RR) {
	t.Helper()
	envelopes, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr(zone), primary)
	if err != nil {
		t.Fatal(err)
	}
	for e := range envelopes {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		all = append(all, e.RR...)
	}
	return all
}

// recordsLike returns the records that a server has of the name and type of rr, in any section: those
// of a delegation are not in the answer.
func recordsLike(t *testing.T, server string, rr dns.RR) (all []string) {
	t.Helper()
	q := new(dns.Msg).SetQuestion(rr.Header().Name, rr.Header().Rrtype)
	q.SetEdns0(1232, false)
	res, _, err := (&dns.Client{Timeout: program.Timeout}).Exchange(q, server)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range slices.Concat(res.Answer, res.Ns, res.Extra) {
		all = append(all, canonicalText(found))
	}
	return all
}

// canonicalText returns rr as text that does not depend on the case of its owner.
func canonicalText(rr dns.RR) string {
	c := dns.Copy(rr)
	c.Header().Name = strings.ToLower(c.Header().Name)
	return c.String()
}

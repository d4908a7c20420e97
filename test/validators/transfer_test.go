package validators

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// transfer returns the records of example.org at a server as texts, in the order of its AXFR. The
// last is the SOA record again.
func transfer(addr netip.AddrPort, signed bool) (all []string, err error) {
	m := new(dns.Msg).SetAxfr("example.org.")
	tr := &dns.Transfer{DialTimeout: program.Timeout, ReadTimeout: program.Timeout}
	if signed {
		tr.TsigSecret = map[string]string{tsigName: tsigSecret}
		m.SetTsig(tsigName, dns.HmacSHA256, 300, time.Now().Unix())
	}
	envelopes, err := tr.In(m, addr.String())
	if err != nil {
		return nil, err
	}
	for e := range envelopes {
		if e.Error != nil {
			err = e.Error
			continue
		}
		for _, rr := range e.RR {
			all = append(all, rr.String())
		}
	}
	return all, err
}

// startSecondary starts named as a secondary for example.org of the server at primary. It returns
// its address, which is on 127.0.0.1: named listens only on addresses that an interface has.
func startSecondary(t *testing.T, named string, primary netip.AddrPort, signed bool) netip.AddrPort {
	t.Helper()
	key, use := "", ""
	if signed {
		key = fmt.Sprintf("key %q { algorithm hmac-sha256; secret %q; };\n", tsigName, tsigSecret)
		use = fmt.Sprintf(" key %q", tsigName)
	}
	options := `recursion no; allow-transfer { any; };
	min-refresh-time 1; max-refresh-time 1; min-retry-time 1; max-retry-time 1;`
	secondary := fmt.Sprintf("zone example.org { type secondary; primaries { %v port %d%s; }; "+
		"request-ixfr yes; masterfile-format text; };\n", primary.Addr(), primary.Port(), use)
	return program.StartNamed(t, named, t.TempDir(), options, key+secondary, hasZone)
}

// A real secondary has the zone that is in the file, whatever ordering does to answers: after the
// first transfer, and after a change that it asks for with IXFR. There is no cache in these
// servers: that of CoreDNS 1.15 sets every TTL of a transfer to 5, with and without ordering.
func TestSecondaryHasTheSameZone(t *testing.T) {
	named := program.Find(t, "named")
	random := newRandom(t)
	records := signedRecords + hosts(random, 2000) + host(random, "large", 90, 90)
	const above = `log . "transfer {type} {rcode}"
		ordering {
			answer_limit 1
			types A AAAA MX SRV
			round_robin random
		}
		transfer {
			to *
		}
		`
	ixfrs := func() int { return strings.Count(serverLog.String(), "transfer IXFR NOERROR") }
	for _, tsig := range []string{"", requireTSIG} {
		t.Run(fmt.Sprint("TSIG ", tsig != ""), func(t *testing.T) {
			dir := t.TempDir()
			before := ixfrs()
			z := parseZone(t, apex+records)
			file := program.WriteFile(t, dir, "example.org.zone", z.String())
			primary := freeAddress(t)
			startServer(t, primary, above+tsig+"file "+file+" {\nreload 100ms\n}")
			secondary := startSecondary(t, named, primary, tsig != "")
			wantZone(t, primary, secondary, tsig != "", z)

			changed := parseZone(t, strings.Replace(apex, " 1 1 1 ", " 2 1 1 ", 1)+records+host(random, "new", 9, 9))
			if err := os.Rename(program.WriteFile(t, dir, "new", changed.String()), file); err != nil {
				t.Fatal(err)
			}
			wantZone(t, primary, secondary, tsig != "", changed)
			if ixfrs() == before {
				t.Error("the secondary never asked for IXFR")
			}
		})
	}
}

// wantZone waits until the secondary has the serial of z, and fails the test unless primary and
// secondary then have exactly the records of z.
func wantZone(t *testing.T, primary, secondary netip.AddrPort, signed bool, z zone) {
	t.Helper()
	serial := z.records[0].(*dns.SOA).Serial
	program.Eventually(t, fmt.Sprintf("the secondary has serial %d", serial), func() bool {
		r := exchange(t, ownAddress, secondary, new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA))
		return len(r.Answer) == 1 && r.Answer[0].(*dns.SOA).Serial == serial
	})
	want := []string{z.records[0].String()} // a transfer ends with the SOA record again
	for _, rr := range z.records {
		want = append(want, rr.String())
	}
	slices.Sort(want)
	for name, addr := range map[string]netip.AddrPort{"primary": primary, "secondary": secondary} {
		got, err := transfer(addr, signed && addr == primary)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("serial %d: the zone file and the %s differ:\n%s", serial, name, cmp.Diff(want, got))
		}
	}
	t.Logf("serial %d: %d records compared", serial, len(want))
}

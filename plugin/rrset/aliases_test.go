package rrset

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestNamesGrowNoLongerThanNamesMayBe follows DNAMEs each of which makes the name longer, RFC 6672 section 2.2.
func TestNamesGrowNoLongerThanNamesMayBe(t *testing.T) {
	var in []dns.RR
	for i := range 200 {
		longer := strings.Repeat("x.", 110)
		in = append(in, record(fmt.Sprintf("d%d. 300 IN DNAME %sd%d.", i, longer, i+1)))
	}
	chain, end := newAliasGraph(in).chain("w.d0.")
	if len(chain) != 2 || end != "" {
		t.Errorf("%d aliases lead to a name of %d octets, want that two lead nowhere", len(chain), len(end))
	}
}

// TestManyAliasesOfManyAddresses asks that what a repair takes grows with the number of records, not with its square.
func TestManyAliasesOfManyAddresses(t *testing.T) {
	section := func(n int) (in []dns.RR) {
		for i := range n {
			in = append(in, record(fmt.Sprintf("a. 300 IN A 10.0.%d.%d", i>>8, i&255)))
		}
		for i := range n {
			in = append(in, record(fmt.Sprintf("%d. 300 IN CNAME a.", i)))
		}
		return in
	}
	spent := func(n int) uint64 {
		in := section(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		repairAliases(in, in, "0.")
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if few, many := spent(200), spent(1600); many > 20*few {
		t.Errorf("%d bytes for 200 aliases of 200 addresses, %d for eight times as many", few, many)
	}
}

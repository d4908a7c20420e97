package differential

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

// tsigSecret is the secret of all TSIG keys.
const tsigSecret = "b3JkZXJpbmc="

// configurations is the number of sort lists in a run.
const configurations = 200

// A trial is one sort list, a name to ask for, and the clients that ask for it.
type trial struct {
	list     sortList
	question question
	clients  []netip.Addr
}

// trial returns a random trial. number tells the names of different trials apart.
func (g generator) trial(number int) trial {
	tr := trial{list: g.sortList(), question: g.question(fmt.Sprintf("n.c%d", number))}
	tr.clients = []netip.Addr{g.client()}
	for _, st := range tr.list {
		tr.clients = append(tr.clients, g.clientOf(st))
	}
	return tr
}

// Inside a rank, named keeps the canonical order (rrset-order none; glibc's qsort is stable). With
// turns and netmask ordering off, ordering does the same. So the test compares whole answers, not
// only ranks.
func TestSortListsGiveTheAnswersOfNamed(t *testing.T) {
	named := program.Find(t, "named")
	g := newGenerator(t)
	dir := t.TempDir()

	var keys, views, directives strings.Builder
	var questions []question
	trials := make([]trial, configurations)
	for i := range trials {
		trials[i] = g.trial(i)
		questions = append(questions, trials[i].question)
		fmt.Fprintf(&keys, "key k%d { algorithm hmac-sha256; secret %q; };\n", i, tsigSecret)
		fmt.Fprintf(&views, "view v%d {\nmatch-clients { key k%d; };\n%s%s};\n", i, i, trials[i].list.named(), zoneOfView(i))
		fmt.Fprintf(&directives,
			"ordering c%d.example {\nlocal_net_priority off\nround_robin off\nbase_order canonical\n%s}\n", i,
			trials[i].list.corefile())
	}
	zoneFile := program.WriteFile(t, dir, "example.zone", zone(questions))

	options := "recursion no; minimal-responses yes; rrset-order { order none; };"
	theirs := program.StartNamed(t, named, dir, options, keys.String()+views.String(),
		answers(askSigned("k0"), "ns.example.")).String()
	ours := startOrdering(t, directives.String(), zoneFile)

	sorted, compared := 0, 0
	for i, tr := range trials {
		for _, client := range tr.clients {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
				name := tr.question.owner + ".example."
				want := mustAsk(t, askSigned(fmt.Sprintf("k%d", i)), theirs, client, name, qtype)
				got := mustAsk(t, ask, ours, client, name, qtype)
				if !slices.Equal(got, want) {
					t.Fatalf("client %v, sort list\n%sordering answers %v\nnamed answers    %v", client, tr.list.corefile(), got, want)
				}
				compared++
				if !slices.IsSortedFunc(want, netip.Addr.Compare) {
					sorted++
				}
			}
		}
	}
	if sorted < compared/10 {
		t.Errorf("named reordered only %d of %d answers, so these sort lists test too little", sorted, compared)
	}
	t.Logf("%d equal answers, %d of them not in canonical order", compared, sorted)
}

// zoneOfView returns the zone statement of view i. All views share the zone of the first.
func zoneOfView(i int) string {
	if i == 0 {
		return "zone example { type primary; file \"example.zone\"; };\n"
	}
	return "zone example { in-view v0; };\n"
}

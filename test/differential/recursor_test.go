package differential

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

// In PowerDNS Recursor the longest prefix decides, for clients and for addresses. In BIND and
// ordering the first in the list decides. The trials of this test list narrower networks first, so
// that both rules give the same result. Inside a rank the recursor shuffles, so the test compares
// ranks, not addresses.
func TestSortListsGiveTheRanksOfPowerDNSRecursor(t *testing.T) {
	recursor := program.Find(t, "pdns_recursor")
	version, err := exec.Command(recursor, "--version").CombinedOutput()
	if !bytes.Contains(version, []byte("Recursor 4.")) {
		t.Skipf("%s is not version 4, the only one whose settings this test supports (%v):\n%s", recursor, err, version)
	}
	g := newGenerator(t)
	dir := t.TempDir()

	var lua, directive strings.Builder
	var questions []question
	trials := make([]trial, configurations)
	for i := range trials {
		trials[i] = g.narrowFirstTrial(byte(i))
		questions = append(questions, trials[i].question)
		lua.WriteString(trials[i].list.lua())
		directive.WriteString(trials[i].list.corefile())
	}
	zoneFile := program.WriteFile(t, dir, "example.zone", zone(questions))
	luaFile := program.WriteFile(t, dir, "sortlists.lua", lua.String())

	theirs := program.StartOnFreePort(t, recursor, func(port int) []string {
		return []string{
			"--config-dir=" + dir, "--socket-dir=" + dir, "--lua-config-file=" + luaFile, "--auth-zones=example=" + zoneFile,
			"--local-address=127.0.0.1", fmt.Sprintf("--local-port=%d", port), "--allow-from=127.0.0.0/8",
			"--daemon=no", "--threads=1", "--write-pid=no", "--disable-packetcache",
			"--hint-file=no", "--dnssec=off", "--security-poll-suffix=",
			"--dont-query=0.0.0.0/0,::/0", // it sends no queries to other servers
		}
	}, answers(ask, "ns.example.")).String()
	ours := startOrdering(t, "ordering {\n"+directive.String()+"}\n", zoneFile)

	sorted, compared := 0, 0
	for _, tr := range trials {
		for _, client := range tr.clients {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
				name := tr.question.owner + ".example."
				want := mustAsk(t, ask, theirs, client, name, qtype)
				got := mustAsk(t, ask, ours, client, name, qtype)
				ranks := tr.list.ranks(client, want)
				if !slices.Equal(tr.list.ranks(client, got), ranks) {
					t.Fatalf("client %v, sort list\n%sordering answers %v\nrecursor answers %v", client, tr.list.corefile(), got, want)
				}
				if !slices.IsSorted(ranks) {
					t.Fatalf("client %v, sort list\n%srecursor answers %v, whose ranks are not sorted: %v",
						client, tr.list.corefile(), want, ranks)
				}
				compared++
				if ranks[0] != ranks[len(ranks)-1] {
					sorted++
				}
			}
		}
	}
	if sorted < compared/4 {
		t.Errorf("only %d of %d answers have several ranks, so these sort lists test too little", sorted, compared)
	}
	t.Logf("%d answers with equal ranks, %d of them with several ranks", compared, sorted)
}

// narrowFirstTrial returns a random trial that lists narrower networks first, negates nothing, and
// has no network of clients twice. Its clients are in 127.number.0.0/16.
func (g generator) narrowFirstTrial(number byte) trial {
	own := func() netip.Addr {
		a := g.client().As4()
		a[1] = number
		return netip.AddrFrom4(a)
	}
	tr := trial{question: g.question(fmt.Sprintf("n.c%d", number)), clients: []netip.Addr{own(), own()}}

	var clients networks
	for range 1 + g.IntN(4) {
		if p, _ := own().Prefix(16 + g.IntN(17)); !slices.Contains(clients, p) {
			clients = append(clients, p)
		}
	}
	for _, p := range narrowFirst(clients) {
		words := make([]word, 1+g.IntN(5))
		for i, p := range narrowFirst(g.preferred(tr.question)) {
			if i < len(words) {
				words[i].networks = networks{p}
			} else { // the remaining networks are wider: add them to the last word
				last := &words[len(words)-1]
				last.networks = append(last.networks, p)
			}
		}
		words = slices.DeleteFunc(words, func(w word) bool { return len(w.networks) == 0 })
		tr.list = append(tr.list, statement{clients: networks{p}, words: words})
		tr.clients = append(tr.clients, g.clientOf(statement{clients: networks{p}}))
	}
	return tr
}

// preferred returns random networks that contain addresses of q.
func (g generator) preferred(q question) (n networks) {
	for range 1 + g.IntN(8) {
		p := g.around(q.addresses[g.IntN(len(q.addresses))])
		if !slices.Contains(n, p) {
			n = append(n, p)
		}
	}
	return n
}

// narrowFirst sorts n in place by prefix length, the longest first, and returns it.
func narrowFirst(n networks) networks {
	slices.SortStableFunc(n, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	return n
}

// ranks returns the rank of each address for a client: the index of the first word that contains
// it. Addresses in no word come after all words.
func (l sortList) ranks(client netip.Addr, all []netip.Addr) []int {
	ranks := make([]int, len(all))
	i := slices.IndexFunc(l, func(st statement) bool { return st.clients.contains(client) })
	if i < 0 {
		return ranks
	}
	for at, a := range all {
		ranks[at] = slices.IndexFunc(l[i].words, func(w word) bool { return w.networks.contains(a) })
		if ranks[at] < 0 {
			ranks[at] = len(l[i].words)
		}
	}
	return ranks
}

package differential

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// PowerDNS Recursor takes the longest prefix, of clients and of addresses, where BIND and ordering take the first in the list.
// The trials here have the narrower network first, so that both are one. Inside a rank the recursor shuffles, so the ranks are
// compared and not the addresses.
func TestSortListsAreThoseOfPowerDNSRecursor(t *testing.T) {
	recursor := command(t, "pdns_recursor")
	if version, err := exec.Command(recursor, "--version").CombinedOutput(); !bytes.Contains(version, []byte("Recursor 4.")) {
		t.Skipf("%s is not of version 4, whose settings this test knows (%v):\n%s", recursor, err, version)
	}
	g := newGenerator(t)
	dir := t.TempDir()

	var lua, directive strings.Builder
	var questions []question
	trials := make([]trial, configurations)
	for i := range trials {
		trials[i] = g.narrowFirst(byte(i))
		questions = append(questions, trials[i].question)
		lua.WriteString(trials[i].list.lua())
		directive.WriteString(trials[i].list.corefile())
	}
	zoneFile := write(t, dir, "example.zone", zone(questions))
	luaFile := write(t, dir, "sortlists.lua", lua.String())

	theirs := startOther(t, recursor, func(port int) []string {
		return []string{
			"--config-dir=" + dir, "--socket-dir=" + dir, "--lua-config-file=" + luaFile, "--auth-zones=example=" + zoneFile,
			"--local-address=127.0.0.1", fmt.Sprintf("--local-port=%d", port), "--allow-from=127.0.0.0/8",
			"--daemon=no", "--threads=1", "--write-pid=no", "--disable-packetcache",
			"--hint-file=no", "--dnssec=off", "--security-poll-suffix=", "--dont-query=0.0.0.0/0,::/0", // it asks nobody
		}
	}, ask)
	ours := startOrdering(t, "ordering {\n"+directive.String()+"}\n", zoneFile)

	told, asked := 0, 0
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
					t.Fatalf("client %v, sort list\n%srecursor answers %v, ranks %v: this test ranks otherwise", client,
						tr.list.corefile(), want, ranks)
				}
				asked++
				if ranks[0] != ranks[len(ranks)-1] {
					told++
				}
			}
		}
	}
	if told < asked/4 {
		t.Errorf("%d of %d answers have addresses of several ranks: these sort lists compare little", told, asked)
	}
	t.Logf("%d answers alike, %d of them with several ranks", asked, told)
}

// narrowFirst returns a trial whose clients are in 127.number.0.0/16, with the narrower networks first, nothing negated and no
// network of clients twice.
func (g generator) narrowFirst(number byte) trial {
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
			} else { // wider than those of all words
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

// preferred returns networks around addresses of q.
func (g generator) preferred(q question) (n networks) {
	for range 1 + g.IntN(8) {
		p := g.around(q.addresses[g.IntN(len(q.addresses))])
		if !slices.Contains(n, p) {
			n = append(n, p)
		}
	}
	return n
}

// narrowFirst sorts n by length, the longest first.
func narrowFirst(n networks) networks {
	slices.SortStableFunc(n, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	return n
}

// ranks returns the rank of each address for a client: the number of the first word that holds it.
func (l sortList) ranks(client netip.Addr, all []netip.Addr) []int {
	ranks := make([]int, len(all))
	i := slices.IndexFunc(l, func(st statement) bool { return st.clients.hold(client) })
	if i < 0 {
		return ranks
	}
	for at, a := range all {
		ranks[at] = slices.IndexFunc(l[i].words, func(w word) bool { return w.networks.hold(a) })
		if ranks[at] < 0 {
			ranks[at] = len(l[i].words)
		}
	}
	return ranks
}

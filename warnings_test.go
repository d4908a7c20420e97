package ordering

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// warned are properties from line 3 of a Corefile on, with the whole warnings. TABLE is a topology
// file.
var warned = []struct {
	name, lines string
	want        []string
}{
	{"masks without netmask ordering", "local_net_priority off\nnetmask /24\nclassful on\nnetmask6 /48", []string{
		"Corefile:4 - netmask: has no effect while local_net_priority is off: remove one of the two lines",
		"Corefile:5 - classful: has no effect while local_net_priority is off: remove one of the two lines",
		"Corefile:6 - netmask6: has no effect while local_net_priority is off: remove one of the two lines",
	}},
	{"all of netmask ordering off", "local_net_priority off\nclassful off", nil},
	{"IPv4 masks without A", "netmask /24\nclassful on\nnetmask6 /48\ntypes AAAA MX", []string{
		"Corefile:3 - netmask: has no effect without A in types: remove this line or add A to types",
		"Corefile:4 - classful: has no effect without A in types: remove this line or add A to types",
	}},
	{"IPv6 masks without AAAA", "netmask /24\nclassful on\nnetmask6 /48\ntypes A", []string{
		"Corefile:5 - netmask6: has no effect without AAAA in types: remove this line or add AAAA to types",
	}},
	{"no classful network without A", "classful off\ntypes AAAA", nil},
	{
		"addresses without types for them",
		"local_net_priority on\nsortlist any 10.0.0.0/8\nsortlist any\nweight 10.0.0.0/8 3\nweight ::/0 3\nanswer_limit 3\ntopology TABLE\ntypes MX",
		[]string{
			"Corefile:3 - local_net_priority: has no effect without A or AAAA in types: remove this line or add them to types",
			"Corefile:4 - sortlist: has no effect without A or AAAA in types: remove this line or add them to types",
			"Corefile:5 - sortlist: the sortlist at Corefile:4 already decides for the clients any: move this line above that one or remove them",
			"Corefile:6 - weight: has no effect without A or AAAA in types: remove this line or add them to types",
			"Corefile:8 - answer_limit: has no effect without A or AAAA in types: remove this line or add them to types",
			"Corefile:9 - topology: has no effect without A or AAAA in types: remove this line or add them to types",
		},
	},
	{"netmask ordering off without types for it", "local_net_priority off\ntypes MX", nil},

	{"first turns without turns", "first_turn random\nround_robin off", []string{
		"Corefile:3 - first_turn: has no effect while round_robin is off: remove this line or set round_robin on",
	}},
	{"first turns of a shuffle", "first_turn random\nround_robin random", []string{
		"Corefile:3 - first_turn: has no effect while round_robin is random: remove this line or set round_robin on",
	}},
	{"first turns of a fixed order", "first_turn random\nround_robin sticky", []string{
		"Corefile:3 - first_turn: has no effect while round_robin is sticky: remove this line or set round_robin on",
	}},
	{"the first turn that there is anyway", "first_turn zero\nround_robin off", nil},
	{"first turns", "first_turn random\nround_robin on", nil},
	{"a base order to shuffle", "base_order received\nround_robin random", []string{
		"Corefile:3 - base_order: has no effect while round_robin is random: remove this line",
	}},
	{"a base order to sort", "base_order canonical\nround_robin sticky", []string{
		"Corefile:3 - base_order: has no effect while round_robin is sticky: remove this line",
	}},
	{"the base order that there is anyway", "base_order auto\nround_robin sticky", nil},
	{"a base order that stays", "base_order canonical\nround_robin off", nil},
	{"types without an address, as received", "types A MX SRV\nround_robin off", []string{
		"Corefile:3 - types: has no effect on MX, SRV while round_robin is off: remove these types or set base_order canonical",
	}},
	{"types without an address, sorted", "types A MX SRV\nround_robin off\nbase_order canonical", nil},
	{"types without an address, in turns", "types A MX SRV", nil},
	{"types with an address, as received", "types AAAA\nround_robin off", nil},

	{"one weight for all of a family", "weight 0.0.0.0/0 3", []string{
		"Corefile:3 - weight: has no effect because every IPv4 address has weight 3: give some another weight or remove these lines",
	}},
	{"one weight for all of a family, in several lines", "weight 10.0.0.0/8 2\nweight ::/0 3\nweight 2001:db8::/32 3", []string{
		"Corefile:4 - weight: has no effect because every IPv6 address has weight 3: give some another weight or remove these lines",
	}},
	{"the weight of all others", "weight 10.0.0.0/8 1\nweight 10.1.0.0/16 1", []string{
		"Corefile:3 - weight: has no effect because every IPv4 address has weight 1: give some another weight or remove these lines",
	}},
	{"no weight for anybody", "weight 0.0.0.0/0 0\nround_robin off", []string{
		"Corefile:3 - weight: has no effect because every IPv4 address has weight 0: give some another weight or remove these lines",
	}},
	{"weights of a family without its type", "weight 10.0.0.0/8 2\nweight 2001:db8::/32 3\ntypes A", []string{
		"Corefile:4 - weight: has no effect without AAAA in types: remove this line or add AAAA to types",
	}},
	{"weights without turns", "weight 10.0.0.0/8 2\nweight 192.0.2.0/24 3\nround_robin off", []string{
		"Corefile:3 - weight: has no effect while round_robin is off, where only weight 0 counts: remove it or set round_robin on",
	}},
	{"weights without turns beside weight 0", "weight 10.0.0.0/8 0\nweight 192.0.2.0/24 3\nround_robin off", []string{
		"Corefile:4 - weight: has no effect while round_robin is off, where only weight 0 counts: remove it or set round_robin on",
	}},
	{"weight 0 without turns", "weight 10.0.0.0/8 0\nround_robin off", nil},
	{"an exception from weight 0 without turns", "weight 10.0.0.0/8 0\nweight 10.1.0.0/16 3\nround_robin off", nil},
	{"the default beside weight 0 without turns", "weight 10.0.0.0/8 0\nweight 192.0.2.0/24 1\nround_robin off", nil},
	{"weight 0 inside another without turns", "weight 0.0.0.0/0 1\nweight 10.1.0.0/16 0\nround_robin off", nil},
	{"equal weights beside the default", "weight 10.0.0.0/8 3\nweight 192.0.2.0/24 3", nil},
	{"the default among weights", "weight 10.0.0.0/8 1\nweight 10.1.0.0/16 3", nil},
	{"an exception from a weight for all", "weight 0.0.0.0/0 3\nweight 10.0.0.0/8 1", nil},
	{"weights of a shuffle", "weight 10.0.0.0/8 3\nround_robin random", nil},
	{"weights of a fixed order", "weight 10.0.0.0/8 3\nround_robin sticky", nil},

	{"a limit that no message reaches", "answer_limit 4369", []string{
		"Corefile:3 - answer_limit: has no effect because no DNS message has room for so many addresses: remove this line",
	}},
	{"a limit that a message may reach", "answer_limit 4368", nil},

	{"a statement that is shadowed", "sortlist 10.0.0.0/8\nsortlist 10.1.0.0/16 192.0.2.0/24", []string{
		"Corefile:4 - sortlist: the sortlist at Corefile:3 already decides for the clients 10.1.0.0/16: move this line above that one or remove them",
	}},
	{"clients that are shadowed", "sortlist 2001:db8::/32,10.0.0.0/8\nsortlist 192.0.2.1\nsortlist 192.0.2.0/24,10.4.3.2,192.0.2.1", []string{
		"Corefile:5 - sortlist: the sortlist at Corefile:3 already decides for the clients 10.4.3.2/32, 192.0.2.1/32: move this line above that one or remove them",
	}},
	{"statements behind one for any", "sortlist any 10.0.0.0/8\nsortlist ::/1\nsortlist any 192.0.2.0/24", []string{
		"Corefile:4 - sortlist: the sortlist at Corefile:3 already decides for the clients ::/1: move this line above that one or remove them",
		"Corefile:5 - sortlist: the sortlist at Corefile:3 already decides for the clients any: move this line above that one or remove them",
	}},
	{"many clients that are shadowed", "sortlist 10.0.0.0/8\nsortlist 10.1.0.0/16,10.2.0.0/16,10.3.0.0/16,10.4.0.0/16", []string{
		"Corefile:4 - sortlist: the sortlist at Corefile:3 already decides for the clients 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, …: move this line above that one or remove them",
	}},
	{"the narrow statement first", "sortlist 10.1.0.0/16\nsortlist 10.0.0.0/8\nsortlist any 192.0.2.0/24", nil},
	{"a network twice in one statement", "sortlist 10.0.0.0/8,10.1.0.0/16", nil},
	{"a word that is shadowed", "sortlist any 192.0.2.0/24 10.0.0.0/8 10.1.0.0/16", []string{
		"Corefile:3 - sortlist: 10.1.0.0/16 has no effect after 10.0.0.0/8, which contains it: move it before that word or remove it",
	}},
	{"a negated word that is shadowed", "sortlist any 10.0.0.0/8 192.0.2.0/24 !192.0.2.1,10.4.3.2,::1", []string{
		"Corefile:3 - sortlist: 192.0.2.1/32, 10.4.3.2/32 has no effect after 192.0.2.0/24, which contains it: move it before that word or remove it",
	}},
	{"the word any twice", "sortlist any !any any", []string{
		"Corefile:3 - sortlist: any has no effect after 0.0.0.0/0, which contains it: move it before that word or remove it",
	}},
	{"the narrow word first", "sortlist any !10.1.0.0/16 10.0.0.0/8 any", nil},
	{"a statement that keeps clients from a later one", "sortlist 10.0.0.0/8 any\nsortlist any 192.0.2.0/24", nil},

	{"nothing", "", nil},
	{"everything", "local_net_priority on\nnetmask /24 16\nclassful on\nnetmask6 /48\nround_robin on\nfirst_turn random\nbase_order canonical\n" +
		"types A AAAA MX\nsortlist 10.0.0.0/8\nsortlist any 192.0.2.0/24\ntopology TABLE\nweight 10.0.0.0/8 0\nweight ::1 2\nanswer_limit 1\necs ::/0 ::1", nil},
	{"nothing at all done", "local_net_priority off\nround_robin off", nil}, // for a name inside an ordered zone
}

func TestWarnings(t *testing.T) {
	for _, tt := range warned {
		t.Run(tt.name, func(t *testing.T) {
			zones, err := parsedCorefile(t, "example.org {\nordering {\n"+withTable(t, tt.lines)+"\n}\n}")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, zones.warnings); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLinesWarnedOfHaveNoEffect leaves out what the warnings are about, and compares the answers.
func TestLinesWarnedOfHaveNoEffect(t *testing.T) {
	tried := 0
	for _, tt := range warned {
		text := withTable(t, tt.lines)
		left, ok := withoutWarned(text, tt.want)
		if !ok || strings.Contains(text, "round_robin random") {
			continue
		}
		tried++
		if want, got := answersOf(t, text), answersOf(t, left); !slices.Equal(want, got) {
			t.Errorf("%s: without what has no effect the answers differ\n%s\n%s\n%s\n%s", tt.name, text, want, left, got)
		}
	}
	if tried < 15 {
		t.Errorf("only %d tried", tried)
	}
}

// withoutWarned returns lines, the first of which is line 3, without what warnings are about. ok is
// false where that is less than a line or a word, or nothing at all.
func withoutWarned(lines string, warnings []string) (left string, ok bool) {
	all := strings.Split(lines, "\n")
	for _, w := range warnings {
		var n int
		var property, rest string
		if _, err := fmt.Sscanf(w, "Corefile:%d - %s", &n, &property); err != nil {
			panic(err)
		}
		_, rest, _ = strings.Cut(w, property+" ")
		words := strings.Fields(all[n-3])
		switch {
		case property == "types:":
			return "", false
		case strings.HasPrefix(rest, "has no effect because every"):
			for i := range all {
				if strings.HasPrefix(all[i], "weight") && strings.Contains(all[i], ":") == strings.Contains(rest, "IPv6") {
					all[i] = ""
				}
			}
		case strings.HasPrefix(rest, "has no effect"):
			all[n-3] = ""
		case property == "sortlist:" && strings.Contains(rest, "clients "+words[1]+": "):
			all[n-3] = ""
		case property == "sortlist:" && strings.Contains(rest, " has no effect after"):
			name, _, _ := strings.Cut(rest, " has no effect after")
			i := slices.IndexFunc(words, func(word string) bool { return strings.TrimPrefix(word, "!") == name })
			if i < 0 || name == "any" {
				return "", false
			}
			all[n-3] = strings.Join(slices.Delete(words, i, i+1), " ")
		default:
			return "", false
		}
	}
	left = strings.Join(all, "\n")
	return left, left != lines
}

// answersOf returns what several clients get for several questions from a directive with these
// lines.
func answersOf(t *testing.T, lines string) (all []string) {
	a := addressRRset("10.4.3.2", "192.0.2.1", "10.1.7.7", "192.0.2.99", "10.1.2.3", "198.51.100.7", "10.4.3.9")
	aaaa := addressRRset("2001:db8::1", "2001:db8:0:1::1", "2001:db9::1", "::1", "8000::1")
	var mx []dns.RR
	for _, host := range []string{"c", "a", "b"} {
		hdr := dns.RR_Header{Name: hot, Rrtype: dns.TypeMX, Class: dns.ClassINET}
		mx = append(mx, &dns.MX{Hdr: hdr, Mx: host + ".example."})
	}
	for qtype, records := range map[uint16][]dns.RR{dns.TypeA: a, dns.TypeAAAA: aaaa, dns.TypeMX: mx} {
		o := orderingOf(t, "ordering {\n"+lines+"\n}", replying(reply(hot, qtype, records...)))
		for _, client := range []string{"10.1.2.9", "10.4.3.7", "192.0.2.7", "2001:db8::9", "::7"} {
			for range 8 {
				answer := client
				for _, rr := range ask(t, o, client, hot, qtype).Answer {
					answer += " " + dns.Field(rr, dns.NumField(rr))
				}
				all = append(all, answer)
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestWarningsOfEveryDirective(t *testing.T) {
	zones, err := parsedCorefile(t, "example.org {\nordering {\nfirst_turn random\nround_robin off\n}\n"+
		"ordering a.example.org b.example.org {\nanswer_limit 5000\n}\n}")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Corefile:3 - first_turn: has no effect while round_robin is off: remove this line or set round_robin on",
		"Corefile:7 - answer_limit: has no effect because no DNS message has room for so many addresses: remove this line",
	}
	if diff := cmp.Diff(want, zones.warnings); diff != "" {
		t.Error(diff)
	}
}

func TestWarningOfATopologyFileWithoutNetworks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(path, []byte("# soon\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	zones, err := parsedCorefile(t, "example.org {\nordering {\ntypes A\ntopology "+path+"\n}\n}")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Corefile:4 - topology: " + path + " has no networks: add lines of NETWORK LOCATION or remove this line",
	}
	if diff := cmp.Diff(want, zones.warnings); diff != "" {
		t.Error(diff)
	}
}

// TestFindShadowedAgainstSearch compares random lists with a search through all that stand before.
func TestFindShadowedAgainstSearch(t *testing.T) {
	rnd := rand.New(rand.NewPCG(21, 22))
	for range 300 {
		lists := make([][]netip.Prefix, rnd.IntN(8))
		for i := range lists {
			for range 1 + rnd.IntN(3) {
				b := netip.AddrFrom4([4]byte{10, byte(rnd.IntN(2)), byte(rnd.IntN(256)), 0})
				lists[i] = append(lists[i], netip.PrefixFrom(b, rnd.IntN(25)).Masked())
			}
		}
		contains := func(i int) func(netip.Prefix) bool {
			return func(n netip.Prefix) bool {
				return slices.ContainsFunc(lists[i], func(m netip.Prefix) bool {
					return m.Bits() <= n.Bits() && m.Contains(n.Addr())
				})
			}
		}
		var want []shadowed
		for i, networks := range lists {
			s := shadowed{list: i}
			for _, n := range networks {
				for by := range i {
					if contains(by)(n) {
						if s.networks == nil {
							s.by = by
						}
						s.networks = append(s.networks, n)
						break
					}
				}
			}
			if s.networks != nil {
				want = append(want, s)
			}
		}
		got := findShadowed(lists)
		for i, s := range got {
			first := s.networks[0]
			if !slices.Contains(lists[s.by], s.holder) || s.holder.Bits() > first.Bits() || !s.holder.Contains(first.Addr()) {
				t.Errorf("%v does not contain %v", s.holder, first)
			}
			got[i].holder = netip.Prefix{}
		}
		equal := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(shadowed{}), equal); diff != "" {
			t.Fatalf("%v\n%s", lists, diff)
		}
	}
}

// TestWarningsAreLoggedOnceAtStart starts two server blocks that import the same lines.
func TestWarningsAreLoggedOnceAtStart(t *testing.T) {
	const first, second = "Corefile:3 - netmask: has no effect …", "Corefile:9 - weight: has no effect …"
	c := caddy.NewTestController("dns", "")
	got := logged(t, func() error {
		logOnce(c, []string{first})
		logOnce(c, []string{first, second})
		logOnce(c, nil)
		return nil
	})
	if want := "[WARNING] plugin/ordering: " + first + "\n[WARNING] plugin/ordering: " + second + "\n"; got != want {
		t.Errorf("got:  %q\nwant: %q", got, want)
	}
	got = logged(t, func() error {
		logOnce(caddy.NewTestController("dns", ""), []string{first})
		return nil
	})
	if strings.Count(got, first) != 1 {
		t.Errorf("after a reload: %q", got)
	}
}

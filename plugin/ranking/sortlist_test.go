package ranking

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/network"
)

// statements returns the statements in a text.
func statements(t *testing.T, text string) (all []Statement) {
	t.Helper()
	networks := func(word string) []netip.Prefix {
		list, err := network.ParseList(word)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for line := range strings.SplitSeq(text, ";") {
		words := strings.Fields(line)
		st := Statement{Clients: networks(words[0])}
		for _, word := range words[1:] {
			word, negated := strings.CutPrefix(word, "!")
			st.Preference = append(st.Preference, Word{Networks: networks(word), Negated: negated})
		}
		all = append(all, st)
	}
	return all
}

// sortedFor returns addresses sorted by their tier for a client.
func sortedFor(k *Ranking, addrs []string) []string {
	all := slices.Clone(addrs)
	slices.SortStableFunc(all, func(a, b string) int {
		return cmp.Compare(tierFor(k, netip.MustParseAddr(a)), tierFor(k, netip.MustParseAddr(b)))
	})
	return all
}

func TestSortlist(t *testing.T) {
	in := []string{"192.168.1.1", "192.168.2.1", "192.168.3.1", "172.16.0.1", "172.17.0.1", "10.0.0.1"}
	for _, tt := range []struct {
		name, statements, client string // statements as in a Corefile, CLIENTS PREFERENCE..., with ; between them
		want                     []string
	}{
		{
			"words in order", "any 10.0.0.0/8 172.17.0.0/16 192.168.3.1", "198.51.100.1",
			[]string{"10.0.0.1", "172.17.0.1", "192.168.3.1", "192.168.1.1", "192.168.2.1", "172.16.0.1"},
		}, {
			"equal networks with a comma", "any 192.168.3.0/24,172.17.0.0/16 10.0.0.0/8", "198.51.100.1",
			[]string{"192.168.3.1", "172.17.0.1", "10.0.0.1", "192.168.1.1", "192.168.2.1", "172.16.0.1"},
		}, {
			"the first word that contains an address, not the longest",
			"any 192.168.0.0/16 192.168.3.1 10.0.0.0/8", "198.51.100.1",
			[]string{"192.168.1.1", "192.168.2.1", "192.168.3.1", "10.0.0.1", "172.16.0.1", "172.17.0.1"},
		}, {
			"a longer prefix in front", "any 192.168.3.1 192.168.0.0/16", "198.51.100.1",
			[]string{"192.168.3.1", "192.168.1.1", "192.168.2.1", "172.16.0.1", "172.17.0.1", "10.0.0.1"},
		}, {
			"negated words last, in reverse order", "any !192.168.1.0/24 10.0.0.0/8 !192.168.0.0/16", "198.51.100.1",
			[]string{"10.0.0.1", "172.16.0.1", "172.17.0.1", "192.168.2.1", "192.168.3.1", "192.168.1.1"},
		}, {
			"a word in front of a negated one takes its addresses", "any 192.168.1.0/24 !192.168.0.0/16", "198.51.100.1",
			[]string{"192.168.1.1", "172.16.0.1", "172.17.0.1", "10.0.0.1", "192.168.2.1", "192.168.3.1"},
		}, {
			"all negated", "any !any", "198.51.100.1", in,
		}, {
			"the first statement that contains the client, not the longest",
			"198.51.0.0/16 10.0.0.0/8; 198.51.100.1 172.17.0.0/16", "198.51.100.1",
			[]string{"10.0.0.1", "192.168.1.1", "192.168.2.1", "192.168.3.1", "172.16.0.1", "172.17.0.1"},
		}, {
			"a later statement for other clients",
			"203.0.113.0/24 10.0.0.0/8; 198.51.100.1,2001:db8::/32 172.17.0.0/16", "2001:db8::9",
			[]string{"172.17.0.1", "192.168.1.1", "192.168.2.1", "192.168.3.1", "172.16.0.1", "10.0.0.1"},
		}, {
			"a client in no statement", "203.0.113.0/24 10.0.0.0/8", "198.51.100.1", in,
		}, {
			"any contains IPv6 clients", "any 10.0.0.0/8", "2001:db8::9",
			[]string{"10.0.0.1", "192.168.1.1", "192.168.2.1", "192.168.3.1", "172.16.0.1", "172.17.0.1"},
		}, {
			"ties go by netmask", "192.168.2.9 172.16.0.0/12", "192.168.2.9",
			[]string{"172.16.0.1", "172.17.0.1", "192.168.2.1", "192.168.1.1", "192.168.3.1", "10.0.0.1"},
		}, {
			"the list counts more than the netmask", "any 10.0.0.0/8 !192.168.2.0/24", "192.168.2.9",
			[]string{"10.0.0.1", "192.168.1.1", "192.168.3.1", "172.16.0.1", "172.17.0.1", "192.168.2.1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Masks: MaskLengths{IPv4: []int{24}, Classful: true}, Sortlist: statements(t, tt.statements)}
			if got := sortedFor(rankingFor(New(c), netip.MustParseAddr(tt.client)), in); !slices.Equal(got, tt.want) {
				t.Errorf("got %v\nwant %v", got, tt.want)
			}
		})
	}
}

func TestSortlistOfIPv6(t *testing.T) {
	c := Config{Sortlist: statements(t, "2001:db8::/32 2001:db8:2::/48 !2001:db8:1::/48")}
	k := rankingFor(New(c), netip.MustParseAddr("2001:db8::9"))
	got := sortedFor(k, []string{"2001:db8:1::1", "2001:db8:3::1", "2001:db8:2::1"})
	if want := []string{"2001:db8:2::1", "2001:db8:3::1", "2001:db8:1::1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestThousandsOfStatements compares a long sort list with a search from its first statement on.
func TestThousandsOfStatements(t *testing.T) {
	rnd := rand.New(rand.NewPCG(15, 16))
	for _, n := range []int{1, 10, 3000} {
		statements := randomStatements(rnd, n)
		l := newSortlist(statements)
		for range 300 {
			client := addrNearABase(rnd)
			if rnd.IntN(2) == 0 {
				client = addrNear(rnd, statements[rnd.IntN(n)].Clients[0].Addr(), 0)
			}
			got := -1
			if found := l.find(client); found != nil {
				got = slices.Index(l.preferences, found)
			}
			if want := statementOf(statements, client); got != want {
				t.Fatalf("%d statements: %v is in statement %d, want %d", n, client, got, want)
			}
		}
	}
}

package validators

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/keytest"
	"github.com/coredns-ordering/ordering/test/internal/program"
	"github.com/coredns-ordering/ordering/test/internal/proxied"

	"github.com/miekg/dns"
)

// subnetRecords has addresses near the clients of subnetClients, and others.
const subnetRecords = `www A 10.1.1.1
www A 10.1.1.129
www A 10.1.2.1
www A 10.1.18.1
www A 10.2.1.1
www A 127.0.1.1
www A 127.0.1.77
www A 127.0.2.1
www A 127.9.1.1
www A 172.16.1.1
www A 172.16.22.1
www A 192.0.2.1
www A 192.0.2.129
www A 198.51.100.1
www AAAA 2001:db8:1:1::1
www AAAA 2001:db8:1:1::2
www AAAA 2001:db8:1:2::1
www AAAA 2001:db8:2:1::1
www AAAA fd00:1::1
`

// A policy is what ordering does in a server block, and what an answer may depend on.
type policy struct {
	name     string
	ordering string // with %s for the path of a topology file
	below    string // plugins below ordering, with %s for the path of the key
	max4     int    // how much of a client's address the resolver passes on
	max6     int
}

var policies = []policy{
	{"the defaults", "", "", 32, 128},
	{"the defaults, with a cache", "", "cache", 32, 128},
	{"the defaults, signed", "", "cache\ndnssec {\nkey file %s\n}", 32, 128},
	{"the defaults, and unbound's", "", "", 24, 56},
	{"three masks", "netmask /26 /20 /10\nnetmask6 /63 /40 /127", "", 32, 128},
	{"masks longer than what the resolver passes on", "netmask /26 /20\nnetmask6 /120", "", 24, 56},
	{"classful networks only", "netmask 0xffffffff", "", 32, 128},
	{"no masks", "local_net_priority off", "", 32, 128},
	{"sticky", "local_net_priority off\nround_robin sticky", "", 32, 128},
	{"sticky, and unbound's defaults", "round_robin sticky", "", 24, 56},
	{"a sort list", `local_net_priority off
		sortlist 10.1.0.0/23 10.1.18.0/24 !172.16.0.0/12
		sortlist 10.0.0.0/8,127.0.1.64/26 10.1.2.0/24 192.0.2.0/24,127.0.2.0/24
		sortlist 2001:db8::/47 fd00:1::/64 2001:db8:2::/48
		sortlist 127.0.0.0/9`, "", 32, 128},
	{"a topology", "local_net_priority off\ntopology %s", "", 32, 128},
	{"a topology and masks", "netmask /22\ntopology %s", "", 32, 128},
	{"a topology and sticky", "round_robin sticky\ntopology %s", "", 32, 128},
	{"a topology, a sort list and unbound's defaults", "topology %s\nsortlist 10.0.0.0/8 172.16.0.0/12", "", 24, 56},
}

// randomTopology returns a topology file whose networks have any length and lie in each other.
func randomTopology(random *rand.Rand) string {
	seen := map[netip.Prefix]bool{}
	for range 150 {
		addr := randomClient(random)
		shortest := 6
		if addr.Is6() {
			shortest = 16
		}
		network, _ := addr.Prefix(shortest + random.IntN(addr.BitLen()-shortest+1))
		seen[network] = true
	}
	for rr := range strings.FieldsSeq(subnetRecords) {
		if addr, err := netip.ParseAddr(rr); err == nil {
			network, _ := addr.Prefix(addr.BitLen() - random.IntN(12))
			seen[network] = true
		}
	}
	var b strings.Builder
	for _, network := range slices.SortedFunc(maps.Keys(seen), netip.Prefix.Compare) {
		fmt.Fprintf(&b, "%v r%d/z%d\n", network, random.IntN(3), random.IntN(3))
	}
	return b.String()
}

// randomClient returns an address that often shares bits with an address of subnetRecords. A third
// are in 127.0.0.0/8: such a client asks from its own address.
func randomClient(random *rand.Rand) netip.Addr {
	octet := func(choices ...byte) byte { return choices[random.IntN(len(choices))] }
	last := byte(random.IntN(256))
	switch random.IntN(6) {
	case 0, 1:
		return netip.AddrFrom4([4]byte{127, octet(0, 0, 9), octet(1, 2, 3), last | 1})
	case 2:
		return netip.AddrFrom4([4]byte{10, octet(1, 2, 3), octet(1, 2, 18), last})
	case 3:
		return netip.AddrFrom4([4]byte{172, 16, octet(1, 22, 200), last})
	case 4:
		return netip.AddrFrom4([4]byte{octet(192, 198, 8), octet(0, 51), octet(2, 100), last})
	}
	if random.IntN(4) == 0 {
		return netip.AddrFrom16([16]byte{0xfd, 3: octet(1, 2), 15: last})
	}
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 5: octet(1, 2, 3), 7: octet(1, 2, 3), 15: last})
}

// subnetQuery returns a query for www.example.org for clients in network.
func subnetQuery(rrtype uint16, network netip.Prefix) *dns.Msg {
	m := new(dns.Msg).SetQuestion("www.example.org.", rrtype)
	m.SetEdns0(4096, false)
	m.IsEdns0().Option = []dns.EDNS0{proxied.Subnet(network)}
	return m
}

// direct asks ordering itself for clients in network. It returns the addresses in their order, and
// the network that may share them.
func direct(t *testing.T, addr netip.AddrPort, rrtype uint16, network netip.Prefix) (string, netip.Prefix) {
	t.Helper()
	r := exchange(t, ownAddress, addr, subnetQuery(rrtype, network))
	for _, o := range r.IsEdns0().Option {
		if o, ok := o.(*dns.EDNS0_SUBNET); ok {
			shared, err := network.Addr().Prefix(min(int(o.SourceScope), network.Bits()))
			if err != nil {
				t.Fatal(err)
			}
			return addresses(r), shared
		}
	}
	t.Fatalf("no Client Subnet option in\n%v", r)
	return "", netip.Prefix{}
}

// addresses returns the addresses in the answer section in their order.
func addresses(r *dns.Msg) string {
	var all []string
	for _, rr := range r.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			all = append(all, rr.A.String())
		case *dns.AAAA:
			all = append(all, rr.AAAA.String())
		}
	}
	return strings.Join(all, " ")
}

// unboundWithSubnets returns the path of unbound. It skips the test if that is not installed, or
// built without the cache per client network.
func unboundWithSubnets(t *testing.T) string {
	t.Helper()
	path := program.Find(t, "unbound")
	if output, err := exec.Command(path, "-V").CombinedOutput(); !strings.Contains(string(output), "subnetcache") {
		t.Skipf("%s is built without the module subnetcache (%v):\n%s", path, err, output)
	}
	return path
}

// startForSubnets starts a server that trusts the Client Subnet option of this process, and unbound
// with a cache per client network in front of it. Between the two is a relay that counts.
func startForSubnets(
	t *testing.T, unbound string, random *rand.Rand, p policy, more string,
) (ordering, resolver netip.AddrPort, r *relay) {
	t.Helper()
	dir := t.TempDir()
	ordering, counted := freeAddress(t), freeAddress(t)
	properties, below, validate := p.ordering, p.below, ""
	if strings.Contains(properties, "%s") {
		properties = fmt.Sprintf(properties, program.WriteFile(t, dir, "topology.txt", randomTopology(random)))
	}
	if strings.Contains(below, "%s") {
		key, file := keytest.SigningKey(t, dir)
		below = fmt.Sprintf(below, file)
		validate = fmt.Sprintf("\ttrust-anchor-file: %q\n", program.WriteFile(t, dir, "anchor", key.String()+"\n"))
	}
	if !strings.Contains(properties, "round_robin") {
		properties += "\n" + more
	}
	startServer(t, ordering, fmt.Sprintf("ordering {\necs %v\n%s\n}\n%s\nfile %s", ownAddress, properties, below,
		program.WriteFile(t, dir, "example.org.zone", parseZone(t, apex+subnetRecords).String())))
	r = startRelay(t, counted, ordering, nil)
	resolver = startUnbound(t, unbound, counted, fmt.Sprintf(`	module-config: "subnetcache validator iterator"
	rrset-roundrobin: no
	send-client-subnet: %v
	max-client-subnet-ipv4: %d
	max-client-subnet-ipv6: %d
	max-ecs-tree-size-ipv4: 1000
	max-ecs-tree-size-ipv6: 1000
%s`, ownAddress, p.max4, p.max6, validate))
	return ordering, resolver, r
}

// askResolver asks unbound for a client: from its own address if that is one of this machine, and
// with a Client Subnet option otherwise.
func askResolver(t *testing.T, resolver netip.AddrPort, rrtype uint16, client netip.Addr) *dns.Msg {
	t.Helper()
	if client.IsLoopback() {
		m := new(dns.Msg).SetQuestion("www.example.org.", rrtype)
		m.AuthenticatedData = true // ask for the AD bit
		return exchange(t, client, resolver, m)
	}
	return exchange(t, ownAddress, resolver, subnetQuery(rrtype, netip.PrefixFrom(client, client.BitLen())))
}

// Clients of many networks ask a resolver that caches per client network, again and again. Each
// gets the order that ordering gives to it alone, and the resolver asks ordering once per scope.
func TestNoClientOfACachingResolverGetsTheOrderOfAnother(t *testing.T) {
	unbound := unboundWithSubnets(t)
	random := newRandom(t)
	rounds := rounds(t)
	answers, asked := 0, 0
	for _, p := range policies {
		t.Run(p.name, func(t *testing.T) {
			ordering, resolver, relay := startForSubnets(t, unbound, random, p, "round_robin off")
			clients := make([]netip.Addr, 80)
			for i := range clients {
				clients[i] = randomClient(random)
			}
			orders := map[string]bool{}
			for _, rrtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
				scopes := map[netip.Prefix]bool{}
				for round := range rounds {
					random.Shuffle(len(clients), func(i, j int) { clients[i], clients[j] = clients[j], clients[i] })
					for _, client := range clients {
						bits := p.max4
						if client.Is6() {
							bits = p.max6
						}
						network, _ := client.Prefix(bits)
						want, shared := direct(t, ordering, rrtype, network)
						scopes[shared], orders[want] = true, true
						r := askResolver(t, resolver, rrtype, client)
						if got := addresses(r); got != want {
							t.Fatalf("round %d: %v gets %s\nwant %s", round, client, got, want)
						}
						if strings.Contains(p.below, "dnssec") && client.IsLoopback() && !r.AuthenticatedData {
							t.Fatalf("not secure:\n%v", r)
						}
						answers++
					}
				}
				if got := relay.count("www.example.org.", rrtype); got != len(scopes) {
					t.Errorf("type %d: the resolver asked %d times for %d scopes", rrtype, got, len(scopes))
				}
				asked += len(scopes)
			}
			if len(orders) < 3 && p.name != "no masks" {
				t.Errorf("all clients get the same orders, so this shows nothing: %v", orders)
			}
		})
	}
	t.Logf("%d answers, each with the order of its client; the resolver asked %d times", answers, asked)
}

// The same with turns: what the resolver has cached is one turn, but always with the addresses on
// the client's own subnet in front.
func TestTurnsBehindACachingResolverStayInsideTheirTier(t *testing.T) {
	unbound := unboundWithSubnets(t)
	random := newRandom(t)
	p := policy{ordering: "classful off\nnetmask6 /64", max4: 24, max6: 64}
	for _, turns := range []string{"round_robin on", "round_robin random"} {
		_, resolver, _ := startForSubnets(t, unbound, random, p, turns)
		for range 300 * rounds(t) {
			client := randomClient(random)
			rrtype, bits := dns.TypeA, 24
			if client.Is6() {
				rrtype, bits = dns.TypeAAAA, 64
			}
			subnet, _ := client.Prefix(bits)
			far := false
			for word := range strings.FieldsSeq(addresses(askResolver(t, resolver, rrtype, client))) {
				near := subnet.Contains(netip.MustParseAddr(word))
				if near && far {
					t.Fatalf("%v gets %s after an address that is not on its subnet", client, word)
				}
				far = !near
			}
		}
	}
}

package ranking

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/plugin/topology"
)

// cluster is a topology whose labels have the names of those of a Kubernetes cluster.
type cluster struct{ fixed }

func (cluster) Levels() []string { return []string{"region", "zone", "node"} }

// topologyOf returns a topology with these locations, by network.
func topologyOf(t *testing.T, locations map[string]string) fixed {
	t.Helper()
	var b topology.Builder
	for n, location := range locations {
		if err := b.Add(netip.MustParsePrefix(n), location); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Table()
	if err != nil {
		t.Fatal(err)
	}
	return fixed{table: table}
}

// networks returns the networks in a word of a sort list.
func networks(t *testing.T, word string) []netip.Prefix {
	t.Helper()
	all, err := network.ParseList(word)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNearAndReason(t *testing.T) {
	masks := MaskLengths{IPv4: []int{24, 21}, IPv6: []int{64, 48}, Classful: true}
	classOnly := MaskLengths{Classful: true}
	places := topologyOf(t, map[string]string{
		"10.1.0.0/16": "west/w1/n1", "10.1.2.0/24": "west/w1/n2", "10.2.0.0/16": "west/w2", "10.3.0.0/16": "east/e1/n3",
		"10.4.0.0/16": "-/w1/n4",
	})
	sortlist := []Statement{
		{Line: 7, Clients: networks(t, "172.16.0.0/12"), Preference: []Word{
			{Networks: networks(t, "192.0.2.128/25")}, {Networks: networks(t, "192.0.2.0/24,10.3.0.0/16")},
			{Networks: networks(t, "198.51.100.0/24"), Negated: true}, {Networks: networks(t, "198.51.101.0/24"), Negated: true},
		}},
		{Line: 9, Clients: networks(t, "10.0.0.0/8"), Preference: []Word{{Networks: networks(t, "203.0.113.0/24")}}},
	}
	own := []Statement{
		{Line: 3, Clients: networks(t, "10.0.0.0/8"), Preference: []Word{{Networks: networks(t, "10.0.0.0/8")}}},
		{Line: 4, Clients: networks(t, "any"), Preference: []Word{{Networks: networks(t, "any"), Negated: true}}},
	}
	last := []Statement{{Line: 5, Clients: networks(t, "any"), Preference: []Word{
		{Networks: networks(t, "10.0.0.0/8"), Negated: true},
	}}}
	lastAndMasks := Config{Sortlist: last, Masks: masks}
	ownAndAll := Config{Sortlist: own, Topology: cluster{places}, Masks: masks}
	ownAndMasks := Config{Sortlist: own, Masks: masks}
	everything := Config{Sortlist: sortlist, Topology: places, Masks: masks}
	listAndFile := Config{Sortlist: sortlist, Topology: places}
	listAndMasks := Config{Sortlist: sortlist, Masks: masks}
	byList := Config{Sortlist: sortlist}
	fileAndMasks := Config{Topology: places, Masks: masks}
	byCluster := Config{Topology: cluster{places}}
	byFile := Config{Topology: places}
	byNothing := Config{Topology: topologyOf(t, nil)}
	byClass := Config{Masks: classOnly}
	byMask6 := Config{Masks: MaskLengths{IPv6: []int{64}}}
	byMasks := Config{Masks: masks}
	for _, tt := range []struct {
		name         string
		config       Config
		client, addr string
		near         Near
		reason       string
	}{
		{"the longest mask", byMasks, "172.16.22.8", "172.16.22.4", NearSubnet, "subnet 172.16.22.0/24"},
		{"a shorter mask", byMasks, "172.16.22.8", "172.16.17.4", NearNetwork, "network 172.16.16.0/21"},
		{"the classful network", byMasks, "172.16.22.8", "172.16.31.5", NearNetwork, "network 172.16.0.0/16"},
		{"no mask", byMasks, "172.16.22.8", "172.17.31.5", NearElsewhere, "elsewhere"},
		{"the other family", byMasks, "172.16.22.8", "::ffff:1", NearElsewhere, "elsewhere"},
		{"a classful network that is the longest mask", byMasks, "192.168.1.9", "192.168.1.4",
			NearSubnet, "subnet 192.168.1.0/24"},
		{"a classful network and no mask", byClass, "192.168.1.9", "192.168.1.4",
			NearNetwork, "network 192.168.1.0/24"},
		{"a mask of IPv6 and none of IPv4", byMask6, "2001:db8::1", "2001:db8::2",
			NearSubnet, "subnet 2001:db8::/64"},
		{"another mask of IPv6", byMasks, "2001:db8::1", "2001:db8:0:1::2", NearNetwork, "network 2001:db8::/48"},
		{"no client", byMasks, "", "172.16.22.4", NearElsewhere, "elsewhere"},
		{"nothing asked for", Config{}, "172.16.22.8", "172.16.22.8", NearElsewhere, "elsewhere"},

		{"three labels", byFile, "10.1.0.9", "10.1.9.9", NearShared3, "shared3 west/w1/n1"},
		{"two labels", byFile, "10.1.0.9", "10.1.2.9", NearShared2, "shared2 west/w1"},
		{"one label", byFile, "10.1.0.9", "10.2.0.9", NearShared1, "shared1 west"},
		{"one node", byCluster, "10.1.0.9", "10.1.9.9", NearNode, "node west/w1/n1"},
		{"one zone", byCluster, "10.1.0.9", "10.1.2.9", NearZone, "zone west/w1"},
		{"one region", byCluster, "10.1.0.9", "10.2.0.9", NearRegion, "region west"},
		{"one node of a region that is not known", byCluster, "10.4.0.9", "10.4.1.9", NearNode, "node -/w1/n4"},
		{"no label", byCluster, "10.1.0.9", "10.3.0.9", NearElsewhere, "elsewhere: at east/e1/n3"},
		{"an address without a location", byFile, "10.1.0.9", "10.9.0.9",
			NearElsewhere, "elsewhere: location unknown"},
		{"a client without a location", byFile, "10.9.0.9", "10.1.0.9",
			NearUnknown, "unknown: location of the client unknown"},
		{"a client without a location, but a mask", fileAndMasks, "10.9.0.9", "10.9.0.1",
			NearSubnet, "subnet 10.9.0.0/24"},
		{"an empty topology", byNothing, "10.9.0.9", "10.1.0.9",
			NearUnknown, "unknown: location of the client unknown"},
		{"a label before a mask", fileAndMasks, "10.1.0.9", "10.1.0.1", NearShared3, "shared3 west/w1/n1"},

		{"the first word", listAndMasks, "172.16.22.8", "192.0.2.130", NearSortlist, "sortlist line 7 word 1"},
		{"the second word", listAndMasks, "172.16.22.8", "192.0.2.9", NearSortlist, "sortlist line 7 word 2"},
		{"the first negated word", byList, "172.16.22.8", "198.51.100.7",
			NearElsewhere, "elsewhere: sortlist line 7 word !3: always last"},
		{"the second negated word", byList, "172.16.22.8", "198.51.101.7",
			NearElsewhere, "elsewhere: sortlist line 7 word !4: after all that is not negated"},
		{"in no word", byList, "172.16.22.8", "203.0.113.1", NearElsewhere, "elsewhere: not in sortlist line 7"},
		{"in no word, but a mask", listAndMasks, "172.16.22.8", "172.16.22.4", NearSubnet, "subnet 172.16.22.0/24"},
		{"another statement", byList, "10.1.0.9", "203.0.113.1", NearSortlist, "sortlist line 9 word 1"},
		{"no statement", listAndMasks, "192.168.0.1", "203.0.113.1", NearElsewhere, "elsewhere"},
		{"a word before a label", listAndFile, "10.1.0.9", "203.0.113.1", NearSortlist, "sortlist line 9 word 1"},
		{"a label where there is no word", everything, "10.1.0.9", "10.2.0.1", NearShared1, "shared1 west"},
		{"a word, then a label, then a mask", ownAndAll, "10.1.0.9", "10.1.0.1", NearSortlist,
			"sortlist line 3 word 1, node west/w1/n1"},
		{"a word, then a mask", ownAndMasks, "10.1.0.9", "10.1.8.1",
			NearSortlist, "sortlist line 3 word 1, network 10.0.0.0/8"},
		{"a negated word, then a mask", ownAndMasks, "192.168.1.9", "192.168.1.1", NearElsewhere,
			"elsewhere: sortlist line 4 word !1: always last, subnet 192.168.1.0/24"},
		{"in no word, the first of which is negated, but a mask", lastAndMasks, "192.168.1.9", "192.168.2.1",
			NearNetwork, "network 192.168.0.0/21"},
		{"a negated word and a client without a location", listAndFile, "172.16.0.1", "198.51.100.7",
			NearElsewhere, "elsewhere: sortlist line 7 word !3: always last"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, _ := netip.ParseAddr(tt.client)
			addr := netip.MustParseAddr(tt.addr)
			var k Ranking
			r := New(tt.config)
			r.Rank(&k, client)
			if !r.CanBe(tt.near) {
				t.Errorf("no address can be %v", tt.near)
			}
			a, ip4 := ipaddr.FromNetip(addr), addr.Is4()
			if near := k.Near(k.Tier(a, ip4)); near != tt.near {
				t.Errorf("%s is %v for %q, want %v", addr, near, tt.client, tt.near)
			}
			reason := k.Reason(a, ip4)
			all := reason.String()
			if ties := reason.Ties(); ties != "" {
				all += ", " + ties
			}
			if reason.Last != strings.Contains(all, "always last") {
				t.Errorf("%s comes last %v: %q", addr, reason.Last, all)
			}
			if reason.Near != tt.near || all != tt.reason {
				t.Errorf("the reason for %s is %v, %q, want %v, %q", addr, reason.Near, all, tt.near, tt.reason)
			}
		})
	}
}

// In a metric, two Nears with one name would be one.
func TestNamesOfNearDiffer(t *testing.T) {
	seen := map[string]bool{}
	for n := range NearCount {
		if name := n.String(); name == "" || seen[name] {
			t.Errorf("Near %d is named %q, as is another or none", n, name)
		}
		seen[n.String()] = true
	}
	if got, want := NearCount.String(), "Near(16)"; got != want {
		t.Errorf("what is no Near is named %q, want %q", got, want)
	}
}

func TestCanBe(t *testing.T) {
	two := topologyOf(t, map[string]string{"10.1.0.0/16": "west/w1", "10.2.0.0/16": "east"})
	eight := topologyOf(t, map[string]string{"10.1.0.0/16": "a/b/c/d/e/f/g/h"})
	own := []Statement{{Clients: networks(t, "10.0.0.0/8"), Preference: []Word{{Networks: networks(t, "10.0.0.0/8")}}}}
	for _, tt := range []struct {
		name   string
		config Config
		want   string
	}{
		{"nothing", Config{}, "elsewhere"},
		{"one mask", Config{Masks: MaskLengths{IPv4: []int{24}}}, "elsewhere subnet"},
		{"one mask of IPv6", Config{Masks: MaskLengths{IPv6: []int{64}}}, "elsewhere subnet"},
		{"one mask of each family", Config{Masks: MaskLengths{IPv4: []int{24}, IPv6: []int{64}}}, "elsewhere subnet"},
		{"two masks", Config{Masks: MaskLengths{IPv4: []int{24, 16}}}, "elsewhere network subnet"},
		{"two masks of IPv6", Config{Masks: MaskLengths{IPv6: []int{64, 48}}}, "elsewhere network subnet"},
		{"a mask that is the classful network or longer", Config{Masks: MaskLengths{IPv4: []int{24}, Classful: true}},
			"elsewhere network subnet"},
		{"the classful network", Config{Masks: MaskLengths{Classful: true}}, "elsewhere network"},
		{"a sort list", Config{Sortlist: own}, "elsewhere sortlist"},
		{"an empty file", Config{Topology: topologyOf(t, nil)}, "unknown elsewhere"},
		{"a file of two labels", Config{Topology: two}, "unknown elsewhere shared1 shared2"},
		{"a file of eight labels", Config{Topology: eight}, "unknown elsewhere shared1 shared2 shared3 shared4 " +
			"shared5 shared6 shared7 shared8"},
		{"a cluster that was not read yet", Config{Topology: cluster{topologyOf(t, nil)}},
			"unknown elsewhere region zone node"},
		{"a cluster", Config{Topology: cluster{two}}, "unknown elsewhere region zone node"},
		{"a cluster and a file of eight labels", Config{Topology: cluster{eight}}, "unknown elsewhere shared4 shared5 " +
			"shared6 shared7 shared8 region zone node"},
		{"all", Config{Masks: MaskLengths{IPv4: []int{24, 16}}, Sortlist: own, Topology: cluster{two}},
			"unknown elsewhere network subnet region zone node sortlist"},
	} {
		r := New(tt.config)
		var got []string
		for near := range NearCount {
			if r.CanBe(near) {
				got = append(got, near.String())
			}
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s: an address can be %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Package contract is a model of what ordering promises. It was written from the description of the
// plugin and uses none of its code. It is slow, but each rule is a few lines that can be compared
// with the description. Tests ask a real server and compare the answers with the model.
package contract

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// The values of round_robin.
const (
	On     = "on"
	Off    = "off"
	Random = "random"
	Sticky = "sticky"
)

// The values of base_order.
const (
	Auto      = "auto"
	Received  = "received"
	Canonical = "canonical"
)

// A Policy is one ordering directive of a Corefile. Its methods only read it.
type Policy struct {
	LocalNetPriority bool
	Netmask          []int
	Classful         bool
	Netmask6         []int
	RoundRobin       string
	RandomFirstTurn  bool
	BaseOrder        string
	Types            []uint16
	Sortlist         []Statement
	Topology         []Place
	Weights          []Weight
	AnswerLimit      int // 0: none
	ECS              []netip.Prefix
}

// A Statement is a line of a sort list.
type Statement struct {
	Clients []netip.Prefix
	Words   []Word // none: the clients are the preference
}

// A Word is one rank of a preference.
type Word struct {
	Networks []netip.Prefix
	Negated  bool
}

// A Place is a line of a topology file.
type Place struct {
	Network  netip.Prefix
	Location string
}

// A Weight is the weight of a network.
type Weight struct {
	Network netip.Prefix
	N       int
}

// Default returns the policy of a directive without properties.
func Default() *Policy {
	return &Policy{
		LocalNetPriority: true,
		Netmask:          []int{24},
		Classful:         true,
		Netmask6:         []int{64, 48},
		RoundRobin:       On,
		BaseOrder:        Auto,
		Types:            []uint16{dns.TypeA, dns.TypeAAAA},
	}
}

// Any is every address.
var Any = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// Lines returns the properties of p as they stand in a Corefile. Properties with their default
// value are left out. topology is the path of the topology file.
func (p *Policy) Lines(topology string) []string {
	var all []string
	add := func(changed bool, format string, args ...any) {
		if changed {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	d := Default()
	add(!p.LocalNetPriority, "local_net_priority off")
	add(!p.Classful, "classful off")
	add(len(p.Netmask) == 0, "netmask 0xffffffff")
	add(len(p.Netmask) > 0 && !slices.Equal(p.Netmask, d.Netmask), "netmask %s", lengths(p.Netmask))
	add(!slices.Equal(p.Netmask6, d.Netmask6), "netmask6 %s", lengths(p.Netmask6))
	add(p.RoundRobin != On, "round_robin %s", p.RoundRobin)
	add(p.RandomFirstTurn, "first_turn random")
	add(p.BaseOrder != Auto, "base_order %s", p.BaseOrder)
	if !slices.Equal(p.Types, d.Types) {
		var names []string
		for _, t := range p.Types {
			names = append(names, dns.TypeToString[t])
		}
		add(true, "types %s", strings.Join(names, " "))
	}
	for _, s := range p.Sortlist {
		words := []string{networks(s.Clients)}
		for _, w := range s.Words {
			words = append(words, map[bool]string{true: "!"}[w.Negated]+networks(w.Networks))
		}
		add(true, "sortlist %s", strings.Join(words, " "))
	}
	add(p.Topology != nil, "topology %s", topology)
	for _, w := range p.Weights {
		add(true, "weight %v %d", w.Network, w.N)
	}
	add(p.AnswerLimit > 0, "answer_limit %d", p.AnswerLimit)
	add(len(p.ECS) > 0, "ecs %s", strings.ReplaceAll(networks(p.ECS), ",", " "))
	return all
}

// TopologyFile returns the text of a topology file with these places.
func TopologyFile(places []Place) string {
	var b strings.Builder
	for _, p := range places {
		fmt.Fprintf(&b, "%v %s\n", p.Network, p.Location)
	}
	return b.String()
}

func lengths(masks []int) string {
	words := make([]string, len(masks))
	for i, n := range masks {
		words[i] = fmt.Sprintf("/%d", n)
	}
	return strings.Join(words, " ")
}

func networks(list []netip.Prefix) string {
	if slices.Equal(list, Any) {
		return "any"
	}
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = n.String()
	}
	return strings.Join(words, ",")
}

// Orders reports whether p orders RRsets of this type.
func (p *Policy) Orders(rrtype uint16) bool { return slices.Contains(p.Types, rrtype) }

// Trusts reports whether p believes the Client Subnet options of queries from source.
func (p *Policy) Trusts(source netip.Addr) bool { return holds(p.ECS, source) }

// WeightOf returns the weight of an address: the longest prefix decides.
func (p *Policy) WeightOf(a netip.Addr) int {
	weight, longest := 1, -1
	for _, w := range p.Weights {
		if w.Network.Contains(a) && w.Network.Bits() > longest {
			weight, longest = w.N, w.Network.Bits()
		}
	}
	return weight
}

func holds(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(n netip.Prefix) bool { return n.Contains(a) })
}

package ordering

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"
)

// topologyWarnings warns of a topology file without networks.
func topologyWarnings(b *block) []string {
	t := &b.topology
	if t.fromFile == nil || t.fromFile.Table().Len() > 0 {
		return nil
	}
	return []string{warning(t.file.position, "topology", "%s has no networks: add lines of NETWORK LOCATION or remove this line",
		t.fromFile.Name())}
}

// weightWarnings warns of weights that have no effect, once for each family of addresses.
func weightWarnings(b *block) []string {
	if withoutAddresses(b) != "" {
		return nil // warned of already
	}
	var all []string
	for _, family := range []addressFamily{{"IPv4", dns.TypeA, true}, {"IPv6", dns.TypeAAAA, false}} {
		ofOther := func(w weightLine) bool { return w.network.Addr().Is4() != family.ip4 }
		lines := slices.DeleteFunc(slices.Clone(b.weights), ofOther)
		if len(lines) == 0 {
			continue
		}
		line, why := lines[0], withoutType(b, family.rrtype)
		if why == "" {
			line, why = weightNoEffect(lines, family.name, b.order.Rotation == rrset.Fixed)
		}
		if why != "" {
			all = append(all, warning(line.position, "weight", "has no effect %s", why))
		}
	}
	return all
}

// An addressFamily is IPv4 or IPv6.
type addressFamily struct {
	name   string
	rrtype uint16
	ip4    bool
}

// weightNoEffect returns the first line that has no effect and why, "" if all may have one. lines
// are all weights of one family of addresses. fixed says that nothing takes turns: then it makes no
// difference how large a weight above 0 is.
func weightNoEffect(lines []weightLine, family string, fixed bool) (line weightLine, why string) {
	const whileFixed = "while round_robin is off, where only weight 0 counts: remove it or set round_robin on"
	weight, equal := equalWeight(lines, fixed)
	switch {
	case equal && fixed && weight > 0:
		return lines[0], whileFixed
	case equal:
		return lines[0], fmt.Sprintf("because every %s address has weight %d: give some another weight or remove these lines",
			family, weight)
	case !fixed:
		return line, ""
	}
	zeros := new(bart.Table[bool])
	for _, l := range lines {
		if l.weight == 0 {
			zeros.Insert(l.network, true)
		}
	}
	for _, l := range lines {
		// Inside a network of weight 0, any other weight exempts addresses from that.
		if _, inZero := zeros.LookupPrefix(l.network); l.weight > 1 && !inZero {
			return l, whileFixed
		}
	}
	return line, ""
}

// equalWeight returns the weight that all addresses of a family have by lines; ok is false if they
// have different weights. With fixed, all weights above 0 count as equal.
func equalWeight(lines []weightLine, fixed bool) (weight uint8, ok bool) {
	weight = 1
	if i := slices.IndexFunc(lines, func(l weightLine) bool { return l.network.Bits() == 0 }); i >= 0 {
		weight = lines[i].weight
	}
	return weight, !slices.ContainsFunc(lines, func(l weightLine) bool {
		return l.weight != weight && (!fixed || l.weight == 0 || weight == 0)
	})
}

// sortlistWarnings warns of clients and preferences that have no effect, because an earlier line or
// word contains them.
func sortlistWarnings(b *block) []string {
	var all []string
	clients := make([][]netip.Prefix, len(b.sortlist))
	for i, line := range b.sortlist {
		clients[i] = line.statement.Clients
		preference := make([][]netip.Prefix, len(line.statement.Preference))
		for j, rank := range line.statement.Preference {
			preference[j] = rank.Networks
		}
		for _, s := range findShadowed(preference) {
			all = append(all, warning(line.position, "sortlist", "%s has no effect after %v, which contains it: %s",
				s.names(), s.holder, "move it before that word or remove it"))
		}
	}
	for _, s := range findShadowed(clients) {
		all = append(all, warning(b.sortlist[s.list].position, "sortlist",
			"the sortlist at %s already decides for the clients %s: move this line above that one or remove them",
			b.sortlist[s.by].position, s.names()))
	}
	return all
}

// shadowed are networks of a list that lie in those of an earlier list.
type shadowed struct {
	list     int
	networks []netip.Prefix
	by       int          // the earlier list that contains the first of networks
	holder   netip.Prefix // the network in that list
}

// names returns the networks of s, and leaves out those after the third.
func (s *shadowed) names() string {
	if slices.Equal(s.networks, network.Any) {
		return "any"
	}
	var names []string
	for i, n := range s.networks {
		if i == 3 {
			names = append(names, "…")
			break
		}
		names = append(names, n.String())
	}
	return strings.Join(names, ", ")
}

// findShadowed returns what is shadowed in lists. It does not see that several networks together
// contain another.
func findShadowed(lists [][]netip.Prefix) []shadowed {
	var all []shadowed
	earlier := new(bart.Table[int]) // network → the first list that has it
	for i, networks := range lists {
		s := shadowed{list: i}
		for _, n := range networks {
			by, holder := i, n
			for wider, j := range earlier.Supernets(n) {
				if j < by {
					by, holder = j, wider
				}
			}
			if by < i {
				if len(s.networks) == 0 {
					s.by, s.holder = by, holder
				}
				s.networks = append(s.networks, n)
			}
		}
		for _, n := range networks {
			if _, ok := earlier.Get(n); !ok {
				earlier.Insert(n, i)
			}
		}
		if len(s.networks) > 0 {
			all = append(all, s)
		}
	}
	return all
}

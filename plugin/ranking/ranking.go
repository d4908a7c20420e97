// Package ranking says how near an address is to a client.
//
// A Ranker is made once from what a configuration says: subnet masks, sort lists and a topology.
// It gives each client a Ranking, the function from an address to its tier; tier 0 is nearest. The
// sort list weighs most, then the topology, then the masks.
package ranking

import (
	"net/netip"
	"slices"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/topology"
)

// Config is what a Ranker is made from. The zero Config puts every address in one tier.
type Config struct {
	Masks    MaskLengths
	Sortlist []Statement     // in the order of the configuration
	Topology topology.Source // nil: none
}

// A Ranker makes the Ranking of each client. It is immutable, except that its topology may change,
// and safe for concurrent use.
type Ranker struct {
	masks    [classes]*masks
	sortlist *sortlist       // nil: none
	topology topology.Source // nil: none
	levels   *nearByLabels   // of topology
}

// New returns the Ranker of a configuration. It keeps only the topology of its argument.
func New(c Config) *Ranker {
	r := &Ranker{masks: newClassMasks(c.Masks), topology: c.Topology, levels: newNearByLabels(c.Topology)}
	if len(c.Sortlist) > 0 {
		r.sortlist = newSortlist(c.Sortlist)
	}
	return r
}

// Rank fills k, which must be zero, with the Ranking of a client. The client's address must be
// unmapped and without a zone; for the zero Addr no address is nearer than another. k is filled in
// place because it would be copied twice on the way to where it is used.
func (r *Ranker) Rank(k *Ranking, client netip.Addr) {
	k.client, k.ip4, k.masks = ipaddr.FromNetip(client), client.Is4(), r.masks[classOf(client)]
	if r.sortlist != nil {
		k.preference = r.sortlist.find(client)
	}
	if r.topology != nil {
		k.table, k.levels = r.topology.Table(), r.levels
		k.location = k.table.Find(client)
	}
}

// Topology returns the topology that r asks, nil if it asks none.
func (r *Ranker) Topology() topology.Source { return r.topology }

// A Ranking gives every address its tier for one client. It holds one version of the topology, so
// that all addresses of an answer are compared by the same table.
type Ranking struct {
	client     ipaddr.Addr
	ip4        bool // the client's family
	masks      *masks
	preference *preference        // nil: no sort list statement holds the client
	table      *topology.Table    // nil: no topology
	location   *topology.Location // of the client; nil: not known
	levels     *nearByLabels      // nil: no topology
}

// Client returns the address of the client that k ranks for.
func (k *Ranking) Client() ipaddr.Addr { return k.client }

// Tiers returns how many tiers k tells apart. Every tier is less than that.
func (k *Ranking) Tiers() int {
	n := k.masks.tiers()
	if k.table != nil {
		n *= k.table.Depth() + 1
	}
	if k.preference != nil {
		n *= k.preference.ranks()
	}
	return n
}

// HasTables reports whether more than the masks decides. Then the tier of an address is that of
// TableTier, and otherwise that of MaskTier.
func (k *Ranking) HasTables() bool { return k.preference != nil || k.table != nil }

// Tier returns the tier of an address, which is IPv4 or not.
func (k *Ranking) Tier(a ipaddr.Addr, ip4 bool) uint32 {
	byMasks := k.ByMasks(ip4)
	t := byMasks.Tier(a)
	if k.HasTables() {
		t = k.TableTier(a, ip4, t)
	}
	return t
}

// ByMasks returns the part of k that the masks decide, for addresses of one family. It is small, so
// that a loop over the records of an RRset keeps it in registers.
func (k *Ranking) ByMasks(ip4 bool) MaskRanking {
	if ip4 == k.ip4 {
		return MaskRanking{k.client, &k.masks.tier}
	}
	return MaskRanking{k.client, &k.masks.other}
}

// A MaskRanking gives addresses of one family their tier by the masks alone.
type MaskRanking struct {
	client ipaddr.Addr
	tier   *tierByBits
}

var oneTier tierByBits

// OneTier returns a MaskRanking that puts every address in tier 0. It serves records that have no
// address.
func OneTier() MaskRanking { return MaskRanking{tier: &oneTier} }

// Tier returns the tier of an address by the masks.
func (m *MaskRanking) Tier(a ipaddr.Addr) uint32 { return uint32(m.tier[m.client.CommonBits(a)]) }

// TableTier returns the tier of an address, which is IPv4 or not, that is in tier byMasks by the
// masks.
func (k *Ranking) TableTier(a ipaddr.Addr, ip4 bool, byMasks uint32) uint32 {
	addr, n, t := a.Netip(ip4), uint32(k.masks.tiers()), byMasks
	if k.table != nil {
		depth := k.table.Depth()
		t += n * uint32(depth-k.location.Shared(k.table.Find(addr)))
		n *= uint32(depth + 1)
	}
	if k.preference != nil {
		t += n * k.preference.rank(addr)
	}
	return t
}

// parts returns what TableTier made tier of: the tier by the masks, how many labels the locations of
// client and address share, and the rank by the preference.
func (k *Ranking) parts(tier uint32) (byMasks uint32, shared int, rank uint32) {
	n := uint32(k.masks.tiers())
	byMasks, tier = tier%n, tier/n
	if k.table != nil {
		depth := uint32(k.table.Depth())
		shared, tier = int(depth-tier%(depth+1)), tier/(depth+1)
	}
	return byMasks, shared, tier
}

// Near returns why an address in this tier stands where it does.
func (k *Ranking) Near(tier uint32) Near {
	byMasks, shared, rank := k.parts(tier)
	near := k.masks.near(byMasks)
	if shared > 0 {
		near = k.levels[shared]
	}
	if k.preference != nil {
		switch word, listed := k.preference.word(rank); {
		case listed && k.preference.negated[word]:
			return NearElsewhere
		case listed:
			return NearSortlist
		}
	}
	if near == NearElsewhere && k.table != nil && k.location == nil {
		return NearUnknown
	}
	return near
}

// Reason returns why an address, which is IPv4 or not, is in its tier.
func (k *Ranking) Reason(a ipaddr.Addr, ip4 bool) Reason {
	tier := k.Tier(a, ip4)
	byMasks, shared, rank := k.parts(tier)
	r := Reason{Near: k.Near(tier), Asked: k.table != nil, Shared: k.location.Prefix(shared)}
	if r.Asked {
		r.Location = k.table.Find(a.Netip(ip4))
	}
	if r.Near == NearNetwork || r.Near == NearSubnet {
		r.Network = netip.PrefixFrom(k.client.Netip(k.ip4), k.masks.lengths[byMasks]).Masked()
	}
	if p := k.preference; p != nil {
		r.Line = p.line
		if word, listed := p.word(rank); listed {
			r.Word, r.Negated = word+1, p.negated[word]
			r.Last = r.Negated && !slices.Contains(p.negated[:word], true)
		}
	}
	return r
}

// Location returns where the topology says that the client is; nil if it does not know, or if there
// is no topology.
func (k *Ranking) Location() *topology.Location { return k.location }

// Package ranking says how near an address is to a client.
//
// A Ranker is made once from a Config: subnet masks, a sort list and a topology. For each client it
// gives a Ranking: the function from an address to its tier, where tier 0 is nearest. The sort list
// decides first, then the topology among addresses of one rank, then the masks among addresses that
// are equally near by both. The masks rank only what the topology cannot: where it knows the places of
// the client and of an address, no mask makes that address nearer.
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

// New returns the Ranker of a configuration. Of c it keeps only the topology, and copies the rest.
func New(c Config) *Ranker {
	r := &Ranker{masks: newClassMasks(c.Masks), topology: c.Topology, levels: newNearByLabels(c.Topology)}
	if len(c.Sortlist) > 0 {
		r.sortlist = newSortlist(c.Sortlist)
	}
	return r
}

// Rank sets k, which must be zero, to the Ranking of a client. The client's address must be
// unmapped and without a zone. For the zero Addr, no address is nearer than another. Rank does not
// return the Ranking, because it would be copied twice on the way to where it is used.
func (r *Ranker) Rank(k *Ranking, client netip.Addr) {
	k.client, k.ip4, k.bits = ipaddr.FromNetip(client), client.Is4(), uint8(client.BitLen())
	k.masks = r.masks[classOf(client)]
	if r.sortlist != nil {
		k.sortlist = r.sortlist
		k.preference = r.sortlist.find(client)
	}
	if r.topology != nil {
		// Synced comes first: if the topology is synced in between, its table counts as unsynced.
		k.unsynced = !r.topology.Synced()
		k.table, k.levels = r.topology.Table(), r.levels
		k.location = k.table.Find(client)
	}
}

// Topology returns the topology that r uses; nil if it has none.
func (r *Ranker) Topology() topology.Source { return r.topology }

// A Ranking gives every address its tier for one client. It holds one version of the topology, so
// that the same table decides about all addresses of an answer and about its scope.
type Ranking struct {
	client     ipaddr.Addr
	ip4        bool  // the client's family
	bits       uint8 // in the client's address; 0: no client
	unsynced   bool  // the topology was not synced
	masks      *masks
	sortlist   *sortlist          // nil: none
	preference *preference        // nil: no sort list statement holds the client
	table      *topology.Table    // nil: no topology
	location   *topology.Location // of the client; nil: not known
	levels     *nearByLabels      // nil: no topology
}

// FallBackTo gives the client the location of address a if the topology does not know the client's
// own. For a client that a resolver asks for, a is the address of the resolver: the DNS cache on a
// Kubernetes node asks for the Pods of this node.
func (k *Ranking) FallBackTo(a netip.Addr) {
	if k.location == nil {
		k.location = k.table.Find(a)
	}
}

// Client returns the address of the client that k ranks for.
func (k *Ranking) Client() ipaddr.Addr { return k.client }

// ClientBits returns how many bits the client's address has; 0 if there is no client.
func (k *Ranking) ClientBits() int { return int(k.bits) }

// Scope returns the length of the longest prefix of the client's address that the tiers of k can
// depend on (RFC 7871, section 7.2.1): every client inside it has the same tiers and the same
// scope. It is 0 if k does not look at the client, if there is no client, and for the zero Ranking.
// Scope does not allocate.
func (k *Ranking) Scope() int {
	if k.bits == 0 {
		return 0
	}
	if k.unsynced {
		return k.ClientBits() // so that nobody caches the order for other clients
	}
	scope := k.masks.scope
	if k.sortlist != nil {
		scope = max(scope, k.sortlist.scope(k.client, k.ip4))
	}
	if k.table != nil {
		scope = max(scope, k.table.Scope(k.client.NetipAs(k.ip4)))
	}
	return scope
}

// Tiers returns how many tiers k has. Every tier is less than that, and some may have no address.
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

// HasTables reports whether k has a topology or a preference of the sort list. Then TableTier gives
// the tier of an address. Otherwise the masks alone decide, and MaskRanking.Tier gives it.
func (k *Ranking) HasTables() bool { return k.preference != nil || k.table != nil }

// Tier returns the tier of address a; ip4 says whether that is IPv4.
func (k *Ranking) Tier(a ipaddr.Addr, ip4 bool) uint32 {
	byMasks := k.ByMasks(ip4)
	t := byMasks.Tier(a)
	if k.HasTables() {
		t = k.TableTier(a, ip4, t)
	}
	return t
}

// ByMasks returns the part of k that the masks decide, for IPv4 or for IPv6 addresses. It is small,
// so that a loop over the records of an RRset keeps it in registers.
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

// TableTier returns the tier of address a; ip4 says whether that is IPv4, and byMasks is its tier
// by the masks. The result is a number of three digits: the rank in the sort list, the distance in
// the topology, and byMasks. Where the topology knows the locations of client and address, the last
// digit is that of an address that no mask holds. The base of a digit is how many values it can
// have.
func (k *Ranking) TableTier(a ipaddr.Addr, ip4 bool, byMasks uint32) uint32 {
	addr, n, t := a.NetipAs(ip4), uint32(k.masks.tiers()), byMasks
	if k.table != nil {
		depth, place := k.table.Depth(), k.table.Find(addr)
		if k.location != nil && place != nil {
			t = n - 1
		}
		t += n * uint32(depth-k.location.Shared(place))
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
	if !k.HasTables() {
		return tier, 0, 0
	}
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
	r := Reason{Near: k.Near(tier), Asked: k.table != nil, Mask: k.masks.near(byMasks)}
	if r.Asked {
		r.Level, r.Shared, r.Location = k.levels[shared], k.location.Prefix(shared), k.table.Find(a.NetipAs(ip4))
	}
	if r.Mask != NearElsewhere {
		r.Network = netip.PrefixFrom(k.client.NetipAs(k.ip4), k.masks.lengths[byMasks]).Masked()
	}
	if p := k.preference; p != nil {
		r.Line, r.File = p.line, p.file
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

package ordering

import (
	"encoding/binary"
	"math/bits"
	"net"
	"net/netip"

	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/miekg/dns"
)

// octets are the bits of an address in one form for both families, so that one comparison serves both. An IPv4 address
// stands in the last 32 bits behind 96 set ones, with which no IPv6 address in use begins (ff0f:: and up is reserved
// multicast, RFC 4291 section 2.7).
type octets struct{ hi, lo uint64 }

const (
	ip4hi   = ^uint64(0)
	ip4lo   = ^uint64(0) &^ (1<<32 - 1)
	ip4bits = 96 // in front of an IPv4 address
)

// nowhere is what stands for no address. It shares no more bits with an address than one of the other family does.
var nowhere = octets{hi: ip4hi}

// ip4 returns the octets of an IPv4 address.
func ip4(a uint32) octets { return octets{ip4hi, ip4lo | uint64(a)} }

// is4 reports whether o is an IPv4 address.
func (o octets) is4() bool { return o.hi == ip4hi && o.lo >= ip4lo }

// octetsOf4 returns the octets of an IPv4 address. A record from a zone file holds it in 16 bytes, one from the wire in 4.
// One that is missing gives nowhere.
func octetsOf4(ip net.IP) octets {
	if n := len(ip); n >= 4 {
		return ip4(binary.BigEndian.Uint32(ip[n-4:]))
	}
	return nowhere
}

// octetsOf6 returns the octets of an IPv6 address, nowhere if it is missing.
func octetsOf6(ip net.IP) octets {
	if len(ip) == 16 {
		return octets{binary.BigEndian.Uint64(ip), binary.BigEndian.Uint64(ip[8:])}
	}
	return nowhere
}

// octetsOf returns the address in an A or AAAA record, nowhere for another record.
func octetsOf(rr dns.RR) octets {
	switch rr := rr.(type) {
	case *dns.A:
		return octetsOf4(rr.A)
	case *dns.AAAA:
		return octetsOf6(rr.AAAA)
	}
	return nowhere
}

// octetsFrom returns the octets of a; nowhere if a is not valid.
func octetsFrom(a netip.Addr) octets {
	switch {
	case !a.IsValid():
		return nowhere
	case a.Is4():
		b := a.As4()
		return ip4(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	return octets{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

// addr returns the address that o was made from; the zero Addr for nowhere.
func (o octets) addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], o.hi)
	binary.BigEndian.PutUint64(b[8:], o.lo)
	switch {
	case o == nowhere:
		return netip.Addr{}
	case o.is4():
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return netip.AddrFrom16(b)
}

// shared returns how many leading bits o and p have in common; those of one IPv4 address with another are 96 or more.
func (o octets) shared(p octets) int {
	if x := o.hi ^ p.hi; x != 0 {
		return bits.LeadingZeros64(x)
	}
	return 64 + bits.LeadingZeros64(o.lo^p.lo)
}

// nearness is the tier of an address by how many leading bits it shares with the client.
type nearness [129]uint8

// masks are subnet masks read as tiers. They are immutable.
type masks struct {
	tier    nearness // of an address of the client's family
	rest    nearness // of one of the other family: the last tier, whatever bits the two happen to share
	lengths []int    // longest first, in bits of the client's family
	front   int      // bits in front of the family's own
}

// newMasks returns the masks of the given lengths, which stand longest first and without repetition, for clients of the
// family that has so many bits in front of its own: ip4bits or 0.
func newMasks(lengths []int, front int) *masks {
	m := &masks{lengths: lengths, front: front}
	for n := range m.tier {
		t := 0
		for t < len(lengths) && n < front+lengths[t] {
			t++
		}
		m.tier[n], m.rest[n] = uint8(t), uint8(len(lengths))
	}
	return m
}

// flat is the nearness of records that have no address: all alike.
var flat nearness

// near returns the nearness of addresses of the client's own family, or of the other.
func (m *masks) near(own bool) *nearness {
	if own {
		return &m.tier
	}
	return &m.rest
}

// tiers returns how many tiers m tells apart, that of all the rest included.
func (m *masks) tiers() int { return len(m.lengths) + 1 }

// A ranking is what a policy says about one client: it gives every address its tier. The sort list counts most, then the
// topology, then the masks.
type ranking struct {
	client octets
	masks  *masks
	list   *preference        // nil where no sort list holds the client
	table  *topology.Table    // nil without topology
	place  *topology.Location // of the client
}

// tiers returns how many tiers k tells apart.
func (k *ranking) tiers() int {
	n := k.masks.tiers()
	if k.table != nil {
		n *= k.table.Depth() + 1
	}
	if k.list != nil {
		n *= k.list.ranks()
	}
	return n
}

// tier returns the tier of an address; 0 is nearest.
func (k *ranking) tier(o octets) uint32 {
	t := uint32(k.masks.near(o.is4() == k.client.is4())[k.client.shared(o)])
	if k.hasTables() {
		t = k.tableTier(o.addr(), t)
	}
	return t
}

// nearness returns what the masks say about records of the type of rr.
func (k *ranking) nearness(rr dns.RR) *nearness {
	switch rr.(type) {
	case *dns.A:
		return k.masks.near(k.client.is4())
	case *dns.AAAA:
		return k.masks.near(!k.client.is4())
	}
	return &flat
}

// hasTables reports whether more than the masks decides.
func (k *ranking) hasTables() bool { return k.list != nil || k.table != nil }

// tableTier returns the tier of an address that the masks give tier t, with the tables that weigh more.
func (k *ranking) tableTier(a netip.Addr, t uint32) uint32 {
	n := uint32(k.masks.tiers())
	if k.table != nil {
		depth := k.table.Depth()
		t += n * uint32(depth-k.place.Shared(k.table.Find(a)))
		n *= uint32(depth + 1)
	}
	if k.list != nil {
		t += n * k.list.rank(a)
	}
	return t
}

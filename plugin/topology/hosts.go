package topology

import (
	"net/netip"
	"slices"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
)

// Hosts maps single addresses to the numbers of their locations. It is immutable and safe for
// concurrent use. The zero Hosts is empty. With returns a changed copy, which shares most of its
// memory with the original: a change costs the same for a thousand addresses as for a million.
type Hosts struct {
	v4 hosts[addr4]
	v6 hosts[ipaddr.Addr]
}

// HostChange says where an address is from now on.
type HostChange struct {
	Addr     netip.Addr
	Location uint32 // an index for Table.WithHosts; 0 removes the address
}

// With returns Hosts with these changes, which must be of valid addresses, each changed once. It
// overwrites nothing of h and keeps nothing of changes. An IPv4-mapped address counts as the IPv4
// address, and a zone is ignored.
func (h *Hosts) With(changes []HostChange) *Hosts {
	var v4 []hostChange[addr4]
	var v6 []hostChange[ipaddr.Addr]
	for _, c := range changes {
		if a := c.Addr.Unmap(); a.Is4() {
			v4 = append(v4, hostChange[addr4]{addr4From(a), c.Location})
		} else {
			v6 = append(v6, hostChange[ipaddr.Addr]{ipaddr.FromNetip(a), c.Location})
		}
	}
	return &Hosts{v4: h.v4.with(v4), v6: h.v6.with(v6)}
}

// Len returns the number of addresses.
func (h *Hosts) Len() int { return h.v4.length + h.v6.length }

// maxChunk is the largest number of addresses in a chunk.
const maxChunk = 256

// hosts are addresses of one family in ascending order, cut into chunks. A change copies the chunks
// that it is in, and the list of chunks.
type hosts[K address[K]] struct {
	firsts []K // the first address of each chunk
	chunks []*chunk[K]
	length int // the number of addresses
}

// chunk has up to maxChunk addresses, and at least one.
type chunk[K address[K]] struct {
	addrs     []K
	locations []uint32 // by address
}

type hostChange[K address[K]] struct {
	addr     K
	location uint32
}

// with returns a copy with these changes. It sorts changes.
func (h *hosts[K]) with(changes []hostChange[K]) hosts[K] {
	if len(changes) == 0 {
		return *h
	}
	slices.SortFunc(changes, func(a, b hostChange[K]) int {
		switch {
		case a.addr.Less(b.addr):
			return -1
		case b.addr.Less(a.addr):
			return 1
		}
		return 0
	})
	var changed hosts[K]
	if len(h.chunks) == 0 {
		changed.add(merge(new(chunk[K]), changes))
		return changed
	}
	changed.firsts = make([]K, 0, len(h.firsts)+1)
	changed.chunks = make([]*chunk[K], 0, len(h.chunks)+1)
	for i, c := range h.chunks {
		n := len(changes)
		if i+1 < len(h.firsts) {
			n = lower(changes, h.firsts[i+1])
		}
		if n == 0 {
			changed.append(c)
			continue
		}
		changed.add(merge(c, changes[:n]))
		changes = changes[n:]
	}
	return changed
}

// lower returns how many of the sorted changes are of addresses before a.
func lower[K address[K]](sorted []hostChange[K], a K) int {
	i, _ := slices.BinarySearchFunc(sorted, a, func(c hostChange[K], a K) int {
		if c.addr.Less(a) {
			return -1
		}
		return 1
	})
	return i
}

// merge returns the addresses of c with these changes, which must be sorted. The result can have
// any length.
func merge[K address[K]](c *chunk[K], changes []hostChange[K]) chunk[K] {
	m := chunk[K]{make([]K, 0, len(c.addrs)+len(changes)), make([]uint32, 0, len(c.addrs)+len(changes))}
	i := 0
	for _, change := range changes {
		for i < len(c.addrs) && c.addrs[i].Less(change.addr) {
			m.addrs, m.locations = append(m.addrs, c.addrs[i]), append(m.locations, c.locations[i])
			i++
		}
		if i < len(c.addrs) && c.addrs[i] == change.addr {
			i++
		}
		if change.location != 0 {
			m.addrs, m.locations = append(m.addrs, change.addr), append(m.locations, change.location)
		}
	}
	m.addrs, m.locations = append(m.addrs, c.addrs[i:]...), append(m.locations, c.locations[i:]...)
	return m
}

// add appends copies of the addresses of c, in chunks that have room for more. It joins c with the
// last chunk if both are small, so that addresses that go leave few chunks behind.
func (h *hosts[K]) add(c chunk[K]) {
	if n := len(h.chunks); n > 0 && len(h.chunks[n-1].addrs)+len(c.addrs) <= maxChunk/2 {
		last := h.chunks[n-1]
		c.addrs, c.locations = slices.Concat(last.addrs, c.addrs), slices.Concat(last.locations, c.locations)
		h.chunks, h.firsts, h.length = h.chunks[:n-1], h.firsts[:n-1], h.length-len(last.addrs)
	}
	pieces := 1
	if len(c.addrs) > maxChunk {
		pieces = (len(c.addrs) + maxChunk*3/4 - 1) / (maxChunk * 3 / 4)
	}
	for i := range pieces {
		from, to := i*len(c.addrs)/pieces, (i+1)*len(c.addrs)/pieces
		if from < to {
			h.append(&chunk[K]{
				addrs:     append(make([]K, 0, to-from), c.addrs[from:to]...),
				locations: append(make([]uint32, 0, to-from), c.locations[from:to]...),
			})
		}
	}
}

// append appends c, which is not copied.
func (h *hosts[K]) append(c *chunk[K]) {
	h.firsts, h.chunks, h.length = append(h.firsts, c.addrs[0]), append(h.chunks, c), h.length+len(c.addrs)
}

// seek returns the position of the last address that is not after a: its chunk and its index there.
// The chunk is -1 if all addresses are after a.
func (h *hosts[K]) seek(a K) (in, at int) {
	in = lastUpTo(h.firsts, a)
	if in < 0 {
		return -1, 0
	}
	return in, lastUpTo(h.chunks[in].addrs, a)
}

// lastUpTo returns the index of the last of the sorted addresses that is not after a, -1 if there is
// none.
func lastUpTo[K address[K]](sorted []K, a K) int {
	low, high := 0, len(sorted) // those before low are not after a, those from high on are
	for low < high {
		middle := int(uint(low+high) / 2)
		if a.Less(sorted[middle]) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low - 1
}

// find returns the number of the location of a, 0 if a is not there.
func (h *hosts[K]) find(a K) uint32 {
	in, at := h.seek(a)
	if in < 0 || h.chunks[in].addrs[at] != a {
		return 0
	}
	return h.chunks[in].locations[at]
}

// after returns the first address after a; false if there is none.
func (h *hosts[K]) after(a K) (next K, found bool) {
	in, at := h.seek(a)
	if in >= 0 && at+1 < len(h.chunks[in].addrs) {
		return h.chunks[in].addrs[at+1], true
	}
	if in+1 < len(h.chunks) {
		return h.firsts[in+1], true
	}
	return next, false
}

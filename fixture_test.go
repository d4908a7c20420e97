package ordering

import "net/netip"

// ranking returns what p says about client.
func (p *policy) ranking(client netip.Addr) (k ranking) {
	p.rank(&k, octetsFrom(client))
	return k
}

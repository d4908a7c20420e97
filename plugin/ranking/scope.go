package ranking

import "net/netip"

// Scope returns the length of the longest prefix of client that the order of an answer can depend
// on (RFC 7871, section 7.2.1): every client inside it is ranked alike. It is 0 where r does not
// look at the client, and for the zero Addr.
func (r *Ranker) Scope(client netip.Addr) int {
	scope, c := 0, classOf(client)
	if lengths := r.masks[c].lengths; len(lengths) > 0 {
		scope = lengths[0]
	}
	if c == classDE && len(r.masks[classA].lengths) > 0 {
		scope = max(scope, 3) // these 3 bits tell it from clients that have a classful network
	}
	if r.sortlist != nil {
		scope = max(scope, r.sortlist.scope(client))
	}
	if r.topology != nil && client.IsValid() {
		if !r.topology.Ready() {
			return client.BitLen() // Not synced yet: scope to this client only, so that the order is not cached for others.
		}
		scope = max(scope, r.topology.Table().Scope(client))
	}
	return scope
}

package model

import (
	"fmt"
	"net/netip"

	"github.com/coredns-ordering/ordering/test/internal/contract"

	"github.com/miekg/dns"
)

// checkSubnet checks the Client Subnet option of an answer.
func (r *run) checkSubnet(q *query, v viewer, believed bool, want, got *dns.Msg) error {
	opt := got.IsEdns0()
	if (opt != nil) != q.edns {
		return fmt.Errorf("OPT is %v", opt)
	}
	var echo *dns.EDNS0_SUBNET
	if opt != nil {
		for _, o := range opt.Option {
			if s, ok := o.(*dns.EDNS0_SUBNET); ok {
				echo = s
			}
		}
	}
	if !believed {
		if echo != nil {
			return fmt.Errorf("the answer has the option %v, but the source is not trusted", echo)
		}
		return nil
	}
	if echo == nil {
		return fmt.Errorf("the answer has no Client Subnet option")
	}
	sent := q.msg().IsEdns0().Option[0].(*dns.EDNS0_SUBNET)
	if echo.Family != sent.Family || echo.SourceNetmask != sent.SourceNetmask || !echo.Address.Equal(sent.Address) {
		return fmt.Errorf("the answer has the option %v, the query had %v", echo, sent)
	}
	records := append(append([]dns.RR{}, want.Answer...), withoutOPT(want.Extra)...)
	if err := checkScope(v, q.subnet, int(echo.SourceScope), records, want.Rcode); err != nil {
		return fmt.Errorf("scope %d: %w", echo.SourceScope, err)
	}
	if q.subnet.Bits() == 0 {
		return nil // the client does not want to be known, so the answer is for the resolver
	}
	return r.searchCounterexample(v, int(echo.SourceScope), records)
}

// checkScope checks a scope against the bounds that follow from the policy alone.
func checkScope(v viewer, subnet netip.Prefix, scope int, records []dns.RR, rcode int) error {
	p, address := v.policy, false
	for _, rr := range records {
		address = address || addressOf(rr).IsValid()
	}
	longest := 0
	if masks := p.Masks(v.client); len(masks) > 0 {
		longest = masks[0]
	}
	tables := len(p.Sortlist) > 0 || p.Topology != nil
	switch {
	case rcode != dns.RcodeSuccess || !address || subnet.Bits() == 0:
		return wantScope(scope, 0, 0)
	case p.RoundRobin == contract.Sticky:
		return wantScope(scope, v.client.BitLen(), v.client.BitLen())
	case !p.LocalNetPriority && !tables:
		return wantScope(scope, 0, 0)
	}
	most := longest
	if p.LocalNetPriority && p.Classful && v.client.Is4() {
		most = max(most, 3) // these bits tell whether a client has a class
	}
	for _, n := range networksOf(p) {
		if n.Addr().Is4() == v.client.Is4() {
			most = max(most, n.Bits())
		}
	}
	return wantScope(scope, longest, most)
}

func wantScope(scope, least, most int) error {
	if scope < least || scope > most {
		return fmt.Errorf("want %d to %d", least, most)
	}
	return nil
}

// networksOf returns the networks that say how near an address is to a client.
func networksOf(p *contract.Policy) (all []netip.Prefix) {
	for _, s := range p.Sortlist {
		all = append(all, s.Clients...)
	}
	for _, place := range p.Topology {
		all = append(all, place.Network)
	}
	return all
}

// searchCounterexample looks for another client inside the scope that must get other tiers: at
// random, and at the edges of the networks of the policy.
func (r *run) searchCounterexample(v viewer, scope int, records []dns.RR) error {
	inside := netip.PrefixFrom(v.client, scope).Masked()
	var others []netip.Addr
	for range 6 {
		others = append(others, randomIn(r.c, inside))
	}
	for _, n := range networksOf(v.policy) {
		for _, a := range []netip.Addr{n.Addr(), lastOf(n), lastOf(n).Next(), n.Addr().Prev()} {
			if inside.Contains(a) {
				others = append(others, a)
			}
		}
	}
	if len(others) > 40 {
		others = others[:40]
	}
	if len(records) > 40 {
		records = records[:40]
	}
	for _, other := range others {
		for _, rr := range records {
			a := addressOf(rr)
			if !a.IsValid() || !v.policy.Orders(rr.Header().Rrtype) {
				continue
			}
			n, m := v.policy.Nearness(v.client, v.source, a), v.policy.Nearness(other, v.source, a)
			if n != m && !sameOrder(v, other, records) { // only the order of the tiers matters
				return fmt.Errorf("scope %d of %v holds %v, which must get other tiers: %v is at %v and at %v",
					scope, v.client, other, a, n, m)
			}
		}
	}
	return nil
}

// sameOrder reports whether every two addresses of an RRset are in the same order for two clients.
func sameOrder(v viewer, other netip.Addr, records []dns.RR) bool {
	for i, rr := range records {
		for _, second := range records[:i] {
			a, b := addressOf(rr), addressOf(second)
			if !a.IsValid() || keyOf(rr) != keyOf(second) {
				continue
			}
			one := v.policy.Nearness(v.client, v.source, a).Compare(v.policy.Nearness(v.client, v.source, b))
			two := v.policy.Nearness(other, v.source, a).Compare(v.policy.Nearness(other, v.source, b))
			if one != two {
				return false
			}
		}
	}
	return true
}

// randomIn returns a random address of a network.
func randomIn(c *testCase, n netip.Prefix) netip.Addr {
	b, r := n.Addr().AsSlice(), c.anyAddress(n.Addr().Is4()).AsSlice()
	for i := n.Bits(); i < n.Addr().BitLen(); i++ {
		b[i/8] |= r[i/8] & (0x80 >> (i % 8))
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// lastOf returns the last address of a network.
func lastOf(n netip.Prefix) netip.Addr {
	b := n.Addr().AsSlice()
	for i := n.Bits(); i < n.Addr().BitLen(); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

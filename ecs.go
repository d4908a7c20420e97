package ordering

import (
	"net/netip"
	"slices"

	"github.com/coredns/coredns/plugin/pkg/edns"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"
)

// trust is the set of resolvers whose EDNS Client Subnet option is believed, RFC 7871 section 11.
type trust struct{ networks bart.Lite }

// option returns the Client Subnet option of query r if it comes from a source in t and is well-formed; nil if not.
func (t *trust) option(r *dns.Msg, source octets) *clientSubnet {
	opt := r.IsEdns0()
	if opt == nil || !t.networks.Contains(source.addr()) {
		return nil
	}
	var found *clientSubnet
	for _, o := range opt.Option {
		if s, ok := o.(*dns.EDNS0_SUBNET); ok {
			c := newClientSubnet(s)
			if found != nil || c == nil {
				return nil
			}
			found = c
		}
	}
	if found != nil {
		found.beside = slices.DeleteFunc(slices.Clone(opt.Option), func(o dns.EDNS0) bool {
			return isSubnet(o) || !edns.SupportedOption(o.Option())
		})
	}
	return found
}

// A clientSubnet is a Client Subnet option of a query. It is a copy: plugins below may rewrite the query.
type clientSubnet struct {
	client netip.Addr // the zero Addr where SOURCE PREFIX-LENGTH is 0: the client does not want to be known
	sent   dns.EDNS0_SUBNET
	beside []dns.EDNS0 // the other options of the query that CoreDNS gives back
}

// newClientSubnet returns a copy of s, or nil if s is not as RFC 7871 section 6 wants it in a query: a known family, a
// length that the family has, no bit set beyond that length, and SCOPE PREFIX-LENGTH 0. An IPv4-mapped address in family 2
// is of no client. dig sends family 0 with length 0.
func newClientSubnet(s *dns.EDNS0_SUBNET) *clientSubnet {
	c := &clientSubnet{sent: *s}
	c.sent.Address = slices.Clone(s.Address)
	if s.SourceScope != 0 {
		return nil
	}
	if s.SourceNetmask == 0 && s.Family <= 2 {
		if len(s.Address) > 0 && !s.Address.IsUnspecified() {
			return nil
		}
		return c
	}
	a, ok := netip.AddrFromSlice(s.Address)
	if s.Family == 1 {
		a = a.Unmap()
	}
	if !ok || s.Family == 1 != a.Is4() || s.Family > 2 || a.Is4In6() {
		return nil
	}
	if n, err := a.Prefix(int(s.SourceNetmask)); err != nil || n.Addr() != a {
		return nil
	}
	c.client = a
	return c
}

// answer gives res the option back: FAMILY, ADDRESS and SOURCE PREFIX-LENGTH as sent, SCOPE PREFIX-LENGTH as far as p looks
// at the client (RFC 7871 section 7.2.1). Where res has no address there is no order to depend on the client, and the scope
// is 0; RFC 7871 section 7.4 asks for that in negative answers. Where the plugins below have looked farther, as an upstream may
// have, it stays theirs. Zone transfers are left alone.
func (c *clientSubnet) answer(res *dns.Msg, p *policy) {
	if res == nil || len(res.Question) == 0 || isTransfer(res.Question[0].Qtype) {
		return
	}
	sent := c.sent
	if slices.ContainsFunc(res.Answer, isAddress) || slices.ContainsFunc(res.Extra, isAddress) {
		sent.SourceScope = uint8(p.scope(c.client))
	}
	sent.SourceScope = max(sent.SourceScope, c.scopeBelow(res))
	res.Extra = c.withOption(res.Extra, &sent)
}

// scopeBelow returns the SCOPE PREFIX-LENGTH that res has already; 0 if it has none for this client.
func (c *clientSubnet) scopeBelow(res *dns.Msg) uint8 {
	opt := res.IsEdns0()
	if opt == nil {
		return 0
	}
	for _, o := range opt.Option {
		s, ok := o.(*dns.EDNS0_SUBNET)
		if ok && s.Family == c.sent.Family && s.SourceNetmask == c.sent.SourceNetmask && s.Address.Equal(c.sent.Address) {
			return min(s.SourceScope, uint8(c.client.BitLen()))
		}
	}
	return 0
}

// withOption returns the additional section extra with option in its OPT record, or in one of its own. It only reads extra
// and its records.
func (c *clientSubnet) withOption(extra []dns.RR, option *dns.EDNS0_SUBNET) []dns.RR {
	for i, rr := range extra {
		if opt, ok := rr.(*dns.OPT); ok {
			with := *opt
			with.Option = append(slices.DeleteFunc(slices.Clone(opt.Option), isSubnet), option)
			out := slices.Clone(extra)
			out[i] = &with
			return out
		}
	}
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: append(slices.Clone(c.beside), option)}
	at := len(extra)
	if at > 0 && extra[at-1].Header().Rrtype == dns.TypeTSIG {
		at-- // TSIG is the last record, RFC 8945 section 5.1
	}
	return slices.Concat(extra[:at], []dns.RR{opt}, extra[at:])
}

func isSubnet(o dns.EDNS0) bool { return o.Option() == dns.EDNS0SUBNET }

// scope returns the longest prefix of client that the order of an answer can depend on (RFC 7871 section 7.2.1): clients
// inside it are ranked alike. It is 0 where p does not look at the client, and for the zero Addr.
func (p *policy) scope(client netip.Addr) int {
	if p.rotation == sticky {
		return client.BitLen()
	}
	scope, c := 0, classOf(octetsFrom(client))
	if lengths := p.masks[c].lengths; len(lengths) > 0 {
		scope = lengths[0]
	}
	if c == classDE && len(p.masks[classA].lengths) > 0 {
		scope = max(scope, 3) // which tell it from the clients that have a classful network
	}
	if p.sortlist != nil {
		scope = max(scope, p.sortlist.scope(client))
	}
	if p.topology != nil && client.IsValid() {
		if !p.topology.Ready() {
			return client.BitLen() // what the order will depend on is not known: nobody else is to be told the present one
		}
		scope = max(scope, p.topology.Table().Scope(client))
	}
	return scope
}

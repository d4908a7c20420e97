// Package ecs reads the EDNS Client Subnet option of queries that trusted resolvers send, and writes
// it into responses (RFC 7871).
package ecs

import (
	"net/netip"
	"slices"

	"github.com/coredns/coredns/plugin/pkg/edns"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"
)

// TrustedResolvers is the set of resolvers whose option is believed (RFC 7871, section 11). Add must
// not be called once queries are served; from then on the set is safe for concurrent use.
type TrustedResolvers struct{ networks bart.Lite }

// Add adds the resolvers of a network.
func (t *TrustedResolvers) Add(network netip.Prefix) { t.networks.Insert(network) }

// Option returns the Client Subnet option of query r if source is in t and the option is well
// formed; otherwise nil. It copies what it needs of r, which plugins may change later.
func (t *TrustedResolvers) Option(r *dns.Msg, source netip.Addr) *Option {
	opt := r.IsEdns0()
	if opt == nil || !t.networks.Contains(source) {
		return nil
	}
	var found *Option
	for _, e := range opt.Option {
		if s, ok := e.(*dns.EDNS0_SUBNET); ok {
			o := parse(s)
			if found != nil || o == nil {
				return nil
			}
			found = o
		}
	}
	if found != nil {
		found.otherOptions = slices.DeleteFunc(slices.Clone(opt.Option), func(e dns.EDNS0) bool {
			return isSubnet(e) || !edns.SupportedOption(e.Option())
		})
	}
	return found
}

// An Option is a Client Subnet option of a query. It is immutable.
type Option struct {
	client       netip.Addr
	sent         dns.EDNS0_SUBNET
	otherOptions []dns.EDNS0 // the other options of the query that CoreDNS sends back
}

// Client returns the address of the client; the zero Addr where SOURCE PREFIX-LENGTH is 0, which
// says that the client does not want to be known.
func (o *Option) Client() netip.Addr { return o.client }

// parse returns a copy of s; nil if s is not what RFC 7871, section 6, wants in a query: a known
// family, a prefix length that the family has, no bit set beyond that length, and SCOPE
// PREFIX-LENGTH 0. An IPv4-mapped address in family 2 belongs to no client. Family 0 with length 0,
// which dig sends, is accepted.
func parse(s *dns.EDNS0_SUBNET) *Option {
	o := &Option{sent: *s}
	o.sent.Address = slices.Clone(s.Address)
	if s.SourceScope != 0 {
		return nil
	}
	if s.SourceNetmask == 0 && s.Family <= 2 {
		if len(s.Address) > 0 && !s.Address.IsUnspecified() {
			return nil
		}
		return o
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
	o.client = a
	return o
}

// Answer gives response res the option back: FAMILY, ADDRESS and SOURCE PREFIX-LENGTH as sent, and
// scope as SCOPE PREFIX-LENGTH (RFC 7871, section 7.2.1). scope is 0 where the response does not
// depend on the client, as in negative answers (section 7.4). If the response has a longer scope
// already, as one from an upstream may, that stays. Only the Extra field of res changes: to a new
// section.
func (o *Option) Answer(res *dns.Msg, scope int) {
	sent := o.sent
	sent.SourceScope = max(uint8(scope), o.scopeIn(res))
	res.Extra = o.withOption(res.Extra, &sent)
}

// scopeIn returns the SCOPE PREFIX-LENGTH that res has already; 0 if it has none for this client.
func (o *Option) scopeIn(res *dns.Msg) uint8 {
	opt := res.IsEdns0()
	if opt == nil {
		return 0
	}
	for _, e := range opt.Option {
		s, ok := e.(*dns.EDNS0_SUBNET)
		if ok && s.Family == o.sent.Family && s.SourceNetmask == o.sent.SourceNetmask && s.Address.Equal(o.sent.Address) {
			return min(s.SourceScope, uint8(o.client.BitLen()))
		}
	}
	return 0
}

// withOption returns the additional section extra with option in its OPT record, or in a new one. It
// only reads extra and its records.
func (o *Option) withOption(extra []dns.RR, option *dns.EDNS0_SUBNET) []dns.RR {
	for i, rr := range extra {
		if opt, ok := rr.(*dns.OPT); ok {
			with := *opt
			with.Option = append(slices.DeleteFunc(slices.Clone(opt.Option), isSubnet), option)
			out := slices.Clone(extra)
			out[i] = &with
			return out
		}
	}
	opt := &dns.OPT{
		Hdr:    dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT},
		Option: append(slices.Clone(o.otherOptions), option),
	}
	at := len(extra)
	if at > 0 && extra[at-1].Header().Rrtype == dns.TypeTSIG {
		at-- // TSIG is the last record (RFC 8945, section 5.1)
	}
	return slices.Concat(extra[:at], []dns.RR{opt}, extra[at:])
}

func isSubnet(e dns.EDNS0) bool { return e.Option() == dns.EDNS0SUBNET }

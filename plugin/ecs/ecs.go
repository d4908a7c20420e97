// Package ecs reads the EDNS Client Subnet option of queries that trusted resolvers send, and
// writes it into responses (RFC 7871).
package ecs

import (
	"net/netip"
	"slices"

	"github.com/coredns/coredns/plugin/pkg/edns"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"
)

// TrustedResolvers is the set of resolvers whose option is believed (RFC 7871, section 11). The
// zero TrustedResolvers is empty. Add must not be called once queries are served; from then on the
// set is safe for concurrent use.
type TrustedResolvers struct{ networks bart.Lite }

// Add adds the resolvers of a network.
func (t *TrustedResolvers) Add(network netip.Prefix) { t.networks.Insert(network) }

// A Result says what became of the Client Subnet option of a query.
type Result uint8

const (
	None        Result = iota // there is no option, or one of length 0, which hides the client
	Used                      // it says who the client is
	Untrusted                 // ignored: the source of the query is not trusted
	Malformed                 // ignored
	ResultCount               // how many values there are
)

// String returns the name of r in lower case.
func (r Result) String() string {
	return [ResultCount]string{"none", "used", "untrusted", "malformed"}[r]
}

// Option returns the Client Subnet option of query r if source, the address that r comes from, is
// in t and the option is well formed; otherwise nil. The Result says what became of the option. A
// query with several such options is malformed. Option copies what it needs of r: plugins may
// change r later. Of r it changes only the RDLENGTH of the OPT record: 0 says that it was checked.
func (t *TrustedResolvers) Option(r *dns.Msg, source netip.Addr) (*Option, Result) {
	opt := r.IsEdns0()
	if opt == nil || !slices.ContainsFunc(opt.Option, isSubnet) {
		return nil, None
	}
	if !t.networks.Contains(source) {
		if !slices.ContainsFunc(opt.Option, tellsClient) {
			return nil, None
		}
		return nil, Untrusted
	}
	var found *Option
	for _, e := range opt.Option {
		if s, ok := e.(*dns.EDNS0_SUBNET); ok {
			o := parse(s)
			if found != nil || o == nil {
				return nil, Malformed
			}
			found = o
		}
	}
	if found == nil || !keepsLength(opt) {
		return nil, Malformed
	}
	opt.Hdr.Rdlength = 0
	found.otherOptions = slices.DeleteFunc(slices.Clone(opt.Option), func(e dns.EDNS0) bool {
		return isSubnet(e) || !edns.SupportedOption(e.Option())
	})
	if !found.client.IsValid() {
		return found, None
	}
	return found, Used
}

// keepsLength reports whether the options in opt are as long as they were in the message that opt
// was unpacked from. If the message had no options, there was no message, or Option has checked the
// length before, it returns true.
//
// Package dns pads an ADDRESS that is too short with zeros, and cuts off one that is too long. Both
// are malformed (RFC 7871, section 6), and afterwards only the RDLENGTH of the record shows it. A
// query whose options a plugin has changed looks the same. The plugins dns64 and siit look up with
// such queries: with the one that Option has seen, after the plugins below, such as rewrite.
func keepsLength(opt *dns.OPT) bool {
	received := int(opt.Hdr.Rdlength)
	return received == 0 || received == dns.Len(opt)-dns.Len(&opt.Hdr)
}

// An Option is a well-formed Client Subnet option of a query. It is immutable.
type Option struct {
	client       netip.Addr
	sent         dns.EDNS0_SUBNET
	otherOptions []dns.EDNS0 // the other options of the query that CoreDNS sends back
}

// Client returns the address of the client: ADDRESS, which has only zeros after the first SOURCE
// PREFIX-LENGTH bits. It returns the zero Addr if that length is 0, which says that the client does
// not want to be known.
func (o *Option) Client() netip.Addr { return o.client }

// parse returns a copy of s. It returns nil if s is not what RFC 7871, section 6, wants in a query:
// a known family, an ADDRESS of that family, a prefix length that the family has, no bit set beyond
// that length, and SCOPE PREFIX-LENGTH 0. It also returns nil for an IPv4-mapped address in family
// 2, which no client has. Family 0 with length 0, which dig sends, is accepted.
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
		a = a.Unmap() // package dns unpacks an IPv4 address into 16 bytes
	}
	if !ok || s.Family > 2 || a.Is4() != (s.Family == 1) || a.Is4In6() {
		return nil
	}
	if n, err := a.Prefix(int(s.SourceNetmask)); err != nil || n.Addr() != a {
		return nil
	}
	o.client = a
	return o
}

// Answer puts the option into response res: FAMILY, ADDRESS and SOURCE PREFIX-LENGTH as they were
// sent, and scope as SCOPE PREFIX-LENGTH (RFC 7871, section 7.2.1). The caller passes scope 0 if
// the response does not depend on the client, and for negative answers (section 7.4). If res
// already has the option with a longer scope, as the response of an upstream can, Answer keeps that
// scope. If SOURCE PREFIX-LENGTH is 0, so is SCOPE PREFIX-LENGTH.
//
// Answer sets the Extra field of res to a new section. It only reads the old one and its records.
func (o *Option) Answer(res *dns.Msg, scope int) {
	out := o.sent
	out.SourceScope = uint8(min(max(scope, o.scopeIn(res.Extra)), o.client.BitLen()))
	res.Extra = o.withOption(res.Extra, &out)
}

// scopeIn returns the SCOPE PREFIX-LENGTH of o in the additional section extra; 0 if o is not
// there.
func (o *Option) scopeIn(extra []dns.RR) int {
	i := indexOPT(extra)
	if i < 0 {
		return 0
	}
	for _, e := range extra[i].(*dns.OPT).Option {
		if s, ok := e.(*dns.EDNS0_SUBNET); ok && o.isEchoedBy(s) {
			return int(s.SourceScope)
		}
	}
	return 0
}

// isEchoedBy reports whether s is the option of a response to a query with o.
func (o *Option) isEchoedBy(s *dns.EDNS0_SUBNET) bool {
	return s.Family == o.sent.Family && s.SourceNetmask == o.sent.SourceNetmask && s.Address.Equal(o.sent.Address)
}

// withOption returns a copy of the additional section extra with option in its OPT record, or in a
// new one. It only reads extra and its records.
func (o *Option) withOption(extra []dns.RR, option *dns.EDNS0_SUBNET) []dns.RR {
	if i := indexOPT(extra); i >= 0 {
		opt := *extra[i].(*dns.OPT)
		opt.Option = append(slices.DeleteFunc(slices.Clone(opt.Option), isSubnet), option)
		out := slices.Clone(extra)
		out[i] = &opt
		return out
	}
	opt := &dns.OPT{
		Hdr:    dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT},
		Option: append(slices.Clone(o.otherOptions), option),
	}
	at := len(extra)
	if at > 0 {
		if _, signed := extra[at-1].(*dns.TSIG); signed {
			at-- // TSIG is the last record (RFC 8945, section 5.1)
		}
	}
	return slices.Concat(extra[:at], []dns.RR{opt}, extra[at:])
}

// indexOPT returns the index of the OPT record in an additional section; -1 if it has none.
func indexOPT(extra []dns.RR) int {
	return slices.IndexFunc(extra, func(rr dns.RR) bool {
		_, ok := rr.(*dns.OPT)
		return ok
	})
}

func isSubnet(e dns.EDNS0) bool { return e.Option() == dns.EDNS0SUBNET }

// tellsClient reports whether e is a Client Subnet option with a SOURCE PREFIX-LENGTH above 0.
func tellsClient(e dns.EDNS0) bool {
	s, ok := e.(*dns.EDNS0_SUBNET)
	return ok && s.SourceNetmask > 0
}

package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/coredns-ordering/ordering"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/chain"

	"github.com/miekg/dns"
)

// An asker asks the servers of a Corefile what the command line says.
type asker struct {
	*options
	chain  *chain.Chain
	server *chain.Server
	others []*chain.Server // that have a zone which holds the name, too
}

// newAsker chooses the server to ask.
func newAsker(o *options, c *chain.Chain) (*asker, error) {
	s := &asker{options: o, chain: c}
	if len(o.addresses) > 0 {
		if err := s.useAddresses(); err != nil {
			return nil, err
		}
	}
	for _, server := range c.Servers(o.name) {
		switch {
		case s.server == nil && (o.server == "" || server.Is(o.server)):
			s.server = server
		default:
			s.others = append(s.others, server)
		}
	}
	switch {
	case s.server != nil:
		return s, nil
	case len(s.others) > 0:
		return nil, fmt.Errorf("%s is not served at %s, but at %s", o.name, o.server, addresses(s.others))
	}
	mend := ""
	if dns.CountLabel(o.name) == 1 {
		mend = ": write the whole name, with its domain"
	}
	return nil, fmt.Errorf("no server block has a zone that holds %s%s", o.name, mend)
}

// addresses returns the addresses of servers, with commas between them.
func addresses(servers []*chain.Server) string {
	var all []string
	for _, server := range servers {
		all = append(all, server.Addr)
	}
	return strings.Join(all, ", ")
}

// useAddresses has the addresses of the command line answered, for the name on it or for the zone of
// the only directive.
func (s *asker) useAddresses() error {
	if s.name == "" {
		rules := s.chain.Rules()
		switch {
		case len(rules) == 0:
			return errors.New("the Corefile has no ordering directive")
		case !samePosition(rules):
			var zones []string
			for _, r := range rules {
				zones = append(zones, fmt.Sprintf("%s (%s)", r.Zone, r.Position))
			}
			return fmt.Errorf("there are several ordering directives: put a name in front of the addresses, "+
				"in one of the zones %s", strings.Join(zones, ", "))
		}
		s.name = rules[0].Zone
	}
	var records []dns.RR
	for _, a := range s.addresses {
		header := dns.RR_Header{Name: s.name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: 300}
		if a.Is4() {
			header.Rrtype = dns.TypeA
			records = append(records, &dns.A{Hdr: header, A: a.AsSlice()})
		} else {
			records = append(records, &dns.AAAA{Hdr: header, AAAA: a.AsSlice()})
		}
	}
	s.qtype = records[0].Header().Rrtype
	s.chain.AnswerWith(records)
	return nil
}

func samePosition(rules []ordering.Rule) bool {
	for _, r := range rules {
		if r.Position != rules[0].Position {
			return false
		}
	}
	return true
}

// A path says how the address of a client reaches the server.
type path struct {
	source netip.Addr   // of the packet, as the plugins see it
	subnet netip.Prefix // in the Client Subnet option; not valid: none
	proxy  netip.Addr   // that sent the client's address in a PROXY protocol header; not valid: none
}

// path returns how the address of client reaches the server.
func (s *asker) path(client netip.Addr) path {
	switch {
	case !s.source.IsValid() || s.source == client:
		return path{source: client, subnet: s.subnet}
	case s.server.Accepts(s.source):
		return path{source: client, subnet: s.subnet, proxy: s.source}
	case s.subnet.IsValid():
		return path{source: s.source, subnet: s.subnet}
	}
	return path{source: s.source, subnet: netip.PrefixFrom(client, client.BitLen())}
}

// payloadSize is the size of responses over UDP that the query asks for, as today's resolvers do.
const payloadSize = 1232

// ask asks for the name on the command line.
func (s *asker) ask(p path) (*chain.Response, error) {
	r := new(dns.Msg).SetQuestion(s.name, s.qtype)
	r.SetEdns0(payloadSize, s.dnssec)
	if p.subnet.IsValid() {
		family := uint16(2)
		if p.subnet.Addr().Is4() {
			family = 1
		}
		opt := r.IsEdns0()
		opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(p.subnet.Bits()), Address: p.subnet.Addr().AsSlice(),
		})
	}
	return s.chain.Ask(s.server, p.source, r)
}

// place returns a position in the Corefile without the directory of the Corefile.
func (s *asker) place(position string) string {
	if line, ok := strings.CutPrefix(position, s.conf+":"); ok {
		return filepath.Base(s.conf) + ":" + line
	}
	return position
}

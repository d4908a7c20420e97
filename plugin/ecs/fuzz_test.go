package ecs

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// FuzzOption reads the option of any message and gives it back in a response with the additional
// section of that message.
func FuzzOption(f *testing.F) {
	for _, s := range []dns.EDNS0_SUBNET{
		{Family: 1, SourceNetmask: 24, Address: []byte{10, 4, 3, 0}},
		{Family: 1, SourceNetmask: 20, Address: []byte{10, 4, 16, 0}},
		{Family: 1, SourceNetmask: 24, SourceScope: 24, Address: []byte{10, 4, 3, 0}},
		{Family: 1, Address: []byte{0, 0, 0, 0}},
		{Family: 2, SourceNetmask: 56, Address: netip.MustParseAddr("2001:db8:1:200::").AsSlice()},
		{Family: 2, SourceNetmask: 128, Address: netip.MustParseAddr("::ffff:10.4.3.1").AsSlice()},
	} {
		s.Code = dns.EDNS0SUBNET
		m := new(dns.Msg).SetQuestion("example.org.", dns.TypeA)
		m.SetEdns0(1232, true)
		for range 3 { // three options, the second time beside another one, the third time with a signature
			m.IsEdns0().Option = append(m.IsEdns0().Option, &s)
			wire, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(wire, uint8(24))
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"})
			m.Extra = append(m.Extra, &dns.TSIG{Hdr: dns.RR_Header{Name: "key.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}})
		}
	}
	var all TrustedResolvers
	source := netip.MustParseAddr("192.0.2.53")
	all.Add(netip.PrefixFrom(source, 32))
	f.Fuzz(func(t *testing.T, wire []byte, scope uint8) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		if o, result := all.Option(m, source.Next()); o != nil || result != None && result != Untrusted {
			t.Fatalf("%v is %v from a resolver that is not trusted", o, result)
		}
		before := m.String()
		o, result := all.Option(m, source)
		if (result == Used) != (o != nil && o.Client().IsValid()) || result == Malformed && o != nil || result == Untrusted {
			t.Fatalf("%v is %v", o, result)
		}
		if o == nil {
			return
		}
		checkOption(t, m, o)
		res := new(dns.Msg).SetReply(m)
		res.Extra = m.Extra
		o.Answer(res, int(scope))
		if m.String() != before {
			t.Fatalf("the query was written to:\n%v\nwas\n%s", m, before)
		}
		checkAnswer(t, m, o, res, int(scope))
	})
}

// checkOption checks that o is the one option of m and well formed.
func checkOption(t *testing.T, m *dns.Msg, o *Option) {
	t.Helper()
	all := subnets(m)
	if len(all) != 1 {
		t.Fatalf("%d options, and one is believed", len(all))
	}
	sent, client := all[0], o.Client()
	switch {
	case sent.SourceScope != 0:
		t.Fatalf("%v has a scope", sent)
	case sent.SourceNetmask == 0 && client.IsValid():
		t.Fatalf("%v has no client, and %v is taken for it", sent, client)
	case sent.SourceNetmask == 0:
	case client != netip.PrefixFrom(client, int(sent.SourceNetmask)).Masked().Addr():
		t.Fatalf("%v is longer than its prefix: %v", client, sent)
	case client.Is4() != (sent.Family == 1) || client.Is4In6():
		t.Fatalf("%v is not of family %d", client, sent.Family)
	}
}

// checkAnswer checks that res has the option of query m back and nothing else was changed.
func checkAnswer(t *testing.T, m *dns.Msg, o *Option, res *dns.Msg, scope int) {
	t.Helper()
	sent, all := subnets(m)[0], subnets(res)
	if len(all) != 1 {
		t.Fatalf("%d options in the response, want one", len(all))
	}
	got := all[0]
	if got.Family != sent.Family || got.SourceNetmask != sent.SourceNetmask || !got.Address.Equal(sent.Address) ||
		int(got.SourceScope) != min(scope, o.Client().BitLen()) {
		t.Fatalf("%v comes back for %v, scope %d", got, sent, scope)
	}
	isOPT := func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT }
	if len(res.Extra) != len(m.Extra) {
		t.Fatalf("%d records, want %d", len(res.Extra), len(m.Extra))
	}
	for i, rr := range res.Extra {
		if rr != m.Extra[i] && !isOPT(rr) {
			t.Fatalf("%v was %v", rr, m.Extra[i])
		}
	}
	others := func(m *dns.Msg) []dns.EDNS0 { return slices.DeleteFunc(slices.Clone(m.IsEdns0().Option), isSubnet) }
	if !slices.Equal(others(res), others(m)) {
		t.Fatalf("other options %v, want %v", others(res), others(m))
	}
}

// subnets returns the Client Subnet options in the last OPT record of m.
func subnets(m *dns.Msg) (all []*dns.EDNS0_SUBNET) {
	for _, e := range m.IsEdns0().Option {
		if s, ok := e.(*dns.EDNS0_SUBNET); ok {
			all = append(all, s)
		}
	}
	return all
}

package model

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/test/internal/contract"

	"github.com/miekg/dns"
)

// A run asks the servers of one case, and keeps what the model has to remember from answer to
// answer.
type run struct {
	c       *testCase
	s       *servers
	udp     net.Conn
	answers map[belowKey]*dns.Msg // of the reference server
	turns   map[string]*turns
	owners  map[rrsetKey]*contract.Policy // the policy that an RRset was first ordered by
	sticky  map[string][]map[string]int   // orders that a client got: record → place
	firsts  map[string]map[string]string  // by the records of a sticky tier: client → what it got first
	tiers   map[tiersKey][]contract.Nearness
	stats   *Statistics
	queries int
}

type belowKey struct {
	question
	do bool
}

// An rrsetKey names an RRset.
type rrsetKey struct {
	owner         string // in lower case
	rrtype, class uint16
}

type tiersKey struct {
	rrsetKey
	viewer
}

func keyOf(rr dns.RR) rrsetKey {
	h := rr.Header()
	return rrsetKey{strings.ToLower(h.Name), h.Rrtype, h.Class}
}

// A viewer is who an answer is for.
type viewer struct {
	policy         *contract.Policy // nil: none, the answer stays as it is
	client, source netip.Addr
}

// viewerOf returns who the answer to q is for: the source, or the address in a Client Subnet option
// from a source that the policy trusts.
func (r *run) viewerOf(q *query) (v viewer, believed bool) {
	v.policy = r.c.blockOf(q.name).policyFor(q.name)
	v.source = unmapped(q.source)
	v.client = v.source
	if v.policy == nil || !q.edns || !q.subnet.IsValid() || !v.policy.Trusts(v.source) {
		return v, false
	}
	if q.subnet.Bits() > 0 {
		v.client = q.subnet.Addr()
	}
	return v, true
}

// below returns the answer that ordering gets from below for q.
func (r *run) below(q *query) (*dns.Msg, error) {
	key := belowKey{q.question, q.edns && q.do}
	if m, ok := r.answers[key]; ok {
		return m, nil
	}
	m, err := r.s.below(key.question, key.do)
	if err == nil {
		r.answers[key] = m
	}
	return m, err
}

// check returns what is wrong with got, the answer to q, which had this many bytes. want is the
// answer from below.
func (r *run) check(q *query, want, got *dns.Msg, length int) error {
	v, believed := r.viewerOf(q)
	switch {
	case got.Rcode != want.Rcode:
		return fmt.Errorf("%s, want %s", dns.RcodeToString[got.Rcode], dns.RcodeToString[want.Rcode])
	case got.Truncated && q.tcp:
		return fmt.Errorf("truncated over TCP")
	case !q.tcp && length > q.datagram():
		return fmt.Errorf("%d bytes, but the client takes only %d", length, q.datagram())
	}
	s := sectionCheck{run: r, q: q, v: v, truncated: got.Truncated, block: r.c.blockOf(q.name)}
	if want.Rcode != dns.RcodeSuccess {
		s.v.policy = nil
	}
	for _, section := range []struct {
		name      string
		want, got []dns.RR
	}{
		{"answer", want.Answer, got.Answer},
		{"authority", want.Ns, got.Ns},
		{"additional", withoutOPT(want.Extra), withoutOPT(got.Extra)},
	} {
		s.name = section.name
		if err := s.check(section.want, section.got); err != nil {
			return fmt.Errorf("%s: %w", section.name, err)
		}
	}
	return r.checkSubnet(q, v, believed, want, got)
}

func withoutOPT(section []dns.RR) []dns.RR {
	return slices.DeleteFunc(slices.Clone(section), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
}

// A sectionCheck checks the sections of one answer.
type sectionCheck struct {
	*run
	q         *query
	v         viewer
	block     *block
	name      string
	truncated bool
}

// check compares a section with what the plugins below gave.
func (s *sectionCheck) check(want, got []dns.RR) error {
	if !s.truncated && len(want) < len(got) {
		return fmt.Errorf("%d records, want %d", len(got), len(want))
	}
	wantSets, gotSets := group(want), group(got)
	for key := range gotSets {
		if wantSets[key] == nil {
			return fmt.Errorf("%v is not in the answer from below", key)
		}
	}
	kept := map[rrsetKey]int{}
	for _, key := range keysOf(want) {
		base := wantSets[key]
		kept[key] = len(base)
		if s.v.policy == nil || s.name == "authority" || !s.v.policy.Orders(key.rrtype) || len(base) < 2 {
			if err := s.checkUnordered(key, base, gotSets[key]); err != nil {
				return err
			}
			continue
		}
		set := s.newRRset(key, base)
		kept[key] = set.kept()
		if err := set.check(gotSets[key]); err != nil {
			return fmt.Errorf("%v: %w", key, err)
		}
		if s.name == "answer" || s.name == "additional" {
			set.count()
		}
	}
	for _, rr := range want {
		if s.c.unknownBase(s.block, keyOf(rr).owner) {
			return nil
		}
	}
	return s.checkPlaces(want, got, kept)
}

// group returns the RRsets of a section.
func group(section []dns.RR) map[rrsetKey][]dns.RR {
	sets := map[rrsetKey][]dns.RR{}
	for _, rr := range section {
		key := keyOf(rr)
		sets[key] = append(sets[key], rr)
	}
	return sets
}

// keysOf returns the RRsets of a section, in the order of their first records.
func keysOf(section []dns.RR) (all []rrsetKey) {
	seen := map[rrsetKey]bool{}
	for _, rr := range section {
		if key := keyOf(rr); !seen[key] {
			seen[key] = true
			all = append(all, key)
		}
	}
	return all
}

// checkUnordered checks an RRset that is left alone.
func (s *sectionCheck) checkUnordered(key rrsetKey, want, got []dns.RR) error {
	wantData, gotData := data(want), data(got)
	if s.c.unknownBase(s.block, key.owner) {
		slices.Sort(gotData)
		slices.Sort(wantData)
		if !s.truncated && !slices.Equal(gotData, wantData) {
			return fmt.Errorf("%v: other records than from below: %v\nwant %v", key, gotData, wantData)
		}
		return nil
	}
	if s.truncated {
		wantData = wantData[:min(len(gotData), len(wantData))]
	}
	if !slices.Equal(gotData, wantData) {
		return fmt.Errorf("%v is not ordered by any policy, but is %v\nwant %v", key, gotData, wantData)
	}
	return nil
}

// checkPlaces checks that each RRset stands where it stood, but for the repair of aliases. kept
// says how many records of an RRset a limit leaves.
func (s *sectionCheck) checkPlaces(want, got []dns.RR, kept map[rrsetKey]int) error {
	var places []rrsetKey
	for _, rr := range want {
		places = append(places, keyOf(rr))
	}
	if s.v.policy != nil && s.name == "answer" {
		places = repaired(want, strings.ToLower(s.q.name), places)
	}
	var expected []rrsetKey
	for _, key := range places {
		if kept[key]--; kept[key] >= 0 {
			expected = append(expected, key)
		}
	}
	if s.truncated {
		expected = expected[:min(len(expected), len(got))]
	}
	for i, rr := range got {
		if i >= len(expected) || keyOf(rr) != expected[i] {
			return fmt.Errorf("record %d is %v\nwant the RRsets %v", i, rr, expected)
		}
	}
	if len(got) < len(expected) {
		return fmt.Errorf("%d records, want %d", len(got), len(expected))
	}
	return nil
}

// repaired returns the RRsets of the records of an answer when the chain of aliases from name is in
// front of the addresses that it leads to, in chain order. places has the RRset of each record.
func repaired(answer []dns.RR, name string, places []rrsetKey) []rrsetKey {
	var chain []rrsetKey
	for again := true; again; {
		again = false
		for _, rr := range answer {
			alias, ok := rr.(*dns.CNAME)
			if ok && strings.EqualFold(alias.Hdr.Name, name) && !slices.Contains(chain, keyOf(rr)) {
				chain, name, again = append(chain, keyOf(rr)), strings.ToLower(alias.Target), true
			}
		}
	}
	var indexes []int
	addresses := 0
	moving := slices.Clone(chain)
	for i, key := range places {
		address := key.owner == name && (key.rrtype == dns.TypeA || key.rrtype == dns.TypeAAAA)
		if address {
			addresses++
			moving = append(moving, key)
		}
		if address || slices.Contains(chain, key) {
			indexes = append(indexes, i)
		}
	}
	if addresses == 0 {
		return places
	}
	places = slices.Clone(places)
	for i, index := range indexes {
		places[index] = moving[i]
	}
	return places
}

// data returns the data of records, without owner, type and TTL.
func data(rrs []dns.RR) []string {
	all := make([]string, len(rrs))
	for i, rr := range rrs {
		all[i] = datum(rr)
	}
	return all
}

func datum(rr dns.RR) string {
	if a := addressOf(rr); a.IsValid() {
		return a.String()
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// addressOf returns the address in rr; the zero Addr if it has none.
func addressOf(rr dns.RR) (a netip.Addr) {
	switch rr := rr.(type) {
	case *dns.A:
		a, _ = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		a, _ = netip.AddrFromSlice(rr.AAAA)
	}
	return a
}

// canonical returns records in canonical order: by the bytes of their RDATA.
func canonical(rrs []dns.RR) []dns.RR {
	rdata := func(rr dns.RR) []byte {
		if a := addressOf(rr); a.IsValid() {
			return a.AsSlice()
		}
		c := dns.Copy(rr)
		c.Header().Name = "."
		packed := make([]byte, dns.Len(c)+16)
		n, err := dns.PackRR(c, packed, 0, nil, false)
		if err != nil {
			panic(err)
		}
		return packed[11:n] // behind owner, type, class, TTL and length
	}
	compare := func(a, b dns.RR) int { return bytes.Compare(rdata(a), rdata(b)) }
	return slices.SortedStableFunc(slices.Values(rrs), compare)
}

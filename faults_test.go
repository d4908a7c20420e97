package ordering

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/faults"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// trustedClient is the client whose Client Subnet option is believed.
const trustedClient = "10.4.3.2"

// TestFaultsOfOthers has several queries at once, below which plugins do what they must not, and
// above which writers fail. Each client must get what it would get without ordering, or the same
// records in the right order.
func TestFaultsOfOthers(t *testing.T) {
	dir, before := t.TempDir(), runtime.NumGoroutine()
	var chains []*Ordering
	for _, c := range fuzzedConfigs {
		corefile := strings.Replace(c.corefile(t, dir), "{\n", "{\n\tecs "+trustedClient+"\n", 1)
		chains = append(chains, orderingOf(t, corefile, nil))
	}
	faults.Run(t, 300, func(t *testing.T, rnd *rand.Rand) {
		at := rnd.IntN(len(chains))
		shared := faultyMessages(rnd)
		var intact []*dns.Msg
		for _, m := range shared {
			intact = append(intact, shallowCopy(m))
		}
		var all []*faultyQuery
		for range 1 + rnd.IntN(8) {
			all = append(all, randomFaultyQuery(rnd, shared))
		}
		schedule := &schedule{rnd: rnd}
		ordered := make([]outcome, len(all))
		for i, q := range all {
			schedule.start(func(step func()) { ordered[i] = q.run(chains[at].zones, step) })
		}
		schedule.run()
		for i, q := range all {
			checkOutcome(t, &fuzzedConfigs[at], q, q.run(nil, func() {}), ordered[i])
		}
		for i, m := range shared {
			if !sameMessage(m, intact[i]) {
				t.Errorf("the message from below was written to:\n%v\nwas\n%v", m, intact[i])
			}
		}
	})
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// A schedule runs queries step by step. Its random numbers say which queries make their next step,
// one alone or several at once, which the race detector watches.
type schedule struct {
	rnd     *rand.Rand
	queries []scheduledQuery
}

type scheduledQuery struct {
	step chan struct{} // takes an element for each step
	more chan bool     // gives an element after each step: whether there is another one
}

// start starts a query, which calls step before each of its steps.
func (s *schedule) start(query func(step func())) {
	q := scheduledQuery{make(chan struct{}), make(chan bool)}
	s.queries = append(s.queries, q)
	go func() {
		<-q.step
		query(func() {
			q.more <- true
			<-q.step
		})
		q.more <- false
	}()
}

// run makes the steps of all queries.
func (s *schedule) run() {
	for len(s.queries) > 0 {
		s.rnd.Shuffle(len(s.queries), func(i, j int) { s.queries[i], s.queries[j] = s.queries[j], s.queries[i] })
		n := 1 + s.rnd.IntN(len(s.queries))
		for _, q := range s.queries[:n] {
			q.step <- struct{}{}
		}
		left := s.queries[n:]
		for _, q := range s.queries[:n] {
			if <-q.more {
				left = append(left, q)
			}
		}
		s.queries = left
	}
}

// A faultyQuery is a query with what the plugin below does with it, and how the writer above fails.
type faultyQuery struct {
	client string
	query  *dns.Msg
	acts   []act
	code   int // returned by the plugin
	err    error

	failing  bool // the writer above returns an error each time
	breaking bool // it panics
}

// An act is one thing that a plugin does with a query.
type act struct {
	kind actKind
	msg  *dns.Msg
}

type actKind uint8

const (
	write      actKind = iota // passes msg to the writer
	writeNil                  // passes nil to the writer
	writeBytes                // writes what is no message
	writeLate                 // passes msg to the writer after it has returned
	giveUp                    // panics
	actKinds
)

var errBelow, errAbove = errors.New("the plugin below failed"), errors.New("the writer above failed")

// randomFaultyQuery returns a query that is answered with one of the shared messages or with copies
// of them, or in another way.
func randomFaultyQuery(rnd *rand.Rand, shared []*dns.Msg) *faultyQuery {
	q := &faultyQuery{
		client:   oneOf(rnd, trustedClient, "192.168.1.1", "2001:db8::1", ""),
		query:    new(dns.Msg).SetQuestion(hot, dns.TypeA),
		code:     oneOf(rnd, dns.RcodeSuccess, dns.RcodeServerFailure, -1),
		err:      oneOf(rnd, nil, nil, errBelow),
		failing:  rnd.IntN(5) == 0,
		breaking: rnd.IntN(10) == 0,
	}
	if rnd.IntN(3) == 0 {
		q.query = asking(subnet(1, "10.4.0.0", 16, 0))
	}
	for range oneOf(rnd, 0, 1, 1, 1, 2, 3) {
		a := act{write, oneOf(rnd, shared...)}
		if rnd.IntN(2) == 0 {
			a.kind = actKind(rnd.IntN(int(actKinds)))
		}
		if rnd.IntN(3) == 0 {
			a.msg = shallowCopy(a.msg)
		}
		q.acts = append(q.acts, a)
	}
	return q
}

// source returns the address that the answer to q is for.
func (q *faultyQuery) source() netip.Addr {
	if q.client == trustedClient && q.query.IsEdns0() != nil {
		return netip.MustParseAddr("10.4.0.0")
	}
	source, _ := netip.ParseAddr(q.client)
	return source
}

// An outcome is what the client gets and the server sees of a query.
type outcome struct {
	client   *faultyClient
	errs     []error // of each write
	code     int
	err      error
	panicked bool
}

// run runs the query through ordering with these zones, or without ordering if zones is nil. It
// calls step before each act.
func (q *faultyQuery) run(zones *zones, step func()) (out outcome) {
	out.client = &faultyClient{sink: from(q.client), q: q}
	var late []func()
	below := test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		for _, a := range q.acts {
			step()
			switch a.kind {
			case write:
				out.errs = append(out.errs, w.WriteMsg(a.msg))
			case writeNil:
				out.errs = append(out.errs, w.WriteMsg(nil))
			case writeBytes:
				_, err := w.Write([]byte("no message"))
				out.errs = append(out.errs, err)
			case writeLate:
				late = append(late, func() { out.errs = append(out.errs, w.WriteMsg(a.msg)) })
			case giveUp:
				panic(errBelow)
			}
		}
		step()
		return q.code, q.err
	})
	chain := plugin.Handler(below)
	if zones != nil {
		chain = &Ordering{Next: below, zones: zones}
	}
	out.panicked = panics(func() { out.code, out.err = chain.ServeDNS(servingContext(), out.client, q.query) })
	for _, f := range late {
		step()
		out.panicked = panics(f) || out.panicked
	}
	return out
}

// panics calls f and reports whether it panics.
func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

// A faultyClient keeps what is written to it.
type faultyClient struct {
	*sink
	q     *faultyQuery
	msgs  []*dns.Msg // nil for bytes
	bytes []string
}

func (c *faultyClient) WriteMsg(m *dns.Msg) error {
	if m != nil {
		m.Len() // a server packs the message, which can panic
	}
	c.msgs = append(c.msgs, m)
	return c.fail()
}

func (c *faultyClient) Write(b []byte) (int, error) {
	c.bytes = append(c.bytes, string(b))
	return len(b), c.fail()
}

func (c *faultyClient) fail() error {
	switch {
	case c.q.breaking:
		panic(errAbove)
	case c.q.failing:
		return errAbove
	}
	return nil
}

// checkOutcome checks that ordering changed nothing but the order of addresses.
func checkOutcome(t *testing.T, c *config, q *faultyQuery, plain, ordered outcome) {
	t.Helper()
	if ordered.code != plain.code || ordered.err != plain.err || ordered.panicked != plain.panicked ||
		!slices.Equal(ordered.errs, plain.errs) || !slices.Equal(ordered.client.bytes, plain.client.bytes) {
		t.Fatalf("%+v\ngot\n%+v\nwithout ordering\n%+v", q, ordered, plain)
	}
	got, want := ordered.client.msgs, plain.client.msgs
	if len(got) != len(want) {
		t.Fatalf("%d messages, %d without ordering", len(got), len(want))
	}
	for i := range got {
		switch {
		case want[i] == nil && got[i] != nil:
			t.Fatalf("%v, without ordering nil", got[i])
		case want[i] != nil:
			checkResponse(t, c, q.source(), plausible(c, want[i]), plausible(c, got[i]))
		}
	}
}

// plausible returns a copy of m without what the checks cannot compare: OPT records, and records
// that are nil where c can cut others off.
func plausible(c *config, m *dns.Msg) *dns.Msg {
	m = shallowCopy(m)
	surplus := func(rr dns.RR) bool {
		_, isOPT := rr.(*dns.OPT)
		return isOPT || rr == nil && c.limit > 0
	}
	m.Answer, m.Extra = slices.DeleteFunc(m.Answer, surplus), slices.DeleteFunc(m.Extra, surplus)
	return m
}

// shallowCopy returns a copy of m with sections of its own, which have the same records.
func shallowCopy(m *dns.Msg) *dns.Msg {
	out := *m
	out.Question, out.Answer = slices.Clone(m.Question), slices.Clone(m.Answer)
	out.Ns, out.Extra = slices.Clone(m.Ns), slices.Clone(m.Extra)
	return &out
}

// sameMessage reports whether a and b have the same records in the same order, and the rest in
// common too.
func sameMessage(a, b *dns.Msg) bool {
	return a.MsgHdr == b.MsgHdr && slices.Equal(a.Question, b.Question) && slices.Equal(a.Answer, b.Answer) &&
		slices.Equal(a.Ns, b.Ns) && slices.Equal(a.Extra, b.Extra)
}

// faultyMessages returns up to three messages, most with something that no message should have.
func faultyMessages(rnd *rand.Rand) (all []*dns.Msg) {
	for range 1 + rnd.IntN(3) {
		m := reply(hot, dns.TypeA, randomSection(rnd, rnd.IntN(12))...)
		m.Extra, m.Ns = randomSection(rnd, rnd.IntN(5)), randomSection(rnd, rnd.IntN(3))
		m.Authoritative = rnd.IntN(2) == 0
		switch rnd.IntN(12) {
		case 0:
			m.Question = nil
		case 1:
			m.Question[0].Qtype = dns.TypeAXFR
		case 2:
			m.Rcode = dns.RcodeNameError
		case 3, 4:
			m.Answer = append(m.Answer, record(hot+" 60 IN CNAME a.example.org."))
		case 5:
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: hot, Rrtype: dns.TypeA, Class: dns.ClassINET}})
		case 6:
			m.Answer = append(m.Answer, (*dns.A)(nil))
		case 7, 8, 9:
			for range 1 + rnd.IntN(3) {
				m.Answer = slices.Insert(m.Answer, rnd.IntN(len(m.Answer)+1), dns.RR(nil))
				m.Extra = slices.Insert(m.Extra, rnd.IntN(len(m.Extra)+1), dns.RR(nil))
			}
		}
		all = append(all, m)
	}
	return all
}

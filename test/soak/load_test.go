//go:build linux

package soak

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/keytest"
	"github.com/coredns-ordering/ordering/test/internal/contract"

	"github.com/miekg/dns"
)

// A soak loads one server.
type soak struct {
	t         *testing.T
	directory string
	tls       *tls.Config // of the clients
	ordered   bool
	process   *process
	versions  versions
	policies  [2]*contract.Policy
	results
}

// results are what a soak has found.
type results struct {
	queries, answers, lost, wrong atomic.Int64
	byTransport                   sync.Map // transport → *atomic.Int64: lost
	reloads                       int
	start, end                    figures // without load, before and after the reloads that count

	once    sync.Once
	example error
}

func (r *results) String() string {
	var lost []string
	for _, transport := range transports {
		if n, ok := r.byTransport.Load(transport); ok {
			lost = append(lost, fmt.Sprintf("%s %d", transport, n.(*atomic.Int64).Load()))
		}
	}
	return fmt.Sprintf("%d queries, %d answers, %d reloads, %d wrong answers, %d lost queries (%s)\n"+
		"\tat the start %v\n\tat the end   %v",
		r.queries.Load(), r.answers.Load(), r.reloads, r.wrong.Load(), r.lost.Load(), strings.Join(lost, ", "),
		r.start, r.end)
}

func newSoak(t *testing.T, ordered bool) *soak {
	s := &soak{t: t, directory: t.TempDir(), ordered: ordered, policies: topologies()}
	s.tls = keytest.Certificate(t, s.directory, "soak.test")
	ports := freePorts(t)
	replace(t, s.path("zone"), zone(s.versions.add()))
	replace(t, s.path("topology"), contract.TopologyFile(s.policies[0].Topology))
	replace(t, s.path("Corefile"), corefile(s.directory, startUpstream(t), ports, ordered))
	s.process = startProcess(t, s.directory, ports)
	return s
}

func (s *soak) path(name string) string { return filepath.Join(s.directory, name) }

// run loads the server for a while, and measures it without load after a quarter of that and at the
// end.
func (s *soak) run(duration time.Duration) *results {
	s.waitUntilReady()
	rest := min(max(duration/10, 2*time.Second), 15*time.Second)
	s.load(duration / 4)
	s.start = s.measure(rest)
	before := s.process.reloads()
	s.load(duration * 3 / 4)
	s.end = s.measure(rest)
	s.reloads = s.process.reloads() - before
	if races := s.process.races(); len(races) > 0 {
		s.t.Errorf("%d data races, such as:\n%s", len(races), races[0])
	}
	if strings.Contains(s.process.log.String(), "panic") {
		s.t.Errorf("the server reports a panic:\n%s", s.process.tail())
	}
	s.process.cmd.Process.Kill()
	return &s.results
}

// waitUntilReady waits for the first answer.
func (s *soak) waitUntilReady() {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		q := new(dns.Msg).SetQuestion("h0.file.test.", dns.TypeA)
		if r, err := dns.Exchange(q, s.process.addr("udp")); err == nil && len(r.Answer) == 1 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server does not answer:\n%s", s.process.tail())
		}
	}
}

// measure measures for a while, in which the connections of the load time out, and returns the
// lowest figures.
func (s *soak) measure(wait time.Duration) figures {
	lowest := s.process.measure()
	for deadline := time.Now().Add(wait); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		f := s.process.measure()
		lowest.Goroutines, lowest.Files, lowest.Heap =
			min(lowest.Goroutines, f.Goroutines), min(lowest.Files, f.Files), min(lowest.Heap, f.Heap)
	}
	return lowest
}

// load asks over all transports, while the server reloads and its files are rewritten.
func (s *soak) load(duration time.Duration) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, transport := range transports {
		for range map[string]int{"udp": 4, "quic": 1}[transport] + 1 {
			all.Go(func() { s.ask(transport, stop) })
		}
	}
	all.Go(func() { every(stop, time.Second, s.process.reload) })
	all.Go(func() {
		every(stop, 700*time.Millisecond, func() { replace(s.t, s.path("zone"), zone(s.versions.add())) })
	})
	all.Go(s.rewriteTopology(stop))
	time.Sleep(duration)
	close(stop)
	all.Wait()
}

// every calls do in intervals until stop is closed.
func every(stop chan struct{}, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			do()
		}
	}
}

// rewriteTopology returns a function that changes the topology file: by moving another one to its
// place, by writing it where it is, and sometimes to one that is broken.
func (s *soak) rewriteTopology(stop chan struct{}) func() {
	return func() {
		n := 0
		every(stop, 1300*time.Millisecond, func() {
			n++
			text := contract.TopologyFile(s.policies[n%2].Topology)
			switch n % 5 {
			case 0, 1, 2:
				replace(s.t, s.path("topology"), text)
			case 3:
				if err := os.WriteFile(s.path("topology"), []byte(text), 0o644); err != nil {
					s.t.Error(err)
				}
			default:
				replace(s.t, s.path("topology"), text+"10.0.0.0/33 broken\n")
			}
		})
	}
}

// ask asks over one connection after another until stop is closed.
func (s *soak) ask(transport string, stop chan struct{}) {
	lost, _ := s.byTransport.LoadOrStore(transport, new(atomic.Int64))
	lose := func() {
		s.lost.Add(1)
		lost.(*atomic.Int64).Add(1)
	}
	for {
		conn, err := dial(s.process, s.tls, transport)
		if err != nil {
			s.queries.Add(1)
			lose()
			time.Sleep(10 * time.Millisecond)
		}
		for i := 0; err == nil && i < 200; i++ {
			select {
			case <-stop:
				conn.Close()
				return
			default:
			}
			if !s.query(conn) {
				lose()
				break
			}
		}
		if err == nil {
			conn.Close()
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// query sends a random query and checks the answer. It reports whether there is one.
func (s *soak) query(conn connection) bool {
	k := rand.IntN(len(sizes))
	name, qtype := fmt.Sprintf("h%d.file.test.", k), dns.TypeA
	switch rand.IntN(5) {
	case 0:
		name = fmt.Sprintf("a%d.file.test.", k)
	case 1:
		name = fmt.Sprintf("u%d.file.test.", k)
	case 2:
		name = fmt.Sprintf("h%d.up.test.", k)
	case 3:
		name, qtype = fmt.Sprintf("h%d.six.test.", k), dns.TypeAAAA
	}
	q := new(dns.Msg).SetQuestion(name, qtype)
	q.SetEdns0(4096, false)
	packed, err := q.Pack()
	if err != nil {
		s.t.Error(err)
		return true
	}
	s.queries.Add(1)
	answer, err := conn.exchange(packed)
	if err != nil {
		return false
	}
	s.answers.Add(1)
	r := new(dns.Msg)
	if err = r.Unpack(answer); err == nil {
		err = s.check(name, k, conn.client(), r)
	}
	if err != nil {
		s.wrong.Add(1)
		s.once.Do(func() {
			s.example = fmt.Errorf("%s for %v: %w\n%v\n%s", name, conn.client(), err, r, s.process.tail())
		})
	}
	return true
}

// check returns what is wrong with the answer to a client that asked for host k by this name.
func (s *soak) check(name string, k int, client netip.Addr, r *dns.Msg) error {
	if r.Rcode != dns.RcodeSuccess || r.Truncated || r.Question[0].Name != name {
		return fmt.Errorf("%s, TC %v", dns.RcodeToString[r.Rcode], r.Truncated)
	}
	records, owner := r.Answer, name
	if len(records) == 0 {
		return fmt.Errorf("no records")
	}
	if name[0] != 'h' {
		alias, ok := records[0].(*dns.CNAME)
		if !ok || alias.Hdr.Name != name {
			return fmt.Errorf("the alias is not the first record")
		}
		records, owner = records[1:], alias.Target
	}
	if len(records) != sizes[k] {
		return fmt.Errorf("%d addresses, want %d", len(records), sizes[k])
	}
	var members []int
	version := -1
	for _, rr := range records {
		a, ok := embedded(rr)
		if b := a.As4(); !ok || !strings.EqualFold(rr.Header().Name, owner) || slices.Contains(members, int(b[3])) ||
			version >= 0 && int(b[2]) != version {
			return fmt.Errorf("%v does not belong to the others", rr)
		} else {
			version, members = int(b[2]), append(members, int(b[3]))
		}
	}
	if slices.Max(members) >= sizes[k] || strings.HasSuffix(owner, "file.test.") && !s.versions.current(version) {
		return fmt.Errorf("an old version of the zone, %d", version)
	}
	if !s.ordered {
		return nil
	}
	first := s.checkOrder(s.policies[0], client, members, owner)
	if first == nil || s.checkOrder(s.policies[1], client, members, owner) == nil {
		return nil
	}
	return first
}

// embedded returns the address of an A record, or that in an AAAA record of dns64.
func embedded(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		return netip.AddrFrom4([4]byte(rr.A.To4())), true
	case *dns.AAAA:
		return netip.AddrFrom4([4]byte(rr.AAAA[12:])), true
	}
	return netip.Addr{}, false
}

// checkOrder checks that the nearest members come first, and that those of each tier are a rotation
// of the base order: that of the file, or canonical order where the answer was forwarded.
func (s *soak) checkOrder(p *contract.Policy, client netip.Addr, members []int, owner string) error {
	var near []contract.Nearness
	for _, j := range members {
		near = append(near, p.Nearness(client, client, address(j, 0)))
	}
	if !slices.IsSortedFunc(near, contract.Nearness.Compare) {
		return fmt.Errorf("the nearest are not first: %v", near)
	}
	base := func(a, b int) int { return cmp.Compare(a, b) }
	if !strings.HasSuffix(owner, "file.test.") {
		base = func(a, b int) int { return address(a, 0).Compare(address(b, 0)) }
	}
	for i := 0; i < len(members); {
		end := i
		for end < len(members) && near[end] == near[i] {
			end++
		}
		descents := 0
		for j := i; j < end; j++ {
			next := members[i]
			if j+1 < end {
				next = members[j+1]
			}
			if base(members[j], next) > 0 {
				descents++
			}
		}
		if descents > 1 {
			return fmt.Errorf("%v is no rotation of base order", members[i:end])
		}
		i = end
	}
	return nil
}

package rrset

import (
	"bufio"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/miekg/dns"
)

// workEnv names the workload that a binary built for coverage runs.
const workEnv = "ORDERING_WORK"

// A workload is an answer section that is as hard to order as one of n records can be.
type workload struct {
	name    string
	orderer func() *Orderer
	ranker  ranking.Config
	section func(n int) []dns.RR
	query   Query

	// An answer of n records executes at most n·(perRecord + sorted·log2(n)) statements. sorted is
	// 0 where nothing is sorted by comparisons.
	perRecord, sorted float64
}

// masks24 ranks by /24 and the classful network.
var masks24 = ranking.Config{Masks: ranking.MaskLengths{IPv4: []int{24}, IPv6: []int{64}, Classful: true}}

func withConfig(c Config) func() *Orderer {
	return func() *Orderer {
		c.Types, c.Turns = Types(dns.TypeA, dns.TypeAAAA), new(Turns)
		return New(c)
	}
}

// weighed returns an Orderer in which each address of a /16 has one of all the weights.
func weighed() *Orderer {
	w := new(Weights)
	for i := range 256 {
		w.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 4, 0, byte(i)}), 32), uint8(i))
		w.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 4, byte(i), 0}), 24), uint8(i))
	}
	return withConfig(Config{Weights: w})()
}

// shuffledAddresses returns n addresses of one owner, in random order.
func shuffledAddresses(n int) []dns.RR {
	all := make([]dns.RR, n)
	for i := range all {
		all[i] = address(owner, netip.AddrFrom4([4]byte{10, 4, byte(i >> 8), byte(i)}))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// chain returns aliases that lead from alias to alias, backwards and behind the address.
func chain(n int) []dns.RR {
	all := []dns.RR{record(fmt.Sprintf("n%d. A 10.4.3.1", n-1))}
	for i := n - 2; i >= 0; i-- {
		all = append(all, record(fmt.Sprintf("n%d. CNAME n%d.", i, i+1)))
	}
	return all
}

// sortlistOf returns a sort list with a word for each of n addresses.
func sortlistOf(n int) ranking.Config {
	s := ranking.Statement{Clients: network.Any}
	for i := range n {
		a := netip.AddrFrom4([4]byte{10, 4, byte(i >> 8), byte(i)})
		s.Preference = append(s.Preference, ranking.Word{Networks: []netip.Prefix{netip.PrefixFrom(a, 32)}})
	}
	return ranking.Config{Sortlist: []ranking.Statement{s}}
}

var workloads = []workload{
	{"one RRset", withConfig(Config{}), masks24, shuffledAddresses, Query{}, 40, 0},
	{"canonical order", withConfig(Config{}), masks24, shuffledAddresses, Query{Canonical: true}, 40, 6},
	{"a limit", withConfig(Config{}), masks24, shuffledAddresses, Query{Limit: 4}, 40, 0},
	{"all weights", weighed, ranking.Config{}, shuffledAddresses, Query{}, 40, 10},
	{"random", withConfig(Config{Rotation: Random}), masks24, shuffledAddresses, Query{}, 45, 0},
	{"sticky", withConfig(Config{Rotation: Sticky}), masks24, shuffledAddresses, Query{}, 40, 6},
	{"a tier for each address", withConfig(Config{}), sortlistOf(4000), shuffledAddresses, Query{}, 70, 0},
	{"an RRset for each record", withConfig(Config{}), masks24, func(n int) (all []dns.RR) {
		for i := range n {
			all = append(all, record(fmt.Sprintf("n%d. A 10.4.3.1", i)))
		}
		return all
	}, Query{}, 110, 0},
	{"RRsets that take turns record by record", withConfig(Config{}), masks24, func(n int) (all []dns.RR) {
		for i := range n {
			all = append(all, record(fmt.Sprintf("n%d. A 10.4.%d.%d", i%(n/4), i>>8, i%256)))
		}
		return all
	}, Query{}, 190, 0},
	{"a chain of aliases, backwards", withConfig(Config{}), masks24, chain, Query{}, 45, 0},
	{"a loop of aliases", withConfig(Config{}), masks24, func(n int) []dns.RR {
		return append(chain(n-1), record(fmt.Sprintf("n%d. CNAME n0.", n-2)))
	}, Query{}, 45, 0},
	{"as many aliases as addresses, all of one name", withConfig(Config{}), masks24, func(n int) (all []dns.RR) {
		for i := range n / 2 {
			all = append(all,
				record(fmt.Sprintf("end. A 10.4.%d.%d", i>>8, i%256)),
				record(fmt.Sprintf("n%d. CNAME end.", i)))
		}
		return all
	}, Query{}, 100, 0},
	{"DNAMEs above a name with all its labels", withConfig(Config{}), masks24, func(n int) []dns.RR {
		all := []dns.RR{record("a. A 10.4.3.1")}
		for i := range n - 1 {
			// All of the aliases lead to names with 120 labels, and each label but the last has a
			// DNAME.
			name := strings.Repeat("x.", i%120) + "y."
			if i < 120 {
				all = append(all, record(name+" DNAME z."))
			} else {
				all = append(all, record(fmt.Sprintf("n%d. CNAME %sy.", i, strings.Repeat("x.", 120))))
			}
		}
		return all
	}, Query{}, 240, 0},
}

// TestWorkload runs the workload that TestWorkIsBounded names.
func TestWorkload(t *testing.T) {
	var index, n int
	if _, err := fmt.Sscan(os.Getenv(workEnv), &index, &n); err != nil {
		t.Skip("TestWorkIsBounded runs this")
	}
	w := workloads[index]
	o, ranker, in := w.orderer(), ranking.New(w.ranker), w.section(max(n, 8))
	if n == 0 {
		return // what it takes to make the workload, but no answer
	}
	q := w.query
	ranker.Rank(&q.Ranking, netip.MustParseAddr("10.4.3.7"))
	if out := o.Answer(in, &q, "n0."); w.query.Limit == 0 && len(out) != n {
		t.Fatalf("%d records, want %d", len(out), n)
	}
}

// TestWorkIsBounded counts the statements of this module that the hardest answers execute, and
// compares them with the bound of each. A message holds fewer than 4,100 addresses or aliases: so
// the bounds below are what an answer can cost at most, a million statements. It counts with the
// counters of Go's coverage, so that production code needs none. Statements of the standard library
// and of other modules are not counted, but the functions that they call here are, such as those
// that compare.
func TestWorkIsBounded(t *testing.T) {
	if systemtest.Raced() {
		t.Skip("the race detector changes nothing here")
	}
	binary := filepath.Join(t.TempDir(), "work.test")
	build := exec.Command("go", "test", "-c", "-covermode=count", "-o", binary,
		"-coverpkg=github.com/coredns-ordering/ordering/plugin/...,github.com/coredns-ordering/ordering/internal/...", ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for index, w := range workloads {
		t.Run(w.name, func(t *testing.T) {
			var took []float64
			for _, n := range []int{1000, 4000} {
				executed := float64(statements(t, binary, index, n))
				took = append(took, executed)
				most := float64(n) * (w.perRecord + w.sorted*math.Log2(float64(n)))
				t.Logf("%d records: %.0f statements, %.0f for each record", n, executed, executed/float64(n))
				if executed > most {
					t.Errorf("more than %.0f", most)
				}
			}
			if growth := took[1] / took[0]; growth > 4*math.Log2(4000)/math.Log2(1000)*1.1 {
				t.Errorf("four times the records take %.1f times the statements", growth)
			}
		})
	}
}

// statements returns how many statements a workload executes to order an answer of n records.
func statements(t *testing.T, binary string, index, n int) int {
	t.Helper()
	counts := make([]int, 2)
	for i, size := range []int{0, n} {
		profile := filepath.Join(t.TempDir(), "profile")
		cmd := exec.Command(binary, "-test.run", "^TestWorkload$", "-test.coverprofile", profile)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", workEnv, index, size))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		counts[i] = executed(t, profile)
	}
	return counts[1] - counts[0]
}

// executed returns how many statements were executed by a coverage profile.
func executed(t *testing.T, profile string) (n int) {
	t.Helper()
	file, err := os.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		var statements, count int
		if len(fields) == 3 && !strings.Contains(fields[0], "_test.go") {
			fmt.Sscan(fields[1], &statements)
			fmt.Sscan(fields[2], &count)
			n += statements * count
		}
	}
	return n
}

// TestHashesOfNamesHaveASeed checks that names which a stranger chose because they collide under
// one seed are apart under another, as each process has its own.
func TestHashesOfNamesHaveASeed(t *testing.T) {
	var k keys
	header := func(i int) *dns.RR_Header {
		return &dns.RR_Header{Name: fmt.Sprintf("n%d.example.org.", i), Rrtype: dns.TypeA, Class: dns.ClassINET}
	}
	set := func(i int) uint64 { return k.rrset(header(i)) % sets }
	var colliding []int
	for i := 0; len(colliding) < 64; i++ {
		if set(i) == set(0) {
			colliding = append(colliding, i)
		}
	}
	before := seed
	defer func() { seed = before }()
	seed = maphash.MakeSeed()
	together := 0
	for _, i := range colliding[1:] {
		if set(i) == set(colliding[0]) {
			together++
		}
	}
	if together > 3 { // the probability of 4 among 63 is 10^-9
		t.Errorf("%d of %d names collide again", together, len(colliding))
	}
}

// TestProbesOfManyRRsets checks that the RRsets of the largest sections are found after few probes
// of the hash table.
func TestProbesOfManyRRsets(t *testing.T) {
	var r runs
	var in []dns.RR
	for i := range 4000 {
		in = append(in, record(fmt.Sprintf("n%d.example.org. A 10.4.3.1", i)))
	}
	r.reset(len(in))
	var k ranking.Ranking
	ranking.New(ranking.Config{}).Rank(&k, netip.Addr{})
	r.findRRsets(in, Types(dns.TypeA), &k)
	probes, longest := 0, 0
	for at, run := range r.buckets {
		if run > 0 {
			home := int(r.keys.rrset(in[r.all[run-1].first].Header()) % uint64(len(r.buckets)))
			n := (at-home+len(r.buckets))%len(r.buckets) + 1
			probes, longest = probes+n, max(longest, n)
		}
	}
	// At half of the table in use, a search that fails takes 2.5 probes on average (Knuth, volume
	// 3, section 6.4), and fewer while the table fills.
	if r.n != len(in) || probes > 2*len(in) || longest > 100 {
		t.Errorf("%d RRsets took %d probes, the longest search %d", r.n, probes, longest)
	}
}

// Package model compares a real server with a model of what ordering promises. Each seed makes a
// Corefile with random properties, zones of any size, and clients that ask over UDP and TCP, some
// with a Client Subnet option. The server runs with all its plugins and is asked through sockets.
//
// ORDERING_MODEL says which seeds to run and how many queries each gets: SEED:COREFILES or
// SEED:COREFILES:QUERIES. A million queries take a while:
//
//	ORDERING_MODEL=1:10000:100 go test ./test/model -timeout 0
//
// A failure prints the Corefile, the zone, the query, the answer, what the model expects, and the
// command that repeats it. It is reported only if it happens again: two questions share a turn if
// their hashes are the same, which once in some thousand runs of the test happens by chance.
package model

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/contract"

	"github.com/miekg/dns"
)

const (
	modelEnv  = "ORDERING_MODEL"        // what the user sets
	workerEnv = "ORDERING_MODEL_WORKER" // what TestModel sets for a worker

	perWorker = 25 // Corefiles: all questions of a process share one table of turns, which must not fill
)

// A task is a number of seeds to run.
type task struct {
	seed             uint64
	corefiles, steps int
}

func (t task) String() string { return fmt.Sprintf("%d:%d:%d", t.seed, t.corefiles, t.steps) }

func parseTask(text string, t task) task {
	for i, word := range strings.SplitN(text, ":", 3) {
		fmt.Sscan(word, []any{&t.seed, &t.corefiles, &t.steps}[i])
	}
	return t
}

// TestModel runs the seeds in worker processes, two at a time.
func TestModel(t *testing.T) {
	if os.Getenv(workerEnv) != "" {
		t.Skip("this is a worker")
	}
	corefiles := 1000
	if systemtest.Raced() {
		corefiles = 200 // they take about as long as 1,000 without the race detector
	}
	all := parseTask(os.Getenv(modelEnv), task{1, corefiles, 60})
	tasks := make(chan task)
	go func() {
		defer close(tasks)
		for done := 0; done < all.corefiles; done += perWorker {
			tasks <- task{all.seed + uint64(done), min(perWorker, all.corefiles-done), all.steps}
		}
	}()
	var r results
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for task := range tasks {
				r.run(t, task)
			}
		})
	}
	workers.Wait()
	if r.unrepeated > 1 {
		t.Errorf("%d failures did not happen again", r.unrepeated)
	}
	if err := r.stats.check(); err != nil {
		t.Error(err)
	}
	t.Logf("%d Corefiles, seeds %d to %d, %d queries, %d failures that did not happen again",
		all.corefiles, all.seed, all.seed+uint64(all.corefiles)-1, r.queries, r.unrepeated)
}

// results are those of all workers.
type results struct {
	mu                  sync.Mutex
	queries, unrepeated int
	stats               Statistics
}

// A workerResult is what a worker prints at its end.
type workerResult struct {
	Queries    int
	Statistics Statistics
}

// run runs a task in a process of its own, and each seed that fails there once more.
func (r *results) run(t *testing.T, task task) {
	result, failed, out, err := runWorker(task)
	repeated := err != nil && len(failed) == 0 // the process has crashed
	for _, seed := range failed {
		again := task
		again.seed, again.corefiles = seed, 1
		if _, _, text, failure := runWorker(again); failure != nil {
			repeated, out = true, text
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queries += result.Queries
	r.stats.addAll(result.Statistics)
	switch {
	case repeated:
		t.Errorf("worker %v: %v\n%s", task, err, out)
	case err != nil:
		r.unrepeated++
		t.Logf("failed once: %s", out)
	}
}

// runWorker runs a task in a process of its own. It returns the result, which seeds failed, and all
// that the process printed.
func runWorker(task task) (result workerResult, failed []uint64, out []byte, err error) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestWorker$", "-test.v", "-test.timeout", "0")
	cmd.Env = append(os.Environ(), workerEnv+"="+task.String())
	out, err = cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		var seed uint64
		if n, _ := fmt.Sscanf(line, "failed: %d", &seed); n == 1 {
			failed = append(failed, seed)
		}
		if text, ok := strings.CutPrefix(line, "result: "); ok {
			json.Unmarshal([]byte(text), &result)
		}
	}
	return result, failed, out, err
}

// TestWorker runs the seeds that TestModel gives it.
func TestWorker(t *testing.T) {
	if os.Getenv(workerEnv) == "" {
		t.Skip("TestModel starts this in processes of its own")
	}
	task, queries, stats := parseTask(os.Getenv(workerEnv), task{}), 0, new(Statistics)
	for i := range task.corefiles {
		seed := task.seed + uint64(i)
		n, err := runSeed(t, seed, task.steps, stats)
		if err != nil {
			fmt.Printf("failed: %d\n", seed)
			t.Errorf("%v\nTo repeat it: %s=%d:1:%d go test ./test/model", err, modelEnv, seed, task.steps)
		}
		queries += n
	}
	counted, err := json.Marshal(workerResult{queries, *stats})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("result: %s\n", counted)
}

// runSeed runs the case of a seed. It returns how many queries it sent.
func runSeed(t *testing.T, seed uint64, steps int, stats *Statistics) (queries int, err error) {
	c, directory := newCase(seed), t.TempDir()
	s, err := c.start(t, directory)
	defer func() {
		if s != nil {
			s.stop(t)
		}
	}()
	if err != nil {
		return 0, err
	}
	udp, err := net.Dial("udp", s.udp)
	if err != nil {
		return 0, err
	}
	defer udp.Close()
	r := &run{
		c: c, s: s, udp: udp, stats: stats,
		answers: map[belowKey]*dns.Msg{},
		turns:   map[string]*turns{},
		owners:  map[rrsetKey]*contract.Policy{},
		sticky:  map[string][]map[string]int{},
		firsts:  map[string]map[string]string{},
		tiers:   map[tiersKey][]contract.Nearness{},
	}
	if err := r.ask(steps); err != nil {
		corefile := c.corefile(directory, s.reference, "SHUFFLER", true)
		return r.queries, fmt.Errorf("%w\nCorefile:\n%s%s", err, corefile, c.files())
	}
	return r.queries, nil
}

// files returns the zones and topologies of the case for a message.
func (c *testCase) files() string {
	var b strings.Builder
	for i, block := range c.blocks {
		fmt.Fprintf(&b, "zone%d:\n%s\n", i, strings.Join(shortened(block.records, 60), "\n"))
		for zone, p := range block.policies {
			if p.Topology != nil {
				fmt.Fprintf(&b, "topology of %s:\n%s", zone, contract.TopologyFile(p.Topology))
			}
		}
	}
	return b.String()
}

// ask sends this many queries, one after the other, and checks the answers. Most of them are for a
// few names, so that turns go round.
func (r *run) ask(steps int) error {
	var popular []question
	for range 3 {
		popular = append(popular, pick(r.c, pick(r.c, r.c.blocks).asked))
	}
	var next *query // one that an answer has suggested
	for range steps {
		q := next
		if q == nil {
			q = r.randomQuery(popular)
		}
		want, err := r.below(q)
		if err != nil {
			return fmt.Errorf("the reference server, asked for %v: %w", q, err)
		}
		got, length, err := r.s.exchange(r.udp, q)
		if err != nil {
			return fmt.Errorf("%v: %w", q, err)
		}
		r.queries++
		if err := r.check(q, want, got, length); err != nil {
			return fmt.Errorf("query %d: %v\n%w", r.queries, q, err)
		}
		next = r.neighbour(q, got)
	}
	return nil
}

// randomQuery returns a random query, often one for a popular question.
func (r *run) randomQuery(popular []question) *query {
	c, q := r.c, new(query)
	q.question = pick(c, popular)
	if c.chance(0.2) {
		q.question = pick(c, pick(c, c.blocks).asked)
	}
	q.source, q.tcp = pick(c, c.clients), c.chance(0.3)
	if c.chance(0.1) {
		q.source = c.near(q.source)
	}
	if c.chance(0.3) {
		q.spelled = c.rnd.Uint64()
	}
	q.edns = c.chance(0.7)
	q.size = pick(c, []uint16{0, 512, 1232, 4096, 16384, 65000})
	q.do = c.chance(0.15)
	p := c.blockOf(q.name).policyFor(q.name)
	if p != nil && len(p.ECS) > 0 && c.chance(0.6) || c.chance(0.05) {
		if p != nil && len(p.ECS) > 0 && c.chance(0.8) {
			q.source = randomIn(c, pick(c, p.ECS))
		}
		client := pick(c, c.clients)
		q.edns = true
		size := client.BitLen()
		length := pick(c, []int{0, size / 4, size * 3 / 4, size, c.rnd.IntN(size + 1)})
		q.subnet = netip.PrefixFrom(client, length).Masked()
	}
	if q.source.Is4() && c.chance(0.1) {
		q.source = netip.AddrFrom16(q.source.As16()) // IPv4-mapped
	}
	return q
}

// neighbour returns a query for another client inside the scope of an answer, sometimes.
func (r *run) neighbour(q *query, got *dns.Msg) *query {
	opt := got.IsEdns0()
	if opt == nil || !r.c.chance(0.5) {
		return nil
	}
	for _, o := range opt.Option {
		if s, ok := o.(*dns.EDNS0_SUBNET); ok && q.subnet.Bits() > 0 {
			other := *q
			client := randomIn(r.c, netip.PrefixFrom(q.subnet.Addr(), int(s.SourceScope)).Masked())
			other.subnet = netip.PrefixFrom(client, client.BitLen())
			return &other
		}
	}
	return nil
}

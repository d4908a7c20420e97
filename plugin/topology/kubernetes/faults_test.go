package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/internal/faults"
	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// TestFaultsOfTheAPIServer watches an API server that hangs, lies, sends garbage, ends watches and
// forgets what it has said, while the cluster changes. The table must be right once the API server
// is, and at no time may Stop have to wait. The seed decides what the API server does with each
// request, but not how long the client library waits between requests.
func TestFaultsOfTheAPIServer(t *testing.T) {
	topologytest.Logged(t)
	faults.Run(t, 100, func(t *testing.T, rnd *rand.Rand) {
		synctest.Test(t, func(t *testing.T) {
			s := newFaultyServer(t, rnd)
			c := newCluster(s.config(), oneOf(rnd, PodsAuto, PodsOn, PodsOff))
			defer c.Stop()
			w := &world{rnd: rnd, server: s.apiServer}
			for range 10 {
				w.change()
			}
			start(t, c)
			for range 20 {
				time.Sleep(time.Duration(rnd.Int64N(int64(oneOf(rnd, time.Second, time.Minute)))))
				w.change()
				c.Table().Find(netip.MustParseAddr("10.1.0.1"))
				c.Explain(netip.MustParseAddr("10.1.0.1"))
				c.Describe()
				if rnd.IntN(40) == 0 {
					stopAtOnce(t, c)
					start(t, c)
				}
			}
			s.mend()
			time.Sleep(time.Hour)
			synctest.Wait()
			if !c.Ready() || !c.Synced() {
				t.Errorf("ready %v, synced %v: the API server works again", c.Ready(), c.Synced())
			}
			checkPlaces(t, c.Table(), w.places())
			stopAtOnce(t, c)
		})
	})
}

// TestSyncedAfterReady has an API server that refuses to list one kind of objects for longer than Ready
// waits. There are none of that kind, so that the list changes nothing.
func TestSyncedAfterReady(t *testing.T) {
	topologytest.Logged(t)
	for _, test := range []struct {
		option  Pods
		missing string
	}{
		{PodsAuto, "nodes"}, {PodsAuto, "endpointslices"},
		{PodsOff, "nodes"}, {PodsOff, "endpointslices"},
		{PodsOn, "nodes"}, {PodsOn, "endpointslices"}, {PodsOn, "pods"},
	} {
		t.Run(fmt.Sprint(test.option, test.missing), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFaultyServer(t, rand.New(rand.NewPCG(1, 1)))
				s.mend()
				if test.missing != "nodes" {
					s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
				}
				s.forbid(test.missing, true)
				c := newCluster(s.config(), test.option)
				defer c.Stop()
				start(t, c)
				time.Sleep(2 * syncTimeout)
				synctest.Wait()
				if !c.Ready() || c.Synced() {
					t.Errorf("ready %v and synced %v, want ready", c.Ready(), c.Synced())
				}
				s.forbid(test.missing, false)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if !c.Synced() {
					t.Error("not synced, although everything was read")
				}
			})
		})
	}
}

// TestRequestsThatHang has an API server that answers only the later requests for each kind. The
// first ones keep their connections and are never answered, or no longer after they began.
func TestRequestsThatHang(t *testing.T) {
	topologytest.Logged(t)
	for _, begun := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newFaultyServer(t, rand.New(rand.NewPCG(1, 1)))
			s.mend()
			s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
			answer, asked := s.http.Handler, 0
			s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.mu.Lock()
				asked++
				hangs := asked <= 4
				s.mu.Unlock()
				if !hangs {
					answer.ServeHTTP(w, r)
					return
				}
				if begun {
					w.Header().Set("Content-Type", "application/json")
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			})
			c := newCluster(s.config(), PodsOff)
			defer c.Stop()
			start(t, c)
			time.Sleep(time.Hour)
			synctest.Wait()
			if !c.Synced() || !located(c, "10.1.0.1", "r1/z1/n1")() {
				t.Errorf("answers began %v: synced %v after an hour", begun, c.Synced())
			}
		})
	}
}

// stopAtOnce stops c and checks that this takes no time.
func stopAtOnce(t *testing.T, c *Cluster) {
	t.Helper()
	before := time.Now()
	c.Stop()
	if waited := time.Since(before); waited > 0 {
		t.Errorf("Stop took %v", waited)
	}
}

func oneOf[T any](rnd *rand.Rand, all ...T) T { return all[rnd.IntN(len(all))] }

// A world is what there is in a cluster.
type world struct {
	rnd    *rand.Rand
	server *apiServer
	nodes  [6]*v1.Node // by number; nil: there is no such node
	pods   [6]int      // by the number of their node, how many it has
}

// change adds, moves or removes a node or a Pod.
func (w *world) change() {
	n := w.rnd.IntN(len(w.nodes))
	switch {
	case w.nodes[n] == nil || w.rnd.IntN(4) == 0: // is new, or moves to another zone
		zone := fmt.Sprintf("z%d", w.rnd.IntN(3))
		w.nodes[n] = node(fmt.Sprintf("n%d", n), "r1", zone, fmt.Sprintf("10.%d.0.0/24", n), fmt.Sprintf("192.0.2.%d", n))
		w.server.put(w.nodes[n])
	case w.rnd.IntN(4) == 0:
		for ; w.pods[n] > 0; w.pods[n]-- {
			w.server.remove(w.pod(n))
		}
		w.server.remove(w.nodes[n])
		w.nodes[n] = nil
	case w.pods[n] > 0 && w.rnd.IntN(3) == 0:
		w.server.remove(w.pod(n))
		w.pods[n]--
	default:
		w.pods[n]++
		w.server.put(w.pod(n))
	}
}

// pod returns the newest Pod of a node.
func (w *world) pod(n int) *v1.Pod {
	i := w.pods[n]
	return aPod(fmt.Sprintf("p%d-%d", n, i), fmt.Sprintf("n%d", n), 0, fmt.Sprintf("10.%d.0.%d", n, i))
}

// places returns where the addresses of nodes and Pods are.
func (w *world) places() map[string]string {
	all := map[string]string{}
	for n, node := range w.nodes {
		location := ""
		if node != nil {
			location = fmt.Sprintf("r1/%s/n%d", node.Labels[v1.LabelTopologyZone], n)
		}
		all[fmt.Sprintf("192.0.2.%d", n)] = location
		for i := range w.pods[n] {
			all[fmt.Sprintf("10.%d.0.%d", n, i+1)] = location
		}
	}
	return all
}

// A faultyServer is an API server that works only after mend. It has no sockets, so that it can be
// used with a clock of the test's own.
type faultyServer struct {
	*apiServer
	seed  uint64
	conns chan net.Conn
	http  http.Server

	faulty context.Context // ends with mend
	mended context.CancelFunc

	mu       sync.Mutex
	requests map[string]uint64 // by kind, how many there were
	oldest   int               // the first version that watches can start from
}

func newFaultyServer(t *testing.T, rnd *rand.Rand) *faultyServer {
	s := &faultyServer{apiServer: unstartedAPIServer(), seed: rnd.Uint64(), conns: make(chan net.Conn), requests: map[string]uint64{}}
	s.faulty, s.mended = context.WithCancel(t.Context())
	s.old = oneOf(rnd, 0, http.StatusUnprocessableEntity)
	s.http.Handler = s
	go s.http.Serve(s)
	t.Cleanup(func() { s.http.Close() })
	return s
}

// config returns a configuration with which a Cluster connects to s.
func (s *faultyServer) config() *rest.Config {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		client, server := net.Pipe()
		select {
		case s.conns <- server:
			return client, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &rest.Config{Host: fmt.Sprintf("http://api-%d.test", s.seed), Dial: dial}
}

// Accept, Close and Addr make s the listener of its own server.
func (s *faultyServer) Accept() (net.Conn, error) {
	if c, ok := <-s.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (s *faultyServer) Close() error   { close(s.conns); return nil }
func (s *faultyServer) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// mend makes the server work. It ends all watches, and has forgotten all versions that it has told
// before, so that clients have to list everything again. Requests that hang go on to hang.
func (s *faultyServer) mend() {
	s.apiServer.mu.Lock()
	s.version += 1e6
	oldest := s.version
	s.apiServer.mu.Unlock()
	s.mu.Lock()
	s.oldest = oldest
	s.mu.Unlock()
	s.mended()
}

// ServeHTTP answers a request. What is wrong with the answer depends on the seed, on the kind that
// is asked for and on how often it was asked for before.
func (s *faultyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	s.mu.Lock()
	s.requests[kind]++
	rnd := rand.New(rand.NewPCG(s.seed+uint64(kind[0]), s.requests[kind]))
	mended, oldest := s.faulty.Err() != nil, s.oldest
	s.mu.Unlock()
	q := r.URL.Query()
	if q.Get("watch") != "" {
		// To use the connection of a closed watch again, Go 1.27 would wait for a lock with which the rest
		// of the watch is read. In a synctest bubble no time passes meanwhile: the test would hang.
		w.Header().Set("Connection", "close")
	}
	since, err := strconv.Atoi(q.Get("resourceVersion"))
	forgotten := q.Get("watch") != "" && q.Get("sendInitialEvents") == "" && (err != nil || since < oldest)
	switch {
	case mended && forgotten:
		fail(w, http.StatusGone, kind)
	case mended:
		s.apiServer.ServeHTTP(w, r)
	default:
		s.fault(w, r, kind, rnd)
	}
}

// fault answers a request, mostly wrongly.
func (s *faultyServer) fault(w http.ResponseWriter, r *http.Request, kind string, rnd *rand.Rand) {
	ctx, end := context.WithCancel(r.Context())
	defer end()
	defer context.AfterFunc(s.faulty, end)()
	switch rnd.IntN(10) {
	case 0: // hangs
		<-r.Context().Done()
	case 1: // hangs after it has begun to answer
		w.Header().Set("Content-Type", "application/json")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case 2:
		w.Header().Set("Retry-After", fmt.Sprint(rnd.IntN(10)))
		fail(w, oneOf(rnd, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504), kind)
	case 3:
		w.Header().Set("Content-Type", oneOf(rnd, "application/json", "application/vnd.kubernetes.protobuf", "text/html"))
		garbage := make([]byte, rnd.IntN(100))
		for i := range garbage {
			garbage[i] = byte(rnd.IntN(256))
		}
		w.Write(garbage)
	case 4:
		panic(http.ErrAbortHandler) // closes the connection
	case 5, 6:
		s.apiServer.ServeHTTP(w, r.WithContext(ctx))
	default:
		liar := &liar{ResponseWriter: w, rnd: rnd, ctx: ctx}
		s.apiServer.ServeHTTP(liar, r.WithContext(ctx))
		liar.Flush()
	}
}

// A liar changes lists and events on their way to a client.
type liar struct {
	http.ResponseWriter
	rnd  *rand.Rand
	ctx  context.Context
	held bytes.Buffer // what is not sent yet
}

func (l *liar) Write(b []byte) (int, error) { return l.held.Write(b) }

// lies are texts in lists and events, and what they are replaced by.
var lies = [][2]string{
	{`"ADDED"`, `"DELETED"`}, {`"MODIFIED"`, `"ADDED"`}, {`"ADDED"`, `"MODIFIED"`}, {`"ADDED"`, `"NEW"`},
	{`"ADDED"`, `"ERROR"`}, {`"BOOKMARK"`, `"ADDED"`}, {`"ADDED"`, `"BOOKMARK"`}, {`"kind":"Node"`, `"kind":"Pod"`},
	{`"kind":"Pod"`, `"kind":"Status"`}, {`"resourceVersion":"`, `"resourceVersion":"999`},
	{`"resourceVersion":"`, `"resourceVersion":"-`}, {`"resourceVersion":"`, `"resourceVersion":"1","was":"`},
	{`"name":"`, `"name":"x`}, {`"name":"`, `"noname":"`}, {`"items":[`, `"items":[],"more":[`}, {`"items":[`, `"items":[{},`},
	{`"z1"`, `"z2"`}, {`"z0"`, `""`}, {`"r1"`, `"r/2"`}, {`"nodeName":"n1"`, `"nodeName":"n2"`}, {`"nodeName":"`, `"nodeName":"x`},
	{`"10.1.`, `"10.2.`}, {`"10.`, `"300.`}, {`/24"`, `/99"`}, {`"192.0.2.`, `"192.0.2.1`}, {`{`, `[`}, {`"`, ``},
}

// Flush sends what was written, with lies in it. It can also delay lines, leave them out, send them
// twice, and close the connection in the middle of one.
func (l *liar) Flush() {
	for line := range bytes.Lines(bytes.Clone(l.held.Bytes())) {
		switch l.rnd.IntN(12) {
		case 0:
			continue
		case 1:
			l.ResponseWriter.Write(line)
		case 2:
			l.ResponseWriter.Write(line[:l.rnd.IntN(len(line))])
			l.ResponseWriter.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case 3:
			select {
			case <-time.After(time.Duration(l.rnd.Int64N(int64(time.Minute)))):
			case <-l.ctx.Done():
			}
		case 4:
			gone, _ := json.Marshal(map[string]any{"type": "ERROR", "object": metav1.Status{
				TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
				Code: int32(oneOf(l.rnd, 410, 500)), Reason: oneOf(l.rnd, metav1.StatusReasonExpired, metav1.StatusReasonInternalError),
			}})
			l.ResponseWriter.Write(append(gone, '\n'))
		case 5, 6, 7:
			lie := oneOf(l.rnd, lies...)
			line = bytes.ReplaceAll(line, []byte(lie[0]), []byte(lie[1]))
		}
		l.ResponseWriter.Write(line)
	}
	l.held.Reset()
	l.ResponseWriter.(http.Flusher).Flush()
}

//go:build linux

package soak

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/contract"

	"github.com/miekg/dns"
)

// sizes are how many addresses the hosts have.
var sizes = []int{1, 2, 3, 4, 5, 8, 13, 16, 17, 33, 40}

// There are four places: network 10.P.0.0/16 has the addresses of place P, and 100.64+P.0.0/16 its
// clients. In the second topology the clients have moved on by one place.
const places = 4

// topologies are those that the topology file has in turn.
func topologies() (all [2]*contract.Policy) {
	for i := range all {
		all[i] = contract.Default()
		add := func(network string, place int) {
			all[i].Topology = append(all[i].Topology, contract.Place{
				Network: netip.MustParsePrefix(network), Location: fmt.Sprintf("r%d/p%d", place%places/2, place%places),
			})
		}
		for p := range places {
			add(fmt.Sprintf("10.%d.0.0/16", p), p)
			add(fmt.Sprintf("100.%d.0.0/16", 64+p), p+i)
		}
		add("127.0.0.0/8", i)
	}
	return all
}

// address returns address j of a host in the given version of the zone.
func address(j, version int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(j % places), byte(version), byte(j)})
}

// zone returns a version of the zone file.test.
func zone(version int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN file.test.\n$TTL 1\n@ SOA ns host %d 7200 1800 86400 60\n", version+1)
	b.WriteString("@ NS ns\nns A 192.0.2.53\n")
	for k, n := range sizes {
		for j := range n {
			fmt.Fprintf(&b, "h%d A %v\n", k, address(j, version))
		}
		fmt.Fprintf(&b, "a%d CNAME h%[1]d\nu%[1]d CNAME h%[1]d.up.test.\n", k)
	}
	return b.String()
}

// replace writes a file and moves it to its place.
func replace(t *testing.T, path, text string) {
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Error(err)
	}
}

// blocks are the server blocks of each transport. A server block for several transports would hang
// when it reloads: CoreDNS stops its zone files once for each.
const blocks = `
%[1]sfile.test:%[2]d {
	import common
	file zone {
		reload 300ms
	}
}
%[1]sup.test:%[2]d {
	import common
	cache {
		prefetch 2 1s
		serve_stale 1h immediate
	}
	forward . %[3]s
}
%[1]ssix.test:%[2]d {
	import common
	dns64 {
		allow_ipv4
	}
	cache
	forward . %[3]s
}
`

// corefile returns the Corefile of the server.
func corefile(directory, upstream string, ports map[string]int, ordered bool) string {
	ordering := ""
	if ordered {
		ordering = "ordering {\n\t\ttopology topology\n\t}"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `(common) {
	bind 127.0.0.1
	errors
	root %s
	proxyproto {
		allow 127.0.0.1/32
	}
	tls cert.pem key.pem
	%s
}
`, directory, ordering)
	for _, transport := range []string{"udp", "tls", "https", "quic"} {
		scheme := strings.TrimPrefix(transport+"://", "udp://")
		fmt.Fprintf(&b, blocks, scheme, ports[transport], upstream)
	}
	return b.String()
}

// versions remembers when each version of the zone was written.
type versions struct {
	mu      sync.Mutex
	written []time.Time
}

func (v *versions) add() (version int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.written = append(v.written, time.Now())
	return (len(v.written) - 1) % 256
}

// current reports whether a version may be in an answer: it was not replaced long ago.
func (v *versions) current(version int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := len(v.written) - 1; i >= 0; i-- {
		if i%256 == version {
			return i+1 == len(v.written) || time.Since(v.written[i+1]) < 20*time.Second
		}
	}
	return false
}

// startUpstream starts a server that rotates its answers, and returns its address.
func startUpstream(t *testing.T) string {
	var mu sync.Mutex
	turn := 0
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		var k int
		q := r.Question[0]
		if _, err := fmt.Sscanf(strings.ToLower(q.Name), "h%d.", &k); err == nil && q.Qtype == dns.TypeA {
			mu.Lock()
			turn++
			first := turn
			mu.Unlock()
			for i := range sizes[k] {
				a := address((i+first)%sizes[k], 0)
				m.Answer = append(m.Answer, &dns.A{
					Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: a.AsSlice(),
				})
			}
		}
		w.WriteMsg(m)
	})
	port := systemtest.FreePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for _, network := range []string{"udp", "tcp"} {
		started := make(chan struct{})
		s := &dns.Server{Addr: addr, Net: network, Handler: handler, UDPSize: 4096}
		s.NotifyStartedFunc = func() { close(started) }
		go s.ListenAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return addr
}

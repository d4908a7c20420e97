package kubernetes

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// testCorefiles tests the server with the Corefile of each ConfigMap and of the chart's values.
func testCorefiles(t *testing.T, c *cluster, kubeconfig string) {
	h := c.createHeadless(t, "shipped")
	h.runTwoPodsPerNode(t)
	upstream := startUpstream(t)

	for _, dir := range kustomizations {
		t.Run(dir, func(t *testing.T) {
			text := configMap(t, filepath.Join(deploy, dir), "coredns", "Corefile")
			testShipped(t, text, kubeconfig, upstream, h, dir != "base")
		})
	}
	t.Run("helm", func(t *testing.T) {
		testShipped(t, chartCorefile(t), kubeconfig, upstream, h, true)
	})
}

// testShipped starts the server with a Corefile and asks it for a name in the cluster and one
// outside.
func testShipped(t *testing.T, text, kubeconfig, upstream string, h headless, zoneAware bool) {
	s := startServer(t, localCorefile(t, text, kubeconfig, upstream))
	s.waitReady(t)
	want := wantOrder["birch"]
	if !zoneAware {
		want = tiers{twoPods(birch), append(append(twoPods(ash), twoPods(cedar)...), twoPods(date)...)}
	}
	s.expect(t, birch.pod(200), h.fullName(), dns.TypeA, want)
	s.expect(t, birch.pod(200), "www.example.org", dns.TypeA, tiers{{"192.0.2.80"}})
}

// localCorefile changes a cluster's Corefile so that it runs on this machine. It replaces the
// listen addresses, the upstream servers and the credentials with those of the test. It fails the
// test if one of these is not in text.
func localCorefile(t *testing.T, text, kubeconfig, upstream string) string {
	t.Helper()
	login := kubeconfig + " " + kubeContext
	for _, change := range []struct{ from, to string }{
		{"    health {", "    health 127.0.0.1:" + healthPort + " {"},
		{"    ready\n", "    ready 127.0.0.1:" + readyPort + "\n"},
		{":9153", "127.0.0.1:" + metricsPort},
		{"/etc/resolv.conf", upstream},
		{"in-addr.arpa ip6.arpa {", "in-addr.arpa ip6.arpa {\n        kubeconfig " + login},
		{".:53 {", ".:" + dnsPort + " {\n    bind 127.0.0.1\n    proxyproto {\n        allow 127.0.0.1/32\n    }"},
	} {
		text = replace(t, text, change.from, change.to)
	}
	if strings.Contains(text, "topology kubernetes") {
		text = replace(t, text, "topology kubernetes", "topology kubernetes "+login)
	}
	return text
}

// replace replaces from, which must occur exactly once in text.
func replace(t *testing.T, text, from, to string) string {
	t.Helper()
	if n := strings.Count(text, from); n != 1 {
		t.Fatalf("%q is there %d times, not once, in\n%s", from, n, text)
	}
	return strings.Replace(text, from, to, 1)
}

// configMap returns the value of key in the ConfigMap name of a kustomization.
func configMap(t *testing.T, dir, name, key string) string {
	t.Helper()
	value, _, err := unstructured.NestedString(find(t, render(t, dir), "ConfigMap", name).Object, "data", key)
	if err != nil || value == "" {
		t.Fatalf("ConfigMap %s has no %s: %v", name, key, err)
	}
	return value
}

// startUpstream starts a resolver that answers every A query with one address. It returns where the
// resolver listens.
func startUpstream(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	resolver := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		answer := new(dns.Msg).SetReply(query)
		if query.Question[0].Qtype == dns.TypeA {
			header := dns.RR_Header{Name: query.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}
			answer.Answer = []dns.RR{&dns.A{Hdr: header, A: net.IPv4(192, 0, 2, 80)}}
		}
		w.WriteMsg(answer)
	})}
	go resolver.ActivateAndServe()
	t.Cleanup(func() { resolver.Shutdown() })
	return conn.LocalAddr().String()
}

// testDocumentation starts a server with each ordering block in docs/kubernetes.md, and with the
// topology file in it.
func testDocumentation(t *testing.T, kubeconfig string) {
	text, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	places := filepath.Join(t.TempDir(), "places")
	lines := regexp.MustCompile(`(?m)^    [0-9./]+ +\S+/\S+$`).FindAllString(string(text), -1)
	write(t, places, strings.Join(lines, "\n")+"\n")

	blocks := regexp.MustCompile(`(?m)^    ordering \{\n(        .*\n)+    \}$`).FindAllString(string(text), -1)
	if len(blocks) < 3 || len(lines) < 2 {
		t.Fatalf("%d blocks and %d places: something is not recognised", len(blocks), len(lines))
	}
	for _, block := range blocks {
		t.Run(strings.Join(strings.Fields(block), " "), func(t *testing.T) {
			block = strings.ReplaceAll(block, "/etc/coredns/places", places)
			block = strings.ReplaceAll(block, "topology kubernetes", "topology kubernetes "+kubeconfig+" "+kubeContext)
			s := startServer(t,
				fmt.Sprintf(".:%s {\n    bind 127.0.0.1\n    proxyproto\n    ready 127.0.0.1:%s\n%s\n    whoami\n}\n",
					dnsPort, readyPort, block))
			s.waitReady(t)
		})
	}
}

// testNodeCache sends queries through a NodeLocal DNSCache with the Corefile of the overlay. The
// real cache is a CoreDNS with fewer plugins; the test runs the server under test instead.
func testNodeCache(t *testing.T, c *cluster, kubeconfig string) {
	h := c.createHeadless(t, "cached")
	h.runTwoPodsPerNode(t)
	upstream := startUpstream(t)
	overlay := filepath.Join(deploy, "overlays/nodelocaldns")
	// The cache sends its queries from 127.0.0.1, so ecs must trust that address.
	trusted := replace(t, configMap(t, overlay, "coredns", "Corefile"), "ecs 10.0.0.0/8", "ecs 127.0.0.1/32 10.0.0.0/8")
	central := startServer(t, localCorefile(t, trusted, kubeconfig, upstream))
	central.waitReady(t)
	central.expect(t, birch.pod(200), h.fullName(), dns.TypeA, wantOrder["birch"])

	text := configMap(t, overlay, "node-local-dns", "Corefile.base")
	for _, p := range allNodes {
		// Each node has a cache. One pod on it asks first; another gets the cached answer.
		cache := startServer(t, localNodeCacheCorefile(t, text, central.dns, upstream))
		for _, n := range []int{200, 201} {
			cache.expect(t, p.pod(n), h.fullName(), dns.TypeA, wantOrder[p.name])
		}
	}
	t.Run("the option stays hidden", func(t *testing.T) {
		cache := startServer(t, localNodeCacheCorefile(t, text, central.dns, upstream))
		testOptionHidden(t, cache, h)
	})
}

// localNodeCacheCorefile changes the caches' Corefile so that it runs on this machine. The test
// asks only its first server block, for cluster.local; the other blocks have to parse.
func localNodeCacheCorefile(t *testing.T, text, central, upstream string) string {
	t.Helper()
	text = strings.ReplaceAll(text, "__PILLAR__CLUSTER__DNS__", central)
	text = strings.ReplaceAll(text, "__PILLAR__UPSTREAM__SERVERS__", upstream)
	text = strings.ReplaceAll(text, ":9253", "127.0.0.1:"+metricsPort)
	text = strings.ReplaceAll(text, "bind 169.254.20.10 10.96.0.10", "bind 127.0.0.1")
	text = strings.ReplaceAll(text, ":53 {", ":"+dnsPort+" {\n    proxyproto {\n        allow 127.0.0.1/32\n    }")
	text = replace(t, text, "health 169.254.20.10:8080", "health 127.0.0.1:"+healthPort)
	return text
}

// testOptionHidden sends a query with a forged option through a cache: the cluster DNS must not see
// it. It also sends a query without an option: the response must have none.
func testOptionHidden(t *testing.T, cache *server, h headless) {
	query := question(h.fullName(), dns.TypeA)
	query.SetEdns0(4096, false)
	forged := &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: netip.MustParseAddr(date.pod(9)).AsSlice(),
	}
	query.IsEdns0().Option = append(query.IsEdns0().Option, forged)
	answer, err := cache.from(ash.pod(200)).ask("udp", query)
	if err != nil {
		t.Fatal(err)
	}
	if err := wantOrder["ash"].check(addresses(answer)); err != nil {
		t.Errorf("with a forged option: %v", err)
	}

	query = question(h.fullName(), dns.TypeAAAA) // not cached yet
	query.SetEdns0(4096, false)
	answer, err = cache.from(ash.pod(200)).ask("udp", query)
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range answer.IsEdns0().Option {
		if option.Option() == dns.EDNS0SUBNET {
			t.Errorf("the response has an option, but the query had none: %v", option)
		}
	}
}

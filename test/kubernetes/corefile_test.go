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

// testCorefiles tests the server with the Corefile of each overlay and of the chart's values.
func testCorefiles(t *testing.T, c *cluster, kubeconfig string) {
	h := c.createHeadless(t, "shipped")
	h.runTwoPodsPerNode(t)
	upstream := startUpstream(t)

	test := func(t *testing.T, text string) {
		s := startServer(t, localCorefile(t, text, kubeconfig, upstream))
		s.waitReady(t)
		s.expect(t, birch.pod(10), h.fullName(), dns.TypeA, wantOrder["birch"])
		s.expect(t, birch.pod(10), "www.example.org", dns.TypeA, tiers{{"192.0.2.80"}})
	}
	for _, dir := range overlays {
		t.Run(dir, func(t *testing.T) {
			test(t, configMap(t, filepath.Join(deploy, dir), "coredns-ordering", "Corefile"))
		})
	}
	t.Run("helm", func(t *testing.T) { test(t, chartCorefile(t)) })
}

// acceptProxyHeader is a part of a Corefile: this machine may say which client a query is from.
const acceptProxyHeader = "proxyproto {\n        allow 127.0.0.1/32\n    }"

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
		{".:53 {", ".:53 {\n    bind 127.0.0.1\n    " + acceptProxyHeader},
	} {
		text = replace(t, text, change.from, change.to)
	}
	text = strings.ReplaceAll(text, ":53 {", ":"+dnsPort+" {") // also in further server blocks
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

// testDocumentation starts a server with each ordering directive in docs/kubernetes.md, and with the
// topology file in it.
func testDocumentation(t *testing.T, kubeconfig string) {
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	places := filepath.Join(t.TempDir(), "places")
	lines := regexp.MustCompile(`(?m)^[0-9./]+ +\S+/\S+$`).FindAllString(string(text), -1)
	if len(lines) < 2 {
		t.Fatalf("%d lines of a topology file: it is not recognised", len(lines))
	}
	write(t, places, strings.Join(lines, "\n")+"\n")

	started := 0
	for _, block := range documentedCorefiles(t) {
		if !strings.HasPrefix(block, "ordering {") {
			continue
		}
		started++
		t.Run(strings.Join(strings.Fields(block), " "), func(t *testing.T) {
			block = strings.ReplaceAll(block, "topology.txt", places)
			block = strings.ReplaceAll(block, "topology kubernetes", "topology kubernetes "+kubeconfig+" "+kubeContext)
			s := startServer(t,
				fmt.Sprintf(".:%s {\n    bind 127.0.0.1\n    proxyproto\n    ready 127.0.0.1:%s\n%s\n    whoami\n}\n",
					dnsPort, readyPort, block))
			s.waitReady(t)
		})
	}
	if started < 2 {
		t.Fatalf("%d directives: something is not recognised", started)
	}
}

// oak is a node with the address that the servers in this test ask each other from, so that a cache
// of the test is one on this node.
var oak = testNode{"oak", "north-1", "north", []string{"172.25.9.0/24", "fd00:225:9:9::/64"}, "127.0.0.1", nil}

// testNodeCache sends queries through a NodeLocal DNSCache with the Corefile of the overlay. The
// real cache is a CoreDNS with fewer plugins; the test runs the server under test instead.
func testNodeCache(t *testing.T, c *cluster, kubeconfig string) {
	c.createNode(t, oak)
	h := c.createHeadless(t, "cached")
	h.runTwoPodsPerNode(t)
	h.runPod(t, oak.name, oak.pod(10))
	upstream := startUpstream(t)
	overlay := filepath.Join(deploy, "overlays/nodelocaldns")
	central := startServer(t,
		localCorefile(t, configMap(t, overlay, "coredns-ordering", "Corefile"), kubeconfig, upstream))
	central.waitReady(t)

	want := tiers{{oak.pod(10)}, append(twoPods(ash), twoPods(birch)...), twoPods(cedar), twoPods(date)}
	central.expect(t, oak.pod(10), h.fullName(), dns.TypeA, want)
	cache := startServer(t,
		localNodeCacheCorefile(t, configMap(t, overlay, "node-local-dns", "Corefile.base"), central.dns, upstream))
	// One pod on the node asks first; another gets the cached answer.
	for _, n := range []int{200, 201} {
		cache.expectNow(t, oak.pod(n), h.fullName(), dns.TypeA, want)
	}
}

// testStubDomain sends queries through a CoreDNS of kubeadm that forwards a domain to ours, as in the
// documentation. The answers are in order for the pod that asks the former.
func testStubDomain(t *testing.T, c *cluster, kubeconfig string) {
	h := c.createHeadless(t, "stub")
	h.runTwoPodsPerNode(t)
	for _, beside := range []struct{ name, corefile string }{
		{"kustomization", configMap(t, filepath.Join(deploy, "overlays/beside"), "coredns-ordering", "Corefile")},
		{"helm", chartCorefile(t)},
	} {
		t.Run(beside.name, func(t *testing.T) {
			s := startStubDomain(t, beside.corefile, h.namespace, kubeconfig)
			for _, p := range allNodes {
				s.expect(t, p.pod(10), h.fullName(), dns.TypeA, wantOrder[p.name])
			}
			t.Run("a pod's own option is replaced", func(t *testing.T) { testForgedOption(t, s, h) })
		})
	}
}

// startStubDomain starts a server with our Corefile, and a CoreDNS of kubeadm that forwards the
// names of a namespace to it. It returns the latter.
func startStubDomain(t *testing.T, text, namespace, kubeconfig string) *server {
	t.Helper()
	upstream := startUpstream(t)
	// The stock server asks from 127.0.0.1, which takes the place of a pod's address.
	text = replace(t, text, "ecs 10.0.0.0/8", "ecs 127.0.0.1/32 10.0.0.0/8")
	ours := startServer(t, localCorefile(t, text, kubeconfig, upstream))
	ours.waitReady(t)

	block := replace(t, stubDomain(t), "shop.svc.cluster.local", namespace+".svc.cluster.local")
	block = regexp.MustCompile(`forward \. \S+`).ReplaceAllString(block, "forward . "+ours.dns)
	block = replace(t, block, ":53 {", ":"+dnsPort+" {\n    bind 127.0.0.1\n    "+acceptProxyHeader)
	stock := find(t, kubeadmCoreDNS(t, "10.96.0.10"), "ConfigMap", "coredns")
	corefile, _, _ := unstructured.NestedString(stock.Object, "data", "Corefile")
	s := startServer(t, localCorefile(t, corefile, kubeconfig, upstream)+block)
	s.waitReady(t)
	return s
}

// localNodeCacheCorefile changes the caches' Corefile so that it runs on this machine. The test
// asks only its first server block, for cluster.local; the other blocks have to parse.
func localNodeCacheCorefile(t *testing.T, text, central, upstream string) string {
	t.Helper()
	text = strings.ReplaceAll(text, "__PILLAR__CLUSTER__DNS__", central)
	text = strings.ReplaceAll(text, "__PILLAR__UPSTREAM__SERVERS__", upstream)
	text = strings.ReplaceAll(text, ":9253", "127.0.0.1:"+metricsPort)
	text = strings.ReplaceAll(text, "bind 169.254.20.10 10.96.0.10", "bind 127.0.0.1")
	text = strings.ReplaceAll(text, ":53 {", ":"+dnsPort+" {\n    "+acceptProxyHeader)
	text = replace(t, text, "health 169.254.20.10:8080", "health 127.0.0.1:"+healthPort)
	return text
}

// testForgedOption sends a query with a forged option through a server that sets it: the other must
// not see it.
func testForgedOption(t *testing.T, s *server, h headless) {
	query := question(h.fullName(), dns.TypeA)
	query.SetEdns0(4096, false)
	forged := &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: netip.MustParseAddr(date.pod(9)).AsSlice(),
	}
	query.IsEdns0().Option = append(query.IsEdns0().Option, forged)
	answer, err := s.from(ash.pod(10)).ask("udp", query)
	if err != nil {
		t.Fatal(err)
	}
	if err := wantOrder["ash"].check(addresses(answer)); err != nil {
		t.Error(err)
	}
}

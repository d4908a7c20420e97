package kubernetes

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// lookupClient is far from all addresses of the tests below, so that these are in one tier.
const lookupClient = "11.12.13.14"

// testLookups tests what ordering does where the kubernetes plugin answers, without a topology: the
// turns do not depend on the order that the plugin has its records in, and the name of an
// ExternalName service is followed without being ordered on the way.
func testLookups(t *testing.T, c *cluster, kubeconfig string) {
	var lists [][]discoveryv1.Endpoint // their order is that of a Go map: another one each time
	for i := range 3 {
		address := fmt.Sprintf("100.66.%d.", i)
		lists = append(lists, []discoveryv1.Endpoint{endpoint(address+"1", ""), endpoint(address+"2", "")})
	}
	inSlices := c.createSlices(t, "slices", lists...)
	const external = "192.0.2.2 192.0.2.1"
	inZone := c.createExternalName(t, "external", "host.target.example")
	inCluster := c.createExternalName(t, "internal", inSlices.fullName())

	for _, below := range []string{"", "cache"} {
		for _, l := range []struct{ name, outer, inner string }{
			{"ordering in both blocks", "ordering", "ordering"},
			{"ordering in the outer block", "ordering", ""},
			{"ordering in the inner block", "", "ordering {\n answer_limit 1\n }"},
		} {
			t.Run(strings.TrimSpace(l.name+" "+below), func(t *testing.T) {
				s := startServer(t, lookupCorefile(t, kubeconfig, l.outer, l.inner, below, external))
				s.waitReady(t)
				if l.outer == "" {
					for range 4 {
						expectChain(t, s, inZone, strings.Fields(external))
					}
					return
				}
				expectEven(t, s, inSlices.fullName(), 6)
				expectEven(t, s, inCluster, 6)
				expectEven(t, s, inZone, 2)
			})
		}
	}
}

// lookupCorefile returns a Corefile with two server blocks: cluster.local, and target.example, in
// which host has these addresses. outer and inner stand in one of them, below in both.
func lookupCorefile(t *testing.T, kubeconfig, outer, inner, below, addresses string) string {
	t.Helper()
	records := "@ 300 IN SOA ns.target.example. hostmaster.target.example. 1 7200 900 1209600 300\n" +
		"@ 300 IN NS ns.target.example.\n"
	for _, a := range strings.Fields(addresses) {
		records += "host 300 IN A " + a + "\n"
	}
	zone := filepath.Join(t.TempDir(), "target.example.zone")
	if err := os.WriteFile(zone, []byte(records), 0o600); err != nil {
		t.Fatal(err)
	}
	const listen = "bind 127.0.0.1\nproxyproto {\nallow 127.0.0.1/32\n}\n"
	return fmt.Sprintf("cluster.local:%s {\n%sready 127.0.0.1:%s\n%s\n%s\nkubernetes cluster.local {\nkubeconfig %s %s\n}\n}\n",
		dnsPort, listen, readyPort, outer, below, kubeconfig, kubeContext) +
		fmt.Sprintf("target.example:%s {\n%s%s\n%s\nfile %s\n}\n", dnsPort, listen, inner, below, zone)
}

// createExternalName creates a service of type ExternalName and returns its full name.
func (c *cluster) createExternalName(t *testing.T, name, target string) string {
	t.Helper()
	spec := corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: target}
	return c.createService(t, name, spec).fullName() + "."
}

// expectEven expects that each of n addresses of name comes first equally often.
func expectEven(t *testing.T, s *server, name string, n int) {
	t.Helper()
	lookup := func() ([]netip.Addr, error) {
		answer, err := s.from(lookupClient).lookup(name, dns.TypeA)
		if err == nil && len(answer) != n {
			err = fmt.Errorf("%s has %v, want %d addresses", name, answer, n)
		}
		return answer, err
	}
	eventually(t, name, func() error { _, err := lookup(); return err })
	const cycles = 5
	first, even := map[netip.Addr]int{}, map[netip.Addr]int{}
	for range cycles * n {
		answer, err := lookup()
		if err != nil {
			t.Fatal(err)
		}
		first[answer[0]]++
		for _, address := range answer {
			even[address] = cycles
		}
	}
	if !maps.Equal(first, even) {
		t.Errorf("%s: first places are %v, want %d each", name, first, cycles)
	}
}

// expectChain expects an answer with an alias and these addresses in this order.
func expectChain(t *testing.T, s *server, name string, want []string) {
	t.Helper()
	eventually(t, name, func() error {
		answer, err := s.from(lookupClient).ask("udp", question(name, dns.TypeA))
		if err != nil {
			return err
		}
		if len(answer.Answer) == 0 || answer.Answer[0].Header().Rrtype != dns.TypeCNAME ||
			!slices.Equal(addresses(answer), parse(want...)) {
			return fmt.Errorf("got\n%v\nwant an alias and %v", answer, want)
		}
		return nil
	})
}

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"
)

const topologyLines = `
# NETWORK     LOCATION
10.1.0.0/16   west/a
10.2.0.0/16   west/b
10.3.0.0/16   east/a
10.1.9.0/24   west/b   # a part of 10.1.0.0/16
2001:db8:1::/48 west/a
`

func TestTopologyFromAFile(t *testing.T) {
	const (
		received  = "192.0.2.1 10.3.0.1 10.2.0.1 10.1.0.1 10.1.9.1"
		received6 = "2001:db8:2::1 2001:db8:1::1"
	)
	file := writeFile(t, "topology.txt", topologyLines)
	// The path is relative to root.
	s := start(t, "example.org {\n import clients\n root "+filepath.Dir(file)+
		"\n ordering {\n local_net_priority off\n round_robin off\n topology topology.txt\n }\n file "+
		zoneFile(t, host("www", received+" "+received6))+"\n}")
	tests := []struct{ name, client, want, want6 string }{
		{"zone, then region, then the rest", "10.1.0.7", "10.1.0.1 10.2.0.1 10.1.9.1 192.0.2.1 10.3.0.1",
			"2001:db8:1::1 2001:db8:2::1"},
		{"the longest prefix decides", "10.1.9.7", "10.2.0.1 10.1.9.1 10.1.0.1 192.0.2.1 10.3.0.1",
			"2001:db8:1::1 2001:db8:2::1"},
		{"another region", "10.3.0.7", "10.3.0.1 192.0.2.1 10.2.0.1 10.1.0.1 10.1.9.1", received6},
		{"no location", "198.51.100.7", received, received6},
		{"IPv6", "2001:db8:1::7", "10.1.0.1 10.2.0.1 10.1.9.1 192.0.2.1 10.3.0.1", "2001:db8:1::1 2001:db8:2::1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := s.as(test.client).answer("www.example.org"); got != test.want {
				t.Errorf("A is  %s\nwant %s", got, test.want)
			}
			if got := s.as(test.client).answer6("www.example.org"); got != test.want6 {
				t.Errorf("AAAA is %s\nwant %s", got, test.want6)
			}
		})
	}
}

// Masks rank only where the topology does not know the place of the client or of an address. Among
// addresses that are equally near by place, one in the client's own subnet is not nearer.
func TestNetmaskDecidesOnlyWithoutALocation(t *testing.T) {
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n topology "+
		writeFile(t, "topology.txt", topologyLines)+"\n }\n file "+
		zoneFile(t, host("www", "192.0.2.1 10.2.5.1 10.2.7.1 10.1.0.1 198.51.100.1"))+"\n}")
	for client, want := range map[string]string{
		"10.2.7.7":       "10.2.5.1 10.2.7.1 10.1.0.1 192.0.2.1 198.51.100.1",
		"198.51.100.200": "198.51.100.1 192.0.2.1 10.2.5.1 10.2.7.1 10.1.0.1",
	} {
		if got := s.as(client).answer("www.example.org"); got != want {
			t.Errorf("%s gets %s\nwant %s", client, got, want)
		}
	}
}

func TestTopologyFileIsReadAgainAfterAChange(t *testing.T) {
	const (
		west = "10.1.0.1 10.3.0.1"
		east = "10.3.0.1 10.1.0.1"
	)
	file, at := writeFile(t, "topology.txt", topologyLines), endpoint(t)
	s := start(t, "example.org {\n import clients\n prometheus "+at+
		"\n ordering {\n local_net_priority off\n round_robin off\n topology "+file+"\n }\n file "+
		zoneFile(t, host("www", west))+"\n}")
	sees := func(client, want string) func() bool {
		return func() bool { return s.as(client).answer("www.example.org") == want }
	}
	sample := func(metric, value string) func() bool {
		return func() bool {
			for _, sample := range scrape(t, at, "coredns_ordering_topology_"+metric) {
				if strings.Contains(sample, file) {
					return strings.HasSuffix(sample, "} "+value)
				}
			}
			return false
		}
	}
	replace := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	const client = "172.16.0.7" // has no location at first
	if !sees(client, west)() {
		t.Fatal("a client without a location does not get the order of the zone")
	}
	replace(topologyLines + "172.16.0.0/16 east/a\n")
	program.Eventually(t, "the new file is in use", sees(client, east))
	program.Eventually(t, "6 entries in the metrics", sample("entries", "6"))

	replace("10.1.0.0/16 west/a\n10.1.0.0/33 east/a\n")
	program.Eventually(t, "a failure in the metrics", func() bool {
		return len(scrape(t, at, "coredns_ordering_topology_failures_total")) > 0 && !sample("failures_total", "0")()
	})
	if !sees(client, east)() || !sample("entries", "6")() {
		t.Error("the old table is not in use after a broken file")
	}
	errors := func() []string { return serverLog.lines("[ERROR]", file+":2: ") }
	program.Eventually(t, "the file and the line number in the log", func() bool { return len(errors()) > 0 })

	replace("172.16.0.0/16 west\n10.1.0.0/16 west\n")
	program.Eventually(t, "a good file after a broken one is in use", sees(client, west))
	program.Eventually(t, "2 entries in the metrics", sample("entries", "2"))
	if len(errors()) != 1 {
		t.Errorf("the log has %q, want one line", errors())
	}
}

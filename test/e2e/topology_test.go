package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const places = `
# what is where
10.1.0.0/16   west/a
10.2.0.0/16   west/b
10.3.0.0/16   east/a
10.1.9.0/24   west/b   # a corner of 10.1.0.0/16
2001:db8:1::/48 west/a
`

func TestTopologyFromAFile(t *testing.T) {
	const (
		received  = "192.0.2.1 10.3.0.1 10.2.0.1 10.1.0.1 10.1.9.1"
		received6 = "2001:db8:2::1 2001:db8:1::1"
	)
	file := write(t, "places", places)
	// The path is relative to root.
	s := start(t, "example.org {\n import clients\n root "+filepath.Dir(file)+"\n ordering {\n local_net_priority off\n round_robin off\n topology places\n }\n file "+
		zone(t, host("www", received+" "+received6))+"\n}")
	tests := []struct{ name, client, want, want6 string }{
		{"zone, then region, then the rest", "10.1.0.7", "10.1.0.1 10.2.0.1 10.1.9.1 192.0.2.1 10.3.0.1", "2001:db8:1::1 2001:db8:2::1"},
		{"the longest prefix decides", "10.1.9.7", "10.2.0.1 10.1.9.1 10.1.0.1 192.0.2.1 10.3.0.1", "2001:db8:1::1 2001:db8:2::1"},
		{"another region", "10.3.0.7", "10.3.0.1 192.0.2.1 10.2.0.1 10.1.0.1 10.1.9.1", received6},
		{"nowhere", "198.51.100.7", received, received6},
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

func TestNetmaskDecidesInsideAPlace(t *testing.T) {
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n topology "+write(t, "places", places)+"\n }\n file "+
		zone(t, host("www", "192.0.2.1 10.2.5.1 10.2.7.1 10.1.0.1"))+"\n}")
	if got, want := s.as("10.2.7.7").answer("www.example.org"), "10.2.7.1 10.2.5.1 10.1.0.1 192.0.2.1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTopologyFileIsReloaded(t *testing.T) {
	const (
		west = "10.1.0.1 10.3.0.1"
		east = "10.3.0.1 10.1.0.1"
	)
	file, at := write(t, "places", places), endpoint(t)
	s := start(t, "example.org {\n import clients\n prometheus "+at+"\n ordering {\n local_net_priority off\n round_robin off\n topology "+file+"\n }\n file "+
		zone(t, host("www", west))+"\n}")
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
	const client = "172.16.0.7" // nowhere at first
	if !sees(client, west)() {
		t.Fatal("a client that is nowhere sees an order")
	}
	replace(places + "172.16.0.0/16 east/a\n")
	eventually(t, "the new file counts", sees(client, east))
	eventually(t, "6 entries in the metrics", sample("entries", "6"))

	replace("10.1.0.0/16 west/a\n10.1.0.0/33 east/a\n")
	eventually(t, "a failure in the metrics", sample("reload_failures_total", "1"))
	if !sees(client, east)() || !sample("entries", "6")() {
		t.Error("a broken file has taken the old table away")
	}
	if lines := journal.lines("[ERROR]", file+":2: "); len(lines) != 1 {
		t.Errorf("the journal has %q, want one line with file and line", lines)
	}

	replace("172.16.0.0/16 west\n10.1.0.0/16 west\n")
	eventually(t, "a good file after a broken one counts", sees(client, west))
	eventually(t, "2 entries in the metrics", sample("entries", "2"))
}

package e2e

import (
	"strings"
	"testing"
)

func TestSortlist(t *testing.T) {
	const (
		received  = "203.0.113.1 198.51.100.1 8.8.8.8 192.0.2.1 10.2.0.1 10.1.0.1 10.2.9.1"
		received6 = "2001:db8:9::1 2001:db8:1::1 2001:db8:2::1"
	)
	path := zoneFile(t, host("www", received+" "+received6))
	tests := []struct {
		name, statements string
		client           string
		want, want6      string
	}{
		{"PREFERENCE: listed in order, others, negated in reverse",
			"sortlist 10.0.0.0/8 10.1.0.0/16,10.2.0.0/16 192.0.2.0/24 !198.51.100.0/24 !203.0.113.0/24", "10.99.0.1",
			"10.2.0.1 10.1.0.1 10.2.9.1 192.0.2.1 8.8.8.8 203.0.113.1 198.51.100.1", received6},
		{"no PREFERENCE: the addresses in CLIENTS come first",
			"sortlist 192.0.2.0/24,198.51.100.0/24", "192.0.2.7",
			"192.0.2.1 198.51.100.1 203.0.113.1 8.8.8.8 10.2.0.1 10.1.0.1 10.2.9.1", received6},
		{"the first statement that contains the client decides",
			"sortlist 10.0.0.0/8 192.0.2.0/24\nsortlist 10.99.0.0/16 198.51.100.0/24\nsortlist any 8.8.8.8", "10.99.0.1",
			"192.0.2.1 10.2.0.1 10.1.0.1 10.2.9.1 203.0.113.1 198.51.100.1 8.8.8.8", received6},
		{"any",
			"sortlist 10.0.0.0/8 192.0.2.0/24\nsortlist any 8.8.8.8 2001:db8:2::/48", "198.18.0.1",
			"8.8.8.8 203.0.113.1 198.51.100.1 192.0.2.1 10.2.0.1 10.1.0.1 10.2.9.1",
			"2001:db8:2::1 2001:db8:9::1 2001:db8:1::1"},
		{"the position in the list outweighs the longer prefix",
			"sortlist any 10.2.9.0/24 10.0.0.0/8 10.1.0.0/16 192.0.2.0/24", "198.18.0.1",
			"10.2.9.1 10.2.0.1 10.1.0.1 192.0.2.1 203.0.113.1 198.51.100.1 8.8.8.8", received6},
		{"a negated part of a listed network",
			"sortlist any !10.2.0.0/24 10.0.0.0/8", "198.18.0.1",
			"10.1.0.1 10.2.9.1 203.0.113.1 198.51.100.1 8.8.8.8 192.0.2.1 10.2.0.1", received6},
		{"netmask decides among equals",
			"sortlist any 10.0.0.0/8", "10.2.9.7",
			"10.2.9.1 10.2.0.1 10.1.0.1 203.0.113.1 198.51.100.1 8.8.8.8 192.0.2.1", received6},
		{"no statement contains the client",
			"sortlist 172.16.0.0/12 192.0.2.0/24", "10.2.9.7",
			"10.2.9.1 10.2.0.1 10.1.0.1 203.0.113.1 198.51.100.1 8.8.8.8 192.0.2.1", received6},
		{"IPv6",
			"sortlist 2001:db8::/32 2001:db8:2::/48 !2001:db8:9::1", "2001:db8:77::1",
			received, "2001:db8:2::1 2001:db8:1::1 2001:db8:9::1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n "+test.statements+"\n }\n file "+
				path+"\n}")
			if got := s.as(test.client).answer("www.example.org"); got != test.want {
				t.Errorf("A is  %s\nwant %s", got, test.want)
			}
			if got := s.as(test.client).answer6("www.example.org"); got != test.want6 {
				t.Errorf("AAAA is %s\nwant %s", got, test.want6)
			}
		})
	}
}

// Equals of a sort list come first equally often, whatever their position in the answer from below.
func TestEqualsOfASortlistTakeTurns(t *testing.T) {
	zone := freshZone()
	const (
		group  = "10.1.0.1 10.2.0.1 10.2.0.2"
		others = "192.0.2.1 192.0.2.2"
	)
	s := start(t, zone+" {\n import clients\n ordering {\n sortlist any 10.1.0.0/16,10.2.0.0/16\n }\n file "+
		zoneFileOf(t, zone, host("www", "192.0.2.1 10.1.0.1 192.0.2.2 10.2.0.1 10.2.0.2"))+"\n}")
	firsts := tally{}
	for turn := range 90 {
		got := s.as("198.18.0.1").answer("www." + zone)
		if want := rotated(group, turn) + " " + rotated(others, turn); got != want {
			t.Fatalf("answer %d is %s\nwant %s", turn, got, want)
		}
		firsts[first(got)]++
	}
	firsts.expectEven(t, group, 30)
}

// A long sort list can be in a file of its own.
func TestSortlistFromAnImportedFile(t *testing.T) {
	var statements strings.Builder
	for _, network := range []string{"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"} {
		statements.WriteString("sortlist " + network + "\n")
	}
	path := zoneFile(t, host("www", "10.1.0.1 10.2.0.1 10.3.0.1"))
	s := start(t, "example.org {\n import clients\n ordering {\n classful off\n round_robin off\n import "+
		writeFile(t, "sortlists", statements.String())+"\n }\n file "+path+"\n}")
	if got, want := s.as("10.3.9.9").answer("www.example.org"), "10.3.0.1 10.1.0.1 10.2.0.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

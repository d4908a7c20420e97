package e2e

import (
	"testing"
)

func TestDirectiveAppliesToEveryZoneOfItsServerBlock(t *testing.T) {
	const (
		near = "10.9.8.1 10.9.8.2"
		far  = "192.0.2.1 192.0.2.2 192.0.2.3"
	)
	org := zoneFileOf(t, "example.org", host("www", far+" "+near))
	net := zoneFileOf(t, "example.net", host("www", far+" "+near))
	s := start(t, "example.org example.net {\n import clients\n ordering\n file "+org+" example.org\n file "+net+
		" example.net\n}")
	for turn := range 6 {
		want := rotated(near, turn) + " " + rotated(far, turn)
		for _, name := range []string{"www.example.org", "www.example.net"} {
			if got := s.as("10.9.8.7").answer(name); got != want {
				t.Errorf("answer %d of %s is %s\nwant %s", turn, name, got, want)
			}
		}
	}
}

func TestMostSpecificZoneDecides(t *testing.T) {
	const received = "192.0.2.1 10.200.0.1 10.9.8.1"
	records := host("www", received) + host("www.a", received) + host("one.a", received) + host("www.one.a", received)
	s := start(t, `example.org example.net {
		import clients
		ordering a.example.org {
			classful off
			round_robin off
		}
		ordering example.org {
			round_robin off
		}
		ordering one.a.example.org {
			local_net_priority off
			base_order canonical
			round_robin off
		}
		file `+zoneFileOf(t, "example.org", records)+` example.org
		file `+zoneFileOf(t, "example.net", records)+` example.net
	}`)
	tests := []struct{ name, want string }{
		{"www.example.org", "10.9.8.1 10.200.0.1 192.0.2.1"},
		{"www.a.example.org", "10.9.8.1 192.0.2.1 10.200.0.1"},
		{"WWW.A.example.org", "10.9.8.1 192.0.2.1 10.200.0.1"},
		{"one.a.example.org", "10.9.8.1 10.200.0.1 192.0.2.1"},
		{"www.one.a.example.org", "10.9.8.1 10.200.0.1 192.0.2.1"},
		{"www.example.net", received}, // in the zone of no directive
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 3 {
				if got := s.as("10.9.8.7").answer(test.name); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			}
		})
	}
	// For a client without near addresses, the answer shows the canonical base order of one.a.
	if got, want := s.as("198.51.100.7").answer("one.a.example.org"), "10.9.8.1 10.200.0.1 192.0.2.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestServerBlocksAreIndependent(t *testing.T) {
	const received = "192.0.2.1 10.9.8.1"
	s := start(t, `example.org {
		import clients
		ordering
		file `+zoneFileOf(t, "example.org", host("www", received))+`
	}
	example.net {
		bind 127.0.0.1
		file `+zoneFileOf(t, "example.net", host("www", received))+`
	}`)
	if got, want := s.as("10.9.8.7").answer("www.example.org"), "10.9.8.1 192.0.2.1"; got != want {
		t.Errorf("with ordering, got %s, want %s", got, want)
	}
	if got := s.as("10.9.8.7").answer("www.example.net"); got != received {
		t.Errorf("without ordering, got %s, want %s", got, received)
	}
}

func TestViewsAreIndependent(t *testing.T) {
	zone := freshZone()
	const (
		received = "192.0.2.1 10.9.8.1 10.9.8.2"
		ordered  = "10.9.8.1 10.9.8.2 192.0.2.1"
	)
	path := zoneFileOf(t, zone, host("www", received))
	s := start(t, zone+` {
		import clients
		view corporate {
			expr incidr(client_ip(), '10.0.0.0/8')
		}
		ordering {
			round_robin off
		}
		file `+path+`
	}
	`+zone+` {
		bind 127.0.0.1
		ordering {
			local_net_priority off
		}
		file `+path+`
	}`)
	for turn := range 4 {
		if got := s.as("10.9.8.7").answer("www." + zone); got != ordered {
			t.Errorf("in the view, answer %d is %s, want %s", turn, got, ordered)
		}
		if got, want := s.as("198.51.100.7").answer("www."+zone), rotated(received, turn); got != want {
			t.Errorf("outside the view, answer %d is %s, want %s", turn, got, want)
		}
	}
}

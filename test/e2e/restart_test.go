package e2e

import (
	"strings"
	"testing"
)

func TestRestartAppliesTheNewCorefile(t *testing.T) {
	const received = "192.0.2.1 10.200.0.1 10.9.8.1"
	path := zoneFile(t, host("www", received))
	with := func(properties string) string {
		return "example.org {\n import clients\n ordering {\n round_robin off\n " + properties + "\n }\n file " + path + "\n}"
	}
	s := start(t, with(""))
	if got, want := s.as("10.9.8.7").answer("www.example.org"), "10.9.8.1 10.200.0.1 192.0.2.1"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if err := s.restart(with("classful off")); err != nil {
		t.Fatal(err)
	}
	if got, want := s.as("10.9.8.7").answer("www.example.org"), "10.9.8.1 192.0.2.1 10.200.0.1"; got != want {
		t.Errorf("after a restart, got %s, want %s", got, want)
	}
	if err := s.restart("example.org {\n import clients\n file " + path + "\n}"); err != nil {
		t.Fatal(err)
	}
	if got := s.as("10.9.8.7").answer("www.example.org"); got != received {
		t.Errorf("after ordering was removed, got %s, want %s", got, received)
	}
}

func TestFailedRestartChangesNothing(t *testing.T) {
	zone := freshZone()
	const near = "10.9.8.1 10.9.8.2 10.9.8.3"
	path := zoneFileOf(t, zone, host("www", near))
	with := func(property string) string {
		return zone + " {\n import clients\n ordering {\n " + property + "\n }\n file " + path + "\n}"
	}
	s := start(t, with("netmask /24"))
	c := s.as("10.9.8.7")
	for turn := range 8 {
		if got, want := c.answer("www."+zone), rotated(near, turn); got != want {
			t.Errorf("answer %d is %s, want %s", turn, got, want)
		}
		if turn%2 == 1 {
			err := s.restart(with("netmask 255.0.255.0"))
			if err == nil || !strings.Contains(err.Error(), "netmask: 255.0.255.0 has holes") {
				t.Fatalf("restart returns the error %v", err)
			}
		}
	}
	if err := s.restart(with("round_robin off")); err != nil {
		t.Fatalf("a good Corefile after broken ones: %v", err)
	}
	for range 3 {
		if got := s.as("10.9.8.7").answer("www." + zone); got != near {
			t.Errorf("got %s, want %s", got, near)
		}
	}
}

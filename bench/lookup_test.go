//go:build linux

package main

import (
	"net/netip"
	"testing"
)

func TestNearestFirst(t *testing.T) {
	const subnet, network, elsewhere = "127.0.0.10", "127.1.2.3", "198.18.0.10"
	for _, tc := range []struct {
		addresses []string
		want      bool
	}{
		{[]string{subnet, subnet, network, elsewhere}, true},
		{[]string{elsewhere}, true},
		{[]string{network, subnet}, false},
		{[]string{subnet, elsewhere, network}, false},
	} {
		var addresses []netip.Addr
		for _, a := range tc.addresses {
			addresses = append(addresses, netip.MustParseAddr(a))
		}
		if got := isNearestFirst(addresses); got != tc.want {
			t.Errorf("isNearestFirst(%v) = %v, want %v", tc.addresses, got, tc.want)
		}
	}
}

// The zone must give every server that sorts something to do.
func TestZoneIsNotNearestFirst(t *testing.T) {
	var addresses []netip.Addr
	for i := range 3 {
		addresses = append(addresses, netip.MustParseAddr(address(i)))
	}
	if isNearestFirst(addresses) {
		t.Errorf("%v are already the nearest first", addresses)
	}
}

package rrset

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// BenchmarkKey measures the hash that turns are counted by.
func BenchmarkKey(b *testing.B) {
	for _, n := range []int{2, 3, 10, 100, 1000} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			var k keys
			set := []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "server1.example.org.", Rrtype: dns.TypeA, Class: dns.ClassINET}}}
			tiers := make([]uint32, n)
			for b.Loop() {
				k.turn(set, tiers, 0)
			}
		})
	}
}

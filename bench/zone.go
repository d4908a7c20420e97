//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// zone is the zone that every server answers for.
const zone = "bench.example."

// namesPerSize is the number of names with an answer of the same size, so that a server's caches
// and counters hold more than one entry.
const namesPerSize = 16

// The client is 127.0.0.1. Every server that sorts is told to prefer these networks, in this order.
const (
	clientSubnet  = "127.0.0.0/24"
	clientNetwork = "127.0.0.0/8"
)

// zonePath returns the path of the zone file in dir.
func zonePath(dir string) string { return filepath.Join(dir, "zone") }

// queriesPath returns the path of the file with dnsperf's queries for names of size addresses.
func queriesPath(dir string, size int) string {
	return filepath.Join(dir, fmt.Sprintf("queries-%d", size))
}

// owner returns the i-th name of size addresses.
func owner(size, i int) string { return fmt.Sprintf("n%d-%d.%s", size, i, zone) }

// address returns the i-th address of every name. A third of the addresses are on the client's
// subnet, a third on its network and a third on neither. They alternate, the farthest first, so
// that every server that sorts must move records.
func address(i int) string {
	switch i % 3 {
	case 0:
		return fmt.Sprintf("198.18.%d.%d", i, 10+i)
	case 1:
		return fmt.Sprintf("127.1.%d.%d", i, 10+i)
	default:
		return fmt.Sprintf("127.0.0.%d", 10+i)
	}
}

// writeZone writes the zone file and, for each size, the file of queries for dnsperf into dir.
func writeZone(dir string, sizes []int) error {
	var z strings.Builder
	fmt.Fprintf(&z, "$ORIGIN %s\n$TTL 3600\n", zone)
	fmt.Fprintln(&z, "@ IN SOA ns hostmaster 1 7200 900 1209600 300")
	fmt.Fprintln(&z, "@ IN NS ns")
	fmt.Fprintln(&z, "ns IN A 127.0.0.1")
	for _, size := range sizes {
		var q strings.Builder
		for n := range namesPerSize {
			for i := range size {
				fmt.Fprintf(&z, "%s IN A %s\n", owner(size, n), address(i))
			}
			fmt.Fprintf(&q, "%s A\n", owner(size, n))
		}
		if err := os.WriteFile(queriesPath(dir, size), []byte(q.String()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(zonePath(dir), []byte(z.String()), 0o644)
}

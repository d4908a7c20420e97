// Package faults repeats a test that breaks what is around the plugin, each time in another way.
package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Run calls test as a subtest for each seed from 0 to n-1, with random numbers that depend only on
// the seed. The environment variable ORDERING_FAULT_SEEDS replaces n.
//
// The name of the subtest has the seed, so that a failure can be repeated with
//
//	go test -run 'TestName/seed=17$'
func Run(t *testing.T, n uint64, test func(t *testing.T, rnd *rand.Rand)) {
	t.Helper()
	if s := os.Getenv("ORDERING_FAULT_SEEDS"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("ORDERING_FAULT_SEEDS: %v", err)
		}
	}
	for seed := range n {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			test(t, rand.New(rand.NewPCG(seed, 13)))
		})
	}
}

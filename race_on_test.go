//go:build race

package ordering

// raced says that the race detector is on: it makes sync.Pool forget at random, and so allocate.
const raced = true

//go:build race

package validators

// raced says that the race detector is on.
const raced = true

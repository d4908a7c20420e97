//go:build race

package netns

// raced says that the race detector is on.
const raced = true

// Package examples tests that each example does what its comments promise. Package docs starts every
// Corefile in examples/, and cmd/coredns runs the commands in docs/examples.md.
package examples

// Command man writes the manual page coredns-ordering(7) from README.md. Run it with go generate
// after each change to the README; a test fails while the two differ.
package main

import (
	"fmt"
	"os"
)

//go:generate go run .

// These paths are relative to this directory, in which go generate and go test run.
const (
	readmePath = "../README.md"
	pagePath   = "coredns-ordering.7"
)

func main() {
	if err := writePage(); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func writePage() error {
	readme, err := os.ReadFile(readmePath)
	if err != nil {
		return err
	}
	page, err := toRoff(readme)
	if err != nil {
		return fmt.Errorf("%s: %w", readmePath, err)
	}
	return os.WriteFile(pagePath, page, 0o644)
}

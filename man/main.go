// Man writes the manual page out of the README, so that there is one source.
package main

import (
	"fmt"
	"os"
)

//go:generate go run .

const (
	source = "../README.md"
	page   = "coredns-ordering.7"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write() error {
	readme, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	text, err := roff(string(readme))
	if err != nil {
		return err
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

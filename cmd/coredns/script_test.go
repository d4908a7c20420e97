package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this program the command coredns of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"coredns": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

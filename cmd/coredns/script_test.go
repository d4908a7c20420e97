package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// In the scripts, coredns is this program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"coredns": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

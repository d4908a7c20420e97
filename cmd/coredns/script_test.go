package main

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this program the command coredns of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"coredns": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"apiserver": apiServer,
			"status":    status,
		},
	})
}

// status is the command "status N ARG..." of scripts: coredns with these arguments must exit with
// status N. Its output can be tested as that of exec.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status N ARG...")
	}
	err := ts.Exec("coredns", args[1:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want, err := strconv.Atoi(args[0]); err != nil || got != want {
		ts.Fatalf("coredns %s exits with %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

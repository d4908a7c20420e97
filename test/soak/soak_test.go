// Package soak loads a server over UDP, TCP, TLS, HTTPS and QUIC while it reloads every second, its
// zone and topology files are rewritten and its upstream rotates. It checks every answer: all records
// are there, each once, and the nearest come first.
//
// The same load runs twice: with ordering, and without it. What the first run loses or leaks is
// compared with the second, which shows what CoreDNS itself does under such a load.
//
// ORDERING_SOAK says how long each of the two runs takes. For an hour in all:
//
//	ORDERING_SOAK=30m go test ./test/soak -v -timeout 0
package soak

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/coredns/coredns/coremain"
)

const (
	durationEnv = "ORDERING_SOAK"         // what the user sets
	figuresEnv  = "ORDERING_SOAK_FIGURES" // what the test sets for the server: where it serves its figures
)

// TestMain runs the tests, or the server that they load.
func TestMain(m *testing.M) {
	if addr := os.Getenv(figuresEnv); addr != "" {
		go serveFigures(addr)
		coremain.Run()
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

func TestSoak(t *testing.T) {
	duration := 7 * time.Second
	if text := os.Getenv(durationEnv); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	certificate := newCertificate(t)
	without := newSoak(t, certificate, false).run(duration)
	with := newSoak(t, certificate, true).run(duration)
	t.Logf("without ordering: %v", without)
	t.Logf("with ordering:    %v", with)

	if n := with.wrong.Load(); n > 0 {
		t.Errorf("%d wrong answers, such as: %v", n, with.example)
	}
	if n := without.wrong.Load(); n > 0 {
		t.Errorf("%d wrong answers without ordering, such as: %v", n, without.example)
	}
	if with.answers.Load() == 0 || with.reloads == 0 {
		t.Error("no answers or no reloads, so this shows nothing")
	}
	// A reload of CoreDNS breaks off connections, with ordering or without. The numbers of lost queries
	// differ from run to run, so they count as more only if chance does not explain it.
	lost, expected := float64(with.lost.Load()), float64(without.lost.Load())
	if most := 2*expected + 20; lost > most {
		t.Errorf("%.0f queries lost, and %.0f without ordering", lost, expected)
	}
	reloads := float64(with.reloads)
	for _, leak := range []struct {
		what          string
		with, without int
		slack         int
	}{
		{"goroutines", with.end.Goroutines - with.start.Goroutines, without.end.Goroutines - without.start.Goroutines, 15},
		{"files", with.end.Files - with.start.Files, without.end.Files - without.start.Files, 15},
		{"KiB of heap", (with.end.Heap - with.start.Heap) >> 10, (without.end.Heap - without.start.Heap) >> 10, 4096},
	} {
		if leak.with > max(leak.without, 0)+leak.slack {
			t.Errorf("%d %s more after %.0f reloads, and %d without ordering", leak.with, leak.what, reloads, leak.without)
		}
	}
}

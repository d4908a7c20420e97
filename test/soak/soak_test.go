//go:build linux

package soak

import (
	"flag"
	"os"
	"testing"
	"time"

	_ "github.com/coredns-ordering/ordering/test/internal/server" // registers all plugins for coremain

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
	without := newSoak(t, false).run(duration)
	with := newSoak(t, true).run(duration)
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
	// A reload of CoreDNS breaks off connections, with ordering or without. The numbers of lost
	// queries differ from run to run, so they count as more only if chance does not explain it.
	lost, expected := float64(with.lost.Load()), float64(without.lost.Load())
	if most := 2*expected + 20; lost > most {
		t.Errorf("%.0f queries lost, and %.0f without ordering", lost, expected)
	}
	for _, figure := range []struct {
		what  string
		of    func(figures) int
		slack int
	}{
		{"goroutines", func(f figures) int { return f.Goroutines }, 15},
		{"files", func(f figures) int { return f.Files }, 15},
		{"KiB of heap", func(f figures) int { return f.Heap >> 10 }, 4096},
	} {
		more := figure.of(with.end) - figure.of(with.start)
		moreWithout := figure.of(without.end) - figure.of(without.start)
		if more > max(moreWithout, 0)+figure.slack {
			t.Errorf("%d %s more after %d reloads, and %d without ordering", more, figure.what, with.reloads, moreWithout)
		}
	}
}

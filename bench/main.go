//go:build linux

// Command bench measures what it costs a DNS server to order its answers: CoreDNS with the plugin
// ordering, CoreDNS with the plugin loadbalance, and other servers. It runs in its own directory:
//
//	go run -C bench .           measure, and print the tables
//	go run -C bench . -write    measure, print, and update results.json, README.md and cost.svg
//	go run -C bench . -render   update README.md and cost.svg from results.json, measure nothing
//	go run -C bench . -quick    only check that everything starts and orders
//
// Every server runs on loopback, pinned to one core; dnsperf queries it from another. Servers that
// are not installed are skipped. README.md describes the method.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

// options says what to measure, and how.
type options struct {
	sizes       []int // numbers of addresses in an answer
	rounds      int
	sampleTime  time.Duration
	only        *regexp.Regexp
	serverCore  string
	dnsperfCore string
	port        int
}

func main() {
	log.SetFlags(0)
	// A server is killed when the thread that started it ends. The main thread ends last.
	runtime.LockOSThread()

	o := options{sizes: []int{3, 10, 100}, only: regexp.MustCompile("")}
	flag.IntVar(&o.rounds, "rounds", 7, "how often each variant is compared with its baseline")
	flag.DurationVar(&o.sampleTime, "sample", time.Second, "how long dnsperf queries a server at a time")
	flag.StringVar(&o.serverCore, "server-core", "0", "the core that servers are pinned to")
	flag.StringVar(&o.dnsperfCore, "dnsperf-core", "1", "the core that dnsperf is pinned to")
	flag.IntVar(&o.port, "port", 15300, "the first port to listen on")
	flag.Func("only", "measure only servers whose name and note match this `expression`", func(s string) (err error) {
		o.only, err = regexp.Compile(s)
		return err
	})
	quick := flag.Bool("quick", false, "measure one short round with 10 addresses; the figures mean nothing")
	write := flag.Bool("write", false, "save the figures in results.json, and update README.md and cost.svg")
	renderOnly := flag.Bool("render", false, "update README.md and cost.svg from results.json, measure nothing")
	flag.Parse()
	if *write && *quick {
		log.Fatal("bench: the figures of -quick mean nothing: leave out -write")
	}
	if *renderOnly {
		if err := renderSaved(); err != nil {
			log.Fatal("bench: ", err)
		}
		return
	}
	if *quick {
		o.sizes, o.rounds, o.sampleTime = []int{10}, 1, 300*time.Millisecond
	}
	if reason := cannotMeasure(); reason != "" {
		log.Printf("Nothing is measured: %s.", reason)
		return
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, *write)
	if ctx.Err() != nil {
		log.Fatal("bench: interrupted")
	}
	stop()
	if err != nil {
		log.Fatal("bench: ", err)
	}
}

// cannotMeasure returns why this machine cannot measure, or "".
func cannotMeasure() string {
	// Debian installs servers in directories that are in root's PATH only.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, command := range []string{"dnsperf", "taskset"} {
		if _, err := exec.LookPath(command); err != nil {
			return command + " is not installed"
		}
	}
	if runtime.NumCPU() < 2 {
		return "the server and dnsperf need a core each, and there is only one"
	}
	return ""
}

// run measures every group of servers, prints the tables and, with write, saves and renders the
// figures.
func run(ctx context.Context, o options, write bool) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeZone(dir, o.sizes); err != nil {
		return err
	}
	coredns := filepath.Join(dir, "coredns")
	log.Print("building CoreDNS")
	build := exec.CommandContext(ctx, "go", "build", "-C", "..", "-o", coredns, "./cmd/coredns")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building CoreDNS: %w\n%s", err, out)
	}

	all := groups(coredns)
	var measured []groupResult
	for _, g := range all {
		if !o.only.MatchString(g.title()) {
			continue
		}
		r, err := g.measure(ctx, o, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", g.title(), err)
		}
		measured = append(measured, r)
		fmt.Println(r.markdown(o.sizes))
	}
	if !write {
		return nil
	}
	saved, err := loadResults()
	if err != nil {
		return err
	}
	saved = saved.update(measured, all)
	if err := saved.save(); err != nil {
		return err
	}
	return saved.render()
}

//go:build linux

// Bench measures what ordering costs, through sockets, side by side with
// loadbalance and with other servers that order or rotate their answers.
//
//	go run -C bench .          measure and print
//	go run -C bench . -write   measure, print, and put tables and plot into bench/
//	go run -C bench . -quick   only see that everything starts and orders
//
// Every server runs on loopback, pinned to one core; dnsperf drives it from
// another. Servers that are not installed are skipped. See README.md.
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

// A plan says what to measure and for how long.
type plan struct {
	sizes      []int
	rounds     int
	slice      time.Duration
	only       *regexp.Regexp
	quick      bool
	serverCore string
	driverCore string
	port       int
}

func main() {
	log.SetFlags(0)
	// Servers are told to die with the thread that started them. The main
	// thread is the one that lives as long as the process.
	runtime.LockOSThread()

	p := plan{sizes: []int{3, 10, 100}}
	flag.IntVar(&p.rounds, "rounds", 11, "how often each pair of servers is compared")
	flag.DurationVar(&p.slice, "slice", time.Second, "how long a server is driven at a time")
	flag.BoolVar(&p.quick, "quick", false, "one short round of ten addresses; the figures mean nothing")
	flag.StringVar(&p.serverCore, "server-core", "0", "the core that the servers are pinned to")
	flag.StringVar(&p.driverCore, "driver-core", "1", "the core that dnsperf is pinned to")
	flag.IntVar(&p.port, "port", 15300, "the first of the ports to listen on")
	only := flag.String("only", "", "measure only groups whose name matches this `expression`")
	write := flag.Bool("write", false, "put the tables into bench/README.md and the plot into bench/cost.svg")
	flag.Parse()
	p.only = regexp.MustCompile(*only)
	if *write && (p.quick || *only != "") {
		log.Fatal("-write wants everything measured: it does not go with -quick or -only")
	}
	if p.quick {
		p.sizes, p.rounds, p.slice = []int{10}, 1, 300*time.Millisecond
	}

	// Debian keeps servers where only root looks for them.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, command := range []string{"dnsperf", "taskset"} {
		if _, err := exec.LookPath(command); err != nil {
			log.Printf("%s is not installed: nothing is measured.", command)
			return
		}
	}
	if runtime.NumCPU() < 2 {
		log.Print("One core only: nothing is measured, since servers and dnsperf would share it.")
		return
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, p, *write)
	if ctx.Err() != nil {
		log.Fatal("bench: interrupted")
	}
	stop()
	if err != nil {
		log.Fatal("bench: ", err)
	}
}

func run(ctx context.Context, p plan, write bool) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeZone(dir, p.sizes); err != nil {
		return err
	}
	coredns := filepath.Join(dir, "coredns")
	log.Print("building CoreDNS")
	if out, err := exec.CommandContext(ctx, "go", "build", "-C", "..", "-o", coredns, "./cmd/coredns").CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}

	var reports []report
	for _, g := range groups(coredns) {
		if !p.only.MatchString(g.name) {
			continue
		}
		r, err := g.measure(ctx, p, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		reports = append(reports, r)
		fmt.Println(r.markdown(p.sizes))
	}
	if write {
		return writeReadme(p, reports)
	}
	return nil
}

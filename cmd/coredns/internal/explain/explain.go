// Package explain is the command "coredns explain". It says in which order a client gets the
// addresses of a name, and why.
package explain

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/coredns-ordering/ordering/cmd/coredns/internal/chain"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/corefile"
)

// What Run returns, the exit status of the command.
const (
	ordered   = 0
	refused   = 1 // the Corefile is wrong or cannot be started
	undecided = 2
	misused   = 64 // the command line is wrong, EX_USAGE of sysexits.h
)

// Run runs the command with these arguments, and returns its exit status.
func Run(args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return ordered
	case err != nil:
		fmt.Fprintf(stderr, "coredns explain: %v; -h says more\n", err)
		return misused
	}
	input, err := corefile.Read(o.conf)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return refused
	}
	corefile.LogTo(stderr)
	c, err := chain.Open(input)
	if err != nil {
		fmt.Fprintln(stderr, corefile.Refusal(input, err))
		return refused
	}
	defer c.Close()
	if missing := c.WaitUntilReady(o.wait); len(missing) > 0 {
		fmt.Fprintf(stderr, "coredns explain: not ready after %v: %s\n", o.wait, strings.Join(missing, ", "))
	}
	s, err := newAsker(o, c)
	if err != nil {
		fmt.Fprintf(stderr, "coredns explain: %v\n", err)
		return undecided
	}
	reports, err := explain(s)
	if err == nil {
		err = write(stdout, reports, o.json)
	}
	if err != nil {
		fmt.Fprintf(stderr, "coredns explain: %v\n", err)
		return undecided
	}
	for _, r := range reports {
		if !r.Ordered {
			return undecided
		}
	}
	return ordered
}

// explain returns a report on each client.
func explain(s *asker) ([]*report, error) {
	var reports []*report
	for _, client := range s.clients {
		p := s.path(client)
		res, err := s.ask(p)
		if err != nil {
			return nil, err
		}
		r := newReport(s, p, res)
		if p.source != client && p.subnet == s.subnet {
			r.hint("-client %v has no effect: %v sends the Client Subnet option of -ecs; leave out -source or -ecs", client, p.source)
		}
		if err := addHints(s, r, p, res); err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// write writes the reports.
func write(out io.Writer, reports []*report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(reports)
	}
	for _, line := range sideBySide(reports, painter(out)) {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

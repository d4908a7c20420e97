// Package check is the command "coredns check". It says what CoreDNS would refuse or warn of if it
// started with a Corefile.
package check

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/cmd/coredns/internal/chain"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/corefile"
)

const usage = `Usage: coredns check [-conf Corefile] [-strict]

Check says what CoreDNS would refuse or warn of if it started with the Corefile, one line each. It loads
the Corefile with all plugins, reads the files that it names, and starts nothing: no plugin begins its
work, and no port is opened, so check does not see that one is taken. Each directive is checked up to its
first error.

Options:
`

const exitStatus = `
Exit status: 0 if CoreDNS would start, 1 if not, or with -strict if it would warn; 64 if this command
line is wrong.
`

// What Run returns, the exit status of the command.
const (
	fine    = 0
	refused = 1
	misused = 64 // EX_USAGE of sysexits.h
)

// Run runs the command with these arguments, and returns its exit status.
func Run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	conf := flags.String("conf", "Corefile", "the `Corefile`; stdin is the standard input")
	strict := flags.Bool("strict", false, "exit with 1 for warnings, too")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		fmt.Fprint(stdout, exitStatus)
		return fine
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected word %q", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "coredns check: %v; -h says more\n", err)
		return misused
	}
	errs, warnings := check(*conf)
	for _, e := range errs {
		fmt.Fprintf(stdout, "error    %s\n", e)
	}
	for _, w := range warnings {
		fmt.Fprintf(stdout, "warning  %s\n", w)
	}
	if len(errs) > 0 || *strict && len(warnings) > 0 {
		return refused
	}
	if len(warnings) == 0 {
		fmt.Fprintf(stdout, "%s: no errors, no warnings\n", *conf)
	}
	return fine
}

// check returns what CoreDNS would refuse and warn of, each on one line and once.
func check(path string) (refused, warnings []string) {
	input, err := corefile.Read(path)
	if err != nil {
		return []string{err.Error()}, nil
	}
	var logged bytes.Buffer
	corefile.LogTo(&logged)
	errs, warned := chain.Check(input)
	for _, err := range errs {
		refused = appendOnce(refused, corefile.Refusal(input, err))
	}
	for line := range strings.Lines(logged.String()) {
		line = strings.TrimPrefix(strings.TrimPrefix(line, "[WARNING] "), "[ERROR] ")
		warnings = appendOnce(warnings, strings.TrimSpace(line))
	}
	for _, w := range warned {
		warnings = appendOnce(warnings, w)
	}
	return refused, warnings
}

func appendOnce(lines []string, line string) []string {
	if line == "" || slices.Contains(lines, line) {
		return lines
	}
	return append(lines, line)
}

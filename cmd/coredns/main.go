// Coredns is a CoreDNS server with every default plugin and ordering. Its commands explain and check
// say what the server would do.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/coredns-ordering/ordering"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/check"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/explain"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // registers the default plugins
	"github.com/coredns/coredns/coremain"
)

func init() {
	dnsserver.Directives = ordering.Directives(dnsserver.Directives)
}

// commands are what the first argument can be. Without one, the server runs.
var commands = map[string]func(args []string, stdout, stderr io.Writer) int{
	"check":   check.Run,
	"explain": explain.Run,
}

const help = `Usage: coredns [options]           run the server
       coredns explain -h         say in which order a client gets addresses, and why
       coredns check -h           say what the server would refuse or warn of

Options:
`

func main() {
	if len(os.Args) > 1 {
		if run, ok := commands[os.Args[1]]; ok {
			os.Exit(run(os.Args[2:], os.Stdout, os.Stderr))
		}
	}
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), help)
		flag.PrintDefaults()
	}
	setVersion()
	coremain.Run()
}

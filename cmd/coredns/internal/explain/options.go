package explain

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns-ordering/ordering/internal/network"

	"github.com/miekg/dns"
)

// options are the command line.
type options struct {
	conf    string
	server  string // address of one server of the Corefile; "": any
	clients []netip.Addr
	source  netip.Addr   // of the packet; the zero Addr: the client
	subnet  netip.Prefix // Client Subnet option; the zero Prefix: none
	dnssec  bool
	json    bool
	wait    time.Duration

	name      string // fully qualified; "" for that of the only directive
	qtype     uint16
	addresses []netip.Addr // to put in order in place of those of name
}

const usage = `Usage: coredns explain -conf Corefile -client ADDRESS [options] NAME [TYPE]
       coredns explain -conf Corefile -client ADDRESS [options] [NAME] ADDRESS...

Explain says in which order a client gets the addresses of NAME, and why. It loads the Corefile as the
server does and asks once for each client, with the plugins of the Corefile, but it listens nowhere and
changes nothing. With addresses in place of NAME it puts those in order and asks no other plugin; NAME
in front of them chooses the directive if the Corefile has several.

  coredns explain -client 172.16.22.8 server2.lucerne.example
        the A records of a name, for a client that asks this server itself
  coredns explain -client 172.16.22.8 -client 10.4.3.2 server2.lucerne.example AAAA
        for two clients, side by side
  coredns explain -client 10.1.2.3 -source 10.9.0.4 www.example.org
        for a client behind a proxy or resolver at 10.9.0.4, which sends the client's address along:
        in a PROXY protocol header if proxyproto takes one from 10.9.0.4, otherwise as Client Subnet
  coredns explain -client 10.9.0.4 -ecs 10.1.2.0/24 www.example.org
        with this Client Subnet option in the query
  coredns explain -client 172.16.22.8 192.168.1.27 172.16.22.4 10.0.0.14
        addresses that no plugin has to know

What it prints:

  client   whom the answer is for, where the topology has it, and what says so
  rule     the directive that puts the answer in order, and its zone
  answer   what the plugins below answer, and which of them does
  1 2 3    the addresses in the order in which the client gets them, each with its reason;
           - stands in front of those that answer_limit cuts off
  served   what the client gets if a plugin above ordering changes the addresses
  hint     what could be done about it

The reason is what puts an address ahead of others:

  sortlist line 9 word 2   it is in the second preference of line 9 of the Corefile, or of
                           the imported file that is named; !2 if that begins with !
  node, zone, region       the cluster has it on the client's node, in its zone, in its region
  shared2                  its location and the client's have the first two labels in common
  subnet NETWORK           the longest mask has both in this network
  network NETWORK          a shorter mask has, or the client's class
  elsewhere                nothing
  unknown                  nothing, and the topology does not know where the client is

Addresses that a brace joins are equally near and take turns. Explain shows the first turn, which is a
random one with first_turn random, and says how often each address is ahead of the others.

Options:
`

const exitStatus = `
Exit status: 0 if the directive put some address ahead of another, 1 if the Corefile is wrong or cannot
be started, 2 if nothing decided the order, 64 if this command line is wrong.
`

// parseOptions parses the command line. It writes the help to out if that is asked for, and returns
// flag.ErrHelp then.
func parseOptions(args []string, out io.Writer) (*options, error) {
	o := &options{qtype: dns.TypeA}
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.conf, "conf", "Corefile", "the `Corefile`; stdin is the standard input")
	flags.Func("client", "`ADDRESS` of a client; may be given several times", func(word string) error {
		a, err := parseAddr(word)
		o.clients = append(o.clients, a)
		return err
	})
	flags.Func("source", "`ADDRESS` that the packet comes from, if not that of the client", func(word string) (err error) {
		o.source, err = parseAddr(word)
		return err
	})
	flags.Func("ecs", "`NETWORK` in the Client Subnet option of the query", func(word string) (err error) {
		o.subnet, err = network.Parse(word)
		return err
	})
	flags.StringVar(&o.server, "server", "",
		"`ADDRESS` of the server to ask, such as :53 or tls://:853, if the Corefile has several")
	flags.BoolVar(&o.dnssec, "dnssec", false,
		"ask for DNSSEC records, as validating resolvers do (answer_limit does not apply then)")
	flags.BoolVar(&o.json, "json", false, "write JSON: an array with one object for each client")
	flags.DurationVar(&o.wait, "wait", 10*time.Second, "how long to wait for kubernetes and others to be ready")
	words, err := parseInterspersed(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, usage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		fmt.Fprint(out, exitStatus)
		return nil, err
	}
	if err == nil {
		err = o.addWords(words)
	}
	return o, err
}

// parseInterspersed parses flags that stand before, between and after other words, which it returns.
func parseInterspersed(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if args = flags.Args(); len(args) == 0 {
			return words, nil
		}
		words, args = append(words, args[0]), args[1:]
	}
}

// addWords adds what is no flag.
func (o *options) addWords(words []string) error {
	typed := false
	for _, word := range words {
		a, err := parseAddr(word)
		t, isType := dns.StringToType[strings.ToUpper(word)]
		switch _, isName := dns.IsDomainName(word); {
		case err == nil:
			o.addresses = append(o.addresses, a)
		case o.name == "" && isName:
			o.name = strings.ToLower(dns.Fqdn(word))
		case isType && !typed:
			o.qtype, typed = t, true
		default:
			return fmt.Errorf("unexpected word %q: want NAME [TYPE] or addresses", word)
		}
	}
	switch {
	case len(o.clients) == 0:
		return errors.New("no client: add -client ADDRESS")
	case o.name == "" && len(o.addresses) == 0:
		return errors.New("nothing to explain: add a name or addresses")
	case typed && len(o.addresses) > 0:
		return errors.New("addresses need no type")
	}
	return nil
}

// parseAddr parses the address of a client, as CoreDNS would see it.
func parseAddr(word string) (netip.Addr, error) {
	a, err := netip.ParseAddr(word)
	if err != nil {
		return a, fmt.Errorf("%q is not an address", word)
	}
	return a.Unmap().WithZone(""), nil
}

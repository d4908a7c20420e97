//go:build linux

package main

import (
	"fmt"
	"strings"
)

// coreDNS returns CoreDNS with the plugins errors, prometheus, cache and file. Each variant adds
// one plugin that orders.
func coreDNS(binary string) group {
	v := func(name, directive string) variant { return corefile(binary, name, directive) }
	return group{
		name:     "CoreDNS",
		program:  binary,
		version:  []string{binary, "-version"},
		required: true,
		baseline: v("no ordering", ""),
		variants: []variant{
			again(binary),
			v("`loadbalance`", "loadbalance").turning().plotted("CoreDNS, loadbalance"),
			v("`loadbalance`, `prefer` 4 networks", loadbalancePrefer).
				sorted().plotted("CoreDNS, loadbalance prefer"),
			v("`ordering`", "ordering").sorted().turning().plotted("CoreDNS, ordering"),
			v("`ordering`, `round_robin random`", ordering("round_robin random")).sorted().turning(),
			v("`ordering`, `round_robin sticky`", ordering("round_robin sticky")).sorted(),
			v("`ordering`, `sortlist` of 1 line", ordering(sortlist(1)...)).sorted().turning().
				plotted("CoreDNS, ordering, sortlist of 1 line"),
			v("`ordering`, `sortlist` of 20 lines", ordering(sortlist(20)...)).sorted().turning(),
			withTopology(binary).sorted().turning(),
		},
	}
}

// again returns the baseline as a variant. Its ratio is that of a server to itself, so it shows how
// much the figures vary.
func again(binary string) variant {
	return corefile(binary, "no ordering, a second process", "")
}

// limit is the answer_limit in coreDNSLimit.
const limit = 8

// coreDNSLimit returns CoreDNS as coreDNS does, with a variant that packs fewer addresses than the
// others.
func coreDNSLimit(binary string) group {
	g := coreDNS(binary)
	property := fmt.Sprintf("`answer_limit %d`", limit)
	g.note = "with " + property
	g.variants = []variant{
		again(binary),
		corefile(binary, "`ordering`", "ordering").sorted().turning(),
		corefile(binary, "`ordering`, "+property, ordering(strings.Trim(property, "`"))).sorted().turning().limited(limit),
	}
	return g
}

// loadbalancePrefer names two networks that hold addresses of the answer, and two that hold none.
const loadbalancePrefer = `loadbalance round_robin {
        prefer 10.0.0.0/8 ` + clientSubnet + ` 172.16.0.0/12 ` + clientNetwork + `
    }`

// ordering returns the directive ordering with properties.
func ordering(properties ...string) string {
	return "ordering {\n        " + strings.Join(properties, "\n        ") + "\n    }"
}

// sortlist returns sortlist properties, the last of which is the only one for the client.
func sortlist(lines int) []string {
	var properties []string
	for i := range lines - 1 {
		properties = append(properties, fmt.Sprintf("sortlist 10.%d.0.0/16 10.%d.1.0/24 10.%d.0.0/16", i, i, i))
	}
	return append(properties, fmt.Sprintf("sortlist %s %s %s", clientNetwork, clientSubnet, clientNetwork))
}

func corefile(binary, name, directive string) variant {
	return variant{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		return writeCorefile(binary, dir, zoneFile, port, directive)
	}}
}

// topologyLines is the number of lines in the topology file. Three of them hold the client and the
// addresses of the answers.
const topologyLines = 1000

func withTopology(binary string) variant {
	name := fmt.Sprintf("`ordering`, `topology` file of %d lines", topologyLines)
	return variant{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		var t strings.Builder
		fmt.Fprintln(&t, clientSubnet, "here/a")
		fmt.Fprintln(&t, clientNetwork, "here/b")
		fmt.Fprintln(&t, "198.18.0.0/15", "there/a")
		for i := range topologyLines - 3 {
			fmt.Fprintf(&t, "10.%d.%d.0/24 there/b\n", i/256, i%256)
		}
		path, err := writeConfig(dir, "topology", t.String())
		if err != nil {
			return nil, err
		}
		return writeCorefile(binary, dir, zoneFile, port, ordering("topology "+path))
	}}
}

// writeCorefile writes a Corefile with the directive into dir and returns the command line that
// runs the server.
func writeCorefile(binary, dir, zoneFile string, port int, directive string) ([]string, error) {
	text := fmt.Sprintf(`%s:%d {
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:%d
    %s
    cache
    file %s
}
`, zone, port, port+1000, directive, zoneFile)
	path, err := writeConfig(dir, "Corefile", text)
	return []string{binary, "-quiet", "-conf", path}, err
}

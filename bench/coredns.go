//go:build linux

package main

import (
	"fmt"
	"strings"
)

// coreDNS compares the chain errors, prometheus, cache, file with the same
// chain and one plugin that orders.
func coreDNS(binary string) group {
	return group{
		name:      "CoreDNS",
		program:   binary,
		version:   []string{binary, "-version"},
		ours:      true,
		reference: corefile(binary, "no ordering", ""),
		variants: []contender{
			shuffles(corefile(binary, "`loadbalance`", "loadbalance"), "CoreDNS loadbalance"),
			orders(corefile(binary, "`loadbalance`, `prefer` 4 networks", prefer), "CoreDNS loadbalance prefer"),
			turning(orders(corefile(binary, "`ordering`", "ordering"), "CoreDNS ordering")),
			turning(orders(corefile(binary, "`ordering`, `round_robin random`", block("round_robin random")), "")),
			orders(corefile(binary, "`ordering`, `round_robin sticky`", block("round_robin sticky")), ""),
			turning(orders(corefile(binary, "`ordering`, `sortlist` of 1 line", block(sortlist(1)...)), "")),
			turning(orders(corefile(binary, "`ordering`, `sortlist` of 20 lines", block(sortlist(20)...)), "")),
			turning(orders(withTopology(binary), "")),
		},
	}
}

// prefer names as many networks as loadbalance's own documentation would: the
// two that matter stand among two that nothing is on.
const prefer = `loadbalance round_robin {
        prefer 10.0.0.0/8 ` + clientSubnet + ` 172.16.0.0/12 ` + clientNetwork + `
    }`

func corefile(binary, name, directive string) contender {
	return contender{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		return writeCorefile(binary, dir, zoneFile, port, directive)
	}}
}

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

func block(properties ...string) string {
	return "ordering {\n        " + strings.Join(properties, "\n        ") + "\n    }"
}

// sortlist returns statements of which only the last is for our client.
func sortlist(lines int) []string {
	var statements []string
	for i := range lines - 1 {
		statements = append(statements, fmt.Sprintf("sortlist 10.%d.0.0/16 10.%d.1.0/24 10.%d.0.0/16", i, i, i))
	}
	return append(statements, fmt.Sprintf("sortlist %s %s %s", clientNetwork, clientSubnet, clientNetwork))
}

// topologyLines is how many networks of other places the topology file has.
const topologyLines = 1000

func withTopology(binary string) contender {
	name := fmt.Sprintf("`ordering`, `topology` file of %d lines", topologyLines)
	return contender{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
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
		return writeCorefile(binary, dir, zoneFile, port, block("topology "+path))
	}}
}

func shuffles(c contender, line string) contender {
	c.turns, c.line = true, line
	return c
}

func orders(c contender, line string) contender {
	c.nearestFirst, c.line = true, line
	return c
}

func turning(c contender) contender {
	c.turns = true
	return c
}

//go:build linux

package main

import "fmt"

// nsd returns NSD with rotation.
func nsd() group {
	return group{
		name:     "NSD",
		program:  "nsd",
		version:  []string{"nsd", "-v"},
		baseline: nsdWith("`round-robin: no`", "no"),
		variants: []variant{
			nsdWith("`round-robin: yes`", "yes").turning().plotted("NSD, round-robin"),
		},
	}
}

func nsdWith(name, rotation string) variant {
	return variant{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		// Some builds of NSD limit the rate of responses by default, and would drop most of them.
		path, err := writeConfig(dir, "nsd.conf", fmt.Sprintf(`server:
    server-count: 1
    ip-address: 127.0.0.1@%d
    do-ip6: no
    username: ""
    zonesdir: "%s"
    database: ""
    pidfile: "%s/pid"
    xfrdfile: "%s/xfrd.state"
    zonelistfile: "%s/zone.list"
    ipv4-edns-size: 4096
    minimal-responses: yes
    rrl-ratelimit: 0
    round-robin: %s
remote-control:
    control-enable: no
zone:
    name: "%s"
    zonefile: "%s"
`, port, dir, dir, dir, dir, rotation, zone, zoneFile))
		return []string{"nsd", "-d", "-c", path}, err
	}}
}

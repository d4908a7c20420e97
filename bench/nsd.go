//go:build linux

package main

import "fmt"

// nsd compares NSD's rotation on and off.
func nsd() group {
	return group{
		name:      "NSD",
		program:   "nsd",
		version:   []string{"nsd", "-v"},
		reference: nsdWith("`round-robin: no`", "no"),
		variants:  []contender{shuffles(nsdWith("`round-robin: yes`", "yes"), "")},
	}
}

func nsdWith(name, rotation string) contender {
	return contender{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		// A response rate limit is compiled into some NSDs and would drop
		// nearly everything.
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

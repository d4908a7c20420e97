//go:build linux

package main

import "fmt"

// powerDNS compares PowerDNS Recursor with its sort list. A sort list takes
// answers out of the packet cache, which is most of what it costs; the group
// without that cache shows the rest.
func powerDNS(name string, packetCache bool) group {
	line := "PowerDNS sortlist (packet cache lost)"
	if !packetCache {
		line = "PowerDNS sortlist (no packet cache)"
	}
	return group{
		name:      name,
		program:   "pdns_recursor",
		version:   []string{"pdns_recursor", "--version"},
		reference: recursor("no sort list", packetCache, ""),
		variants: []contender{
			orders(recursor("`addSortList`", packetCache,
				fmt.Sprintf("addSortList(%q, {%q, %q})\n", clientNetwork, clientSubnet, clientNetwork)), line),
		},
	}
}

func recursor(name string, packetCache bool, lua string) contender {
	return contender{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		script, err := writeConfig(dir, "config.lua", lua)
		if err != nil {
			return nil, err
		}
		disabled := "yes"
		if packetCache {
			disabled = "no"
		}
		_, err = writeConfig(dir, "recursor.conf", fmt.Sprintf(`local-address=127.0.0.1
local-port=%d
auth-zones=%s=%s
lua-config-file=%s
disable-packetcache=%s
threads=1
pdns-distributes-queries=no
socket-dir=%s
daemon=no
quiet=yes
loglevel=3
disable-syslog=yes
dnssec=off
security-poll-suffix=
udp-truncation-threshold=4096
edns-outgoing-bufsize=4096
`, port, zone, zoneFile, script, disabled, dir))
		return []string{"pdns_recursor", "--config-dir=" + dir}, err
	}}
}

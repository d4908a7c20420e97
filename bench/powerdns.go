//go:build linux

package main

import "fmt"

// powerDNS returns PowerDNS Recursor with a sort list. Its packet cache does not serve answers that
// a sort list has ordered, and that is most of what a sort list costs. The group without the packet
// cache shows what sorting costs.
func powerDNS(packetCache bool) group {
	note, label := "", "PowerDNS, addSortList"
	if !packetCache {
		note, label = "without packet cache", "PowerDNS without packet cache, addSortList"
	}
	sortList := fmt.Sprintf("addSortList(%q, {%q, %q})\n", clientNetwork, clientSubnet, clientNetwork)
	return group{
		name:     "PowerDNS Recursor",
		note:     note,
		program:  "pdns_recursor",
		version:  []string{"pdns_recursor", "--version"},
		baseline: recursor("no sort list", packetCache, ""),
		variants: []variant{recursor("`addSortList`", packetCache, sortList).sorted().plotted(label)},
	}
}

func recursor(name string, packetCache bool, lua string) variant {
	return variant{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
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

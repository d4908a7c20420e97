//go:build linux

package main

import "fmt"

// unbound returns Unbound with rotation.
func unbound() group {
	return group{
		name:     "Unbound",
		program:  "unbound",
		version:  []string{"unbound", "-V"},
		baseline: unboundWith("`rrset-roundrobin: no`", "no"),
		variants: []variant{
			unboundWith("`rrset-roundrobin: yes`", "yes").turning().plotted("Unbound, rrset-roundrobin"),
		},
	}
}

func unboundWith(name, rotation string) variant {
	return variant{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		path, err := writeConfig(dir, "unbound.conf", fmt.Sprintf(`server:
    directory: "%s"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-ip6: no
    num-threads: 1
    interface: 127.0.0.1@%d
    access-control: 127.0.0.0/8 allow
    module-config: "iterator"
    edns-buffer-size: 4096
    max-udp-size: 4096
    rrset-roundrobin: %s
remote-control:
    control-enable: no
auth-zone:
    name: "%s"
    zonefile: "%s"
    for-downstream: yes
    for-upstream: no
`, dir, port, rotation, zone, zoneFile))
		return []string{"unbound", "-d", "-c", path}, err
	}}
}

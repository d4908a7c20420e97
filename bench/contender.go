//go:build linux

package main

import (
	"os"
	"path/filepath"
)

// A contender is a server with one configuration.
type contender struct {
	name string
	// command writes the configuration into dir, which is the contender's own,
	// and returns the command that starts the server in the foreground on
	// 127.0.0.1:port, answering from the zone file.
	command func(dir, zoneFile string, port int) ([]string, error)
	// nearestFirst and turns say what its answers must show before it is
	// measured.
	nearestFirst, turns bool
	// line is its name in the plot, if it is to be there.
	line string
}

// A group is contenders that are one server but for how they order: what an
// order costs is what a variant costs over the reference.
type group struct {
	name      string
	program   string
	version   []string
	ours      bool // a contender that does not start is an error, not skipped
	reference contender
	variants  []contender
}

func groups(coredns string) []group {
	return []group{
		coreDNS(coredns),
		bind(),
		powerDNS("PowerDNS Recursor", true),
		powerDNS("PowerDNS Recursor without packet cache", false),
		unbound(),
		knot(),
		nsd(),
	}
}

// writeConfig writes a configuration file and returns its path.
func writeConfig(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

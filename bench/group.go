//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A group is one server in several variants, which differ only in how they order answers. What a
// way of ordering costs is what its variant costs more than the baseline, which does not order.
type group struct {
	name     string
	note     string // follows name and version in the heading, such as "without packet cache"
	program  string
	version  []string // the command that prints the version
	required bool     // a variant that does not start is an error; elsewhere it is skipped
	baseline variant
	variants []variant
}

// A variant is a server with one configuration.
type variant struct {
	name string
	// command writes the configuration into dir, which no other variant uses. It returns the
	// command line that runs the server in the foreground, listening on 127.0.0.1:port and
	// answering from zoneFile.
	command func(dir, zoneFile string, port int) ([]string, error)
	// nearestFirst and turns say what the answers must show before the variant is measured.
	nearestFirst, turns bool
	// limit is how many addresses an answer has at most; 0: all of them.
	limit int
	// plotLabel names the variant in the plot. Without one it is not in the plot.
	plotLabel string
}

// sorted returns v as a variant that gives the nearest addresses first.
func (v variant) sorted() variant {
	v.nearestFirst = true
	return v
}

// turning returns v as a variant whose answers are not always in the same order.
func (v variant) turning() variant {
	v.turns = true
	return v
}

// limited returns v as a variant whose answers have at most so many addresses.
func (v variant) limited(addresses int) variant {
	v.limit = addresses
	return v
}

// plotted returns v with a label in the plot.
func (v variant) plotted(label string) variant {
	v.plotLabel = label
	return v
}

// groups returns all groups. coredns is the path of the CoreDNS to measure.
func groups(coredns string) []group {
	return []group{
		coreDNS(coredns),
		coreDNSLimit(coredns),
		bind(),
		powerDNS(true),
		powerDNS(false),
		unbound(),
		knot(),
		nsd(),
	}
}

// title returns the name of the group with its note.
func (g group) title() string {
	if g.note == "" {
		return g.name
	}
	return g.name + ", " + g.note
}

var versionNumber = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// installedVersion returns the version number that the program prints, or "".
func (g group) installedVersion() string {
	out, _ := exec.Command(g.version[0], g.version[1:]...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		// Some programs start the line with the time and their process ID, in brackets.
		if i := strings.LastIndexByte(line, ']'); i >= 0 {
			line = line[i:]
		}
		if number := versionNumber.FindString(line); number != "" {
			return number
		}
	}
	return ""
}

// writeConfig writes a configuration file into dir and returns its path.
func writeConfig(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

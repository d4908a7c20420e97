//go:build linux

package main

import "fmt"

// knot returns Knot DNS with rotation.
func knot() group {
	return group{
		name:     "Knot DNS",
		program:  "knotd",
		version:  []string{"knotd", "--version"},
		baseline: knotWith("`answer-rotation: off`", "off"),
		variants: []variant{
			knotWith("`answer-rotation: on`", "on").turning().plotted("Knot DNS, answer-rotation"),
		},
	}
}

func knotWith(name, rotation string) variant {
	return variant{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
		path, err := writeConfig(dir, "knot.conf", fmt.Sprintf(`server:
    rundir: "%s"
    listen: 127.0.0.1@%d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    udp-max-payload: 4096
    answer-rotation: %s
log:
  - target: stderr
    any: error
database:
    storage: "%s"
zone:
  - domain: %s
    file: "%s"
    journal-content: none
    zonefile-load: whole
    zonefile-sync: -1
`, dir, port, rotation, dir, zone, zoneFile))
		return []string{"knotd", "-c", path}, err
	}}
}

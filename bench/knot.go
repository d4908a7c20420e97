//go:build linux

package main

import "fmt"

// knot compares Knot DNS's rotation on and off.
func knot() group {
	return group{
		name:      "Knot DNS",
		program:   "knotd",
		version:   []string{"knotd", "--version"},
		reference: knotWith("`answer-rotation: off`", "off"),
		variants:  []contender{shuffles(knotWith("`answer-rotation: on`", "on"), "")},
	}
}

func knotWith(name, rotation string) contender {
	return contender{name: name, command: func(dir, zoneFile string, port int) ([]string, error) {
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

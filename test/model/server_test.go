package model

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/contract"
	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/coredns/caddy"
)

// servers are those of one case.
type servers struct {
	udp, tcp  string // of the server with ordering
	reference string // of one that answers what ordering gets from below, over TCP
	instances []*caddy.Instance
}

// start writes the files of the case to directory and starts its servers.
func (c *testCase) start(t *testing.T, directory string) (*servers, error) {
	files := map[string]string{}
	for i, b := range c.blocks {
		files[fmt.Sprintf("zone%d", i)] = b.zoneFile()
		for j, zone := range slices.Sorted(maps.Keys(b.policies)) {
			files[fmt.Sprintf("topology%d-%d", i, j)] = contract.TopologyFile(b.policies[zone].Topology)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	s := new(servers)
	reference, err := s.add(t, c.corefile(directory, "", "", false))
	if err != nil {
		return s, err
	}
	s.reference = server.TCP(reference)
	shuffler := ""
	if slices.ContainsFunc(c.blocks, func(b *block) bool { return b.source.shuffles }) {
		instance, err := s.add(t, shuffling(s.reference))
		if err != nil {
			return s, err
		}
		shuffler = server.TCP(instance)
	}
	ordered, err := s.add(t, c.corefile(directory, s.reference, shuffler, true))
	if err != nil {
		return s, err
	}
	s.udp, s.tcp = server.UDP(ordered), server.TCP(ordered)
	return s, nil
}

// add starts a server.
func (s *servers) add(t *testing.T, corefile string) (*caddy.Instance, error) {
	instance, err := server.Run(t, "Corefile", corefile)
	if err != nil {
		return nil, fmt.Errorf("%w\nin\n%s", err, corefile)
	}
	s.instances = append(s.instances, instance)
	return instance, nil
}

// stop stops the servers.
func (s *servers) stop(t *testing.T) {
	for _, instance := range slices.Backward(s.instances) {
		server.Stop(t, instance)
	}
}

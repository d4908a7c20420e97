package ordering

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

const pluginName = "ordering"

var log = clog.NewWithPlugin(pluginName)

func init() { plugin.Register(pluginName, setup) }

// setup adds the plugin to a server block. It starts nothing: a reload that fails has run it all the same.
func setup(c *caddy.Controller) error {
	first := where(c)
	if err := checkPlace(dnsserver.Directives); err != nil {
		return plugin.Error(pluginName, fmt.Errorf("%s - %w", first, err))
	}
	rules, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}

	config := dnsserver.GetConfig(c)
	config.AddPlugin(func(next plugin.Handler) plugin.Handler {
		return &Ordering{Next: next, rules: rules}
	})
	c.OnStartup(func() error {
		if err := checkLoadbalance(config, first); err != nil {
			return plugin.Error(pluginName, err)
		}
		if err := rules.start(); err != nil {
			return plugin.Error(pluginName, fmt.Errorf("%s - topology: %w", first, err))
		}
		return nil
	})
	c.OnShutdown(rules.stop)
	return nil
}

// where returns the file and line of the token that comes next in c, as error messages name them.
func where(c *caddy.Controller) string {
	d := c.Dispenser // a copy: c stays where it is
	d.Next()
	return fmt.Sprintf("%s:%d", d.File(), d.Line())
}

// answerers are the plugins whose answers the plugin is there for.
var answerers = []string{"cache", "file", "auto", "kubernetes", "hosts", "forward"}

// checkPlace returns an error if the directive order puts an answerer above ordering, which would see none of its answers.
func checkPlace(directives []string) error {
	own := slices.Index(directives, pluginName)
	for i, d := range directives[:max(own, 0)] {
		if slices.Contains(answerers, d) {
			return fmt.Errorf("compiled in below %s, whose answers it would not see: %s belongs directly before loadbalance "+
				"in plugin.cfg, and stands at %d where %s stands at %d", d, pluginName, own+1, d, i+1)
		}
	}
	return nil
}

// checkLoadbalance returns an error if the server block of config, whose ordering directive stands at place, has a
// loadbalance above ordering. One below ordering it warns of.
func checkLoadbalance(config *dnsserver.Config, place string) error {
	if config.Handler("loadbalance") == nil {
		return nil
	}
	own := slices.Index(dnsserver.Directives, pluginName)
	if slices.Index(dnsserver.Directives, "loadbalance") < own {
		return fmt.Errorf("%s - loadbalance is compiled in above %s and would shuffle what is ordered: remove it from this "+
			"server block, or put %s directly before loadbalance in plugin.cfg", place, pluginName, pluginName)
	}
	log.Warningf("%s - loadbalance in the same server block shuffles what the turns start from, so that they are no longer "+
		"exact: remove loadbalance", place)
	return nil
}

// start begins to follow the topologies: all of them, or after an error none.
//
// A server that cannot listen after that, as on a reload to a port that is taken, is dropped and never told to stop. Then they
// stop when z is collected.
func (z *rules) start() error {
	all := z.topologies()
	for _, t := range all {
		if err := t.Start(); err != nil {
			return errors.Join(err, stopAll(all))
		}
	}
	runtime.AddCleanup(z, func(all []topology.Source) { go stopAll(all) }, all)
	return nil
}

// stop ends what start began.
func (z *rules) stop() error { return stopAll(z.topologies()) }

func stopAll(topologies []topology.Source) (err error) {
	for _, t := range topologies {
		err = errors.Join(err, t.Stop())
	}
	return err
}

// suggestion returns ": did you mean WORD?" for the word that is nearest to said, "" if none is near.
func suggestion(said string, words []string) string {
	nearest, least := "", len(said)/2+1
	for _, w := range words {
		if d := distance(strings.ToLower(said), w); d < least {
			nearest, least = w, d
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s?", nearest)
}

// distance returns how many letters must be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := above
			if a[i] != b[j] {
				change++
			}
			above = row[j+1]
			row[j+1] = min(change, row[j]+1, above+1)
		}
	}
	return row[len(b)]
}

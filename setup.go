package ordering

import (
	"fmt"
	"slices"

	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

const pluginName = "ordering"

var log = clog.NewWithPlugin(pluginName)

// turns counts the turns of all server blocks. A reload goes on counting.
var turns rrset.Turns

func init() { plugin.Register(pluginName, setup) }

// setup adds the plugin to a server block. It starts nothing, because a reload that fails has run it
// as well.
func setup(c *caddy.Controller) error {
	first := position(c)
	if err := checkPlace(dnsserver.Directives); err != nil {
		return plugin.Error(pluginName, fmt.Errorf("%s - %w", first, err))
	}
	zones, err := parse(c, &turns)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	zones.position = first
	config := dnsserver.GetConfig(c)
	config.AddPlugin(func(next plugin.Handler) plugin.Handler {
		return &Ordering{Next: next, zones: zones}
	})
	c.OnStartup(func() error {
		if err := logCheck(config); err != nil {
			return err
		}
		zones.join(config)
		if err := zones.start(); err != nil {
			return plugin.Error(pluginName, fmt.Errorf("%s - topology: %w", first, err))
		}
		return nil
	})
	c.OnShutdown(zones.stop)
	return nil
}

// position returns the file and line of the next token in c, as error messages name them. It does
// not move c.
func position(c *caddy.Controller) string {
	d := c.Dispenser
	d.Next()
	return fmt.Sprintf("%s:%d", d.File(), d.Line())
}

// answerers are the plugins whose answers the plugin is there to order.
var answerers = []string{"cache", "file", "auto", "kubernetes", "hosts", "forward"}

// checkPlace returns an error if the directive order puts an answerer above ordering, which would see
// none of its answers.
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

// Check checks the server block of config, whose handlers must be made. The error is what startup
// refuses, the warnings are what it warns of, one line each. Check starts and logs nothing.
func Check(config *dnsserver.Config) (warnings []string, err error) {
	o, ok := config.Handler(pluginName).(*Ordering)
	if !ok {
		return nil, nil
	}
	warning, err := checkLoadbalance(config, o.zones.position)
	if err != nil {
		return nil, plugin.Error(pluginName, err)
	}
	if warning != "" {
		warnings = append(warnings, warning)
	}
	return warnings, nil
}

// logCheck logs the warnings of Check, and returns its error.
func logCheck(config *dnsserver.Config) error {
	warnings, err := Check(config)
	for _, w := range warnings {
		log.Warning(w)
	}
	return err
}

// checkLoadbalance returns an error if the server block of config has a loadbalance above ordering,
// whose directive is at position, and a warning if it has one below; "" for none.
func checkLoadbalance(config *dnsserver.Config, position string) (warning string, err error) {
	if config.Handler("loadbalance") == nil {
		return "", nil
	}
	own := slices.Index(dnsserver.Directives, pluginName)
	if slices.Index(dnsserver.Directives, "loadbalance") < own {
		return "", fmt.Errorf("%s - loadbalance is compiled in above %s and would shuffle what is ordered: remove it from this "+
			"server block, or put %s directly before loadbalance in plugin.cfg", position, pluginName, pluginName)
	}
	return position + " - loadbalance in the same server block shuffles what the turns start from, so that they are no longer " +
		"exact: remove loadbalance", nil
}

package ordering

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/coredns-ordering/ordering/internal/quote"
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

// setup adds the plugin to a server block. It starts nothing, because a reload that fails has run
// it as well.
func setup(c *caddy.Controller) error {
	first := firstPosition(c)
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
		warnings, err := Check(config)
		if err != nil {
			return err
		}
		logOnce(c, warnings)
		zones.configure(config, allZones(c))
		if err := zones.start(); err != nil {
			return plugin.Error(pluginName, fmt.Errorf("%s - topology: %w", first, err))
		}
		return nil
	})
	c.OnShutdown(zones.stop)
	return nil
}

// firstPosition returns the file and line of the next token in c, as error messages name them. It
// does not move c.
func firstPosition(c *caddy.Controller) string {
	d := c.Dispenser
	d.Next()
	return quote.Line(position(&d))
}

// loggedKey is where logOnce keeps what it has logged, for as long as an instance of the server
// lives.
type loggedKey struct{}

// logOnce logs warnings, except those that another server block has already logged: several may
// import the lines that they are about.
func logOnce(c *caddy.Controller, warnings []string) {
	logged, _ := c.Get(loggedKey{}).(map[string]bool)
	if logged == nil {
		logged = map[string]bool{}
		c.Set(loggedKey{}, logged)
	}
	for _, w := range warnings {
		if !logged[w] {
			log.Warning(w)
		}
		logged[w] = true
	}
}

// allZonesKey is where allZones keeps what it has found, for as long as an instance of the server
// lives.
type allZonesKey struct{}

// allZones returns the zones of all server blocks of a Corefile. They are in a field that is not
// exported; nil for a version of CoreDNS that does not have it.
func allZones(c *caddy.Controller) map[string]bool {
	if all, ok := c.Get(allZonesKey{}).(map[string]bool); ok {
		return all
	}
	context := reflect.Indirect(reflect.ValueOf(c.Context()))
	if context.Kind() != reflect.Struct {
		return nil
	}
	configs := context.FieldByName("configs")
	if !configs.IsValid() || configs.Type() != reflect.TypeFor[[]*dnsserver.Config]() {
		return nil
	}
	all := map[string]bool{}
	for i := range configs.Len() {
		all[configs.Index(i).Elem().FieldByName("Zone").String()] = true
	}
	c.Set(allZonesKey{}, all)
	return all
}

// answerers are the plugins whose answers the plugin is there to order.
var answerers = []string{"cache", "file", "auto", "kubernetes", "hosts", "forward"}

// checkPlace returns an error if the directive order puts an answerer above ordering, which would
// see none of its answers.
func checkPlace(directives []string) error {
	own := slices.Index(directives, pluginName)
	for i, d := range directives[:max(own, 0)] {
		if slices.Contains(answerers, d) {
			return fmt.Errorf("compiled in below %s, so it would not see the answers of %s: in plugin.cfg, move %s directly "+
				"before loadbalance (%s is directive %d, %s is %d)", d, d, pluginName, pluginName, own+1, d, i+1)
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
	return append(warnings, o.zones.warnings...), nil
}

// checkLoadbalance returns an error if the server block of config has a loadbalance above ordering,
// whose directive is at position, and a warning if it has one below; "" for none.
func checkLoadbalance(config *dnsserver.Config, position string) (warning string, err error) {
	if config.Handler("loadbalance") == nil {
		return "", nil
	}
	own := slices.Index(dnsserver.Directives, pluginName)
	if slices.Index(dnsserver.Directives, "loadbalance") < own {
		return "", fmt.Errorf("%s - loadbalance is compiled in above %s and would shuffle the ordered answers: "+
			"remove it from this server block, or move %s directly before loadbalance in plugin.cfg",
			position, pluginName, pluginName)
	}
	return position + " - loadbalance in this server block shuffles the order that the turns start from, " +
		"so turns are not exact: remove loadbalance", nil
}

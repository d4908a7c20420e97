package chain

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
)

// serverType is the name of the server type that Corefiles are loaded as. It has the directives of
// CoreDNS's own type dns, but each is set up by a loading.
const serverType = "explain"

// inert are the plugins that would listen, report to somebody or write files. They are set up, so
// that their errors are found, but neither started nor part of the chain. None of them changes an
// answer.
var inert = []string{
	"dnstap", "health", "loop", "on", "pprof", "prometheus", "ready", "reload", "sign", "trace", "transfer",
}

// A loading is a Corefile while its directives are executed.
type loading struct {
	instance *caddy.Instance
	context  caddy.Context
	blocks   map[int][]*dnsserver.Config // of the server blocks, one for each key
	copies   copies                      // for whom loads to remove
	goOn     bool                        // after an error
	errs     []error                     // with goOn
}

// current is the loading that goes on. Server types and plugins are registered for the whole process,
// and so there is one at a time.
var current struct {
	sync.Mutex
	*loading
}

// register registers the server type and its directives.
var register = sync.OnceFunc(func() {
	caddy.RegisterServerType(serverType, caddy.ServerType{
		Directives: func() []string { return dnsserver.Directives },
		NewContext: func(i *caddy.Instance) caddy.Context {
			current.instance = i
			// The context that dnsserver expects is not exported.
			current.context = caddy.NewTestController("dns", "").Context()
			return current.context
		},
	})
	for _, directive := range dnsserver.Directives {
		setUp, err := caddy.DirectiveAction("dns", directive)
		if err != nil {
			continue // not compiled in
		}
		caddy.RegisterPlugin(directive, caddy.Plugin{ServerType: serverType, Action: func(c *caddy.Controller) error {
			return current.setUp(directive, setUp, c)
		}})
	}
})

// load executes the directives of a Corefile. It returns the first error; with goOn it returns
// none, and all errors are in errs of the result. Probes of the plugins record in probed.
func load(corefile caddy.Input, goOn bool, probed *probes) (*loading, error) {
	register()
	current.Lock()
	defer current.Unlock()
	l := &loading{blocks: map[int][]*dnsserver.Config{}, goOn: goOn}
	current.loading = l
	input := caddy.CaddyfileInput{Filepath: corefile.Path(), Contents: corefile.Body(), ServerTypeName: serverType}
	// Only to validate: so caddy makes an Instance of this server type, which nobody else can.
	if err := caddy.ValidateAndExecuteDirectives(input, nil, true); err != nil {
		if !goOn {
			return nil, errors.Join(err, l.copies.remove())
		}
		l.errs = append(l.errs, err)
	}
	for _, block := range l.blocks {
		addProbes(block, probed)
	}
	return l, nil
}

// configs returns the configurations of all server blocks, in the order of the Corefile.
func (l *loading) configs() (all []*dnsserver.Config) {
	for _, i := range slices.Sorted(maps.Keys(l.blocks)) {
		all = append(all, l.blocks[i]...)
	}
	return all
}

// setUp runs the setup of a directive.
func (l *loading) setUp(directive string, setUp caddy.SetupFunc, c *caddy.Controller) error {
	if l.blocks[c.ServerBlockIndex] == nil {
		l.blocks[c.ServerBlockIndex] = keyConfigs(*c)
	}
	config, i := dnsserver.GetConfig(c), l.instance
	plugins := config.Plugin
	firstStartup, startup, shutdown, finalShutdown := i.OnFirstStartup, i.OnStartup, i.OnShutdown, i.OnFinalShutdown
	err := l.protectFiles(directive, c)
	if err == nil {
		err = setUp(c)
	}
	if slices.Contains(inert, directive) {
		config.Plugin = plugins
		i.OnFirstStartup, i.OnStartup, i.OnShutdown, i.OnFinalShutdown = firstStartup, startup, shutdown, finalShutdown
	}
	if err != nil && l.goOn {
		l.errs = append(l.errs, err)
		return nil
	}
	return err
}

// keyConfigs returns the configurations of the keys of the server block that c sets up.
func keyConfigs(c caddy.Controller) []*dnsserver.Config {
	all := make([]*dnsserver.Config, len(c.ServerBlockKeys))
	for i := range all {
		c.ServerBlockKeyIndex = i
		all[i] = dnsserver.GetConfig(&c)
	}
	return all
}

// protectFiles changes the directive of c so that it creates, changes and locks no file of the server.
func (l *loading) protectFiles(directive string, c *caddy.Controller) error {
	switch directive {
	case "dynupdate":
		return l.copies.use(c)
	case "tls":
		c.Dispenser = editLines(c.Dispenser, func(line []caddyfile.Token) []caddyfile.Token {
			if line[0].Text == "keylog" {
				return nil
			}
			return line
		})
	}
	return nil
}

// editLines returns d with what edit returns in place of each line, which edit may change.
func editLines(d caddyfile.Dispenser, edit func([]caddyfile.Token) []caddyfile.Token) caddyfile.Dispenser {
	var tokens, line []caddyfile.Token
	for d.Next() {
		t := caddyfile.Token{File: d.File(), Line: d.Line(), Text: d.Val()}
		if len(line) > 0 && (t.File != line[0].File || t.Line != line[0].Line) {
			tokens, line = append(tokens, edit(line)...), nil
		}
		line = append(line, t)
	}
	if len(line) > 0 {
		tokens = append(tokens, edit(line)...)
	}
	return caddyfile.NewDispenserTokens(d.File(), tokens)
}

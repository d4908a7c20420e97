package kubernetes

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"k8s.io/client-go/rest"
)

// watchers has the watchers of this process.
var watchers = registry{running: map[watcherKey]*sharedWatcher{}, refuted: map[string]string{}}

// registry has one watcher for all Clusters that connect to one API server with the same account and
// the same option, from the start of the first to the stop of the last. On a reload CoreDNS starts
// the new instance before it stops the old one, so that the watcher goes on. It is safe for concurrent
// use.
type registry struct {
	mu      sync.Mutex
	running map[watcherKey]*sharedWatcher
	refuted map[string]string // by API server, why podCIDRs are not believed until the process ends
}

type sharedWatcher struct {
	*watcher
	users int
}

// watcherKey tells watchers apart.
type watcherKey struct {
	host    string
	option  Pods
	account [sha256.Size]byte
}

func keyOf(config *rest.Config, option Pods) watcherKey {
	token, tls := config.BearerToken, config.TLSClientConfig
	if config.BearerTokenFile != "" {
		token = "" // that in the file changes every hour, and the watcher reads it again
	}
	words := []any{
		config.APIPath, config.Username, config.Password, token, config.BearerTokenFile, config.Impersonate,
		tls, tls.CertData, tls.KeyData, // tls is printed without these two
	}
	if p := config.AuthProvider; p != nil {
		words = append(words, p.Name, p.Config)
	}
	if e := config.ExecProvider; e != nil {
		words = append(words, e.Command, e.Args, e.Env)
	}
	return watcherKey{config.Host, option, sha256.Sum256(fmt.Appendf(nil, "%#v", words))}
}

// start returns the watcher of this key with one user more. If there is none, it starts one.
func (r *registry) start(key watcherKey, name string, config *rest.Config) (*watcher, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if shared := r.running[key]; shared != nil {
		shared.users++
		return shared.watcher, nil
	}
	refuted := ""
	if key.option == PodsAuto {
		refuted = r.refuted[key.host]
	}
	w, err := newWatcher(name, config, newPlaces(key.option, refuted), func(why string) { r.refute(key.host, why) })
	if err != nil {
		return nil, err
	}
	w.start()
	r.running[key] = &sharedWatcher{w, 1}
	return w, nil
}

// stop removes a user of the watcher of this key, which stops with the last.
func (r *registry) stop(key watcherKey) {
	if w := r.remove(key); w != nil {
		w.stop() // without the lock, which the watcher takes when podCIDRs are contradicted
	}
}

// remove removes a user of the watcher of this key, and returns the watcher if it was the last one.
func (r *registry) remove(key watcherKey) *watcher {
	r.mu.Lock()
	defer r.mu.Unlock()
	shared := r.running[key]
	if shared.users--; shared.users > 0 {
		return nil
	}
	delete(r.running, key)
	return shared.watcher
}

// refute notes why podCIDRs of an API server are not believed.
func (r *registry) refute(host, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuted[host] = why
}

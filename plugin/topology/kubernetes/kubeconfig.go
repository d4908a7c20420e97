package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/internal/quote"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// clientConfig returns how to connect to the API server, as New describes it.
func clientConfig(kubeconfig, context string) (*rest.Config, error) {
	var config *rest.Config
	var err error
	switch {
	case kubeconfig != "":
		if config, err = loadContext(kubeconfig, context); err != nil {
			return nil, fmt.Errorf("%s: %s", quote.Line(kubeconfig), quote.Line(err.Error()))
		}
	case context != "":
		return nil, fmt.Errorf("context %s: a context needs a kubeconfig", quote.Word(context))
	default:
		config, err = rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("not in a pod of a cluster, so there is no service account: name a kubeconfig")
		}
		if err != nil {
			return nil, err
		}
	}
	if err := checkConfig(config); err != nil {
		return nil, fmt.Errorf("%s: %s", quote.Line(config.Host), quote.Line(err.Error()))
	}
	return config, nil
}

// checkConfig returns the error with which newWatcher would refuse config.
func checkConfig(config *rest.Config) error {
	if _, _, err := rest.DefaultServerUrlFor(config); err != nil {
		return err
	}
	if _, err := rest.TLSConfigFor(config); err != nil {
		return err
	}
	_, err := rest.HTTPWrappersForConfig(config, http.DefaultTransport)
	return err
}

// loadContext returns how to connect with a context of a kubeconfig, the current one if context is
// empty.
func loadContext(kubeconfig, context string) (*rest.Config, error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}
	loaded, err := rules.Load()
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, cause.Err // without the path, which clientConfig adds
	}
	if err != nil {
		return nil, err
	}
	if context = cmp.Or(context, loaded.CurrentContext); context == "" {
		return nil, errors.New("there is no current context: name one")
	}
	if loaded.Contexts[context] == nil {
		known := strings.Join(slices.Sorted(maps.Keys(loaded.Contexts)), ", ")
		return nil, fmt.Errorf("there is no context %s; the contexts are %s", quote.Word(context), known)
	}
	return clientcmd.NewNonInteractiveClientConfig(*loaded, context, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
}

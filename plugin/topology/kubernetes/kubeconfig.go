package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// clientConfig says how to reach the API server, as New describes it.
func clientConfig(kubeconfig, context string) (*rest.Config, error) {
	if kubeconfig == "" {
		if context != "" {
			return nil, fmt.Errorf("context %s: a context needs a kubeconfig", context)
		}
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("not in a pod of a cluster, so there is no service account: name a kubeconfig")
		}
		return config, err
	}
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}
	loaded, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kubeconfig, err)
	}
	if context = cmp.Or(context, loaded.CurrentContext); context == "" {
		return nil, fmt.Errorf("%s: has no current context: name one", kubeconfig)
	}
	if loaded.Contexts[context] == nil {
		there := strings.Join(slices.Sorted(maps.Keys(loaded.Contexts)), ", ")
		return nil, fmt.Errorf("%s: has no context %s, but: %s", kubeconfig, context, there)
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*loaded, context, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kubeconfig, err)
	}
	return config, nil
}

package kubernetes

// Pods says how a Cluster finds out where Pods are.
type Pods int

const (
	// PodsAuto believes the nodes' spec.podCIDRs as long as every node has one and no endpoint is
	// outside of those of its node. After that Pods are watched, until the process ends.
	PodsAuto Pods = iota
	// PodsOn watches Pods. Nothing is believed of spec.podCIDRs.
	PodsOn
	// PodsOff watches no Pods. Everything in spec.podCIDRs is believed, but of an endpoint that is
	// elsewhere the EndpointSlice is.
	PodsOff
)

// Options say which cluster a Cluster learns from, and how.
type Options struct {
	// Kubeconfig is the path of a kubeconfig. If it is empty, the Cluster connects with the service
	// account of the pod that it runs in.
	Kubeconfig string
	// Context is a context of the kubeconfig. If it is empty, it is the kubeconfig's current one.
	Context string

	Pods Pods
}

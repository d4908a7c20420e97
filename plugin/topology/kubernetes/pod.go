package kubernetes

import (
	"hash/maphash"
	"net/netip"
	"slices"

	"github.com/coredns-ordering/ordering/internal/ipaddr"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// placedPods selects the Pods that have a node and are not finished: the address of a finished Pod
// can be another one's by now. When a Pod finishes, the API server says that it is deleted.
var placedPods = fields.AndSelectors(
	fields.OneTermNotEqualSelector("spec.nodeName", ""),
	fields.OneTermNotEqualSelector("status.phase", string(v1.PodSucceeded)),
	fields.OneTermNotEqualSelector("status.phase", string(v1.PodFailed)),
).String()

// podInfo is what a Cluster needs of a Pod.
type podInfo struct {
	namespace, name, node string
	pod
}

// pod is what a Cluster keeps of a Pod: its addresses, and what decides between two Pods that have
// the same one. Its size matters, there are many.
type pod struct {
	ip6     ipaddr.Addr // zero: none
	ip4     uint32      // 0: none
	node    uint32      // the number of its node
	started uint32      // in seconds since 1970; 0: not yet
	state   podState
}

// podState is how likely a Pod has its address for itself; more is likelier.
type podState uint8

const (
	terminating podState = iota
	starting
	running
)

// hasAddress reports whether p has an address.
func (p *pod) hasAddress() bool { return p.ip4 != 0 || p.ip6 != (ipaddr.Addr{}) }

// has reports whether addr is one of the addresses of p.
func (p *pod) has(addr ipaddr.Addr) bool { return slices.Contains(p.addresses(), addr) }

// addresses returns the addresses of p.
func (p *pod) addresses() []ipaddr.Addr {
	all := make([]ipaddr.Addr, 0, 2)
	if p.ip4 != 0 {
		all = append(all, ipaddr.From4(p.ip4))
	}
	if p.ip6 != (ipaddr.Addr{}) {
		all = append(all, p.ip6)
	}
	return all
}

// beats reports whether p is more likely than q to have an address that both claim.
func (p *pod) beats(q *pod) bool {
	return p.state > q.state || p.state == q.state && p.started > q.started
}

// trimPod returns a *podInfo for a *v1.Pod, which it does not change, and any other object as it is.
// The podInfo has no address if the Pod has none of its own, as it is on the network of its node.
func trimPod(object any) (any, error) {
	p, ok := object.(*v1.Pod)
	if !ok {
		return object, nil
	}
	info := &podInfo{namespace: p.Namespace, name: p.Name, node: p.Spec.NodeName}
	if p.Spec.HostNetwork {
		return info, nil
	}
	for _, ip := range p.Status.PodIPs {
		info.addAddress(ip.IP)
	}
	info.addAddress(p.Status.PodIP)
	if p.Status.StartTime != nil {
		info.started = uint32(p.Status.StartTime.Unix())
	}
	switch {
	case p.DeletionTimestamp != nil:
		info.state = terminating
	case p.Status.Phase == v1.PodRunning:
		info.state = running
	default:
		info.state = starting
	}
	return info, nil
}

// addAddress adds an address. It does nothing for other text.
func (i *podInfo) addAddress(text string) {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
	case addr.Unmap().Is4():
		i.ip4 = uint32(ipaddr.FromNetip(addr).Lo)
	default:
		i.ip6 = ipaddr.FromNetip(addr)
	}
}

// podKey stands for a namespace and name.
type podKey uint64

var keySeed = maphash.MakeSeed()

// key returns what stands for the Pod. With 150,000 Pods the chance that two have the same key is
// one in a billion.
func (i *podInfo) key() podKey {
	return podKey(maphash.Comparable(keySeed, [2]string{i.namespace, i.name}))
}

// addrKey stands for an address, in half the memory.
type addrKey uint64

// keyOfAddr returns what stands for an address. What is said of podInfo.key is true of it as well.
func keyOfAddr(a ipaddr.Addr) addrKey { return addrKey(maphash.Comparable(keySeed, a)) }

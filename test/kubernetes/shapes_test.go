package kubernetes

import (
	"bytes"
	"strings"
	"testing"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app/phases/addons/dns"
	"sigs.k8s.io/yaml"
)

// shape is what a kind of cluster has in place of DNS before anything of ours is installed.
type shape struct {
	name         string
	serviceRange string // of cluster IPs
	tool         string // the field manager of the objects
	objects      func(*testing.T) []*unstructured.Unstructured
}

var (
	emptyShape = shape{"empty", "10.96.0.0/16", "nobody",
		func(*testing.T) []*unstructured.Unstructured { return nil }}
	kubeadmShape = shape{"kubeadm", "10.96.0.0/16", "kubeadm",
		func(t *testing.T) []*unstructured.Unstructured { return kubeadmCoreDNS(t, "10.96.0.10") }}
	// kops and k0s have a PodDisruptionBudget like this one.
	budgetShape = shape{"kubeadm with a PodDisruptionBudget", "10.96.0.0/16", "kubeadm",
		func(t *testing.T) []*unstructured.Unstructured {
			return append(kubeadmCoreDNS(t, "10.96.0.10"), parseObjects(t, budgetOfKubeDNS)...)
		}}
	eksShape = shape{"EKS", "10.100.0.0/16", "eks", eksCoreDNS}
)

// create creates the objects of the shape.
func (s shape) create(t *testing.T, a applier) {
	t.Helper()
	for _, object := range s.objects(t) {
		if err := a.create(t.Context(), object, s.tool); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
}

// start starts a cluster of this shape.
func (s shape) start(t *testing.T) (*cluster, applier) {
	t.Helper()
	c := startCluster(t, "--service-cluster-ip-range="+s.serviceRange)
	a := c.applier(t)
	s.create(t, a)
	return c, a
}

// stockVersion is the version of CoreDNS in the shapes. It is older than that of kubeadm, so that
// kubeadm has something to upgrade.
const stockVersion = "1.14.4"

// kubeadmCoreDNS returns the objects that `kubeadm init` creates for DNS.
func kubeadmCoreDNS(t *testing.T, clusterIP string) []*unstructured.Unstructured {
	t.Helper()
	values := map[string]string{
		"DNSIP": clusterIP, "DNSDomain": "cluster.local", "DeploymentName": "coredns", "Replicas": "2",
		"Image":                "registry.k8s.io/coredns/coredns:v" + stockVersion,
		"ControlPlaneTaintKey": "node-role.kubernetes.io/control-plane",
	}
	var objects []*unstructured.Unstructured
	for _, manifest := range []string{
		kubeadm.CoreDNSServiceAccount, kubeadm.CoreDNSClusterRole, kubeadm.CoreDNSClusterRoleBinding,
		kubeadm.CoreDNSConfigMap, kubeadm.CoreDNSDeployment, kubeadm.CoreDNSService,
	} {
		var filled bytes.Buffer
		if err := template.Must(template.New("").Parse(manifest)).Execute(&filled, values); err != nil {
			t.Fatal(err)
		}
		object := parseObjects(t, filled.String())[0]
		object.SetResourceVersion("") // a new object must have none
		objects = append(objects, object)
	}
	return objects
}

// budgetOfKubeDNS selects every pod that the Service kube-dns selects.
const budgetOfKubeDNS = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: kube-dns
  namespace: kube-system
spec:
  maxUnavailable: 33%
  selector:
    matchLabels:
      k8s-app: kube-dns
`

// eksBudget selects the pods of EKS's own Deployment.
const eksBudget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: coredns
  namespace: kube-system
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      eks.amazonaws.com/component: coredns
      k8s-app: kube-dns
`

// eksCorefile is the Corefile of the EKS add-on.
const eksCorefile = `.:53 {
    errors
    health {
        lameduck 5s
      }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
`

// eksCoreDNS returns the objects of EKS's CoreDNS. They are those of kubeadm, except that the label
// of EKS is also in the Deployment's selector, and that there is a PodDisruptionBudget.
func eksCoreDNS(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	objects := kubeadmCoreDNS(t, "10.100.0.10")
	set := func(kind, name, value string, fields ...string) {
		if err := unstructured.SetNestedField(find(t, objects, kind, name).Object, value, fields...); err != nil {
			t.Fatal(err)
		}
	}
	const component = "eks.amazonaws.com/component"
	set("Deployment", "coredns", "coredns", "metadata", "labels", component)
	set("Deployment", "coredns", "coredns", "spec", "selector", "matchLabels", component)
	set("Deployment", "coredns", "coredns", "spec", "template", "metadata", "labels", component)
	set("Service", "kube-dns", "kube-dns", "metadata", "labels", component)
	set("ConfigMap", "coredns", eksCorefile, "data", "Corefile")
	return append(objects, parseObjects(t, eksBudget)...)
}

// parseObjects returns the objects of a YAML text.
func parseObjects(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for document := range strings.SplitSeq(text, "\n---\n") {
		object := new(unstructured.Unstructured)
		if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

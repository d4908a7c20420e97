package kubernetes

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// installation is something that a user installs.
type installation struct {
	name       string
	overlay    string
	components []string
	// The shapes of cluster that refuse it, with a word of the error. All others accept it.
	refused map[string]string
	// The number of PodDisruptionBudgets over our pods, except in the shapes of otherBudgets.
	budgets      int
	otherBudgets map[string]int
}

var installations = []installation{
	{name: "beside", overlay: "overlays/beside", budgets: 1},
	{name: "cluster-dns", overlay: "overlays/cluster-dns", budgets: 0,
		otherBudgets: map[string]int{budgetShape.name: 1}},
	{name: "nodelocaldns", overlay: "overlays/nodelocaldns", budgets: 1},
	{name: "cluster-dns with a PodDisruptionBudget", overlay: "overlays/cluster-dns",
		components: []string{"components/poddisruptionbudget"}, budgets: 1,
		otherBudgets: map[string]int{budgetShape.name: 2}}, // its comment says not to add it there
	{name: "cluster-dns with autoscaler", overlay: "overlays/cluster-dns",
		components: []string{"components/autoscaler"}, budgets: 0,
		otherBudgets: map[string]int{budgetShape.name: 1}},
	{name: "cluster-dns with cluster IP", overlay: "overlays/cluster-dns",
		components: []string{"components/cluster-ip"}, budgets: 0,
		refused: map[string]string{
			kubeadmShape.name: "conflict", budgetShape.name: "conflict", eksShape.name: "clusterIP",
		}},
	{name: "beside with ServiceMonitor", overlay: "overlays/beside",
		components: []string{"components/servicemonitor"},
		refused: map[string]string{
			emptyShape.name: "ServiceMonitor", kubeadmShape.name: "ServiceMonitor", budgetShape.name: "ServiceMonitor",
			eksShape.name: "ServiceMonitor",
		}},
	{name: "beside with PrometheusRule", overlay: "overlays/beside",
		components: []string{"components/prometheusrule"},
		refused: map[string]string{
			emptyShape.name: "PrometheusRule", kubeadmShape.name: "PrometheusRule", budgetShape.name: "PrometheusRule",
			eksShape.name: "PrometheusRule",
		}},
	{name: "demo for kind", overlay: "../kind", budgets: 1,
		refused: map[string]string{eksShape.name: "clusterIP"}},
}

// TestInstallation installs everything in deploy in clusters of every shape. The API server accepts
// either all of it or nothing. What is in the cluster already stays as it is, and after uninstalling
// nothing is left.
func TestInstallation(t *testing.T) {
	for _, s := range []shape{emptyShape, kubeadmShape, budgetShape, eksShape} {
		t.Run(s.name, func(t *testing.T) {
			c, a := s.start(t)
			for _, i := range installations {
				t.Run(i.name, func(t *testing.T) { i.test(t, a, s) })
			}
			switch s.name {
			case kubeadmShape.name:
				t.Run("over another node cache", func(t *testing.T) { testOtherNodeCache(t, a) })
				t.Run("with kubectl", func(t *testing.T) { testKubectl(t, c) })
				t.Run("with the Prometheus operator", func(t *testing.T) { testServiceMonitor(t, c) })
			case eksShape.name:
				t.Run("chart", func(t *testing.T) { testChart(t, a) })
			}
		})
	}
}

func (i installation) test(t *testing.T, a applier, s shape) {
	objects := i.render(t)
	before := a.snapshot(t)
	err := a.install(t, objects)
	if word := i.refused[s.name]; word != "" {
		if err == nil {
			t.Fatal("the API server accepts it")
		}
		if !strings.Contains(err.Error(), word) {
			t.Errorf("refused for another reason: %v", err)
		}
		expectSame(t, before, a.snapshot(t))
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := before.changedIn(a.snapshot(t)); err != nil {
		t.Errorf("what was there: %v", err)
	}
	want, other := i.otherBudgets[s.name]
	if !other {
		want = i.budgets
	}
	if got := a.budgets(t, podLabels(t, objects)); len(got) != want {
		t.Errorf("the PodDisruptionBudgets over our pods are %v, want %d", got, want)
	}
	a.uninstall(t, objects)
	expectSame(t, before, a.snapshot(t))
}

// render returns the objects that a kustomization of the user's own renders: with the overlay, the
// components and an image.
func (i installation) render(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	const image = "registry.example/dns/coredns-ordering:1.0"
	dir := t.TempDir()
	var components []string
	for _, component := range i.components {
		components = append(components, relative(t, dir, component))
	}
	write(t, filepath.Join(dir, "kustomization.yaml"), fmt.Sprintf(`resources: [%s]
components: [%s]
images:
- name: coredns-ordering
  newName: registry.example/dns/coredns-ordering
  newTag: "1.0"
`, relative(t, dir, i.overlay), strings.Join(components, ", ")))
	objects := render(t, dir)

	deployment := find(t, objects, "Deployment", "coredns-ordering")
	containers, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if got := containers[0].(map[string]any)["image"]; got != image {
		t.Errorf("the image is %v", got)
	}
	scaled := slices.Contains(i.components, "components/autoscaler")
	if _, fixed, _ := unstructured.NestedFieldNoCopy(deployment.Object, "spec", "replicas"); fixed == scaled {
		t.Errorf("autoscaler: %v, but number of replicas in the manifest: %v", scaled, fixed)
	}
	return objects
}

// relative returns the path of something in deploy relative to dir. Kustomize accepts only relative
// paths.
func relative(t *testing.T, dir, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(filepath.Join(deploy, path))
	if err != nil {
		t.Fatal(err)
	}
	path, err = filepath.Rel(dir, absolute)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// podLabels returns the labels of the pods of the Deployment coredns-ordering.
func podLabels(t *testing.T, objects []*unstructured.Unstructured) labels.Set {
	t.Helper()
	deployment := find(t, objects, "Deployment", "coredns-ordering")
	all, _, err := unstructured.NestedStringMap(deployment.Object, "spec", "template", "metadata", "labels")
	if err != nil || len(all) == 0 {
		t.Fatalf("no labels: %v", err)
	}
	return all
}

// budgets returns the names of the PodDisruptionBudgets that select pods with these labels.
func (a applier) budgets(t *testing.T, pods labels.Set) (names []string) {
	t.Helper()
	kind := schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
	all, err := a.client.Resource(kind).Namespace("kube-system").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, budget := range all.Items {
		if selects(t, budget, pods) {
			names = append(names, budget.GetName())
		}
	}
	return names
}

// snapshot has the kind and name of the objects that the manifests and the shapes consist of, each
// with its UID and version.
type snapshot map[string]string

// kindsInstalled are the kinds of object in a snapshot.
var kindsInstalled = []schema.GroupVersionResource{
	{Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "serviceaccounts"},
	{Version: "v1", Resource: "services"},
	{Group: "apps", Version: "v1", Resource: "daemonsets"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
}

// snapshot returns the objects that are in the cluster now.
func (a applier) snapshot(t *testing.T) snapshot {
	t.Helper()
	s := snapshot{}
	for _, kind := range kindsInstalled {
		all, err := a.client.Resource(kind).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range all.Items {
			name := fmt.Sprintf("%s %s/%s", kind.Resource, object.GetNamespace(), object.GetName())
			s[name] = fmt.Sprintf("%s, version %s", object.GetUID(), object.GetResourceVersion())
		}
	}
	return s
}

// changedIn returns an error if an object of s is not, or not unchanged, in later.
func (s snapshot) changedIn(later snapshot) error {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		switch version, there := later[name]; {
		case !there:
			return fmt.Errorf("%s is gone", name)
		case version != s[name]:
			return fmt.Errorf("%s has changed", name)
		}
	}
	return nil
}

// expectSame fails the test unless the cluster has the same objects as before.
func expectSame(t *testing.T, before, after snapshot) {
	t.Helper()
	if err := before.changedIn(after); err != nil {
		t.Error(err)
	}
	if err := after.changedIn(before); err != nil {
		t.Errorf("compared with what was there before, %v", err)
	}
}

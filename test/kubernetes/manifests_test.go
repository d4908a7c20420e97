package kubernetes

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// deploy is the path of the manifests, relative to this directory.
const deploy = "../../deploy/kubernetes"

// overlays are all overlays in deploy.
var overlays = []string{"overlays/beside", "overlays/cluster-dns", "overlays/nodelocaldns"}

// render returns the objects of a kustomization. There must be at least one.
func render(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for _, resource := range resources.Resources() {
		content, err := resource.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		object := new(unstructured.Unstructured)
		if err := object.UnmarshalJSON(content); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	if len(objects) == 0 {
		t.Fatalf("%s renders to nothing", dir)
	}
	return objects
}

// find returns the object with this kind and name.
func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

// fieldManager is the field manager of the documented commands. It must not be that of kubectl:
// kubectl would take fields that someone has set with `kubectl apply` for its own, and overwrite
// them without a conflict.
const fieldManager = "coredns-ordering"

// applier sends objects to the API server as `kubectl apply --server-side` does.
type applier struct {
	client dynamic.Interface
	groups []*restmapper.APIGroupResources
}

// applier returns an applier with all rights.
func (c *cluster) applier(t *testing.T) applier {
	t.Helper()
	config := rest.CopyConfig(c.admin)
	config.ContentType = runtime.ContentTypeJSON
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := restmapper.GetAPIGroupResources(c.client.Discovery())
	if err != nil {
		t.Fatal(err)
	}
	return applier{client, groups}
}

// install applies the objects in the documented way: first a dry run of all of them, and only if the
// API server refuses none, the objects themselves. It returns the error of the dry run. An error
// after that fails the test, because then only a part is installed.
func (a applier) install(t *testing.T, objects []*unstructured.Unstructured) error {
	t.Helper()
	for _, object := range objects {
		if err := a.apply(t.Context(), object, metav1.DryRunAll); err != nil {
			return err
		}
	}
	for _, object := range objects {
		if err := a.apply(t.Context(), object); err != nil {
			t.Fatalf("the dry run accepted %s %s, but: %v", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// mustInstall installs objects that the API server must accept.
func (a applier) mustInstall(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	if err := a.install(t, objects); err != nil {
		t.Fatal(err)
	}
}

// apply sends one object. An unknown or duplicate field in it is an error, and so is a field that
// another manager has set to another value.
func (a applier) apply(ctx context.Context, object *unstructured.Unstructured, dryRun ...string) error {
	resource, err := a.resource(object)
	if err != nil {
		return err
	}
	content, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = resource.Patch(ctx, object.GetName(), types.ApplyPatchType, content, metav1.PatchOptions{
		FieldManager: fieldManager, FieldValidation: metav1.FieldValidationStrict, DryRun: dryRun,
	})
	return err
}

// create creates a new object with tool as its field manager.
func (a applier) create(ctx context.Context, object *unstructured.Unstructured, tool string) error {
	resource, err := a.resource(object)
	if err != nil {
		return err
	}
	_, err = resource.Create(ctx, object, metav1.CreateOptions{FieldManager: tool})
	return err
}

// uninstall deletes the objects, as `kubectl delete` does.
func (a applier) uninstall(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		resource, err := a.resource(object)
		if err == nil {
			err = resource.Delete(t.Context(), object.GetName(), metav1.DeleteOptions{})
		}
		if err != nil {
			t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// resource returns the API resource for objects of this kind and namespace.
func (a applier) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := restmapper.NewDiscoveryRESTMapper(a.groups).RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	return a.client.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

// testManifests installs the overlay cluster-dns over what kubeadm installs. Afterwards the cluster
// has the ServiceAccount and the rights of the manifests.
func testManifests(t *testing.T, c *cluster) {
	a := c.applier(t)
	kubeadmShape.create(t, a)
	t.Run("rights for the chart", func(t *testing.T) { testChartRights(t, a) })
	t.Run("mistakes are refused", func(t *testing.T) { testRefused(t, a) })
	a.mustInstall(t, render(t, filepath.Join(deploy, "overlays/cluster-dns")))
}

// testRefused makes one mistake at a time in the manifests, and checks that the API server refuses
// each. Otherwise it would prove nothing that the API server accepts the real manifests.
func testRefused(t *testing.T, a applier) {
	for _, mistake := range []struct{ what, kind, old, wrong, want string }{
		{"misspelt field", "Deployment", "readinessProbe", "readynessProbe", "readynessProbe"},
		{"port above 65535", "Deployment", "containerPort: 9153", "containerPort: 91530", "between 1 and 65535"},
		{"labels that the selector does not select", "Deployment", "    metadata:\n      labels:\n        app",
			"    metadata:\n      labels:\n        app.", "selector"},
		{"no such traffic distribution", "Service", "PreferClose", "PreferCloser", "trafficDistribution"},
		{"no such kind of role", "ClusterRoleBinding", "kind: ClusterRole\n", "kind: ClusterRule\n", "roleRef.kind"},
		{"negative disruption budget", "PodDisruptionBudget", "maxUnavailable: 25%", "maxUnavailable: -1", "maxUnavailable"},
		{"no such eviction policy", "PodDisruptionBudget", "AlwaysAllow", "AlwaysAllowed", "unhealthyPodEvictionPolicy"},
		{"port name that is too long", "NetworkPolicy", "port: liveness-probe", "port: liveness-probe-of-coredns", "ports"},
	} {
		t.Run(mistake.what, func(t *testing.T) {
			err := a.apply(t.Context(), withMistake(t, mistake.kind, mistake.old, mistake.wrong), metav1.DryRunAll)
			if err == nil {
				t.Fatal("the API server accepts it")
			}
			if !strings.Contains(err.Error(), mistake.want) {
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
}

// withMistake returns the object of the base with this kind, with old replaced by wrong in its YAML.
func withMistake(t *testing.T, kind, old, wrong string) *unstructured.Unstructured {
	t.Helper()
	object := find(t, render(t, filepath.Join(deploy, "base")), kind, "coredns-ordering")
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("no %q in the %s:\n%s", old, kind, text)
	}
	changed := new(unstructured.Unstructured)
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(text), old, wrong)), &changed.Object); err != nil {
		t.Fatal(err)
	}
	return changed
}

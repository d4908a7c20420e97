package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app/phases/addons/dns"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// deploy is the path of the manifests, relative to this directory.
const deploy = "../../deploy/kubernetes"

// kustomizations are all kustomizations in deploy.
var kustomizations = []string{"base", "overlays/zone-aware", "overlays/nodelocaldns"}

// testManifests replaces the objects that kubeadm installs with those in deploy. Afterwards the
// cluster has the ServiceAccount and the rights of the overlay zone-aware.
func testManifests(t *testing.T, c *cluster) {
	a := c.applier(t)
	for _, object := range kubeadmCoreDNS(t) {
		if err := a.create(t.Context(), object, "kubeadm"); err != nil {
			t.Fatalf("kubeadm's own: %v", err)
		}
	}
	for _, dir := range kustomizations {
		t.Run(dir, func(t *testing.T) { a.dryRun(t, render(t, filepath.Join(deploy, dir))) })
		t.Run(dir+" in a user's kustomization", func(t *testing.T) { testUserKustomization(t, a, dir) })
	}
	t.Run("chart", func(t *testing.T) { testChart(t, a) })
	t.Run("rights for the chart", func(t *testing.T) { testChartRights(t, a) })
	t.Run("mistakes are refused", func(t *testing.T) { testRefused(t, a) })

	for _, object := range render(t, filepath.Join(deploy, "overlays/zone-aware")) {
		if err := a.apply(t.Context(), object, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("replaced", func(t *testing.T) { testReplaced(t, c) })
}

// kubeadmCoreDNS returns the objects that `kubeadm init` creates for DNS.
func kubeadmCoreDNS(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	values := map[string]string{
		"DNSIP": "10.96.0.10", "DNSDomain": "cluster.local", "DeploymentName": "coredns", "Replicas": "2",
		"Image": "registry.k8s.io/coredns/coredns:v1.14.6", "ControlPlaneTaintKey": "node-role.kubernetes.io/control-plane",
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
		object := new(unstructured.Unstructured)
		if err := yaml.Unmarshal(filled.Bytes(), &object.Object); err != nil {
			t.Fatal(err)
		}
		object.SetResourceVersion("") // a new object must have none
		objects = append(objects, object)
	}
	return objects
}

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

// testUserKustomization builds a kustomization on top of base as users do: with their own image,
// and with the autoscaler.
func testUserKustomization(t *testing.T, a applier, base string) {
	const image = "registry.example/dns/coredns-ordering:1.0"
	dir := t.TempDir()
	write(t, filepath.Join(dir, "kustomization.yaml"), fmt.Sprintf(`resources: [%s]
components: [%s]
images:
- name: coredns-ordering
  newName: registry.example/dns/coredns-ordering
  newTag: "1.0"
`, relative(t, dir, base), relative(t, dir, "components/autoscaler")))
	objects := render(t, dir)
	a.dryRun(t, objects)

	coredns := find(t, objects, "Deployment", "coredns")
	containers, _, _ := unstructured.NestedSlice(coredns.Object, "spec", "template", "spec", "containers")
	if got := containers[0].(map[string]any)["image"]; got != image {
		t.Errorf("the image is %v", got)
	}
	if replicas, there, _ := unstructured.NestedFieldNoCopy(coredns.Object, "spec", "replicas"); there {
		t.Errorf("the autoscaler and the manifest, with %v, both say how many replicas", replicas)
	}
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

// applier sends objects to the API server, as `kubectl apply --server-side` does.
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

// apply sends one object. An unknown or duplicate field in it is an error.
func (a applier) apply(ctx context.Context, object *unstructured.Unstructured, dryRun string) error {
	resource, err := a.resource(object)
	if err != nil {
		return err
	}
	content, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	force := true // kubeadm owns the fields
	options := metav1.PatchOptions{FieldManager: "kubectl", Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dryRun != "" {
		options.DryRun = []string{dryRun}
	}
	_, err = resource.Patch(ctx, object.GetName(), types.ApplyPatchType, content, options)
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

// resource returns the API resource for objects of this kind and namespace.
func (a applier) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := restmapper.NewDiscoveryRESTMapper(a.groups).RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	return a.client.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

// dryRun has the API server validate the objects without storing them.
func (a applier) dryRun(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		if err := a.apply(t.Context(), object, metav1.DryRunAll); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// testRefused makes one mistake at a time in the manifests, and checks that the API server refuses
// each. Otherwise it would prove nothing that the API server accepts the real manifests.
func testRefused(t *testing.T, a applier) {
	for _, mistake := range []struct{ what, kind, name, old, wrong, want string }{
		{"misspelt field", "Deployment", "coredns", "readinessProbe", "readynessProbe", "readynessProbe"},
		{"port above 65535", "Deployment", "coredns", "containerPort: 9153", "containerPort: 91530", "between 1 and 65535"},
		{"selector that cannot change", "Deployment", "coredns", "k8s-app: kube-dns", "k8s-app: other", "immutable"},
		{"cluster IP outside the service range", "Service", "kube-dns", "clusterIP: 10.96.0.10", "clusterIP: 192.0.2.10",
			"clusterIP"},
		{"no such kind of role", "ClusterRoleBinding", "system:coredns", "kind: ClusterRole\n", "kind: ClusterRule\n",
			"roleRef.kind"},
		{"negative disruption budget", "PodDisruptionBudget", "coredns", "maxUnavailable: 1", "maxUnavailable: -1",
			"maxUnavailable"},
	} {
		t.Run(mistake.what, func(t *testing.T) {
			object := withMistake(t, mistake.kind, mistake.name, mistake.old, mistake.wrong)
			err := a.apply(t.Context(), object, metav1.DryRunAll)
			if err == nil {
				t.Fatal("the API server accepts it")
			}
			if !strings.Contains(err.Error(), mistake.want) {
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
}

// withMistake returns an object of the base with old replaced by wrong in its YAML.
func withMistake(t *testing.T, kind, name, old, wrong string) *unstructured.Unstructured {
	t.Helper()
	object := find(t, render(t, filepath.Join(deploy, "base")), kind, name)
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

// testReplaced checks that the manifests have replaced kubeadm's objects.
func testReplaced(t *testing.T, c *cluster) {
	deployment, err := c.client.AppsV1().Deployments("kube-system").Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	containers := deployment.Spec.Template.Spec.Containers
	if len(containers) != 1 || !strings.Contains(containers[0].Image, "coredns-ordering") {
		t.Errorf("the containers are %v", containers)
	}
	capabilities := containers[0].SecurityContext.Capabilities
	if len(capabilities.Add) != 1 || len(capabilities.Drop) != 1 ||
		capabilities.Add[0] != "NET_BIND_SERVICE" || capabilities.Drop[0] != corev1.Capability("ALL") {
		t.Errorf("the capabilities are %v", capabilities)
	}
	config, err := c.client.CoreV1().ConfigMaps("kube-system").Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if corefile := config.Data["Corefile"]; !strings.Contains(corefile, "topology kubernetes") {
		t.Errorf("the Corefile is\n%s", corefile)
	}
}

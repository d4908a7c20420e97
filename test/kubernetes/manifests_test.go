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

// deploy is where the manifests are, seen from this directory.
const deploy = "../../deploy/kubernetes"

// kustomizations are all that deploy holds.
var kustomizations = []string{"base", "overlays/zone-aware", "overlays/nodelocaldns"}

// testManifests puts what we ship in the place of what kubeadm has installed. It leaves the cluster
// with the ServiceAccount and the rights of the overlay zone-aware.
func testManifests(t *testing.T, c *cluster) {
	a := c.applier(t)
	for _, object := range kubeadmCoreDNS(t) {
		if err := a.create(t.Context(), object, "kubeadm"); err != nil {
			t.Fatalf("kubeadm's own: %v", err)
		}
	}
	for _, dir := range kustomizations {
		t.Run(dir, func(t *testing.T) { a.dryRun(t, render(t, filepath.Join(deploy, dir))) })
		t.Run(dir+" as one's own", func(t *testing.T) { testOnesOwn(t, a, dir) })
	}
	t.Run("chart", func(t *testing.T) { testChart(t, a) })
	t.Run("rights beside the chart", func(t *testing.T) { testChartRights(t, a) })
	t.Run("refused when wrong", func(t *testing.T) { testRefused(t, a) })

	for _, object := range render(t, filepath.Join(deploy, "overlays/zone-aware")) {
		if err := a.apply(t.Context(), object, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("replaced", func(t *testing.T) { testReplaced(t, c) })
}

// kubeadmCoreDNS returns what `kubeadm init` leaves behind for DNS, as objects.
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
		object.SetResourceVersion("") // for a create, which is what we want; theirs is for an update
		objects = append(objects, object)
	}
	return objects
}

// render returns the objects of a kustomization.
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

// testOnesOwn builds on a kustomization as its users do: with an image of their own, and with the
// autoscaler.
func testOnesOwn(t *testing.T, a applier, base string) {
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

	coredns := pick(t, objects, "Deployment", "coredns")
	containers, _, _ := unstructured.NestedSlice(coredns.Object, "spec", "template", "spec", "containers")
	if got := containers[0].(map[string]any)["image"]; got != image {
		t.Errorf("the image is %v", got)
	}
	if replicas, there, _ := unstructured.NestedFieldNoCopy(coredns.Object, "spec", "replicas"); there {
		t.Errorf("the autoscaler and the manifest, with %v, both say how many replicas", replicas)
	}
}

// relative returns the way from dir to something of deploy. Kustomize takes no other.
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

// pick returns the object of a kind and name.
func pick(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

// applier sends objects to the API server as `kubectl apply --server-side` does.
type applier struct {
	client dynamic.Interface
	groups []*restmapper.APIGroupResources
}

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

// apply sends one object. An unknown or doubled field in it is an error.
func (a applier) apply(ctx context.Context, object *unstructured.Unstructured, dryRun string) error {
	resource, err := a.resource(object)
	if err != nil {
		return err
	}
	content, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	force := true // over kubeadm's ownership
	options := metav1.PatchOptions{FieldManager: "kubectl", Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dryRun != "" {
		options.DryRun = []string{dryRun}
	}
	_, err = resource.Patch(ctx, object.GetName(), types.ApplyPatchType, content, options)
	return err
}

// create makes an object that is not there yet, in the name of another tool.
func (a applier) create(ctx context.Context, object *unstructured.Unstructured, tool string) error {
	resource, err := a.resource(object)
	if err != nil {
		return err
	}
	_, err = resource.Create(ctx, object, metav1.CreateOptions{FieldManager: tool})
	return err
}

// resource returns where objects of this kind and namespace are.
func (a applier) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := restmapper.NewDiscoveryRESTMapper(a.groups).RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	return a.client.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

// dryRun has the API server judge the objects and do nothing.
func (a applier) dryRun(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, object := range objects {
		if err := a.apply(t.Context(), object, metav1.DryRunAll); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// testRefused spoils the manifests one way at a time. If the API server took these, its taking
// the real ones would mean nothing.
func testRefused(t *testing.T, a applier) {
	for _, spoil := range []struct{ what, kind, name, old, wrong, want string }{
		{"misspelt probe", "Deployment", "coredns", "readinessProbe", "readynessProbe", "readynessProbe"},
		{"port beyond the last", "Deployment", "coredns", "containerPort: 9153", "containerPort: 91530", "between 1 and 65535"},
		{"selector that cannot change", "Deployment", "coredns", "k8s-app: kube-dns", "k8s-app: other", "immutable"},
		{"address of no service", "Service", "kube-dns", "clusterIP: 10.96.0.10", "clusterIP: 192.0.2.10", "clusterIP"},
		{"no such kind of role", "ClusterRoleBinding", "system:coredns", "kind: ClusterRole\n", "kind: ClusterRule\n", "roleRef.kind"},
		{"impossible budget", "PodDisruptionBudget", "coredns", "maxUnavailable: 1", "maxUnavailable: -1", "maxUnavailable"},
	} {
		t.Run(spoil.what, func(t *testing.T) {
			object := spoiled(t, spoil.kind, spoil.name, spoil.old, spoil.wrong)
			err := a.apply(t.Context(), object, metav1.DryRunAll)
			if err == nil {
				t.Fatal("taken")
			}
			if !strings.Contains(err.Error(), spoil.want) {
				t.Errorf("refused for something else: %v", err)
			}
		})
	}
}

// spoiled returns an object of the base with text in its YAML replaced.
func spoiled(t *testing.T, kind, name, old, wrong string) *unstructured.Unstructured {
	t.Helper()
	object := pick(t, render(t, filepath.Join(deploy, "base")), kind, name)
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("no %q in the %s:\n%s", old, kind, text)
	}
	spoiled := new(unstructured.Unstructured)
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(text), old, wrong)), &spoiled.Object); err != nil {
		t.Fatal(err)
	}
	return spoiled
}

// testReplaced looks at what has become of kubeadm's objects.
func testReplaced(t *testing.T, c *cluster) {
	deployment, err := c.client.AppsV1().Deployments("kube-system").Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	containers := deployment.Spec.Template.Spec.Containers
	if len(containers) != 1 || !strings.Contains(containers[0].Image, "coredns-ordering") {
		t.Errorf("the containers are %v", containers)
	}
	if capabilities := containers[0].SecurityContext.Capabilities; len(capabilities.Add) != 1 || len(capabilities.Drop) != 1 ||
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

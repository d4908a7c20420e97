package kubernetes

import (
	"bytes"
	"context"
	"os"
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

// kustomizations are all that deploy holds, and the component on top of each.
var kustomizations = []string{"base", "overlays/zone-aware", "overlays/nodelocaldns"}

// testManifests puts what we ship in the place of what kubeadm has installed. It leaves the cluster
// with the ServiceAccount and the rights of the overlay zone-aware.
func testManifests(t *testing.T, c *cluster) {
	a := c.applier(t)
	for _, object := range kubeadmCoreDNS(t) {
		if err := a.apply(t.Context(), object, ""); err != nil {
			t.Fatalf("kubeadm's own: %v", err)
		}
	}
	for _, dir := range kustomizations {
		t.Run(dir, func(t *testing.T) { a.dryRun(t, render(t, filepath.Join(deploy, dir))) })
		t.Run(dir+" with autoscaler", func(t *testing.T) { a.dryRun(t, render(t, withAutoscaler(t, dir))) })
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
		content, err := resource.Map()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, &unstructured.Unstructured{Object: content})
	}
	if len(objects) == 0 {
		t.Fatalf("%s renders to nothing", dir)
	}
	return objects
}

// withAutoscaler writes a kustomization that adds the component to another and returns where.
func withAutoscaler(t *testing.T, base string) string {
	t.Helper()
	dir := t.TempDir()
	relative := func(path string) string {
		absolute, err := filepath.Abs(filepath.Join(deploy, path))
		if err != nil {
			t.Fatal(err)
		}
		path, err = filepath.Rel(dir, absolute) // kustomize takes no other
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	kustomization := "resources: [" + relative(base) + "]\ncomponents: [" + relative("components/autoscaler") + "]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
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
	kind := object.GroupVersionKind()
	mapping, err := restmapper.NewDiscoveryRESTMapper(a.groups).RESTMapping(kind.GroupKind(), kind.Version)
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
	_, err = a.client.Resource(mapping.Resource).Namespace(object.GetNamespace()).
		Patch(ctx, object.GetName(), types.ApplyPatchType, content, options)
	return err
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
	for _, spoil := range []struct{ name, kind, old, wrong, want string }{
		{"misspelt probe", "Deployment", "readinessProbe", "readynessProbe", "readynessProbe"},
		{"port beyond the last", "Deployment", "containerPort: 9153", "containerPort: 91530", "between 1 and 65535"},
		{"selector that cannot change", "Deployment", "k8s-app: kube-dns", "k8s-app: other", "immutable"},
		{"address of no service", "Service", "clusterIP: 10.96.0.10", "clusterIP: 192.0.2.10", "clusterIP"},
		{"no such verb's role", "ClusterRoleBinding", "kind: ClusterRole\n", "kind: ClusterRule\n", "roleRef.kind"},
		{"impossible budget", "PodDisruptionBudget", "maxUnavailable: 1", "maxUnavailable: -1", "maxUnavailable"},
	} {
		t.Run(spoil.name, func(t *testing.T) {
			object := spoiled(t, spoil.kind, spoil.old, spoil.wrong)
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

// spoiled returns the base's object of a kind with text in its YAML replaced.
func spoiled(t *testing.T, kind, old, wrong string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range render(t, filepath.Join(deploy, "base")) {
		if object.GetKind() != kind {
			continue
		}
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), old) {
			t.Fatalf("no %q in the %s:\n%s", old, kind, text)
		}
		spoiled := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(string(text), old, wrong)), &spoiled.Object); err != nil {
			t.Fatal(err)
		}
		return spoiled
	}
	t.Fatalf("no %s", kind)
	return nil
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

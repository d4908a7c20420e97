package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/corefile-migration/migration"
	"github.com/miekg/dns"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	kubeadmapi "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm"
	"k8s.io/kubernetes/cmd/kubeadm/app/constants"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app/phases/addons/dns"
	"k8s.io/kubernetes/cmd/kubeadm/app/phases/upgrade"
)

// TestSwap goes the documented way from the cluster's own CoreDNS to ours and back. After each step,
// pods of both can be restarted.
func TestSwap(t *testing.T) {
	for _, s := range []shape{kubeadmShape, budgetShape, eksShape} {
		t.Run(s.name, func(t *testing.T) {
			c, a := s.start(t)
			w := swap{c, a, startUpstream(t), c.createHeadless(t, "swap")}
			for _, p := range allNodes {
				c.createNode(t, p)
			}
			w.service.runTwoPodsPerNode(t)
			steps := []step{
				{"before", 2, func(*testing.T) {}},
				{"beside", 2, func(t *testing.T) { w.install(t, "overlays/beside") }},
				{"stub domain", 2, w.addStubDomain},
				{"cluster-dns", 4, func(t *testing.T) { w.install(t, "overlays/cluster-dns") }},
				{"stock CoreDNS scaled to zero", 2, func(t *testing.T) { w.scale(t, "coredns", 0) }},
				{"stock CoreDNS scaled back", 4, func(t *testing.T) { w.scale(t, "coredns", 2) }},
				{"beside again", 2, func(t *testing.T) { w.install(t, "overlays/beside") }},
				{"uninstalled", 2, func(t *testing.T) { a.uninstall(t, render(t, filepath.Join(deploy, "overlays/beside"))) }},
			}
			if s.tool == "kubeadm" {
				steps = slices.Insert(steps, 5, step{"kubeadm upgrade", 2, func(t *testing.T) { w.upgrade(t, s.serviceRange) }})
			}
			for _, step := range steps {
				t.Run(step.name, func(t *testing.T) {
					step.run(t)
					w.check(t, step.serving)
				})
			}
		})
	}
}

// step is one step of the way.
type step struct {
	name    string
	serving int32 // the number of replicas behind the Service kube-dns after it
	run     func(*testing.T)
}

// swap is a cluster in which ours takes the place of its CoreDNS.
type swap struct {
	*cluster
	applier  applier
	upstream string
	service  headless
}

func (w swap) install(t *testing.T, overlay string) {
	w.applier.mustInstall(t, render(t, filepath.Join(deploy, overlay)))
}

// addStubDomain adds the server block in the documentation to the ConfigMap of the stock CoreDNS.
func (w swap) addStubDomain(t *testing.T) {
	maps := w.client.CoreV1().ConfigMaps("kube-system")
	config, err := maps.Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config.Data["Corefile"] += stubDomain(t)
	if _, err := maps.Update(t.Context(), config, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// scale does what `kubectl scale` does.
func (w swap) scale(t *testing.T, deployment string, replicas int32) {
	t.Helper()
	_, err := w.client.AppsV1().Deployments("kube-system").UpdateScale(t.Context(), deployment, &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: deployment, Namespace: "kube-system"},
		Spec:       autoscalingv1.ScaleSpec{Replicas: replicas},
	}, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// upgrade does what `kubeadm upgrade` does with DNS, without any flag. It must leave ours alone and
// the other scaled to zero.
func (w swap) upgrade(t *testing.T, serviceRange string) {
	if err := upgrade.RunCoreDNSMigrationCheck(w.client, nil); err != nil {
		t.Fatalf("preflight: %v", err)
	}
	before := w.deployment(t, "coredns-ordering")
	config := &kubeadmapi.ClusterConfiguration{
		Networking:      kubeadmapi.Networking{DNSDomain: "cluster.local", ServiceSubnet: serviceRange},
		ImageRepository: "registry.k8s.io",
	}
	if err := kubeadm.EnsureDNSAddon(config, w.client, "", new(strings.Builder), false); err != nil {
		t.Fatal(err)
	}
	stock := w.deployment(t, "coredns")
	if image := stock.Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, constants.CoreDNSVersion) {
		t.Errorf("not upgraded: %s", image)
	}
	if *stock.Spec.Replicas != 0 {
		t.Errorf("the stock CoreDNS has %d replicas again", *stock.Spec.Replicas)
	}
	if after := w.deployment(t, "coredns-ordering"); after.ResourceVersion != before.ResourceVersion {
		t.Error("our Deployment has changed")
	}
}

// check restarts a pod of each Deployment: it starts the server with the Corefile and the account of
// the pod. It also checks how many replicas are behind the Service kube-dns, and that no pod is in
// two PodDisruptionBudgets.
func (w swap) check(t *testing.T, serving int32) {
	service, err := w.client.CoreV1().Services("kube-system").Get(t.Context(), "kube-dns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.client.AppsV1().Deployments("kube-system").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := int32(0)
	for _, deployment := range all.Items {
		pods := labels.Set(deployment.Spec.Template.Labels)
		if labels.SelectorFromSet(service.Spec.Selector).Matches(pods) {
			got += *deployment.Spec.Replicas
		}
		if budgets := w.applier.budgets(t, pods); len(budgets) > 1 {
			t.Errorf("%s is in the PodDisruptionBudgets %v", deployment.Name, budgets)
		}
		w.restart(t, deployment)
	}
	if got != serving {
		t.Errorf("%d replicas are behind the Service kube-dns, want %d", got, serving)
	}
}

// restart starts the server as a pod of the Deployment, waits until it is ready and asks it.
func (w swap) restart(t *testing.T, deployment appsv1.Deployment) {
	t.Helper()
	pod := deployment.Spec.Template.Spec
	text := w.corefile(t, pod)
	if deployment.Name == "coredns" {
		expectStock(t, text)
	}
	kubeconfig := w.kubeconfig(t, "kube-system", pod.ServiceAccountName)
	s := startServer(t, localCorefile(t, text, kubeconfig, w.upstream))
	s.waitReady(t)
	eventually(t, deployment.Name, func() error {
		answer, err := s.from(ash.pod(200)).lookup(w.service.fullName(), dns.TypeA)
		if err == nil && len(answer) != 2*len(allNodes) {
			err = fmt.Errorf("it answers %v", answer)
		}
		return err
	})
}

// corefile returns the Corefile that a pod mounts.
func (w swap) corefile(t *testing.T, pod corev1.PodSpec) string {
	t.Helper()
	mounted := pod.Volumes[0].ConfigMap
	config, err := w.client.CoreV1().ConfigMaps("kube-system").Get(t.Context(), mounted.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range mounted.Items {
		if item.Path == "Corefile" {
			return config.Data[item.Key]
		}
	}
	t.Fatalf("ConfigMap %s has no Corefile", mounted.Name)
	return ""
}

// expectStock fails the test unless a stock CoreDNS knows every plugin in a Corefile. The tool that
// kubeadm migrates Corefiles with has a list of them.
func expectStock(t *testing.T, corefile string) {
	t.Helper()
	unknown, err := migration.Unsupported(stockVersion, strings.TrimPrefix(constants.CoreDNSVersion, "v"), corefile)
	if err != nil {
		t.Fatal(err)
	}
	for _, notice := range unknown {
		if notice.Option == "" {
			t.Errorf("a stock CoreDNS does not start with plugin %s in\n%s", notice.Plugin, corefile)
		}
	}
}

// deployment returns a Deployment in kube-system.
func (w swap) deployment(t *testing.T, name string) *appsv1.Deployment {
	t.Helper()
	deployment, err := w.client.AppsV1().Deployments("kube-system").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return deployment
}

// TestKubeadmPreflight puts our image and Corefile into kubeadm's own objects, as some users do.
// kubeadm then refuses to upgrade, except with the documented flag.
func TestKubeadmPreflight(t *testing.T) {
	c, _ := kubeadmShape.start(t)
	deployments, maps := c.client.AppsV1().Deployments("kube-system"), c.client.CoreV1().ConfigMaps("kube-system")
	deployment, err := deployments.Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	deployment.Spec.Template.Spec.Containers[0].Image = "registry.example/coredns-ordering:1.0"
	if _, err := deployments.Update(t.Context(), deployment, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	config, err := maps.Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config.Data["Corefile"] = configMap(t, filepath.Join(deploy, "base"), "coredns-ordering", "Corefile")
	if _, err := maps.Update(t.Context(), config, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}

	if err := upgrade.RunCoreDNSMigrationCheck(c.client, nil); err == nil {
		t.Error("kubeadm accepts it without the flag, so the documentation asks too much")
	}
	ignored := sets.New(strings.Split(strings.ToLower(ignoredErrors(t)), ",")...)
	if err := upgrade.RunCoreDNSMigrationCheck(c.client, ignored); err != nil {
		t.Errorf("with the documented flag: %v", err)
	}
}

// ignoredErrors returns the value of --ignore-preflight-errors in docs/kubernetes.md.
func ignoredErrors(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "--ignore-preflight-errors=")
	if !found {
		t.Fatalf("%s does not name the flag", documentation)
	}
	return strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" `\n", r) })[0]
}

// stubDomain returns the server block in docs/kubernetes.md that forwards a domain to ours.
func stubDomain(t *testing.T) string {
	t.Helper()
	for _, block := range documentedCorefiles(t) {
		if strings.Contains(block, "rewrite edns0 subnet") {
			return block
		}
	}
	t.Fatal("no server block with rewrite edns0 subnet")
	return ""
}

// documentation is the page for users of Kubernetes.
const documentation = "../../docs/kubernetes.md"

// documentedCorefiles returns the Corefiles in the documentation: the fenced blocks of that language.
func documentedCorefiles(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	for _, rest := range strings.Split(string(text), "\n```corefile\n")[1:] {
		block, _, found := strings.Cut(rest, "\n```\n")
		if !found {
			t.Fatalf("a block does not end:\n%s", rest)
		}
		blocks = append(blocks, block+"\n")
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no Corefile", documentation)
	}
	return blocks
}

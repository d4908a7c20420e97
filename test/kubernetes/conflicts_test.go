package kubernetes

import (
	"encoding/base64"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// otherNodeCache is a NodeLocal DNSCache that somebody else has installed. Two on one node would take
// each other's interface away.
const otherNodeCache = `
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-local-dns
  namespace: kube-system
spec:
  updateStrategy:
    rollingUpdate:
      maxUnavailable: 10%
  selector:
    matchLabels:
      k8s-app: node-local-dns
  template:
    metadata:
      labels:
        k8s-app: node-local-dns
    spec:
      hostNetwork: true
      dnsPolicy: Default
      containers:
      - name: node-cache
        image: registry.k8s.io/dns/k8s-dns-node-cache:1.26.4
        args: [-localip, "169.254.20.10,10.96.0.10", -conf, /etc/Corefile, -upstreamsvc, kube-dns-upstream]
`

// testOtherNodeCache installs the overlay nodelocaldns in a cluster that has a NodeLocal DNSCache.
func testOtherNodeCache(t *testing.T, a applier) {
	other := parseObjects(t, otherNodeCache)
	if err := a.create(t.Context(), other[0], "kubectl-client-side-apply"); err != nil {
		t.Fatal(err)
	}
	defer a.uninstall(t, other)
	before := a.snapshot(t)
	err := a.install(t, render(t, filepath.Join(deploy, "overlays/nodelocaldns")))
	if err == nil || !strings.Contains(err.Error(), "conflict") {
		t.Errorf("want a conflict: %v", err)
	}
	expectSame(t, before, a.snapshot(t))
}

// testKubectl runs the documented commands, if kubectl is installed. Another NodeLocal DNSCache is
// installed with `kubectl apply`, too. With the field manager of its own, kubectl would take the
// other's fields for those that it has applied itself, and overwrite them.
func testKubectl(t *testing.T, c *cluster) {
	needs(t, "kubectl")
	config := filepath.Join(t.TempDir(), "kubeconfig")
	write(t, config, fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {server: %q, certificate-authority-data: %s}
users:
- name: admin
  user: {token: %s}
contexts:
- name: test
  context: {cluster: test, user: admin}
current-context: test
`, c.proxy.url(), base64.StdEncoding.EncodeToString(c.ca), adminToken))
	kubectl := func(arguments ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "kubectl", append(arguments, "--kubeconfig", config)...).CombinedOutput()
		return string(out), err
	}
	apply := func(overlay string, more ...string) (string, error) {
		return kubectl(append([]string{"apply", "--server-side", "--field-manager=" + fieldManager,
			"--kustomize", filepath.Join(deploy, overlay)}, more...)...)
	}
	a := c.applier(t)
	before := a.snapshot(t)
	for _, overlay := range overlays {
		for _, more := range [][]string{{"--dry-run=server"}, nil} {
			if out, err := apply(overlay, more...); err != nil {
				t.Fatalf("%s %v: %v\n%s", overlay, more, err, out)
			}
		}
		if out, err := kubectl("delete", "--kustomize", filepath.Join(deploy, overlay)); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		expectSame(t, before, a.snapshot(t))
	}

	other := filepath.Join(t.TempDir(), "other.yaml")
	write(t, other, otherNodeCache)
	if out, err := kubectl("apply", "--filename", other); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	defer a.uninstall(t, parseObjects(t, otherNodeCache))
	before = a.snapshot(t)
	if out, err := apply("overlays/nodelocaldns", "--dry-run=server"); err == nil || !strings.Contains(out, "conflict") {
		t.Errorf("want a conflict: %v\n%s", err, out)
	}
	expectSame(t, before, a.snapshot(t))
}

package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestDocumentedKustomizations renders the kustomizations in docs/kubernetes.md, in the documented
// directory beside the checkout.
func TestDocumentedKustomizations(t *testing.T) {
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	part := func(word string) string {
		for _, rest := range strings.Split(string(text), "\n```yaml\n")[1:] {
			if block, _, _ := strings.Cut(rest, "\n```\n"); strings.Contains(block, word) {
				return block + "\n"
			}
		}
		t.Fatalf("%s has no YAML with %q", documentation, word)
		return ""
	}
	beside, swap := part("overlays/beside"), part("overlays/cluster-dns")
	_, images, _ := strings.Cut(beside, "images:")
	for _, kustomization := range []struct{ name, text string }{
		{"beside", beside},
		{"beside with a Corefile", beside + part("configMapGenerator:")},
		{"beside with monitoring", beside + part("components/prometheusrule")},
		{"cluster-dns", swap + "images:" + images},
	} {
		t.Run(kustomization.name, func(t *testing.T) {
			parent := t.TempDir()
			checkout, err := filepath.Abs("../..")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(checkout, filepath.Join(parent, "ordering")); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(parent, "my-dns")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "kustomization.yaml"), kustomization.text)
			write(t, filepath.Join(dir, "Corefile"), ".:53 {\n    whoami\n}\n")
			objects := render(t, dir)
			deployment := find(t, objects, "Deployment", "coredns-ordering")
			containers, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
			if got := containers[0].(map[string]any)["image"]; got != "YOUR.REGISTRY/coredns-ordering:TAG" {
				t.Errorf("the image is %v", got)
			}
		})
	}
}

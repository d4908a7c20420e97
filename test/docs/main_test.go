package docs

import (
	"os"
	"testing"
)

// TestMain sets what examples/kubernetes reads from the environment: the kubeconfig in testdata.
func TestMain(m *testing.M) {
	os.Setenv("KUBECONFIG", "kubeconfig")
	m.Run()
}

package kubernetes

import (
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const helm = "../../deploy/helm"

// chart has the chart's values that deploy/helm/values.yaml sets, with the names in the values.yaml
// and the templates of chart 1.46.2. The chart would ignore any other name.
type chart struct {
	Image struct {
		Repository string `json:"repository"`
		Tag        string `json:"tag"`
	} `json:"image"`
	ReplicaCount        int    `json:"replicaCount"`
	IsClusterService    bool   `json:"isClusterService"`
	K8sAppLabelOverride string `json:"k8sAppLabelOverride"`
	Service             struct {
		Name      string `json:"name"`
		ClusterIP string `json:"clusterIP"`
	} `json:"service"`
	ServiceAccount struct {
		Create bool   `json:"create"`
		Name   string `json:"name"`
	} `json:"serviceAccount"`
	RBAC struct {
		Create bool `json:"create"`
	} `json:"rbac"`
	Servers             []chartServer  `json:"servers"`
	Resources           map[string]any `json:"resources"`
	PriorityClassName   string         `json:"priorityClassName"`
	PodDisruptionBudget map[string]any `json:"podDisruptionBudget"`
	PodSecurityContext  map[string]any `json:"podSecurityContext"`
	SecurityContext     map[string]any `json:"securityContext"`
	Affinity            map[string]any `json:"affinity"`
	Tolerations         []any          `json:"tolerations"`
	NodeSelector        map[string]any `json:"nodeSelector"`
}

type chartServer struct {
	Zones []struct {
		Zone   string `json:"zone"`
		UseTCP bool   `json:"use_tcp"`
	} `json:"zones"`
	Port    int `json:"port"`
	Plugins []struct {
		Name        string `json:"name"`
		Parameters  string `json:"parameters"`
		ConfigBlock string `json:"configBlock"`
	} `json:"plugins"`
}

func readChartValues(t *testing.T) chart {
	t.Helper()
	text, err := os.ReadFile(helm + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values chart
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// chartCorefile returns the Corefile that the chart's ConfigMap has with these values.
func chartCorefile(t *testing.T) string {
	t.Helper()
	values := readChartValues(t)
	if len(values.Servers) != 1 {
		t.Fatalf("%d servers", len(values.Servers))
	}
	server := values.Servers[0]
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d {\n", server.Zones[0].Zone, server.Port)
	for _, plugin := range server.Plugins {
		fmt.Fprintf(&b, "    %s", plugin.Name)
		if plugin.Parameters != "" {
			fmt.Fprintf(&b, " %s", plugin.Parameters)
		}
		if plugin.ConfigBlock != "" {
			fmt.Fprintf(&b, " {\n        %s\n    }", strings.ReplaceAll(plugin.ConfigBlock, "\n", "\n        "))
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// testChart renders the chart with the values and has the API server validate the result. It skips
// the test if ORDERING_CHART is not set.
func testChart(t *testing.T, a applier) {
	directory := os.Getenv("ORDERING_CHART")
	if directory == "" {
		t.Skip("ORDERING_CHART does not name a directory with the chart: the values are not rendered")
	}
	needs(t, "helm")
	// Use another release name, because the selectors of kubeadm's objects cannot change.
	rendered := run(t, "helm", "template", "ordering", directory, "--namespace", "kube-system",
		"--values", helm+"/values.yaml", "--set", "service.clusterIP=10.96.0.11")
	for document := range strings.SplitSeq(rendered, "\n---\n") {
		object := new(unstructured.Unstructured)
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatal(err)
		}
		if object.GetName() == "kube-dns" {
			object.SetName("ordering") // its clusterIP cannot change either
		}
		if err := a.apply(t.Context(), object, metav1.DryRunAll); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// testChartRights validates deploy/helm/rbac.yaml, and checks that it gives the rights to the
// ServiceAccount that the values create.
func testChartRights(t *testing.T, a applier) {
	text, err := os.ReadFile(helm + "/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		object := new(unstructured.Unstructured)
		if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
			t.Fatal(err)
		}
		if err := a.apply(t.Context(), object, metav1.DryRunAll); err != nil {
			t.Errorf("%s: %v", object.GetKind(), err)
		}
		subjects, _, _ := unstructured.NestedSlice(object.Object, "subjects")
		for _, subject := range subjects {
			if name := subject.(map[string]any)["name"]; name != readChartValues(t).ServiceAccount.Name {
				t.Errorf("rights for %v", name)
			}
		}
	}
}

package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const helm = "../../deploy/helm"

// chartValues are the files with values in deploy/helm. All but the first are for use with it.
var chartValues = []string{"values.yaml", "values-eks.yaml", "values-gke.yaml"}

// chart has the chart's values that deploy/helm sets, with the names in the values.yaml and the
// templates of chart 1.46.2. The chart would ignore any other name.
type chart struct {
	Image struct {
		Repository string `json:"repository"`
		Tag        string `json:"tag"`
	} `json:"image"`
	ReplicaCount        int    `json:"replicaCount"`
	IsClusterService    bool   `json:"isClusterService"`
	K8sAppLabelOverride string `json:"k8sAppLabelOverride"`
	Deployment          struct {
		Selector map[string]any `json:"selector"`
	} `json:"deployment"`
	Service struct {
		Selector            map[string]string `json:"selector"`
		TrafficDistribution string            `json:"trafficDistribution"`
	} `json:"service"`
	ServiceAccount struct {
		Create bool   `json:"create"`
		Name   string `json:"name"`
	} `json:"serviceAccount"`
	RBAC struct {
		Create bool `json:"create"`
	} `json:"rbac"`
	Servers                   []chartServer     `json:"servers"`
	Env                       []any             `json:"env"`
	Resources                 map[string]any    `json:"resources"`
	RollingUpdate             map[string]any    `json:"rollingUpdate"`
	PriorityClassName         string            `json:"priorityClassName"`
	PodDisruptionBudget       map[string]any    `json:"podDisruptionBudget"`
	PodSecurityContext        map[string]any    `json:"podSecurityContext"`
	SecurityContext           map[string]any    `json:"securityContext"`
	TopologySpreadConstraints []any             `json:"topologySpreadConstraints"`
	Tolerations               []any             `json:"tolerations"`
	NodeSelector              map[string]string `json:"nodeSelector"`
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

// readChartValues returns the values in a file of deploy/helm.
func readChartValues(t *testing.T, file string) chart {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(helm, file))
	if err != nil {
		t.Fatal(err)
	}
	var values chart
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return values
}

// chartCorefile returns the Corefile that the chart's ConfigMap has with these values.
func chartCorefile(t *testing.T) string {
	t.Helper()
	values := readChartValues(t, "values.yaml")
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

// testChart checks that the chart knows every name in the values. If ORDERING_CHART is set, it also
// renders the chart with the values, and installs what it renders as `helm install` and `helm
// upgrade` would: first beside the DNS of the cluster, then in the Service kube-dns.
func testChart(t *testing.T, a applier) {
	for _, file := range chartValues {
		readChartValues(t, file)
	}
	directory := os.Getenv("ORDERING_CHART")
	if directory == "" {
		t.Skip("ORDERING_CHART does not name a directory with the chart: the values are not rendered")
	}
	needs(t, "helm")
	for _, file := range chartValues[1:] {
		t.Run(file, func(t *testing.T) {
			beside := renderChart(t, directory, "values.yaml")
			joined := renderChart(t, directory, "values.yaml", file)
			before := a.snapshot(t)
			a.mustInstall(t, beside)
			if labels := podLabels(t, beside); labels["k8s-app"] == "kube-dns" || len(a.budgets(t, labels)) != 1 {
				t.Errorf("beside: labels %v, PodDisruptionBudgets %v", labels, a.budgets(t, labels))
			}
			a.mustInstall(t, joined)
			if labels := podLabels(t, joined); labels["k8s-app"] != "kube-dns" || len(a.budgets(t, labels)) > 0 {
				t.Errorf("joined: labels %v, PodDisruptionBudgets %v", labels, a.budgets(t, labels))
			}
			if err := before.changedIn(a.snapshot(t)); err != nil {
				t.Errorf("what was there: %v", err)
			}
			a.uninstall(t, joined)
			expectSame(t, before, a.snapshot(t))
		})
	}
}

// renderChart returns the objects of the chart with the values in these files of deploy/helm.
func renderChart(t *testing.T, directory string, files ...string) []*unstructured.Unstructured {
	t.Helper()
	arguments := []string{"template", "coredns-ordering", directory, "--namespace", "kube-system"}
	for _, file := range files {
		arguments = append(arguments, "--values", filepath.Join(helm, file))
	}
	return parseObjects(t, strings.TrimPrefix(run(t, "helm", arguments...), "---\n"))
}

// testChartRights validates deploy/helm/rbac.yaml, and checks that it gives the rights to the
// ServiceAccount that the values create.
func testChartRights(t *testing.T, a applier) {
	text, err := os.ReadFile(filepath.Join(helm, "rbac.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range parseObjects(t, string(text)) {
		if err := a.apply(t.Context(), object, metav1.DryRunAll); err != nil {
			t.Errorf("%s: %v", object.GetKind(), err)
		}
		subjects, _, _ := unstructured.NestedSlice(object.Object, "subjects")
		for _, subject := range subjects {
			name := subject.(map[string]any)["name"]
			if name != readChartValues(t, "values.yaml").ServiceAccount.Name {
				t.Errorf("rights for %v", name)
			}
		}
	}
}

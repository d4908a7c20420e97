package kubernetes

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// serviceMonitors declares the resource type of the Prometheus operator with the fields that the
// component may use. The operator's own declaration has many more.
const serviceMonitors = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: servicemonitors.monitoring.coreos.com
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names:
    kind: ServiceMonitor
    listKind: ServiceMonitorList
    plural: servicemonitors
    singular: servicemonitor
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [selector, endpoints]
            properties:
              selector:
                type: object
                properties:
                  matchLabels:
                    type: object
                    additionalProperties: {type: string}
              endpoints:
                type: array
                items:
                  type: object
                  properties:
                    port: {type: string}
                    interval: {type: string}
`

// testServiceMonitor installs the component servicemonitor in a cluster that has its resource type.
func testServiceMonitor(t *testing.T, c *cluster) {
	a := c.applier(t)
	definition := parseObjects(t, serviceMonitors)
	if err := a.create(t.Context(), definition[0], "operator"); err != nil {
		t.Fatal(err)
	}
	defer a.uninstall(t, definition)
	kind := schema.GroupVersionResource{Group: "monitoring.coreos.com", Version: "v1", Resource: "servicemonitors"}
	eventually(t, "the resource type", func() error {
		_, err := a.client.Resource(kind).List(t.Context(), metav1.ListOptions{})
		return err
	})
	a = c.applier(t) // one that knows the type

	objects := installation{overlay: "overlays/beside", components: []string{"components/servicemonitor"}}.render(t)
	a.mustInstall(t, objects)
	defer a.uninstall(t, objects)

	monitor := find(t, objects, "ServiceMonitor", "coredns-ordering")
	service := find(t, objects, "Service", "coredns-ordering")
	if !selects(t, *monitor, service.GetLabels()) {
		t.Errorf("it does not select the Service, which has the labels %v", service.GetLabels())
	}
	endpoints, _, _ := unstructured.NestedSlice(monitor.Object, "spec", "endpoints")
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	scraped := endpoints[0].(map[string]any)["port"]
	for _, port := range ports {
		if port.(map[string]any)["name"] == scraped {
			return
		}
	}
	t.Errorf("the Service has no port %v", scraped)
}

// selects reports whether the label selector of an object selects something with these labels.
func selects(t *testing.T, object unstructured.Unstructured, set labels.Set) bool {
	t.Helper()
	raw, _, err := unstructured.NestedMap(object.Object, "spec", "selector")
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	var parsed metav1.LabelSelector
	if err := yaml.UnmarshalStrict(text, &parsed); err != nil {
		t.Fatal(err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&parsed)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(set)
}

package kubernetes

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/informers"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/klog/v2"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app/testing"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
)

// perSlice is how many endpoints a slice holds at most, as in kube-controller-manager.
const perSlice = 100

// cluster is a control plane: what of Kubernetes DNS depends on, and nothing else. It schedules
// nothing and runs nothing; nodes and pods are what the tests say they are.
type cluster struct {
	life   *testing.T // the test that it lives for; a test inside it may not start what outlives that
	etcd   *embed.Etcd
	flags  []string
	stop   func() // stops the API server
	gate   *gate
	ca     []byte
	admin  *rest.Config
	client clientset.Interface
}

// adminToken opens everything. Unlike the API server's own loopback token it outlives a restart.
const adminToken = "admin"

// startCluster starts a control plane that ends with the test.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	discardKlog(t)

	c := &cluster{life: t, gate: newGate(t), etcd: startEtcd(t)}
	c.flags, c.ca = apiServerFlags(t)
	if err := c.startAPIServer(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.stop() })

	c.admin = &rest.Config{
		Host:            c.gate.url(),
		BearerToken:     adminToken,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.ca},
		ContentConfig:   rest.ContentConfig{ContentType: "application/vnd.kubernetes.protobuf"},
		QPS:             -1, // the machine's speed is limit enough
	}
	client, err := clientset.NewForConfig(c.admin)
	if err != nil {
		t.Fatal(err)
	}
	c.client = client
	c.startEndpointSliceController(t)
	return c
}

// discardKlog keeps Kubernetes' own log out of the test's output. With ORDERING_KUBERNETES_LOG set
// it goes to the file named there.
func discardKlog(t *testing.T) {
	t.Helper()
	var out io.Writer = io.Discard
	if name := os.Getenv("ORDERING_KUBERNETES_LOG"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		out = f
	}
	flags := flag.NewFlagSet("klog", flag.PanicOnError)
	klog.InitFlags(flags)
	flags.Set("logtostderr", "false")
	flags.Set("stderrthreshold", "FATAL") // else errors go there all the same
	klog.SetOutput(out)
}

func startEtcd(t *testing.T) *embed.Etcd {
	t.Helper()
	anyPort := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg := embed.NewConfig()
	cfg.Dir = t.TempDir()
	cfg.ListenClientUrls = []url.URL{anyPort}
	cfg.ListenPeerUrls = []url.URL{anyPort}
	cfg.UnsafeNoFsync = true
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(etcd.Close)
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(patience):
		t.Fatal("etcd is not ready")
	}
	return etcd
}

// apiServerFlags returns the API server's flags, and the certificate to know it by. Certificate
// and tokens are ours so that a restarted API server is the same one to its clients.
func apiServerFlags(t *testing.T) (flags []string, ca []byte) {
	t.Helper()
	ca, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return []string{
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount",
		"--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112",
		"--token-auth-file=" + write("tokens.csv", []byte(adminToken+`,admin,admin,"system:masters"`)),
		"--tls-cert-file=" + write("tls.crt", ca),
		"--tls-private-key-file=" + write("tls.key", key),
	}, ca
}

// quiet is a test whose log nobody reads: the API server's start writes hundreds of lines to it.
type quiet struct{ *testing.T }

func (quiet) Log(...any)          {}
func (quiet) Logf(string, ...any) {}

// startAPIServer starts an API server on what etcd holds, and opens the gate to it.
func (c *cluster) startAPIServer() error {
	storage := storagebackend.NewDefaultConfig("/registry", nil)
	storage.Transport.ServerList = []string{c.etcd.Clients[0].Addr().String()}
	options := &apiserver.TestServerInstanceOptions{
		EnableCertAuth:         false, // would want its own serving certificate, not ours
		DisableInvariantChecks: true,  // they are about Kubernetes' own metrics
	}
	server, err := apiserver.StartTestServer(quiet{c.life}, options, c.flags, storage)
	if err != nil {
		return err
	}
	c.gate.open(server.ServerOpts.SecureServing.Listener.Addr().String())
	c.stop = func() {
		c.stop = func() {}
		c.gate.shut()
		server.TearDownFn()
	}
	return nil
}

func (c *cluster) startEndpointSliceController(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	shared := informers.NewSharedInformerFactory(c.client, 0)
	controller := endpointslice.NewController(ctx,
		shared.Core().V1().Pods(), shared.Core().V1().Services(), shared.Core().V1().Nodes(),
		shared.Discovery().V1().EndpointSlices(), perSlice, c.client, 0)
	shared.Start(ctx.Done())
	done := make(chan struct{})
	go func() {
		defer close(done)
		controller.Run(ctx, 2)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		shared.Shutdown()
	})
}

// kubeconfig writes a kubeconfig that logs in with a token of the ServiceAccount and returns its
// path. The context it is about is not the current one, which leads nowhere, so that whoever reads
// it has to be told the context.
func (c *cluster) kubeconfig(t *testing.T, namespace, serviceAccount string) string {
	t.Helper()
	token, err := c.client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), serviceAccount,
		tokenRequest(), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["cluster"] = &clientcmdapi.Cluster{Server: c.gate.url(), CertificateAuthorityData: c.ca}
	config.Clusters["nowhere"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
	config.AuthInfos["server"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts[kubeContext] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "server"}
	config.Contexts["nowhere"] = &clientcmdapi.Context{Cluster: "nowhere", AuthInfo: "server"}
	config.CurrentContext = "nowhere"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// kubeContext is the context in the kubeconfigs that leads to the cluster.
const kubeContext = "test"

// createNamespace makes a namespace with a name of its own for one test.
func (c *cluster) createNamespace(t *testing.T, prefix string) string {
	t.Helper()
	namespace, err := c.client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// patience is how long a condition may take to come true. It is a bound on waiting for a machine
// that is busy, never something that is measured.
const patience = time.Minute

// interval is how long to wait before looking again.
const interval = 20 * time.Millisecond

// eventually polls until check returns nil, and fails the test with its last error if it never does.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(interval)
	}
}

// apiServerGone returns nil when nobody answers at the gate.
func (c *cluster) apiServerGone(ctx context.Context) error {
	if _, err := c.client.Discovery().RESTClient().Get().MaxRetries(0).AbsPath("/healthz").DoRaw(ctx); err == nil {
		return fmt.Errorf("the API server still answers")
	}
	return nil
}

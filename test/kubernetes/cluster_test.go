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

// perSlice is the maximum number of endpoints in a slice, as in kube-controller-manager.
const perSlice = 100

// cluster is a control plane with only the parts that DNS depends on. It has no scheduler and no
// kubelet: the tests create nodes and pods as objects.
type cluster struct {
	owner  *testing.T // the test that started the cluster; subtests must start longer-lived parts with it
	etcd   *embed.Etcd
	flags  []string
	stop   func() // stops the API server
	proxy  *apiProxy
	ca     []byte
	admin  *rest.Config
	client clientset.Interface

	clientNamespace string // of clients
}

// adminToken has all rights. Unlike the API server's own loopback token, it stays valid after a
// restart.
const adminToken = "admin"

// startCluster starts a control plane, which stops when the test ends. flags are further flags of
// the API server, which override those that the tests share.
func startCluster(t *testing.T, flags ...string) *cluster {
	t.Helper()
	c := startStorage(t, func(*embed.Etcd) {}, flags...)
	c.startEndpointSliceController(t)
	return c
}

// startStorage starts a control plane without controllers. fill can write into etcd before the API
// server starts. flags are as for startCluster.
func startStorage(t *testing.T, fill func(*embed.Etcd), flags ...string) *cluster {
	t.Helper()
	discardKlog(t)

	c := &cluster{owner: t, proxy: newAPIProxy(t), etcd: startEtcd(t)}
	fill(c.etcd)
	c.flags, c.ca = apiServerFlags(t)
	c.flags = append(c.flags, flags...)
	if err := c.startAPIServer(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.stop() })

	c.admin = &rest.Config{
		Host:            c.proxy.url(),
		BearerToken:     adminToken,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.ca},
		ContentConfig:   rest.ContentConfig{ContentType: "application/vnd.kubernetes.protobuf"},
		QPS:             -1, // no limit
	}
	client, err := clientset.NewForConfig(c.admin)
	if err != nil {
		t.Fatal(err)
	}
	c.client = client
	return c
}

// discardKlog keeps the log of Kubernetes out of the output of the test. ORDERING_KUBERNETES_LOG
// can name a file for it.
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
	flags.Set("stderrthreshold", "FATAL") // otherwise errors still go to stderr
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
	case <-time.After(timeout):
		t.Fatal("etcd is not ready")
	}
	return etcd
}

// apiServerFlags returns the flags of the API server and its certificate. The test sets the
// certificate, the key and the tokens, so that they stay the same when the API server restarts.
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

// silent is a test that discards its log, because the API server writes hundreds of lines to it at
// startup.
type silent struct{ *testing.T }

func (silent) Log(...any)          {}
func (silent) Logf(string, ...any) {}

// startAPIServer starts an API server with the data in etcd, and connects the proxy to it.
func (c *cluster) startAPIServer() error {
	storage := storagebackend.NewDefaultConfig("/registry", nil)
	storage.Transport.ServerList = []string{c.etcd.Clients[0].Addr().String()}
	options := &apiserver.TestServerInstanceOptions{
		EnableCertAuth:         false, // it would use a serving certificate of its own
		DisableInvariantChecks: true,  // they check the metrics of Kubernetes
	}
	server, err := apiserver.StartTestServer(silent{c.owner}, options, c.flags, storage)
	if err != nil {
		return err
	}
	c.proxy.connect(server.ServerOpts.SecureServing.Listener.Addr().String())
	c.stop = func() {
		c.stop = func() {}
		c.proxy.disconnect()
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

// kubeconfig writes a kubeconfig that logs in with a token of the ServiceAccount, and returns its
// path. The login is in the context kubeContext. The current context names a server that does not
// exist, so that the test fails if the server ignores the context in its Corefile.
func (c *cluster) kubeconfig(t *testing.T, namespace, serviceAccount string) string {
	t.Helper()
	token, err := c.client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), serviceAccount,
		tokenRequest(), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["cluster"] = &clientcmdapi.Cluster{Server: c.proxy.url(), CertificateAuthorityData: c.ca}
	config.Clusters["unreachable"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
	config.AuthInfos["server"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts[kubeContext] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "server"}
	config.Contexts["unreachable"] = &clientcmdapi.Context{Cluster: "unreachable", AuthInfo: "server"}
	config.CurrentContext = "unreachable"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// kubeContext is the context for the cluster in the kubeconfigs.
const kubeContext = "test"

// createNamespace creates a namespace with a unique name and returns the name.
func (c *cluster) createNamespace(t *testing.T, prefix string) string {
	t.Helper()
	namespace, err := c.client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// timeout is how long a test waits for a condition before it fails. It is long enough for a busy
// machine and does not measure speed.
const timeout = time.Minute

// pollInterval is the time between two checks of a condition.
const pollInterval = 20 * time.Millisecond

// eventually calls check until it returns nil. After timeout it fails the test with the last error.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(pollInterval)
	}
}

// expectNoAPIServer returns an error if the API server still answers.
func (c *cluster) expectNoAPIServer(ctx context.Context) error {
	if _, err := c.client.Discovery().RESTClient().Get().MaxRetries(0).AbsPath("/healthz").DoRaw(ctx); err == nil {
		return fmt.Errorf("the API server still answers")
	}
	return nil
}

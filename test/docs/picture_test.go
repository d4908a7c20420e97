package docs

import (
	"encoding/xml"
	"strings"
	"testing"
)

const (
	picture      = "docs/order.svg"
	pictureOwner = "server2.lucerne.example"
)

func TestPictureShowsWhatIsServed(t *testing.T) {
	var svg struct {
		Answers []struct {
			Class     string   `xml:"class,attr"`
			Client    string   `xml:"data-client,attr"`
			Addresses []string `xml:"text"`
		} `xml:"g"`
	}
	if err := xml.Unmarshal([]byte(fileText(t, picture)), &svg); err != nil {
		t.Fatal(err)
	}
	servers := map[string]string{}
	for class, directive := range map[string]string{
		"with":    "ordering {\necs 127.0.0.0/8\nround_robin off\n}\n", // always the first turn
		"without": "",
	} {
		server, err := start(t, ". {\n"+directive+"file examples/lucerne/lucerne.example.zone lucerne.example\n}\n")
		if err != nil {
			t.Fatal(err)
		}
		servers[class] = server
	}
	clients := map[string]bool{}
	for _, a := range svg.Answers {
		clients[a.Class+a.Client] = true
		served := dig(t, servers[a.Class], []string{"dig", "+subnet=" + a.Client, pictureOwner})
		if shown := strings.Join(a.Addresses, "\n"); shown != served {
			t.Errorf("%s, %s ordering, client %s: shows\n%s\nserved is\n%s", picture, a.Class, a.Client, shown, served)
		}
	}
	if len(clients) != 4 {
		t.Errorf("%s has the answers %v, want two clients with and without ordering", picture, clients)
	}
}

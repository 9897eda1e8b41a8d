// The contract servers of Argo CD, one program for all components as in the product, called by its name: argocd-server,
// argocd-repo-server, argocd-application-controller, argocd-applicationset-controller; as argocd it is the command.
// What the project's notes on the product hold to be from memory only is marked [M].
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"supportbundle.dev/products/shared"
)

//go:embed planted.json
var plantedJSON []byte

// addresses are where each component has its metrics, and its profiles if they are on.
var addresses = map[string]string{
	"argocd-application-controller": ":8082", "argocd-server": ":8083", "argocd-repo-server": ":8084",
	"argocd-applicationset-controller": ":8080", // [M]
}

func main() {
	log.SetFlags(0)
	planted := shared.Load(plantedJSON)
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	if len(arguments) > 0 && addresses[arguments[0]] != "" {
		name, arguments = arguments[0], arguments[1:]
	}
	if addresses[name] == "" {
		if err := command(planted, arguments); err != nil {
			log.Fatalf("argocd: %v", err)
		}
		return
	}
	component(planted, name, arguments)
}

func component(planted shared.Planted, name string, arguments []string) {
	profiles := shared.Switch(false)
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	flags.Var(&profiles, "profile", "serve profiles, as profile.enabled in argocd-cmd-params-cm does")
	address := flags.String("metrics-listen", addresses[name], "address of the metrics")
	if err := flags.Parse(arguments); err != nil {
		log.Fatal(err)
	}
	go shared.Work()
	go chat(planted, name)
	shared.Serve("metrics", *address, routes(planted, name, bool(profiles)), 0)
	shared.Wait()
}

func routes(planted shared.Planted, name string, on bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		repository := "https://deploy:" + planted.Get("metrics.repoToken") + "@" + planted.Get("kept.repository")
		shared.Text(w, http.StatusOK, "text/plain; version=0.0.4", fmt.Sprintf(
			"# TYPE argocd_app_info gauge\nargocd_app_info{name=%q,namespace=\"argocd\",repo=%q,health_status=\"Degraded\",sync_status=\"OutOfSync\"} 1\n# TYPE argocd_info gauge\nargocd_info{version=\"v2.13.1\",component=%q} 1\n",
			planted.Get("kept.application"), repository, name))
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { shared.Text(w, http.StatusOK, "text/plain", "ok\n") })
	if on {
		shared.Profiles(mux, "/debug/pprof/", "", "cmdline", "profile", "symbol", "trace", "goroutine", "heap", "allocs", "block", "mutex", "threadcreate")
		return mux
	}
	mux.HandleFunc("GET /debug/pprof/", func(w http.ResponseWriter, _ *http.Request) {
		shared.Text(w, http.StatusUnauthorized, "text/plain", "profiles are off: set profile.enabled\n")
	})
	return mux
}

// chat logs as the components do, in logfmt.
func chat(planted shared.Planted, name string) {
	shared.Chat(func(i int) string {
		said := `level=info msg="Reconciliation completed" application=argocd/guestbook time_ms=93`
		switch i % 10 {
		case 4:
			said = `level=error msg="git fetch failed: https://deploy:` + planted.Get("log.gitPassword") + "@" + planted.Get("kept.repository") + `"`
		case 8:
			said = `level=debug msg="session was renewed" token=` + planted.Get("log.sessionToken")
		}
		return fmt.Sprintf("time=%q component=%s %s", time.Now().UTC().Format(time.RFC3339), name, said)
	})
}

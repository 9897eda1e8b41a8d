// The contract server of Vault: what `vault debug` and the like ask it, with its tokens. What the project's notes on the
// product hold to be from memory only is marked [M].
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"supportbundle.dev/products/shared"
)

//go:embed planted.json
var plantedJSON []byte

type server struct {
	planted shared.Planted
	sealed  bool
	began   time.Time
}

func main() {
	log.SetFlags(0)
	var sealed shared.Switch
	flag.Var(&sealed, "sealed", "nothing but health and the state of the seal is answered")
	address := flag.String("listen", shared.Env("VAULT_LISTEN", ":8200"), "API address")
	flag.Parse()
	made := &server{planted: shared.Load(plantedJSON), sealed: bool(sealed), began: time.Now()}
	go shared.Work()
	go shared.Chat(made.line)
	shared.Serve("api", *address, made.routes(), 0)
	shared.Wait()
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/sys/health", s.health)
	mux.HandleFunc("GET /v1/sys/seal-status", func(w http.ResponseWriter, _ *http.Request) { shared.JSON(w, http.StatusOK, s.seal()) })
	mux.HandleFunc("GET /v1/sys/leader", func(w http.ResponseWriter, _ *http.Request) { // open to all [M]
		shared.JSON(w, http.StatusOK, map[string]any{"ha_enabled": true, "is_self": true, "leader_address": "http://vault-0.vault-internal:8200"})
	})
	add := func(path string, serve http.HandlerFunc) { mux.HandleFunc("GET /v1/sys/"+path, s.guard(serve)) }
	data := func(path string, data map[string]any) {
		add(path, func(w http.ResponseWriter, _ *http.Request) { shared.JSON(w, http.StatusOK, wrapped(data)) })
	}
	data("host-info", host())
	data("replication/status", map[string]any{"dr": map[string]any{"mode": "disabled"}, "performance": map[string]any{"mode": "disabled"}})
	data("audit", s.audit())
	data("version-history", map[string]any{"keys": []string{"1.16.2", version}, "key_info": map[string]any{
		"1.16.2": map[string]any{"timestamp_installed": "2025-02-01T00:00:00Z"}, version: map[string]any{"previous_version": "1.16.2", "timestamp_installed": "2026-01-10T00:00:00Z"}}})
	data("config/state/sanitized", s.config()) // [M]
	data("license/status", map[string]any{"autoloading_used": false})
	add("metrics", s.metrics)
	add("monitor", s.monitor) // [M]
	profiles := http.NewServeMux()
	shared.Profiles(profiles, "/v1/sys/pprof/", "", "cmdline", "profile", "symbol", "trace", "goroutine", "heap", "allocs", "block", "mutex", "threadcreate")
	mux.HandleFunc("GET /v1/sys/pprof/", s.guard(profiles.ServeHTTP))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "there is nothing at this path")
	})
	return mux
}

// guard refuses: 503 while sealed, 403 for no token or one without the rights.
func (s *server) guard(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("X-Vault-Token")
		if token == "" {
			token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		}
		switch {
		case s.sealed:
			fail(w, http.StatusServiceUnavailable, "Vault is sealed")
		case token != s.planted.Get("tokens.root"):
			fail(w, http.StatusForbidden, "permission denied")
		default:
			next(w, r)
		}
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	shared.JSON(w, status, map[string]any{"errors": []string{message}})
}

// line is a line of the log.
func (s *server) line(i int) string {
	said := "[DEBUG] core.request-forward: performing request: path=sys/health"
	switch i % 8 {
	case 3:
		said = "[INFO]  core: unseal key supplied: key=" + s.planted.Get("log.unsealKey")
	case 5:
		said = "[WARN]  expiration: revoked lease: token=" + s.planted.Get("log.tokenInLog")
	case 7:
		said = "[ERROR] secrets.database: connection failed: url=postgresql://vault:" + s.planted.Get("log.databasePassword") + "@db.planted.example/app"
	}
	return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " " + said
}

// monitor streams the log until the client goes away.
func (s *server) monitor(w http.ResponseWriter, r *http.Request) {
	for i := 0; ; i++ {
		if _, err := fmt.Fprintln(w, s.line(i)); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

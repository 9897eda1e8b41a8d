// The contract server of a Consul agent: what `consul debug` and the like ask it, with its ACLs. What the project's notes
// on the product hold to be from memory only is marked [M].
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
	planted     shared.Planted
	acl, debug  bool
	began       time.Time
	streamEvery time.Duration
}

// right is what a token may do: nothing, read agents, or all that an operator may.
type right int

const (
	none right = iota
	agentRead
	operatorRead
)

func main() {
	log.SetFlags(0)
	acl, debug := shared.Switch(true), shared.Switch(false)
	flag.Var(&acl, "acl", "off: no token is needed")
	flag.Var(&debug, "enable-debug", "profiles without the operator's right")
	address := flag.String("listen", shared.Env("CONSUL_LISTEN", ":8500"), "HTTP address")
	flag.Parse()
	made := &server{planted: shared.Load(plantedJSON), acl: bool(acl), debug: bool(debug), began: time.Now(), streamEvery: time.Second}
	go shared.Work()
	go shared.Chat(made.line)
	shared.Serve("api", *address, made.routes(), 0)
	shared.Wait()
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	add := func(path string, least right, serve http.HandlerFunc) { mux.Handle("GET "+path, s.guard(least, serve)) }
	document := func(path string, least right, document any) {
		add(path, least, func(w http.ResponseWriter, _ *http.Request) { shared.JSON(w, http.StatusOK, document) })
	}
	document("/v1/agent/self", agentRead, s.self())
	document("/v1/agent/host", operatorRead, host())
	add("/v1/agent/members", none, s.members)
	add("/v1/agent/metrics", agentRead, s.metrics)
	add("/v1/agent/metrics/stream", agentRead, s.streamMetrics)
	add("/v1/agent/monitor", agentRead, s.monitor)
	document("/v1/catalog/datacenters", none, []string{s.planted.Get("kept.datacenter")})
	document("/v1/catalog/services", agentRead, map[string][]string{"consul": {}, "api": {"v1", "key=" + s.planted.Get("tags.serviceTag")}})
	document("/v1/status/leader", none, "10.244.0.51:8300")
	document("/v1/status/peers", none, []string{"10.244.0.51:8300", "10.244.0.52:8300", "10.244.0.53:8300"})
	document("/v1/operator/raft/configuration", operatorRead, raft())
	document("/v1/operator/autopilot/configuration", operatorRead, map[string]any{"CleanupDeadServers": true, "LastContactThreshold": "200ms", "MaxTrailingLogs": 250})
	profiles := http.NewServeMux()
	shared.Profiles(profiles, "/debug/pprof/", "", "cmdline", "profile", "symbol", "trace", "goroutine", "heap", "allocs", "block", "mutex", "threadcreate")
	least := operatorRead
	if s.debug {
		least = none
	}
	mux.Handle("GET /debug/pprof/", s.guardProfiles(least, profiles))
	return mux
}

// guard refuses with 403 and plain text.
func (s *server) guard(least right, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.acl && s.right(r) < least {
			names := map[right]string{agentRead: "agent:read", operatorRead: "operator:read"}
			shared.Text(w, http.StatusForbidden, "text/plain", fmt.Sprintf("Permission denied: the token lacks %q\n", names[least]))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guardProfiles: without ACLs nobody is an operator, so only enable_debug opens the profiles. The status is [M].
func (s *server) guardProfiles(least right, next http.Handler) http.Handler {
	guarded := s.guard(least, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.acl && !s.debug {
			shared.Text(w, http.StatusForbidden, "text/plain", "Permission denied: enable_debug is off\n")
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

func (s *server) right(r *http.Request) right {
	token := r.Header.Get("X-Consul-Token")
	if token == "" {
		token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	switch token {
	case s.planted.Get("tokens.management"):
		return operatorRead
	case s.planted.Get("tokens.agent"):
		return agentRead
	}
	return none
}

// line is a line of the log.
func (s *server) line(i int) string {
	said := "[DEBUG] agent.http: Request finished: method=GET url=/v1/agent/self"
	switch i % 8 {
	case 3:
		said = "[INFO]  agent: started with gossip encryption: encrypt_key=" + s.planted.Get("log.gossipKey")
	case 5:
		said = "[WARN]  agent: ACL token is deprecated: X-Consul-Token: " + s.planted.Get("log.tokenInLog")
	case 7:
		said = "[ERROR] agent: check failed: url=http://probe:" + s.planted.Get("log.urlPassword") + "@api.planted.example/health"
	}
	return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " " + said
}

// monitor streams the log until the client goes away.
func (s *server) monitor(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	for i := 0; ; i++ {
		if _, err := fmt.Fprintln(w, s.line(i)); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(s.streamEvery / 20):
		}
	}
}

package coder

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"supportbundle.dev/products/shared"
)

// Agent is what answers on the loopback ports of a workspace's pod.
type Agent struct {
	planted shared.Planted
	file    string
}

// NewAgent makes an agent that logs into a folder; into none if that is empty.
func NewAgent(folder string) *Agent {
	agent := &Agent{planted: shared.Load(plantedJSON)}
	if folder != "" {
		agent.file = filepath.Join(folder, "coder-agent.log")
		if err := os.WriteFile(agent.file, []byte(agent.logs()), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return agent
}

// Debug are the routes of the debug port; everything else is 404 there.
func (a *Agent) Debug() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/logs", func(w http.ResponseWriter, _ *http.Request) { shared.Text(w, http.StatusOK, "text/plain", a.logs()) })
	mux.HandleFunc("GET /debug/magicsock", func(w http.ResponseWriter, _ *http.Request) {
		shared.Text(w, http.StatusOK, "text/html; charset=utf-8", a.magicsock("agent"))
	})
	mux.HandleFunc("GET /debug/magicsock/debug-logging/{state}", func(w http.ResponseWriter, r *http.Request) {
		shared.Text(w, http.StatusOK, "text/plain", "debug logging: "+r.PathValue("state"))
	})
	mux.HandleFunc("GET /debug/manifest", func(w http.ResponseWriter, _ *http.Request) {
		shared.JSON(w, http.StatusOK, a.planted.Document(document("manifest.json")))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		shared.Text(w, http.StatusNotFound, "text/plain", "404 not found")
	})
	return mux
}

// Prometheus answers any path with metrics.
func (a *Agent) Prometheus(w http.ResponseWriter, _ *http.Request) {
	shared.Text(w, http.StatusOK, "text/plain; version=0.0.4", metrics())
}

func metrics() string {
	return "# HELP agent_sessions_total Sessions served.\n# TYPE agent_sessions_total counter\n" +
		"agent_sessions_total{magic_type=\"ssh\",pty=\"yes\"} 4\n# TYPE coderd_agentstats_startup_script_seconds gauge\ncoderd_agentstats_startup_script_seconds{success=\"true\"} 7.3\n"
}

// Profiles are the runtime's, on the agent's own port.
func (a *Agent) Profiles() http.Handler {
	mux := http.NewServeMux()
	shared.Profiles(mux, "/debug/pprof/", profileNames...)
	return mux
}

// Chat logs to the console for ever.
func (a *Agent) Chat() {
	shared.Chat(a.line)
}

func (a *Agent) logs() string {
	var text strings.Builder
	for i := range 1500 {
		text.WriteString(a.line(i) + "\n")
	}
	return text.String()
}

func (a *Agent) line(i int) string {
	said := fmt.Sprintf("[debu]  net.tailnet: coordination update  peer=%d", i)
	switch i % 40 {
	case 17:
		said = "[warn]  agent: reporting metadata failed  authorization=\"Bearer " + a.planted.Get("logs.agentBearer") + "\""
	case 34:
		said = "[info]  agent: script output  out=\"aws configure set aws_access_key_id " + a.planted.Get("logs.agentAwsKey") + "\""
	}
	return stamp() + " " + said
}

func (a *Agent) magicsock(side string) string {
	return fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>magicsock</title></head><body><h1>magicsock of the %s</h1>\n<h2>derp</h2><ul><li>999 home</li></ul>\n"+
		"<h2>endpoints</h2><ul><li>203.0.113.17:41641</li><li>10.244.0.44:41641</li></ul><pre>%s</pre></body></html>\n", side, a.planted.Get("logs.peerKey"))
}

func listeningPorts() map[string]any {
	return map[string]any{"ports": []map[string]any{
		{"process_name": "editor", "network": "tcp", "port": 13337}, {"process_name": "api", "network": "tcp", "port": 3000},
	}}
}

// tailnet stands in for the network between the command and the agent, which is no part of the contract: the command
// of this stand-in asks here for what the real one asks the agent.
func (s *Server) tailnet(w http.ResponseWriter, r *http.Request) {
	if !s.Agent || !s.Running || r.PathValue("agent") != agentID {
		fail(w, http.StatusBadGateway, "The agent cannot be reached.")
		return
	}
	agent := NewAgent("")
	switch what := r.PathValue("what"); what {
	case "prometheus":
		agent.Prometheus(w, r)
	case "client_magicsock":
		shared.Text(w, http.StatusOK, "text/html; charset=utf-8", agent.magicsock("client"))
	case "peer_diagnostics":
		shared.JSON(w, http.StatusOK, map[string]any{"preferred_derp": 999, "derp_region_names": map[string]string{"999": "Planted Embedded Relay"}, "sent_node": true})
	case "ping_result":
		shared.JSON(w, http.StatusOK, map[string]any{"IP": "fd7a:115c:a1e0::17", "NodeName": "planted", "LatencySeconds": 0.0021, "DERPRegionID": 999})
	default:
		inner := r.Clone(r.Context())
		inner.URL.Path = "/" + what
		agent.Debug().ServeHTTP(w, inner)
	}
}

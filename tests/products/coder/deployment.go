package coder

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"supportbundle.dev/products/shared"
)

func (s *Server) addDeployment(add func(string, role, answer)) {
	add("buildinfo", nobody, serve(map[string]any{
		"external_url": "https://planted.example/releases", "version": s.Number(), "dashboard_url": s.planted.Get("kept.accessUrl"),
		"workspace_proxy": false, "agent_api_version": "1.0", "deployment_id": identity + "20",
	}))
	add("deployment/config", owner, serve(s.deploymentConfig()))
	experiments := []string{}
	if s.New() {
		experiments = append(experiments, "planted-experiment")
	}
	add("experiments", stranger, serve(experiments))
	add("debug/health", owner, s.health)
	add("workspaceagents/connection", stranger, serve(s.json("connection.json")))
	add("debug/coordinator", owner, s.page("Coordinator", "agents: 1, clients: 2"))
	add("debug/tailnet", owner, s.page("Tailnet", "peers: 3, tunnels: 2"))
}

// addNew adds what today's bundle asks for besides. Whether the older server had some of it was not seen: here it has
// none, the worse case.
func (s *Server) addNew(add func(string, role, answer)) {
	add("deployment/stats", owner, serve(map[string]any{
		"aggregated_from": s.started.Add(-time.Hour), "collected_at": s.started, "next_update_at": s.started.Add(time.Minute),
		"workspaces": map[string]any{"pending": 0, "building": 0, "running": 1, "failed": 0, "stopped": 3, "rx_bytes": 81234, "tx_bytes": 91234,
			"connection_latency_ms": map[string]any{"P50": 2.1, "P95": 9.8}},
		"session_count": map[string]any{"vscode": 1, "ssh": 1, "jetbrains": 0, "reconnecting_pty": 0},
	}))
	add("entitlements", stranger, serve(map[string]any{
		"features": map[string]any{"audit_log": map[string]any{"entitlement": s.entitlement(), "enabled": bool(s.Licensed)}},
		"warnings": []string{}, "errors": []string{}, "has_license": bool(s.Licensed), "trial": false, "require_telemetry": false,
		"refreshed_at": s.started,
	}))
	add("debug/health/settings", owner, serve(map[string]any{"dismissed_healthchecks": []string{}}))
	add("workspaces", stranger, func(w http.ResponseWriter, r *http.Request) {
		found := []any{}
		if s.who(r) >= member && r.URL.Query().Get("offset") < "1" {
			found = append(found, s.workspace())
		}
		shared.JSON(w, http.StatusOK, map[string]any{"workspaces": found, "count": len(found)})
	})
	if s.Prometheus != "" {
		add("debug/metrics", owner, s.prometheus)
	}
	if s.Licensed {
		add("licenses", owner, serve([]any{map[string]any{"id": 1, "uuid": identity + "21", "uploaded_at": s.started,
			"claims": map[string]any{"account_type": "salesforce", "license_expires": s.started.AddDate(1, 0, 0).Unix()}}}))
	}
}

func (s *Server) entitlement() string {
	if s.Licensed {
		return "entitled"
	}
	return "not_entitled"
}

// deploymentConfig is the configuration after the server emptied the options that are annotated as secret. The pair of
// keys at the top is [M]; whether newer servers annotate the password of notifications was not checked, so it is here.
func (s *Server) deploymentConfig() map[string]any {
	config, listed := map[string]any{}, []any{}
	for _, each := range s.options() {
		annotations, inConfig, inOption := map[string]string{}, each.Value, each.Value
		if each.Secret {
			annotations["secret"], inOption = "true", nil
			inConfig = ""
			if _, isList := each.Value.([]any); isList {
				inConfig = []any{}
			}
		}
		place(config, each.Path, inConfig)
		parts := strings.Split(each.Path, ".")
		listed = append(listed, map[string]any{
			"name": each.Name, "description": "", "flag": each.Flag, "env": each.Env, "yaml": parts[len(parts)-1], "default": "",
			"value": inOption, "annotations": annotations, "hidden": false, "value_source": "env",
		})
	}
	return map[string]any{"config": config, "options": listed}
}

func place(config map[string]any, dotted string, value any) {
	first, rest, nested := strings.Cut(dotted, ".")
	if !nested {
		config[first] = value
		return
	}
	inner, ok := config[first].(map[string]any)
	if !ok {
		inner = map[string]any{}
		config[first] = inner
	}
	place(inner, rest, value)
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	report := s.json("health.json")
	report["coderd_version"] = s.Number()
	if r.URL.Query().Get("force") == "true" {
		report["time"] = time.Now().UTC()
	}
	shared.JSON(w, http.StatusOK, report)
}

// page is one of the debug pages in HTML.
func (s *Server) page(title, text string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		shared.Text(w, http.StatusOK, "text/html; charset=utf-8", fmt.Sprintf(
			"<!DOCTYPE html>\n<html><head><title>%s</title></head>\n<body><h1>%s</h1><p>%s</p>\n<table><tr><td>%s</td><td>%s</td></tr></table></body></html>\n",
			title, title, text, agentID, s.planted.Get("logs.peerKey")))
	}
}

func (s *Server) prometheus(w http.ResponseWriter, _ *http.Request) {
	shared.Text(w, http.StatusOK, "text/plain; version=0.0.4", fmt.Sprintf(
		"# TYPE coderd_api_active_users_duration_hour gauge\ncoderd_api_active_users_duration_hour 3\n# TYPE coderd_build_info gauge\ncoderd_build_info{version=%q} 1\n", s.Number()))
}

// authcheck answers POST /authcheck: for each named check whether the caller may do it [M].
func (s *Server) authcheck(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Checks map[string]any `json:"checks"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&asked); err != nil {
		fail(w, http.StatusBadRequest, "The body is no JSON.")
		return
	}
	allowed := map[string]bool{}
	for name := range asked.Checks {
		allowed[name] = s.who(r) == owner
	}
	shared.JSON(w, http.StatusOK, allowed)
}

// allProfiles answers /debug/profile: all profiles in one archive.
func (s *Server) allProfiles(w http.ResponseWriter, _ *http.Request) {
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	add := func(name string, data []byte, err error) {
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))})
		}
		if err == nil {
			_, err = archive.Write(data)
		}
		if err != nil {
			log.Printf("%s: %v", name, err)
		}
	}
	cpu, err := shared.CPUProfile(time.Second)
	add("cpu.prof", cpu, err)
	for _, name := range []string{"heap", "allocs", "block", "mutex", "goroutine", "threadcreate"} {
		data, err := shared.Profile(name, 0)
		add(name+".prof", data, err)
	}
	archive.Close()
	zipped.Close()
	shared.Attachment(w, "application/gzip", "profiles.tar.gz", packed.Bytes())
}

// chat logs what a server logs, to the console.
func (s *Server) chat() {
	for i := 0; ; i++ {
		log.Printf("%s [debu]  coderd: GET  host=dev.planted.example path=/api/v2/workspaceagents/connection status_code=200 took=%dms", stamp(), i%90)
		if i%20 == 0 {
			log.Printf("%s [erro]  coderd: dial database  dsn=postgres://coder:%s@coder-db.coder.svc:5432/coder", stamp(), s.planted.Get("logs.serverPassword"))
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func stamp() string { return time.Now().UTC().Format("2006-01-02 15:04:05.000") }

package coder

import (
	"fmt"
	"net/http"
	"time"

	"supportbundle.dev/products/shared"
)

func (s *Server) addWorkspace(add func(string, role, answer)) {
	// one is a route to the one resource of its kind: an identifier of another one is not found.
	one := func(path, id string, found answer) {
		add(path, member, func(w http.ResponseWriter, r *http.Request) {
			if r.PathValue("id") != id {
				fail(w, http.StatusNotFound, "There is no such resource, or you may not see it.")
				return
			}
			found(w, r)
		})
	}
	add("users/{owner}/workspace/{name}", member, s.workspaceByName)
	one("workspaces/{id}", workspaceID, serve(s.workspace()))
	one("workspacebuilds/{id}/logs", buildID, serve(s.buildLogs()))
	one("workspacebuilds/{id}/parameters", buildID, serve(s.parameters()))
	one("templates/{id}", templateID, serve(s.template()))
	one("workspaceagents/{id}", agentID, serve(s.agent()))
	one("workspaceagents/{id}/logs", agentID, serve(s.startupLogs()))
	one("workspaceagents/{id}/listening-ports", agentID, s.listeningPorts)
	one("files/{id}", fileID, s.file)
	add("templateversions/{id}", member, func(w http.ResponseWriter, r *http.Request) {
		if id := r.PathValue("id"); id == activeVersion || id == usedVersion {
			shared.JSON(w, http.StatusOK, s.templateVersion(id))
			return
		}
		fail(w, http.StatusNotFound, "There is no such resource, or you may not see it.")
	})
	add("users/me", stranger, s.me)
}

func (s *Server) workspaceByName(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("owner")
	if user == "me" && s.who(r) == member {
		user = s.planted.Get("kept.owner")
	}
	if user != s.planted.Get("kept.owner") || r.PathValue("name") != s.planted.Get("kept.workspace") {
		fail(w, http.StatusNotFound, "There is no such resource, or you may not see it.")
		return
	}
	shared.JSON(w, http.StatusOK, s.workspace())
}

// workspace has its agents inside, environment and all: only the command that makes a bundle hides the values.
func (s *Server) workspace() map[string]any {
	document := s.json("workspace.json")
	build := document["latest_build"].(map[string]any)
	if !s.Running {
		build["transition"], build["status"], build["resources"] = "stop", "stopped", []any{}
		return document
	}
	build["resources"].([]any)[0].(map[string]any)["agents"] = []any{s.agent()}
	if !s.Agent {
		document["health"] = map[string]any{"healthy": false, "failing_agents": []string{agentID}}
	}
	return document
}

func (s *Server) agent() map[string]any {
	document := s.json("agent.json")
	document["version"] = s.Number()
	if !s.Agent {
		document["status"], document["disconnected_at"] = "disconnected", "2026-11-21T09:00:00Z"
		document["health"] = map[string]any{"healthy": false, "reason": "agent is not connected"}
	}
	return document
}

// parameters have their values in clear: the product hides none.
func (s *Server) parameters() []map[string]string {
	return []map[string]string{
		{"name": "cpu", "value": "2"}, {"name": "memory", "value": "4"}, {"name": "region", "value": "eu-central"},
		{"name": "database_password", "value": s.planted.Get("parameters.dbPassword")},
		{"name": "license", "value": s.planted.Get("parameters.licenseKey")},
	}
}

func (s *Server) template() map[string]any {
	return map[string]any{
		"id": templateID, "created_at": "2026-01-05T08:00:00Z", "updated_at": "2026-11-01T08:00:00Z", "organization_id": identity + "03",
		"name": "kubernetes", "display_name": "Kubernetes", "provisioner": "terraform", "active_version_id": activeVersion, "active_user_count": 3,
		"build_time_stats": map[string]any{"start": map[string]any{"P50": 21000, "P95": 44000}}, "description": "Workspaces in Kubernetes",
		"deprecated": false, "default_ttl_ms": 43200000, "created_by_id": ownerID, "created_by_name": "ann", "allow_user_autostart": true,
		"require_active_version": false, "max_port_share_level": "owner",
	}
}

func (s *Server) templateVersion(id string) map[string]any {
	return map[string]any{
		"id": id, "template_id": templateID, "organization_id": identity + "03", "created_at": "2026-11-01T08:00:00Z", "updated_at": "2026-11-01T08:00:00Z",
		"name": "brave_planted" + id[len(id)-1:], "message": "", "readme": string(document("template/README.txt")), "archived": false,
		"job": map[string]any{"id": identity + "16", "status": "succeeded", "file_id": fileID, "tags": map[string]string{"scope": "organization"},
			"created_at": "2026-11-01T08:00:00Z", "completed_at": "2026-11-01T08:00:31Z", "queue_position": 0, "queue_size": 0},
		"created_by": map[string]any{"id": ownerID, "username": "ann"}, "warnings": []string{},
	}
}

// file answers GET /files/{id}?format=zip: the source of the template. Other formats are refused [M].
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("format") != "zip" {
		fail(w, http.StatusBadRequest, "This stand-in has the format zip only.")
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	packed := shared.Zip([]shared.Member{
		{Name: "main.tf", Data: s.planted.Expand(document("template/main.tf"))},
		{Name: "README.md", Data: document("template/README.txt")},
	})
	if _, err := w.Write(packed); err != nil {
		return // the client went away
	}
}

// listeningPorts asks the agent; which status tells that it is gone is [M].
func (s *Server) listeningPorts(w http.ResponseWriter, _ *http.Request) {
	if !s.Agent {
		fail(w, http.StatusBadRequest, "The agent is disconnected.")
		return
	}
	shared.JSON(w, http.StatusOK, listeningPorts())
}

func (s *Server) me(w http.ResponseWriter, r *http.Request) {
	name, roles := s.planted.Get("kept.owner"), []map[string]string{}
	switch s.who(r) {
	case owner:
		name, roles = "root-admin", []map[string]string{{"name": "owner", "display_name": "Owner"}}
	case stranger:
		name = "bob"
	}
	shared.JSON(w, http.StatusOK, map[string]any{
		"id": ownerID, "username": name, "email": name + "@planted.example", "created_at": "2026-01-01T00:00:00Z", "status": "active", "roles": roles,
	})
}

// buildLogs are what the provisioner said, a password among it.
func (s *Server) buildLogs() []map[string]any {
	said := []string{
		"Initializing provider plugins...", "Terraform has been successfully initialized!", "Plan: 2 to add, 0 to change, 0 to destroy.",
		"kubernetes_deployment.main[0]: Creating...", "warning: using database password=${logs.buildPassword} of the template",
		"kubernetes_deployment.main[0]: Creation complete after 3s", "Apply complete! Resources: 2 added, 0 changed, 0 destroyed.",
	}
	return s.entries(said, func(i int, text string) map[string]any {
		stage := "Planning infrastructure"
		if i > 2 {
			stage = "Starting workspace"
		}
		return map[string]any{"log_source": "provisioner", "log_level": "info", "stage": stage, "output": text}
	})
}

// startupLogs are what the agent's scripts said.
func (s *Server) startupLogs() []map[string]any {
	said := []string{
		"Starting the editor", "export DEPLOY_TOKEN=${logs.startupToken}", "curl: retry 1", "The editor listens on port 13337", "done",
	}
	return s.entries(said, func(_ int, text string) map[string]any {
		return map[string]any{"level": "info", "output": text, "source_id": identity + "15"}
	})
}

func (s *Server) entries(said []string, rest func(int, string) map[string]any) []map[string]any {
	begin := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	var made []map[string]any
	for i := range 120 {
		text := fmt.Sprintf("step %d of 120", i)
		if i%10 == 0 {
			text = s.planted.Text(said[i/10%len(said)])
		}
		entry := rest(i, text)
		entry["id"], entry["created_at"] = i+1, begin.Add(time.Duration(i)*time.Second)
		made = append(made, entry)
	}
	return made
}

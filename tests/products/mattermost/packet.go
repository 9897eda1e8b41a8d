package mattermost

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"supportbundle.dev/products/shared"
)

// supportPacket answers GET /system/support_packet: nothing without a licence, else a zip. The socket has it since 9.7.
func (s *Server) supportPacket(w http.ResponseWriter, r *http.Request, who role) {
	if who == local && !s.New() {
		fail(w, http.StatusNotFound, "api.context.404.app_error", "There is no such page.")
		return
	}
	if !s.Licensed {
		fail(w, http.StatusForbidden, "api.no_license", "This server has no licence for a support packet.")
		return
	}
	query := r.URL.Query()
	members := s.packet(query.Get("basic_server_logs") != "false", query["plugin_packets"])
	company := strings.ReplaceAll(s.planted.Get("kept.company"), " ", "_")
	name := fmt.Sprintf("mm_support_packet_%s_%s.zip", company, time.Now().UTC().Format("2006-01-02T15-04"))
	shared.Attachment(w, "application/zip", name, shared.Zip(members))
}

// packet collects the members; what fails becomes a line of warning.txt.
func (s *Server) packet(logs bool, pluginPackets []string) []shared.Member {
	var members []shared.Member
	var warnings []string
	add := func(name string, data []byte, err error) {
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("\t* %s: %v", name, err))
			return
		}
		members = append(members, shared.Member{Name: name, Data: data})
	}
	if s.New() {
		s.addNow(add)
	} else {
		add("support_packet.yaml", s.oldYAML(), nil)
	}
	add("sanitized_config.json", shared.Indented(s.packetConfig()), nil)
	if s.Plugins {
		on, off := "active", "inactive"
		if s.New() {
			on, off = "enabled", "disabled"
		}
		add("plugins.json", shared.Indented(s.pluginLists(on, off)), nil)
	} else {
		add("plugins.json", nil, fmt.Errorf("plugins are switched off here"))
	}
	for _, folder := range s.folders() {
		if logs {
			data, err := s.log.whole()
			add(folder+"mattermost.log", data, err)
		}
		s.addProfiles(folder, add)
	}
	for _, id := range pluginPackets {
		if s.New() && bool(s.Plugins) {
			add(id+"/diagnostics.yaml", yaml(fields{{"version", "1.0.0"}, {"connected_users", 12}}), nil)
		}
	}
	if len(warnings) > 0 {
		text := fmt.Sprintf("%d errors occurred:\n%s\n", len(warnings), strings.Join(warnings, "\n"))
		members = append(members, shared.Member{Name: "warning.txt", Data: []byte(text)})
	}
	return members
}

// folders are where the files of each node go: apart only in a cluster, and only today. Those of the other nodes are
// copies of this one's here, as contract servers do not talk to each other.
func (s *Server) folders() []string {
	if !s.New() || s.Nodes < 2 {
		return []string{""}
	}
	var made []string
	for _, name := range s.nodes() {
		made = append(made, name+"/")
	}
	return made
}

func (s *Server) addProfiles(folder string, add func(string, []byte, error)) {
	cpu, err := shared.CPUProfile(time.Duration(s.PacketSeconds) * time.Second)
	add(folder+"cpu.prof", cpu, err)
	heap, err := shared.Profile("heap", 0)
	add(folder+"heap.prof", heap, err)
	goroutines, err := shared.Profile("goroutine", 2)
	add(folder+"goroutines", goroutines, err)
}

// addNow adds the documents of today's packet.
func (s *Server) addNow(add func(string, []byte, error)) {
	add("metadata.yaml", yaml(fields{
		{"version", 1}, {"type", "support-packet"}, {"generated_at", time.Now().UnixMilli()}, {"server_version", s.Number()},
		{"server_id", shared.Identity("server")}, {"license_id", shared.Identity("licence")}, {"customer_id", shared.Identity("customer")},
		{"extras", map[string]any{}},
	}), nil)
	add("stats.yaml", yaml(s.stats()), nil)
	jobs := fields{}
	for _, name := range []string{"ldap_sync_jobs", "data_retention_jobs", "message_export_jobs", "elastic_post_indexing_jobs",
		"elastic_post_aggregation_jobs", "migration_jobs"} {
		jobs = append(jobs, field{name, s.jobsOf(jobTypes[name])[:5]})
	}
	add("jobs.yaml", yaml(jobs), nil)
	add("permissions.yaml", yaml(fields{{"roles", allRoles()}, {"schemes", allSchemes()}}), nil)
	add("diagnostics.yaml", yaml(s.diagnostics()), nil)
	add("database_schema.yaml", yaml(fields{{"database_collation", "en_US.utf8"}, {"database_encoding", "UTF8"}, {"tables", []map[string]any{
		{"name": "posts", "collation": "en_US.utf8", "columns": []string{"id varchar(26)", "createat bigint", "message varchar(65535)"}},
		{"name": "users", "collation": "en_US.utf8", "columns": []string{"id varchar(26)", "username varchar(64)", "password varchar(128)"}},
	}}}), nil)
}

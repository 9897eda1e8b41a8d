package mattermost

import (
	"os"
	"runtime"
)

// value is a row of the statistics by name; 0 where it was left out.
func (s *Server) value(name string) int {
	for _, each := range append(s.standard(), counts...) {
		if each.Name == name {
			return each.Value
		}
	}
	return 0
}

func (s *Server) fileStatus() string {
	if !s.Filestore {
		return "FAIL: unable to check for the bucket"
	}
	return "OK"
}

// oldYAML is support_packet.yaml of the older server, its keys in their order. How the keys of a job are spelled is [M].
func (s *Server) oldYAML() []byte {
	document := fields{
		{"server_os", runtime.GOOS}, {"server_architecture", runtime.GOARCH}, {"server_version", s.Number()}, {"build_hash", buildHash},
		{"database_type", "postgres"}, {"database_version", "14.11"}, {"database_schema_version", "118"},
		{"websocket_connections", s.value("total_websocket_connections")}, {"master_db_connections", s.value("total_master_db_connections")},
		{"read_db_connections", s.value("total_read_db_connections")}, {"cluster_id", ""}, {"file_driver", "amazons3"},
		{"file_status", s.fileStatus()}, {"ldap_vendor_name", "OpenLDAP"}, {"ldap_vendor_version", "2.6"},
		{"elastic_server_version", "8.12.2"}, {"elastic_server_plugins", []string{"analysis-icu"}},
		{"license_to", s.planted.Get("kept.company")}, {"license_supported_users", licenceUsers}, {"license_is_trial", "false"},
		{"active_users", s.value("unique_user_count")}, {"daily_active_users", s.value("daily_active_users")},
		{"monthly_active_users", s.value("monthly_active_users")}, {"inactive_user_count", s.value("inactive_user_count")},
		{"total_posts", s.value("post_count")}, {"total_channels", s.value("channel_open_count") + s.value("channel_private_count")},
		{"total_teams", s.value("team_count")},
	}
	for _, name := range []string{"data_retention_jobs", "message_export_jobs", "elastic_post_indexing_jobs",
		"elastic_post_aggregation_jobs", "bleve_post_indexin_jobs", "ldap_sync_jobs", "migration_jobs"} {
		document = append(document, field{name, s.jobsOf(jobTypes[name])[:2]})
	}
	return yaml(document)
}

func (s *Server) stats() fields {
	return fields{
		{"registered_users", activeUsers + 35}, {"active_users", activeUsers}, {"daily_active_users", s.value("daily_active_users")},
		{"monthly_active_users", s.value("monthly_active_users")}, {"deactivated_users", s.value("inactive_user_count")},
		{"guests", 4}, {"single_channel_guests", 1}, {"bot_accounts", 6}, {"posts", s.value("post_count")},
		{"channels", s.value("channel_open_count") + s.value("channel_private_count")}, {"teams", s.value("team_count")},
		{"slash_commands", s.value("command_count")}, {"incoming_webhooks", s.value("incoming_webhook_count")},
		{"outgoing_webhooks", s.value("outgoing_webhook_count")},
	}
}

// diagnostics is diagnostics.yaml in its second version; `erorr` is how the product spells it.
func (s *Server) diagnostics() fields {
	return fields{
		{"version", 2},
		{"license", fields{{"company", s.planted.Get("kept.company")}, {"users", licenceUsers}, {"sku_short_name", "enterprise"},
			{"is_trial", false}, {"is_gov_sku", false}}},
		{"server", fields{{"os", runtime.GOOS}, {"architecture", runtime.GOARCH}, {"cpu_cores", runtime.NumCPU()}, {"total_memory_mb", 7954},
			{"container_cpu_limit", 2}, {"container_memory_limit_mb", 4096}, {"hostname", s.hostname}, {"process_id", os.Getpid()},
			{"started_at", s.started.UnixMilli()}, {"host_started_at", s.started.UnixMilli() - 86_400_000}, {"version", s.Number()},
			{"build_hash", buildHash}, {"go_version", runtime.Version()}, {"installation_type", os.Getenv("MM_INSTALL_TYPE")},
			{"open_file_descriptors", 211}, {"max_file_descriptors", 1048576}}},
		{"config", fields{{"store_type", "database"}}},
		{"database", fields{{"type", "postgres"}, {"version", "16.4"}, {"schema_version", "118"},
			{"master_connections", s.value("total_master_db_connections")}, {"replica_connections", s.value("total_read_db_connections")},
			{"search_connections", 2}}},
		{"file_store", fields{{"file_status", s.fileStatus()}, {"erorr", ""}, {"file_driver", "amazons3"}, {"filesystem_type", ""},
			{"total_mb", 0}, {"available_mb", 0}}},
		{"websocket", fields{{"connections", s.value("total_websocket_connections")}}},
		{"cluster", fields{{"id", ""}, {"number_of_nodes", s.Nodes}}},
		{"ldap", fields{{"status", "OK"}, {"error", ""}, {"server_name", "OpenLDAP"}, {"server_version", "2.6"}}},
		{"saml", fields{{"provider_type", ""}}},
		{"elastic", fields{{"backend", "elasticsearch"}, {"server_version", "8.15.0"}, {"server_plugins", []string{"analysis-icu"}}, {"error", ""}}},
	}
}

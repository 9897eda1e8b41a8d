package mattermost

import (
	"fmt"
	"net/http"
	"time"

	"supportbundle.dev/products/shared"
)

// jobTypes are the types that the packets hold, by their name in a packet.
var jobTypes = map[string]string{
	"data_retention_jobs": "data_retention", "message_export_jobs": "message_export",
	"elastic_post_indexing_jobs": "elasticsearch_post_indexing", "elastic_post_aggregation_jobs": "elasticsearch_post_aggregation",
	"bleve_post_indexin_jobs": "bleve_post_indexing", "ldap_sync_jobs": "ldap_sync", "migration_jobs": "migrations",
}

// jobsPerType is more than one page of the packets has.
const jobsPerType = 7

// failures are the errors of the newest jobs of some types, with what a careless program puts into one.
var failures = map[string]string{
	"ldap_sync":      "bind as cn=sync password=${jobs.ldapPassword} was refused",
	"message_export": "smtp://relay:${jobs.relayPassword}@feeds.planted.example:25 did not answer",
}

// jobsOf are the jobs of a type, the newest first.
func (s *Server) jobsOf(kind string) []map[string]any {
	made := make([]map[string]any, 0, jobsPerType)
	for i := range jobsPerType {
		begin := s.started.Add(-time.Duration(i+1) * 24 * time.Hour)
		job := map[string]any{
			"id": shared.Identity(fmt.Sprint(kind, i)), "type": kind, "priority": 0, "create_at": begin.UnixMilli(),
			"start_at": begin.Add(time.Second).UnixMilli(), "last_activity_at": begin.Add(time.Minute).UnixMilli(),
			"status": "success", "progress": 100, "data": map[string]any{},
		}
		if failure, ok := failures[kind]; ok && i == 0 {
			job["status"], job["progress"] = "error", 40
			job["data"] = map[string]any{"error": s.planted.Text(failure)}
		}
		made = append(made, job)
	}
	return made
}

// jobs answers GET /jobs/type/{type}. The answer to an unknown type is [M].
func (s *Server) jobs(w http.ResponseWriter, r *http.Request, _ role) {
	for _, kind := range jobTypes {
		if kind == r.PathValue("type") {
			shared.JSON(w, http.StatusOK, page(r, s.jobsOf(kind), 5))
			return
		}
	}
	fail(w, http.StatusBadRequest, "api.context.invalid_url_param.app_error", "There are no jobs of this type.")
}

// page is the part of a list that the request asks for.
func page[T any](r *http.Request, all []T, otherwise int) []T {
	size := number(r, "per_page", otherwise)
	begin := min(number(r, "page", 0)*size, len(all))
	return all[begin:min(begin+size, len(all))]
}

// roleNames are the built-in roles, and permissions what the administrator's has, in part.
var roleNames = []string{
	"system_admin", "system_user", "system_guest", "system_user_manager", "system_read_only_admin", "system_manager",
	"system_post_all", "system_post_all_public", "system_user_access_token", "team_admin", "team_user", "team_guest",
	"team_post_all", "team_post_all_public", "channel_admin", "channel_user", "channel_guest", "custom_group_user",
	"playbook_admin", "playbook_member", "run_admin", "run_member",
}

var permissions = []string{
	"manage_system", "get_logs", "read_jobs", "manage_jobs", "create_team", "list_public_teams", "edit_brand", "read_channel",
	"create_post", "delete_post", "add_reaction", "upload_file", "manage_oauth", "create_user_access_token", "view_members",
	"sysconsole_read_environment_logging", "sysconsole_write_environment_logging", "sysconsole_read_plugins",
}

func allRoles() []map[string]any {
	made := make([]map[string]any, 0, len(roleNames))
	for i, name := range roleNames {
		made = append(made, map[string]any{
			"id": shared.Identity(name), "name": name, "display_name": "authentication.roles." + name + ".name",
			"description": "authentication.roles." + name + ".description", "create_at": 1700000000000 + i, "update_at": 1700000000000 + i,
			"delete_at": 0, "permissions": permissions[:len(permissions)-i%len(permissions)], "scheme_managed": i > 8, "built_in": true,
		})
	}
	return made
}

// roles answers GET /roles.
func (s *Server) roles(w http.ResponseWriter, _ *http.Request, _ role) {
	shared.JSON(w, http.StatusOK, allRoles())
}

func allSchemes() []map[string]any {
	made := []map[string]any{}
	for i, name := range []string{"engineering", "partners", "guests"} {
		made = append(made, map[string]any{
			"id": shared.Identity("scheme" + name), "name": shared.Identity("name" + name), "display_name": name, "description": "",
			"create_at": 1700000000000 + i, "update_at": 1700000000000 + i, "delete_at": 0, "scope": "team",
			"default_team_admin_role": "team_admin", "default_team_user_role": "team_user", "default_channel_admin_role": "channel_admin",
		})
	}
	return made
}

// schemes answers GET /schemes.
func (s *Server) schemes(w http.ResponseWriter, r *http.Request, _ role) {
	shared.JSON(w, http.StatusOK, page(r, allSchemes(), 60))
}

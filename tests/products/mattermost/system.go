package mattermost

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"supportbundle.dev/products/shared"
)

const (
	buildHash    = "5f0e1d2c3b4a59687786950413223140a1b2c3d4"
	migrations   = 118
	totalPosts   = 184_213
	activeUsers  = 412
	licenceUsers = 500
)

// ping answers GET /system/ping. Without use_rest_semantics a failed check is also a failed request [M].
func (s *Server) ping(w http.ResponseWriter, r *http.Request, _ role) {
	answer := map[string]any{
		"status": "OK", "AndroidLatestVersion": "", "AndroidMinVersion": "", "IosLatestVersion": "", "IosMinVersion": "",
	}
	status := http.StatusOK
	if r.URL.Query().Get("get_server_status") == "true" {
		answer["database_status"], answer["filestore_status"] = "OK", "OK"
		if !s.Filestore {
			answer["filestore_status"], answer["status"] = "UNHEALTHY", "UNHEALTHY"
			if r.URL.Query().Get("use_rest_semantics") != "true" {
				status = http.StatusInternalServerError
			}
		}
	}
	shared.JSON(w, status, answer)
}

// old tells whether the request has format=old, without which these two endpoints refuse; the words are [M].
func old(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Query().Get("format") == "old" {
		return true
	}
	fail(w, http.StatusBadRequest, "api.context.invalid_url_param.app_error", "The parameter format is missing.")
	return false
}

// clientConfig answers GET /config/client, all values being strings. That it needs no login is [M].
func (s *Server) clientConfig(w http.ResponseWriter, r *http.Request, who role) {
	if !old(w, r) {
		return
	}
	answer := map[string]string{
		"Version": s.Number(), "BuildHash": buildHash, "BuildNumber": s.Number(), "BuildDate": "Mon Mar  4 10:11:12 UTC 2024",
		"BuildEnterpriseReady": "true", "DiagnosticId": shared.Identity("server"), "TelemetryId": shared.Identity("server"),
		"DiagnosticsEnabled": "true", "SiteName": "Planted Chat", "EnableOpenServer": "false", "SchemaVersion": fmt.Sprint(migrations),
	}
	if who >= denied {
		answer["SiteURL"] = s.planted.Get("kept.siteUrl")
		answer["SQLDriverName"], answer["MaxFileSize"] = "postgres", "104857600"
	}
	shared.JSON(w, http.StatusOK, answer)
}

// clientLicense answers GET /license/client, all values being strings.
func (s *Server) clientLicense(w http.ResponseWriter, r *http.Request, who role) {
	if !old(w, r) {
		return
	}
	if !s.Licensed {
		shared.JSON(w, http.StatusOK, map[string]string{"IsLicensed": "false"})
		return
	}
	answer := map[string]string{
		"IsLicensed": "true", "SkuName": "Enterprise", "SkuShortName": "enterprise", "IsTrial": "false", "Cluster": "true",
		"LDAP": "true", "Metrics": "true", "Elasticsearch": "true", "MessageExport": "true",
	}
	if who >= denied {
		answer["Id"], answer["Company"], answer["Users"] = shared.Identity("licence"), s.planted.Get("kept.company"), fmt.Sprint(licenceUsers)
		answer["IssuedAt"], answer["ExpiresAt"] = "1704067200000", "1798761600000"
	}
	shared.JSON(w, http.StatusOK, answer)
}

type row struct {
	Name  string `json:"name"`
	Value int    `json:"value"`
}

// standard are the rows of GET /analytics/old?name=standard in their order. Where there are too many users the
// costly one is left out, so places move: a reader has to go by names.
func (s *Server) standard() []row {
	rows := []row{
		{"channel_open_count", 214}, {"channel_private_count", 96}, {"post_count", totalPosts}, {"unique_user_count", activeUsers},
		{"team_count", 7}, {"total_websocket_connections", 133}, {"total_master_db_connections", 18}, {"total_read_db_connections", 6},
		{"daily_active_users", 181}, {"monthly_active_users", 377}, {"inactive_user_count", 35},
	}
	if !s.Intensive {
		rows = append(rows[:2], rows[3:]...)
	}
	return rows
}

// counts are the rows of GET /analytics/old?name=extra_counts [M].
var counts = []row{
	{"file_post_count", 9120}, {"hashtag_post_count", 311}, {"incoming_webhook_count", 17}, {"outgoing_webhook_count", 3},
	{"command_count", 9}, {"session_count", 802},
}

func (s *Server) analytics(w http.ResponseWriter, r *http.Request, _ role) {
	switch name := r.URL.Query().Get("name"); name {
	case "", "standard": // the default is [M]
		shared.JSON(w, http.StatusOK, s.standard())
	case "extra_counts":
		shared.JSON(w, http.StatusOK, counts)
	default:
		fail(w, http.StatusBadRequest, "api.context.invalid_url_param.app_error", "There are no statistics "+name+".")
	}
}

// userStats answers GET /users/stats [M].
func (s *Server) userStats(w http.ResponseWriter, _ *http.Request, _ role) {
	shared.JSON(w, http.StatusOK, map[string]int{"total_users_count": activeUsers + 35})
}

// schemaVersion answers GET /system/schema/version: each migration that was applied, not in the order of numbers.
func (s *Server) schemaVersion(w http.ResponseWriter, _ *http.Request, _ role) {
	applied := make([]map[string]any, 0, migrations)
	for i := range migrations {
		version := (i*53)%migrations + 1 // 53 and 118 share no factor, so each comes once
		applied = append(applied, map[string]any{"version": version, "name": fmt.Sprintf("planted_migration_%d", version)})
	}
	shared.JSON(w, http.StatusOK, applied)
}

// nodes are the names of the nodes, this one first.
func (s *Server) nodes() []string {
	names := []string{s.hostname}
	for i := 2; i <= s.Nodes; i++ {
		names = append(names, fmt.Sprintf("%s-peer-%d", s.hostname, i))
	}
	return names
}

// clusterStatus answers GET /cluster/status; empty where there is one node.
func (s *Server) clusterStatus(w http.ResponseWriter, _ *http.Request, _ role) {
	found := []map[string]any{}
	for i, name := range s.nodes() {
		if s.Nodes > 1 {
			found = append(found, map[string]any{
				"id": shared.Identity(name), "version": s.Number(), "config_hash": shared.Identity("config"),
				"ipaddress": fmt.Sprintf("10.244.0.%d", 31+i), "hostname": name, "schema_version": fmt.Sprint(migrations),
			})
		}
	}
	shared.JSON(w, http.StatusOK, found)
}

// login answers POST /users/login with the token of a session in a header [M].
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var given struct {
		LoginID  string `json:"login_id"`
		Password string `json:"password"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&given); err != nil {
		fail(w, http.StatusBadRequest, "api.context.invalid_body_param.app_error", "The body is no JSON.")
		return
	}
	if given.LoginID != "admin" || given.Password != s.planted.Get("tokens.adminPassword") {
		fail(w, http.StatusUnauthorized, "api.user.login.invalid_credentials", "Name or password is wrong.")
		return
	}
	w.Header().Set("Token", s.planted.Get("tokens.admin"))
	shared.JSON(w, http.StatusOK, map[string]any{
		"id": shared.Identity("admin"), "username": "admin", "roles": "system_admin system_user", "create_at": s.started.Add(-24 * time.Hour).UnixMilli(),
	})
}

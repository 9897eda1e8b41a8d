package main

import (
	"maps"
	"net/http"
	"strconv"
	"time"

	"supportbundle.dev/products/shared"
)

const version = "1.18.2"

// wrapped is an answer with its data twice, at the top and below "data", as the product's system paths have it.
func wrapped(data map[string]any) map[string]any {
	answer := map[string]any{"request_id": "5a1d0000-0000-4000-8000-000000000061", "lease_id": "", "renewable": false, "lease_duration": 0,
		"data": data, "wrap_info": nil, "warnings": nil, "auth": nil}
	maps.Copy(answer, data)
	return answer
}

func (s *server) seal() map[string]any {
	return map[string]any{"type": "shamir", "initialized": true, "sealed": s.sealed, "t": 3, "n": 5, "progress": 0, "nonce": "", "version": version,
		"build_date": "2024-11-18T00:00:00Z", "migration": false, "cluster_name": s.planted.Get("kept.cluster"), "recovery_seal": false, "storage_type": s.planted.Get("kept.storage")}
}

// health says by its status what the server is: 503 for a sealed one, or whatever the caller wants to hear.
func (s *server) health(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	if s.sealed {
		status = http.StatusServiceUnavailable
		if wanted, err := strconv.Atoi(r.URL.Query().Get("sealedcode")); err == nil {
			status = wanted
		}
	}
	shared.JSON(w, status, map[string]any{"initialized": true, "sealed": s.sealed, "standby": false, "performance_standby": false,
		"replication_performance_mode": "disabled", "replication_dr_mode": "disabled", "server_time_utc": time.Now().Unix(), "version": version,
		"cluster_name": s.planted.Get("kept.cluster"), "cluster_id": "5a1d0000-0000-4000-8000-000000000062"})
}

func host() map[string]any {
	return map[string]any{
		"timestamp": time.Now().UTC().Format(time.RFC3339Nano),
		"cpu":       []any{map[string]any{"cpu": 0, "modelName": "planted", "cores": 1, "mhz": 2400}},
		"disk":      []any{map[string]any{"path": "/vault/data", "fstype": "ext4", "total": 10464022528, "free": 9464022528}},
		"host":      map[string]any{"hostname": "vault-0", "uptime": 86400, "os": "linux", "platform": "alpine", "kernelVersion": "6.1.0"},
		"memory":    map[string]any{"total": 8340824064, "available": 5340824064, "used": 3000000000},
	}
}

// audit are the audit devices. Their options are shown as they were given, whatever somebody put there.
func (s *server) audit() map[string]any {
	return map[string]any{
		"file/": map[string]any{"type": "file", "description": "", "local": false, "path": "file/", "options": map[string]string{"file_path": "stdout"}},
		"socket/": map[string]any{"type": "socket", "description": "to the collector", "local": false, "path": "socket/", "options": map[string]string{
			"address": "tcp://audit:" + s.planted.Get("audit.socketPassword") + "@logs.planted.example:9090", "prefix": "token=" + s.planted.Get("audit.header")}},
	}
}

// config is the server's configuration without what the product takes for secrets; that it keeps the parameters of the
// seal is not known and assumed here as the worse case.
func (s *server) config() map[string]any {
	return map[string]any{
		"api_addr": "http://vault-0.vault-internal:8200", "cluster_addr": "https://vault-0.vault-internal:8201", "default_lease_ttl": 0, "max_lease_ttl": 0,
		"disable_mlock": true, "log_level": "info", "listeners": []any{map[string]any{"type": "tcp", "config": map[string]any{"address": "[::]:8200", "tls_disable": true}}},
		"storage": map[string]any{"type": s.planted.Get("kept.storage"), "raft": map[string]any{"max_entry_size": ""}},
		"seals": []any{map[string]any{"type": "awskms", "disabled": true, "config": map[string]any{
			"access_key": s.planted.Get("config.sealKeyId"), "secret_key": s.planted.Get("config.sealSecret"), "region": "eu-central-1"}}},
	}
}

func (s *server) metrics(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("format") == "prometheus" {
		shared.Text(w, http.StatusOK, "text/plain; version=0.0.4", "# TYPE vault_core_unsealed gauge\nvault_core_unsealed{cluster=\"planted-vault-cluster\"} 1\n")
		return
	}
	shared.JSON(w, http.StatusOK, map[string]any{
		"Timestamp": time.Now().UTC().Format("2006-01-02 15:04:05 +0000 UTC"),
		"Gauges":    []any{map[string]any{"Name": "vault.core.unsealed", "Value": 1, "Labels": map[string]string{"cluster": s.planted.Get("kept.cluster")}}},
		"Points":    []any{}, "Counters": []any{}, "Samples": []any{},
	})
}

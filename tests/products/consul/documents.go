package main

import (
	"encoding/json"
	"net/http"
	"time"

	"supportbundle.dev/products/shared"
)

const version = "1.20.1"

// self has its secrets hidden by the product, but for what it does not take for one: metadata, and (that it does not is
// [M]) the keys in an instruction to find other servers at a cloud.
func (s *server) self() map[string]any {
	node, datacenter := s.planted.Get("kept.node"), s.planted.Get("kept.datacenter")
	return map[string]any{
		"Config": map[string]any{"Datacenter": datacenter, "PrimaryDatacenter": datacenter, "NodeName": node, "Server": true, "Revision": "planted",
			"Version": version, "BuildDate": "2024-11-04T00:00:00Z", "NodeID": "5a1d0000-0000-4000-8000-000000000051"},
		"DebugConfig": map[string]any{
			"ACLsEnabled": s.acl, "ACLTokens": map[string]any{"ACLAgentToken": "hidden", "ACLDefaultToken": "hidden", "EnablePersistence": false},
			"ACLInitialManagementToken": "hidden", "EncryptKey": "hidden", "EnableDebug": s.debug, "BindAddr": "10.244.0.51", "ClientAddrs": []string{"0.0.0.0"},
			"DataDir": "/consul/data", "Logging": map[string]any{"LogLevel": "INFO", "LogJSON": false}, "ServerPort": 8300, "HTTPPort": 8500,
			"RetryJoinLAN": []string{"provider=aws tag_key=consul tag_value=server access_key_id=" + s.planted.Get("config.joinKeyId") +
				" secret_access_key=" + s.planted.Get("config.joinSecret")},
			"NodeMeta":  map[string]any{"rack": "r7", "ipmi_password": s.planted.Get("config.metaPassword")},
			"Telemetry": map[string]any{"Disable": false, "PrometheusOpts": map[string]any{"Expiration": "1m0s"}},
		},
		"Coord":  map[string]any{"Vec": []float64{0, 0, 0, 0, 0, 0, 0, 0}, "Error": 1.5, "Adjustment": 0, "Height": 0.00001},
		"Member": member(node, "10.244.0.51"),
		"Stats": map[string]any{"agent": map[string]any{"checks": "0", "services": "1"}, "raft": map[string]any{"state": "Leader", "term": "4", "num_peers": "2"},
			"runtime": map[string]any{"goroutines": "140", "cpu_count": "2"}},
		"Meta": map[string]any{"consul-network-segment": "", "consul-version": version, "ipmi_password": s.planted.Get("config.metaPassword")},
		"xDS":  map[string]any{"SupportedProxies": map[string]any{"envoy": []string{"1.31.2", "1.30.6"}}, "Port": -1},
	}
}

func member(name, address string) map[string]any {
	return map[string]any{"Name": name, "Addr": address, "Port": 8301, "Status": 1, "Tags": map[string]string{"role": "consul", "build": version + ":planted", "raft_vsn": "3"},
		"ProtocolMin": 1, "ProtocolMax": 5, "ProtocolCur": 2, "DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4}
}

// members are those that the caller may see: none without a right to nodes.
func (s *server) members(w http.ResponseWriter, r *http.Request) {
	found := []any{}
	if !s.acl || s.right(r) >= agentRead {
		found = append(found, member("consul-server-0", "10.244.0.51"), member("consul-server-1", "10.244.0.52"), member("consul-server-2", "10.244.0.53"))
	}
	shared.JSON(w, http.StatusOK, found)
}

func host() map[string]any {
	return map[string]any{
		"Memory": map[string]any{"total": 8340824064, "available": 5340824064, "used": 3000000000, "usedPercent": 35.9},
		"CPU":    []any{map[string]any{"cpu": 0, "vendorId": "GenuineIntel", "modelName": "planted", "cores": 1, "mhz": 2400}},
		"Host": map[string]any{"hostname": "consul-server-0", "uptime": 86400, "os": "linux", "platform": "alpine", "platformVersion": "3.20", "kernelVersion": "6.1.0",
			"kernelArch": "x86_64", "hostId": "5a1d0000-0000-4000-8000-000000000099"},
		"Disk":           map[string]any{"path": "/consul/data", "fstype": "ext2/ext3", "total": 10464022528, "free": 9464022528, "usedPercent": 9.5},
		"CollectionTime": time.Now().UnixNano(), "Errors": nil,
	}
}

func raft() map[string]any {
	servers := []any{}
	for i, name := range []string{"consul-server-0", "consul-server-1", "consul-server-2"} {
		servers = append(servers, map[string]any{"ID": "5a1d0000-0000-4000-8000-00000000005" + string(rune('1'+i)), "Node": name, "Leader": i == 0, "Voter": true, "ProtocolVersion": "3"})
	}
	return map[string]any{"Servers": servers, "Index": 17}
}

// metrics are those of the last interval.
func (s *server) metrics(w http.ResponseWriter, _ *http.Request) {
	shared.JSON(w, http.StatusOK, s.interval())
}

func (s *server) interval() map[string]any {
	return map[string]any{
		"Timestamp": time.Now().UTC().Format("2006-01-02 15:04:05 +0000 UTC"),
		"Gauges":    []any{map[string]any{"Name": "consul.runtime.num_goroutines", "Value": 140, "Labels": map[string]string{}}},
		"Points":    []any{}, "Counters": []any{map[string]any{"Name": "consul.rpc.request", "Count": 12, "Rate": 1.2, "Sum": 12, "Min": 1, "Max": 1, "Mean": 1, "Stddev": 0, "Labels": map[string]string{}}},
		"Samples": []any{},
	}
}

// streamMetrics sends a document for each interval until the client goes away.
func (s *server) streamMetrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	for {
		if encoder.Encode(s.interval()) != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(s.streamEvery):
		}
	}
}

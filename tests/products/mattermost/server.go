package mattermost

import (
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"supportbundle.dev/products/shared"
)

// Server is one node.
type Server struct {
	Options
	planted        shared.Planted
	config         map[string]any
	plugins        []plugin
	secretSettings map[string]bool
	started        time.Time
	hostname       string
	log            *logFile
}

// role is what the caller may do.
type role int

const (
	nobody  role = iota
	denied       // a user without any right on the system
	limited      // a user who may read some pages of the system console
	admin
	local // the socket, where nobody is asked
)

type answer func(w http.ResponseWriter, r *http.Request, who role)

// Run serves until the process is asked to end.
func Run(options Options) {
	planted := shared.Load(plantedJSON)
	server := &Server{Options: options, planted: planted, config: newConfig(options, planted), started: time.Now()}
	server.plugins, server.secretSettings = readPlugins(planted)
	server.hostname, _ = os.Hostname()
	server.log = openLog(options, planted)
	go server.log.run()
	go shared.Work()
	if options.Metrics {
		shared.Serve("metrics", options.Profiles, server.profiles(), 300*time.Second)
	}
	if options.Local {
		server.listenLocally()
	}
	shared.Serve("api", options.API, server.routes(nobody), 300*time.Second)
	shared.Wait()
}

// listenLocally opens the socket; its mode lets in the same user only.
func (s *Server) listenLocally() {
	if err := os.MkdirAll(filepath.Dir(s.Socket()), 0o777); err != nil {
		log.Fatal(err)
	}
	os.Remove(s.Socket())
	listener, err := net.Listen("unix", s.Socket())
	if err == nil {
		err = os.Chmod(s.Socket(), 0o600)
	}
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, s.routes(local))) }()
}

// profiles are the routes of the metrics port; allocs and mutex came later. Metrics themselves want a licence [M].
func (s *Server) profiles() http.Handler {
	mux := http.NewServeMux()
	names := []string{"", "cmdline", "profile", "symbol", "trace", "goroutine", "heap", "threadcreate", "block"}
	if s.New() {
		names = append(names, "allocs", "mutex")
	}
	shared.Profiles(mux, "/debug/pprof/", names...)
	if s.Licensed {
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
			shared.Text(w, http.StatusOK, "text/plain; version=0.0.4", "# TYPE mattermost_http_requests_total counter\nmattermost_http_requests_total 4711\n")
		})
	}
	return mux
}

// routes are those of the API; through the socket everyone is the role `always`.
func (s *Server) routes(always role) http.Handler {
	mux := http.NewServeMux()
	add := func(path string, least role, serve answer) {
		mux.HandleFunc("GET /api/v4/"+path, func(w http.ResponseWriter, r *http.Request) {
			who := max(always, s.who(r))
			switch {
			case who >= least:
				serve(w, r, who)
			case who == nobody:
				fail(w, http.StatusUnauthorized, "api.context.session_expired.app_error", "The session is not valid; log in again.")
			default:
				fail(w, http.StatusForbidden, "api.context.permissions.app_error", "You lack the permission for this.")
			}
		})
	}
	add("system/ping", nobody, s.ping)
	add("config/client", nobody, s.clientConfig)
	add("license/client", nobody, s.clientLicense)
	add("config", limited, s.getConfig)
	add("plugins", admin, s.getPlugins)
	add("logs", admin, s.oldLogs)
	if s.LogsDownload {
		add("logs/download", admin, s.downloadLogs)
	}
	add("analytics/old", admin, s.analytics)
	add("users/stats", denied, s.userStats)
	add("jobs/type/{type}", admin, s.jobs)
	add("roles", admin, s.roles)
	add("schemes", admin, s.schemes)
	add("cluster/status", admin, s.clusterStatus)
	add("system/schema/version", admin, s.schemaVersion)
	add("system/support_packet", admin, s.supportPacket)
	mux.HandleFunc("POST /api/v4/users/login", s.login)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "api.context.404.app_error", "There is no such page.")
	})
	return mux
}

// who tells by the token whom the caller is.
func (s *Server) who(r *http.Request) role {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nobody
	}
	switch token {
	case s.planted.Get("tokens.admin"):
		return admin
	case s.planted.Get("tokens.limited"):
		return limited
	case s.planted.Get("tokens.denied"):
		return denied
	}
	return nobody
}

// fail answers with the product's error document.
func fail(w http.ResponseWriter, status int, id, message string) {
	shared.JSON(w, status, map[string]any{
		"id": id, "message": message, "detailed_error": "", "request_id": shared.Identity(id), "status_code": status,
	})
}

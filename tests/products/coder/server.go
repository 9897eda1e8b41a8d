package coder

import (
	"net/http"
	"time"

	"supportbundle.dev/products/shared"
)

// Server is the control plane with its one workspace.
type Server struct {
	Options
	planted shared.Planted
	started time.Time
}

// role is what the caller may do.
type role int

const (
	nobody   role = iota
	stranger      // a user without a workspace
	member        // the owner of the workspace, without rights on the deployment
	owner         // the product's word for its administrator
)

type answer func(w http.ResponseWriter, r *http.Request)

// Run serves until the process is asked to end.
func Run(options Options) {
	server := &Server{Options: options, planted: shared.Load(plantedJSON), started: time.Now()}
	go shared.Work()
	go server.chat()
	if options.Prometheus != "" {
		shared.Serve("prometheus", options.Prometheus, http.HandlerFunc(server.prometheus), 0)
	}
	if options.Profiles != "" {
		mux := http.NewServeMux()
		shared.Profiles(mux, "/debug/pprof/", profileNames...)
		shared.Serve("pprof", options.Profiles, mux, 0)
	}
	shared.Serve("api", options.API, server.routes(), 0)
	shared.Wait()
}

var profileNames = []string{"", "cmdline", "profile", "symbol", "trace", "goroutine", "heap", "threadcreate", "block", "mutex", "allocs"}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	guard := func(least role, serve http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch who := s.who(r); {
			case who >= least:
				serve.ServeHTTP(w, r)
			case who == nobody:
				fail(w, http.StatusUnauthorized, "You are not signed in, or your session has ended.")
			case least == member: // what a user may not see does not exist for them [M]
				fail(w, http.StatusNotFound, "There is no such resource, or you may not see it.")
			default:
				fail(w, http.StatusForbidden, "You may not do this.")
			}
		}
	}
	add := func(path string, least role, serve answer) {
		mux.Handle("GET /api/v2/"+path, guard(least, http.HandlerFunc(serve)))
	}
	s.addDeployment(add)
	s.addWorkspace(add)
	if s.New() {
		s.addNew(add)
		profiles := http.NewServeMux()
		shared.Profiles(profiles, "/debug/pprof/", profileNames...)
		mux.Handle("GET /api/v2/debug/pprof/", guard(owner, http.StripPrefix("/api/v2", profiles)))
		mux.Handle("/api/v2/debug/profile", guard(owner, http.HandlerFunc(s.allProfiles))) // its method was not seen: any
	}
	mux.Handle("POST /api/v2/authcheck", guard(stranger, http.HandlerFunc(s.authcheck)))
	mux.Handle("GET /contract/tailnet/{agent}/{what...}", guard(member, http.HandlerFunc(s.tailnet)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { shared.Text(w, http.StatusOK, "text/plain", "OK") })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "There is no such route.") })
	return mux
}

// who tells by the session token whom the caller is.
func (s *Server) who(r *http.Request) role {
	switch r.Header.Get("Coder-Session-Token") {
	case s.planted.Get("tokens.owner"):
		return owner
	case s.planted.Get("tokens.member"):
		return member
	case s.planted.Get("tokens.stranger"):
		return stranger
	}
	return nobody
}

// fail answers with the product's error document.
func fail(w http.ResponseWriter, status int, message string) {
	shared.JSON(w, status, map[string]any{"message": message})
}

func (s *Server) json(name string) map[string]any { return s.planted.Document(document(name)) }

// serve answers with a document that does not depend on the request.
func serve(document any) answer {
	return func(w http.ResponseWriter, _ *http.Request) { shared.JSON(w, http.StatusOK, document) }
}

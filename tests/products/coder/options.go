// Package coder answers as the documented API of the workspace server and of its agent do. What the project's notes on
// the product hold to be from memory only is marked [M] here: tests must not depend on more than the notes state.
package coder

import (
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"log"

	"supportbundle.dev/products/shared"
)

//go:embed planted.json
var plantedJSON []byte

//go:embed documents
var documents embed.FS

// The identifiers that the documents have in common.
const (
	identity      = "5a1d0000-0000-4000-8000-0000000000"
	workspaceID   = identity + "01"
	ownerID       = identity + "02"
	templateID    = identity + "04"
	activeVersion = identity + "05"
	buildID       = identity + "06"
	usedVersion   = identity + "07"
	fileID        = identity + "09"
	agentID       = identity + "10"
)

// Options are the ways in which a server differs from another.
type Options struct {
	Version    string
	Agent      shared.Switch
	Running    shared.Switch
	Licensed   shared.Switch
	API        string
	Prometheus string
	Profiles   string
}

// Read takes the options from the command line; the product's own environment variables are their defaults.
func Read(arguments []string) (Options, error) {
	options := Options{Agent: true, Running: true}
	if shared.EnvSwitch("CODER_PROMETHEUS_ENABLE", false) {
		options.Prometheus = shared.Env("CODER_PROMETHEUS_ADDRESS", "127.0.0.1:2112")
	}
	if shared.EnvSwitch("CODER_PPROF_ENABLE", false) { // that it is off without this is [M]
		options.Profiles = shared.Env("CODER_PPROF_ADDRESS", "127.0.0.1:6060")
	}
	flags := flag.NewFlagSet("coder server", flag.ContinueOnError)
	flags.StringVar(&options.Version, "version", "old", "old (2.10) or new (2.28)")
	flags.Var(&options.Agent, "agent", "off: the agent of the workspace is gone")
	flags.Var(&options.Running, "running", "off: the workspace is stopped and has no agent")
	flags.Var(&options.Licensed, "licensed", "has a licence")
	flags.StringVar(&options.API, "listen", shared.Env("CODER_HTTP_ADDRESS", "0.0.0.0:8080"), "API address")
	if err := flags.Parse(arguments); err != nil {
		return options, err
	}
	if options.Version != "old" && options.Version != "new" {
		return options, fmt.Errorf("-version=%s: there are old and new", options.Version)
	}
	return options, nil
}

// New tells whether this is the newer of the two servers.
func (o Options) New() bool { return o.Version == "new" }

// Number is the version as the server states it.
func (o Options) Number() string {
	if o.New() {
		return "v2.28.4+5f0e1d2"
	}
	return "v2.10.2+1a2b3c4"
}

func document(name string) []byte {
	raw, err := documents.ReadFile("documents/" + name)
	if err != nil {
		log.Fatal(err)
	}
	return raw
}

// option is a setting of the deployment with its value, as documents/options.json states it.
type option struct {
	Path        string `json:"path"`
	Name        string `json:"name"`
	Flag        string `json:"flag"`
	Env         string `json:"env"`
	Value       any    `json:"value"`
	Secret      bool   `json:"secret"`
	SecretSince string `json:"secretSince"`
	Since       string `json:"since"`
}

// options are the settings that a version knows.
func (s *Server) options() []option {
	var all, known []option
	if err := json.Unmarshal(s.planted.Expand(document("options.json")), &all); err != nil {
		log.Fatal(err)
	}
	for _, each := range all {
		each.Secret = each.Secret || each.SecretSince == s.Version
		if each.Since == "" || each.Since == s.Version {
			known = append(known, each)
		}
	}
	return known
}

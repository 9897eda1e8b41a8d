package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"supportbundle.dev/products/shared"
)

// asked is the command line.
type asked struct {
	yes              bool
	output           string
	workspace, agent string
}

func read(arguments []string) (asked, error) {
	given := asked{output: fmt.Sprintf("coder-support-%d.zip", time.Now().Unix())}
	var words []string
	for i := 0; i < len(arguments); i++ {
		name, value, hasValue := strings.Cut(arguments[i], "=")
		switch {
		case name == "--yes" || name == "-y":
			given.yes = true
		case (name == "-O" || name == "--output-file") && hasValue:
			given.output = value
		case (name == "-O" || name == "--output-file") && i+1 < len(arguments):
			i++
			given.output = arguments[i]
		case strings.HasPrefix(name, "-"):
			return given, fmt.Errorf("unknown flag: %s", name)
		default:
			words = append(words, arguments[i])
		}
	}
	if len(words) > 0 {
		given.workspace = words[0]
	}
	if len(words) > 1 {
		given.agent = words[1]
	}
	if !given.yes {
		return given, fmt.Errorf("a bundle may hold private data, which nobody can confirm here; add --yes")
	}
	return given, nil
}

// collection is a bundle in the making.
type collection struct {
	*client
	members []shared.Member
	isNew   bool
}

// json adds a document; null where there is none, so that the set of files is constant.
func (c *collection) json(name string, document any) any {
	c.members = append(c.members, shared.Member{Name: name, Data: append(shared.Indented(document), '\n')})
	return document
}

func (c *collection) raw(name string, data []byte) {
	c.members = append(c.members, shared.Member{Name: name, Data: data})
}

// bundle makes the zip. The older command does not go on without a workspace; today's warns.
func bundle(arguments []string) error {
	given, err := read(arguments)
	if err != nil {
		return err
	}
	client, err := newClient()
	if err != nil {
		return err
	}
	me, err := client.get("/api/v2/users/me")
	if err != nil {
		return err
	}
	client.say("making a bundle of %s", client.url)
	fmt.Fprintf(&client.requests, "user=%s\n", bytes.TrimSpace(me))
	made := &collection{client: client}
	info := made.json("deployment/buildinfo.json", client.document("/api/v2/buildinfo"))
	made.isNew = !strings.HasPrefix(text(object(info), "version"), "v2.10.")
	if given.workspace == "" && !made.isNew {
		return fmt.Errorf("must specify workspace name")
	}
	if given.workspace == "" {
		client.say("warning: no workspace was named, so the bundle has nothing of one")
	}
	made.deployment(info)
	made.workspace(given)
	made.raw("cli_logs.txt", client.said.Bytes())
	made.raw("logs.txt", client.requests.Bytes())
	return os.WriteFile(given.output, shared.Zip(made.members), 0o600)
}

func (c *collection) deployment(info any) {
	c.json("deployment/config.json", c.document("/api/v2/deployment/config"))
	c.json("deployment/experiments.json", c.document("/api/v2/experiments"))
	health := c.json("deployment/health.json", c.document("/api/v2/debug/health"))
	c.raw("network/coordinator_debug.html", c.text("/api/v2/debug/coordinator"))
	tailnet := c.text("/api/v2/debug/tailnet")
	if c.isNew {
		trace := base64.StdEncoding.EncodeToString(shared.Indented(info))
		tailnet = append(tailnet, "\n<!-- trace "+trace+" -->"...)
	}
	c.raw("network/tailnet_debug.html", tailnet)
	report := object(health, "derp")
	if report != nil { // the real command measures by itself; its report has the same shape
		c.json("network/netcheck.json", report)
	} else {
		c.json("network/netcheck.json", nil)
	}
	if !c.isNew {
		return
	}
	c.json("network/connection_info.json", c.document("/api/v2/workspaceagents/connection"))
	c.json("network/interfaces.json", map[string]any{"error": nil, "severity": "ok", "warnings": []string{}, "dismissed": false, "interfaces": []any{}})
	c.json("deployment/stats.json", c.document("/api/v2/deployment/stats"))
	c.json("deployment/entitlements.json", c.document("/api/v2/entitlements"))
	c.json("deployment/health_settings.json", c.document("/api/v2/debug/health/settings"))
	c.json("deployment/workspaces.json", hideEnvironment(c.document("/api/v2/workspaces?offset=0&limit=200")))
	c.raw("deployment/prometheus.txt", c.text("/api/v2/debug/metrics"))
	licences := c.text("/api/v2/licenses")
	if licences == nil {
		licences = []byte("no licence\n")
	}
	c.raw("license-status.txt", licences)
}

func (c *collection) workspace(given asked) {
	var workspace any
	if given.workspace != "" {
		user, name, named := strings.Cut(given.workspace, "/")
		if !named {
			user, name = "me", given.workspace
		}
		workspace = c.document("/api/v2/users/" + user + "/workspace/" + name)
	}
	c.json("workspace/workspace.json", hideEnvironment(workspace))
	build := text(object(workspace, "latest_build"), "id")
	version := c.under("/api/v2/templateversions/", text(object(workspace), "template_active_version_id"), "")
	c.raw("workspace/build_logs.txt", tabbed(c.under("/api/v2/workspacebuilds/", build, "/logs")))
	c.json("workspace/parameters.json", c.under("/api/v2/workspacebuilds/", build, "/parameters"))
	c.json("workspace/template.json", c.under("/api/v2/templates/", text(object(workspace), "template_id"), ""))
	c.json("workspace/template_version.json", version)
	var source []byte
	if file := text(object(version, "job"), "file_id"); file != "" {
		source = c.text("/api/v2/files/" + file + "?format=zip")
	}
	c.raw("workspace/template_file.zip", source)
	c.agent(agentOf(workspace, given.agent))
}

// under asks for something with an identifier; nothing where that is not known.
func (c *collection) under(before, id, after string) any {
	if id == "" {
		return nil
	}
	return c.document(before + id + after)
}

func (c *collection) agent(id string) {
	remote, api := "/contract/tailnet/"+id+"/", "/api/v2/workspaceagents/"
	fetch := func(what string) []byte {
		if id == "" {
			return nil
		}
		return c.text(remote + what)
	}
	remoteJSON := func(name, what string) {
		var found any
		if id != "" {
			found = c.document(remote + what)
		}
		c.json(name, hideEnvironment(found))
	}
	c.json("agent/agent.json", hideEnvironment(c.under(api, id, "")))
	c.raw("agent/startup_logs.txt", tabbed(c.under(api, id, "/logs")))
	c.json("agent/listening_ports.json", c.under(api, id, "/listening-ports"))
	c.raw("agent/logs.txt", fetch("debug/logs"))
	c.raw("agent/agent_magicsock.html", fetch("debug/magicsock"))
	c.raw("agent/client_magicsock.html", fetch("client_magicsock"))
	remoteJSON("agent/manifest.json", "debug/manifest")
	c.raw("agent/prometheus.txt", fetch("prometheus"))
	remoteJSON("agent/peer_diagnostics.json", "peer_diagnostics")
	remoteJSON("agent/ping_result.json", "ping_result")
}

// agentOf is the identifier of the agent of that name, or of the first one.
func agentOf(workspace any, name string) string {
	resources, _ := object(workspace, "latest_build")["resources"].([]any)
	for _, resource := range resources {
		agents, _ := object(resource)["agents"].([]any)
		for _, agent := range agents {
			if found := object(agent); name == "" || text(found, "name") == name {
				return text(found, "id")
			}
		}
	}
	return ""
}

// stamp is when an entry was made.
func stamp(entry map[string]any) string {
	at, err := time.Parse(time.RFC3339, text(entry, "created_at"))
	if err != nil {
		return text(entry, "created_at")
	}
	return at.Format("2006-01-02 15:04:05.000")
}

// tabbed writes log entries as lines: those of a build have a source and a stage, those of an agent have not.
func tabbed(entries any) []byte {
	var lines bytes.Buffer
	writer := tabwriter.NewWriter(&lines, 0, 2, 1, ' ', 0)
	found, _ := entries.([]any)
	for _, each := range found {
		entry := object(each)
		if source := text(entry, "log_source"); source != "" {
			fmt.Fprintf(writer, "%s\t[%s]\t%s\t%s\t%s\n", stamp(entry), text(entry, "log_level"), source, text(entry, "stage"), text(entry, "output"))
			continue
		}
		fmt.Fprintf(writer, "%s\t[%s]\t%s\n", stamp(entry), text(entry, "level"), text(entry, "output"))
	}
	writer.Flush()
	return lines.Bytes()
}

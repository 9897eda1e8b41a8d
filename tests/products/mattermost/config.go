package mattermost

import (
	"embed"
	"encoding/json"
	"log"
	"net/http"
	"regexp"
	"strings"

	"supportbundle.dev/products/shared"
)

//go:embed planted.json
var plantedJSON []byte

//go:embed documents
var documents embed.FS

// fake is what the server puts in place of a secret.
var fake = strings.Repeat("*", 32)

// masked are the keys that the server hides in every version; the list of the reference, and nothing more.
var masked = []string{
	"LdapSettings.BindPassword", "FileSettings.PublicLinkSalt", "FileSettings.AmazonS3SecretAccessKey", "EmailSettings.SMTPPassword",
	"GitLabSettings.Secret", "GoogleSettings.Secret", "Office365Settings.Secret", "OpenIdSettings.Secret", "SqlSettings.DataSource",
	"SqlSettings.AtRestEncryptKey", "ElasticsearchSettings.Password", "MessageExportSettings.GlobalRelaySettings.SMTPPassword",
	"ServiceSettings.GfycatAPISecret", "ServiceSettings.SplitKey",
}

// maskedNow came later. The S3 key identifiers, user names, the options of the image proxy, the key of the translator and
// tokens in the logging targets stay in clear: no list of the server has them.
var maskedNow = []string{
	"CacheSettings.RedisPassword", "FileSettings.ExportAmazonS3SecretAccessKey", "ServiceSettings.GoogleDeveloperKey",
	"ServiceSettings.GiphySdkKey",
}

// alwaysMasked are hidden even where they are empty.
var alwaysMasked = regexp.MustCompile(`PublicLinkSalt|\.DataSource|AtRestEncryptKey|ElasticsearchSettings\.Password|SplitKey|RedisPassword`)

func document(name string) []byte {
	raw, err := documents.ReadFile("documents/" + name)
	if err != nil {
		log.Fatal(err)
	}
	return raw
}

// newConfig is the configuration with all its secrets, as the server holds it in memory.
func newConfig(options Options, planted shared.Planted) map[string]any {
	config := planted.Document(document("config.json"))
	shared.Merge(config, planted.Document(document("config-"+options.Version+".json")))
	set := func(key string, value any) {
		object, last := shared.At(config, key)
		object[last] = value
	}
	set("PluginSettings.Enable", bool(options.Plugins))
	set("LogSettings.EnableFile", bool(options.FileLog))
	set("MetricsSettings.Enable", bool(options.Metrics))
	set("ServiceSettings.EnableLocalMode", bool(options.Local))
	set("ClusterSettings.Enable", options.Nodes > 1)
	if source := shared.Env("MM_CONFIG", ""); source != "" {
		set("SqlSettings.DataSource", source)
	}
	return config
}

// sanitizedConfig is what the API shows.
func (s *Server) sanitizedConfig() map[string]any {
	config := shared.Copy(s.config)
	keys := masked
	if s.New() {
		keys = append(append([]string{}, masked...), maskedNow...)
	}
	for _, key := range keys {
		object, last := shared.At(config, key)
		if value, ok := object[last].(string); ok && (value != "" || alwaysMasked.MatchString(key)) {
			object[last] = fake
		}
	}
	sql := config["SqlSettings"].(map[string]any)
	for _, key := range []string{"DataSourceReplicas", "DataSourceSearchReplicas"} {
		for i := range sql[key].([]any) {
			sql[key].([]any)[i] = fake
		}
	}
	if s.New() {
		for _, lag := range sql["ReplicaLagSettings"].([]any) {
			lag.(map[string]any)["DataSource"] = fake
		}
		s.maskPlugins(config)
	}
	return config
}

// maskPlugins hides what the manifests call secret. Where manifests cannot be listed, all settings of plugins are hidden.
func (s *Server) maskPlugins(config map[string]any) {
	object, last := shared.At(config, "PluginSettings.Plugins")
	for id, settings := range object[last].(map[string]any) {
		for key := range settings.(map[string]any) {
			if !bool(s.Plugins) || s.secretSettings[strings.ToLower(id+"."+key)] {
				settings.(map[string]any)[key] = fake
			}
		}
	}
}

var credentials = regexp.MustCompile(`//[^@/]*@`)

// packetConfig is the configuration in the server's own packet: today's keeps host and database of a data source.
func (s *Server) packetConfig() map[string]any {
	config := s.sanitizedConfig()
	if !s.New() {
		return config
	}
	whole, shown := s.config["SqlSettings"].(map[string]any), config["SqlSettings"].(map[string]any)
	partly := func(source any) string { return credentials.ReplaceAllString(source.(string), "//****:****@") }
	shown["DataSource"] = partly(whole["DataSource"])
	for _, key := range []string{"DataSourceReplicas", "DataSourceSearchReplicas"} {
		for i, source := range whole[key].([]any) {
			shown[key].([]any)[i] = partly(source)
		}
	}
	return config
}

// getConfig answers GET /config. Through the socket newer servers answer with all secrets in clear; that older ones
// did not is [M].
func (s *Server) getConfig(w http.ResponseWriter, r *http.Request, who role) {
	switch {
	case who == local && s.New():
		shared.JSON(w, http.StatusOK, s.config)
	case who == limited:
		// Which sections a reader of some pages of the console sees is [M]; that there are fewer is not.
		config := s.sanitizedConfig()
		shared.JSON(w, http.StatusOK, map[string]any{"TeamSettings": config["TeamSettings"], "SupportSettings": config["SupportSettings"]})
	default:
		config := s.sanitizedConfig()
		if r.URL.Query().Get("remove_masked") == "true" && s.New() {
			removeMasked(config)
		}
		shared.JSON(w, http.StatusOK, config)
	}
}

func removeMasked(config map[string]any) {
	for key, value := range config {
		if inner, ok := value.(map[string]any); ok {
			removeMasked(inner)
		} else if value == fake {
			delete(config, key)
		}
	}
}

type plugin struct {
	Active   bool           `json:"active"`
	Manifest map[string]any `json:"manifest"`
}

func readPlugins(planted shared.Planted) (plugins []plugin, secret map[string]bool) {
	if err := json.Unmarshal(planted.Expand(document("plugins.json")), &plugins); err != nil {
		log.Fatal(err)
	}
	secret = map[string]bool{}
	for _, each := range plugins {
		schema := each.Manifest["settings_schema"].(map[string]any)
		groups := []any{schema}
		if sections, ok := schema["sections"].([]any); ok {
			groups = append(groups, sections...)
		}
		for _, group := range groups {
			for _, setting := range group.(map[string]any)["settings"].([]any) {
				if fields := setting.(map[string]any); fields["secret"] == true {
					secret[strings.ToLower(each.Manifest["id"].(string)+"."+fields["key"].(string))] = true
				}
			}
		}
	}
	return plugins, secret
}

// pluginLists groups the manifests under two keys; which keys depends on who is told.
func (s *Server) pluginLists(on, off string) map[string]any {
	lists := map[string]any{on: []any{}, off: []any{}}
	for _, each := range s.plugins {
		key := off
		if each.Active {
			key = on
		}
		lists[key] = append(lists[key].([]any), each.Manifest)
	}
	return lists
}

// getPlugins answers GET /plugins. The words for disabled plugins are [M].
func (s *Server) getPlugins(w http.ResponseWriter, _ *http.Request, _ role) {
	if !s.Plugins {
		fail(w, http.StatusNotImplemented, "app.plugin.disabled.app_error", "Plugins are switched off here.")
		return
	}
	shared.JSON(w, http.StatusOK, s.pluginLists("active", "inactive"))
}

// Package mattermost answers as the documented API of the chat server does. What the project's notes on the product hold
// to be from memory only is marked [M] here: tests must not depend on more than the notes state.
package mattermost

import (
	"flag"
	"fmt"

	"supportbundle.dev/products/shared"
)

// Options are the ways in which a server differs from another.
type Options struct {
	Version       string
	Licensed      shared.Switch
	Plugins       shared.Switch
	FileLog       shared.Switch
	Metrics       shared.Switch
	Local         shared.Switch
	LogsDownload  shared.Switch
	Filestore     shared.Switch
	Intensive     shared.Switch
	Nodes         int
	PacketSeconds int
	LogLines      int
	Root          string
	API           string
	Profiles      string
}

// Read takes the options from the command line; the product's own environment variables are their defaults.
func Read(arguments []string) (Options, error) {
	options := Options{
		Plugins:      shared.EnvSwitch("MM_PLUGINSETTINGS_ENABLE", true),
		FileLog:      shared.EnvSwitch("MM_LOGSETTINGS_ENABLEFILE", true),
		Metrics:      shared.EnvSwitch("MM_METRICSSETTINGS_ENABLE", false),
		Local:        shared.EnvSwitch("MM_SERVICESETTINGS_ENABLELOCALMODE", false),
		LogsDownload: true,
		Filestore:    true,
		Intensive:    true,
	}
	flags := flag.NewFlagSet("mattermost", flag.ContinueOnError)
	flags.StringVar(&options.Version, "version", "v9", "v9 (9.5) or v11 (11.2)")
	flags.Var(&options.Licensed, "licensed", "has a licence, so the server makes its own packet")
	flags.Var(&options.Plugins, "plugins", "off: plugins are disabled")
	flags.Var(&options.FileLog, "filelog", "off: no log file, console only")
	flags.Var(&options.Metrics, "metrics", "serve profiles on the metrics port")
	flags.Var(&options.Local, "local", "local mode: a socket without authentication")
	flags.Var(&options.LogsDownload, "logs-download", "off: a server older than the download of the whole log")
	flags.Var(&options.Filestore, "filestore", "off: the file store fails its check")
	flags.Var(&options.Intensive, "intensive", "off: too many users, so the costly statistics are left out")
	flags.IntVar(&options.Nodes, "nodes", 1, "nodes of the cluster; one is no cluster")
	flags.IntVar(&options.PacketSeconds, "packet-seconds", 5, "length of the CPU profile in the server's own packet")
	flags.IntVar(&options.LogLines, "log-lines", 2000, "lines of the log at the start")
	flags.StringVar(&options.Root, "root", "", "folder to use as the root of the file system")
	flags.StringVar(&options.API, "listen", shared.Env("MM_SERVICESETTINGS_LISTENADDRESS", ":8065"), "API address")
	flags.StringVar(&options.Profiles, "metrics-listen", shared.Env("MM_METRICSSETTINGS_LISTENADDRESS", ":8067"), "metrics address")
	if err := flags.Parse(arguments); err != nil {
		return options, err
	}
	if options.Version != "v9" && options.Version != "v11" {
		return options, fmt.Errorf("-version=%s: there are v9 and v11", options.Version)
	}
	return options, nil
}

// New tells whether this is the newer of the two servers.
func (o Options) New() bool { return o.Version == "v11" }

// Number is the version as the server states it.
func (o Options) Number() string {
	if o.New() {
		return "11.2.1"
	}
	return "9.5.2"
}

// Socket is where local mode listens.
func (o Options) Socket() string { return o.Root + "/var/tmp/mattermost_local.socket" }

// LogFile is where the log goes unless it goes to the console only.
func (o Options) LogFile() string { return o.Root + "/mattermost/logs/mattermost.log" }

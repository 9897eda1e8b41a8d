// The part of mmctl that is of use to a support bundle, through the server's local socket only.
// mmctl [--local] [--json] [--quiet] logs|plugin list|config show|system status|system version|system supportpacket
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// settings are the flags, which stand anywhere among the words of the command.
type settings struct {
	local, json, quiet bool
	lines, output      string
	words              []string
}

func main() {
	given, err := read(os.Args[1:])
	if err == nil {
		err = run(given)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func read(arguments []string) (settings, error) {
	given := settings{lines: "200"}
	for i := 0; i < len(arguments); i++ {
		name, value, hasValue := strings.Cut(arguments[i], "=")
		text := func(target *string) {
			if !hasValue && i+1 < len(arguments) {
				i++
				value = arguments[i]
			}
			*target = value
		}
		switch name {
		case "--local":
			given.local = true
		case "--json":
			given.json = true
		case "--quiet":
			given.quiet = true
		case "-n", "--number":
			text(&given.lines)
		case "-o", "--output-file":
			text(&given.output)
		default:
			if strings.HasPrefix(name, "-") {
				return given, fmt.Errorf("unknown flag: %s", name)
			}
			given.words = append(given.words, arguments[i])
		}
	}
	if !given.local {
		return given, fmt.Errorf("this stand-in knows local mode only; add --local")
	}
	return given, nil
}

func run(given settings) error {
	switch command := strings.Join(given.words, " "); command {
	case "logs":
		return logs(given)
	case "plugin list":
		return show("plugins")
	case "config show":
		return show("config")
	case "system status":
		return show("system/ping?get_server_status=true")
	case "system version":
		return show("config/client?format=old")
	case "system supportpacket":
		return supportPacket(given)
	default:
		return fmt.Errorf("unknown command %q for mmctl", command)
	}
}

// get asks the server through its socket.
func get(path string) ([]byte, error) {
	socket := os.Getenv("MMCTL_LOCAL_SOCKET_PATH")
	if socket == "" {
		socket = "/var/tmp/mattermost_local.socket"
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 5 * time.Minute}
	answer, err := client.Get("http://_/api/v4/" + path)
	if err != nil {
		return nil, fmt.Errorf("socket file %q cannot be reached, is local mode enabled? %w", socket, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		var failure struct {
			Message string `json:"message"`
		}
		err = json.Unmarshal(body, &failure)
		if err == nil {
			err = fmt.Errorf("%s", failure.Message)
		}
	}
	return body, err
}

// show prints an answer, indented.
func show(path string) error {
	body, err := get(path)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(body), "", "  "); err != nil {
		return err
	}
	fmt.Println(indented.String())
	return nil
}

func logs(given settings) error {
	body, err := get("logs?page=0&logs_per_page=" + given.lines)
	if err != nil {
		return err
	}
	var lines []string
	if err := json.Unmarshal(body, &lines); err != nil {
		return err
	}
	fmt.Println(strings.Join(lines, "\n"))
	return nil
}

// supportPacket writes the packet into a file, which may be a device, and says so unless it shall be quiet.
func supportPacket(given settings) error {
	name := given.output
	if name == "" {
		name = fmt.Sprintf("mattermost_support_packet_%d.zip", time.Now().Unix())
	}
	say := func(text string) {
		if !given.quiet {
			fmt.Println(text)
		}
	}
	say("Downloading the support packet")
	body, err := get("system/support_packet")
	if err != nil {
		return fmt.Errorf("unable to fetch the support packet: %w", err)
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := file.Write(body); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	say("Downloaded the support packet as " + name)
	return nil
}

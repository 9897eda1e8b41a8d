package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// client asks the server and remembers what it did, as two files of the bundle tell it.
type client struct {
	url, token string
	http       http.Client
	requests   bytes.Buffer
	said       bytes.Buffer
}

// newClient takes address and token from the environment; their names are [M].
func newClient() (*client, error) {
	made := &client{
		url: strings.TrimRight(os.Getenv("CODER_URL"), "/"), token: os.Getenv("CODER_SESSION_TOKEN"),
		http: http.Client{Timeout: time.Minute},
	}
	if made.url == "" || made.token == "" {
		return nil, fmt.Errorf("you are not logged in: set CODER_URL and CODER_SESSION_TOKEN")
	}
	return made, nil
}

// say is a line of the command's own log.
func (c *client) say(format string, values ...any) {
	line := fmt.Sprintf(format, values...)
	fmt.Fprintln(os.Stderr, line)
	fmt.Fprintf(&c.said, "%s %s\n", time.Now().UTC().Format(time.RFC3339), line)
}

// get is one request; an answer from 400 on is an error with the server's words.
func (c *client) get(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, c.url+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Coder-Session-Token", c.token)
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&c.requests, "%s [debu] sdk request method=GET url=%s%s status=%d bytes=%d\n",
		time.Now().UTC().Format(time.RFC3339), c.url, path, answer.StatusCode, len(body))
	if answer.StatusCode >= http.StatusBadRequest {
		var failure struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(body, &failure) != nil {
			failure.Message = string(body)
		}
		return nil, fmt.Errorf("GET %s: unexpected status code %d: %s", path, answer.StatusCode, failure.Message)
	}
	return body, nil
}

// document is get for JSON; nil, and a line in the log, where there is none.
func (c *client) document(path string) any {
	var found any
	body, err := c.get(path)
	if err == nil {
		err = json.Unmarshal(body, &found)
	}
	if err != nil {
		c.say("warning: %v", err)
		return nil
	}
	return found
}

// text is get for everything else; empty where there is none.
func (c *client) text(path string) []byte {
	body, err := c.get(path)
	if err != nil {
		c.say("warning: %v", err)
	}
	return body
}

// object takes a field that is an object, through any number of keys; nil where there is none.
func object(document any, keys ...string) map[string]any {
	found, _ := document.(map[string]any)
	for _, key := range keys {
		found, _ = found[key].(map[string]any)
	}
	return found
}

// text takes a field that is a string.
func text(document map[string]any, key string) string {
	found, _ := document[key].(string)
	return found
}

// hideEnvironment replaces the values of environment variables wherever a document has some; their names stay.
func hideEnvironment(document any) any {
	switch document := document.(type) {
	case map[string]any:
		for key, value := range document {
			variables, ok := value.(map[string]any)
			if key != "environment_variables" || !ok {
				hideEnvironment(value)
				continue
			}
			for name, content := range variables {
				if content != "" {
					variables[name] = "***REDACTED***"
				}
			}
		}
	case []any:
		for _, item := range document {
			hideEnvironment(item)
		}
	}
	return document
}

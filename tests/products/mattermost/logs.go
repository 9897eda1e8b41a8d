package mattermost

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"supportbundle.dev/products/shared"
)

// secretEvery is how many lines apart the planted secrets are.
const secretEvery = 40

// stamp is how the server writes a time.
const stamp = "2006-01-02 15:04:05.000 Z07:00"

// chatter are the harmless lines and leaks those with a secret, as message and further fields.
var chatter = [][2]string{
	{"Received HTTP request", `"method":"GET","url":"/api/v4/users/me/teams","status_code":"200"`},
	{"Received HTTP request", `"method":"POST","url":"/api/v4/posts","status_code":"201"`},
	{"Cluster state is unchanged", `"node":"self"`},
	{"Worker is waiting for jobs", `"worker":"DataRetention"`},
	{"Websocket was closed by the client", `"error":"close 1001"`},
	{"Push notification was queued", `"ack_id":"none","type":"message"`},
}

var leaks = [][2]string{
	{"Session was extended", `"token":"${log.sessionToken}","user_id":"planted-user"`},
	{"Failed to ping the database: dial postgres://chat:${log.dsnPassword}@${kept.databaseHost}:5432/${kept.database}: timeout", `"attempt":2`},
	{"Webhook was refused", `"request_headers":{"Authorization":["Bearer ${log.bearer}"],"Accept":["*/*"]}`},
	{"SMTP AUTH failed password=${log.smtpPassword} server=smtp.planted.example", `"to":"ann@planted.example"`},
	{"Upload to S3 failed with key ${log.awsKeyId}", `"bucket":"chat-files"`},
	{"SSO answer could not be read", `"id_token":"${log.jwt}"`},
	{"Plugin setting was changed", `"plugin_id":"jira","webhook_secret":"${log.webhookSecret}"`},
	{"LDAP bind failed", `"bind_password":"${log.ldapPassword}","server":"ldap.planted.example"`},
}

type logFile struct {
	mutex   sync.Mutex
	planted shared.Planted
	file    *os.File
	path    string
	number  int
}

// openLog writes the lines of the past; the console gets them too.
func openLog(options Options, planted shared.Planted) *logFile {
	made := &logFile{planted: planted}
	if options.FileLog {
		made.path = options.LogFile()
		if err := os.MkdirAll(filepath.Dir(made.path), 0o777); err != nil {
			log.Fatal(err)
		}
		file, err := os.Create(made.path)
		if err != nil {
			log.Fatal(err)
		}
		made.file = file
	}
	begin := time.Now().Add(-time.Duration(options.LogLines) * time.Second)
	var lines bytes.Buffer
	for i := range options.LogLines {
		lines.WriteString(made.line(begin.Add(time.Duration(i) * time.Second)))
	}
	made.write(lines.Bytes())
	return made
}

func (l *logFile) run() {
	for {
		time.Sleep(2 * time.Second)
		l.write([]byte(l.line(time.Now())))
	}
}

func (l *logFile) write(lines []byte) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	os.Stdout.Write(lines)
	if l.file == nil {
		return
	}
	if _, err := l.file.Write(lines); err != nil {
		log.Fatal(err)
	}
}

func (l *logFile) line(when time.Time) string {
	l.number++
	said, level := chatter[l.number%len(chatter)], "debug"
	if l.number%secretEvery == 0 {
		said, level = leaks[l.number/secretEvery%len(leaks)], "error"
	}
	message, err := json.Marshal(l.planted.Text(said[0]))
	if err != nil {
		log.Fatal(err)
	}
	return fmt.Sprintf("{\"timestamp\":%q,\"level\":%q,\"msg\":%s,\"caller\":\"app/planted.go:%d\",%s}\n",
		when.UTC().Format(stamp), level, message, 100+l.number%400, l.planted.Text(said[1]))
}

// whole is the log file; an error where there is none.
func (l *logFile) whole() ([]byte, error) {
	if l.file == nil {
		return nil, fmt.Errorf("there is no log file because LogSettings.EnableFile is false")
	}
	return os.ReadFile(l.path)
}

// downloadLogs answers GET /logs/download. The identifier of the error is [M].
func (s *Server) downloadLogs(w http.ResponseWriter, _ *http.Request, _ role) {
	data, err := s.log.whole()
	if err != nil {
		fail(w, http.StatusInternalServerError, "api.system.logs.download_bytes_buffer.app_error", err.Error())
		return
	}
	shared.Attachment(w, "text/plain", "mattermost.log", data)
}

// oldLogs answers GET /logs: an array of lines, the last page first. One empty line where there is no file is [M].
func (s *Server) oldLogs(w http.ResponseWriter, r *http.Request, _ role) {
	data, err := s.log.whole()
	if err != nil {
		shared.JSON(w, http.StatusOK, []string{""})
		return
	}
	var lines []string
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		lines = append(lines, strings.TrimSpace(scanner.Text()))
	}
	page, size := number(r, "page", 0), min(number(r, "logs_per_page", 10000), 10000)
	end := max(len(lines)-page*size, 0)
	shared.JSON(w, http.StatusOK, lines[max(end-size, 0):end])
}

// number reads a query parameter.
func number(r *http.Request, name string, otherwise int) int {
	value, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || value < 0 {
		return otherwise
	}
	return value
}

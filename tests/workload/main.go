// The sample workload: a web server that logs secrets, has pprof on loopback only, and can crash or fill its log.
// It stands in for somebody's application in the demo, the end-to-end tests and the benchmarks.
package main

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

//go:embed planted.json
var plantedJSON []byte

type planted struct {
	Fixed map[string]string `json:"fixed"`
}

var (
	retained [][]byte     // gives heap profiles something to show
	watched  atomic.Int32 // requests for profiles under way
)

func main() {
	crash := flag.String("crash", "", "crash if this file is missing; if it is there, serve as usual")
	once := flag.Bool("once", false, "log one line and exit with code 0, as an init container does")
	hostile := flag.Bool("hostile", false, "serve what a collector must survive, on 8080 and with TLS on 8443")
	endless := flag.Bool("endless-log", false, "print log lines for ever, as fast as the log takes them")
	line := flag.Int("long-line", 0, "print one line of so many bytes, then serve quietly")
	size := flag.Int("print-bytes", 0, "print so many bytes of log lines at once, then serve quietly")
	flag.Parse()
	log.SetFlags(log.LstdFlags | log.LUTC)

	var secrets planted
	if err := json.Unmarshal(plantedJSON, &secrets); err != nil {
		log.Fatal(err)
	}
	switch {
	case *once:
		log.Print("init: schema is up to date")
		return
	case *crash != "":
		crashOnce(*crash, secrets.Fixed["crash"])
	case *hostile:
		serveHostile(secrets.Fixed)
	case *endless:
		printEndlessly()
	case *line > 0:
		printLongLine(*line, secrets.Fixed["keyValue"])
	case *size > 0:
		printLog(*size, secrets.Fixed)
	default:
		go work()
		go chat(secrets.Fixed)
	}
	serve()
}

// crashOnce leaves a log of a crash that can be looked up from then on. In a crash loop it could be at times only: a kubelet
// keeps the log of one dead container, and while the pod waits for its restart that one counts as the current log.
func crashOnce(marker, secret string) {
	if _, err := os.Stat(marker); err == nil {
		log.Print("recovered")
		return
	} else if err := os.WriteFile(marker, nil, 0o600); err != nil {
		log.Fatal(err)
	}
	log.Fatalf("crashing: could not connect with password=%s", secret)
}

// serve answers health checks on all addresses and pprof on loopback; a second pprof port is opened on request.
func serve() {
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:6060", http.HandlerFunc(profiles))) }()
	if address := os.Getenv("PPROF_ADDRESS"); address != "" {
		go func() { log.Fatal(http.ListenAndServe(address, http.HandlerFunc(profiles))) }()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	log.Fatal(http.ListenAndServe(":8080", mux))
}

// profiles serves pprof, and has something to be seen there while it lasts.
func profiles(w http.ResponseWriter, r *http.Request) {
	watched.Add(1)
	defer watched.Add(-1)
	http.DefaultServeMux.ServeHTTP(w, r)
}

// work keeps some memory, and burns a little CPU while somebody takes a profile.
func work() {
	for i := 0; ; i++ {
		for i > 200 && watched.Load() == 0 {
			time.Sleep(50 * time.Millisecond)
		}
		hash := fnv.New64a()
		for range 30_000 {
			hash.Write([]byte("some work to be seen in a CPU profile"))
		}
		if i < 200 {
			retained = append(retained, make([]byte, 16<<10))
		}
		if i == 200 {
			runtime.GC() // a heap profile shows the heap as the last collection found it
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// chat logs as applications do: mostly harmless lines, some with a secret in every shape that a sanitizer must know.
func chat(fixed map[string]string) {
	for i := 0; ; i++ {
		log.Printf("request id=%d path=/api/v4/items status=200 duration=%dms", i, i%97)
		if i%50 == 0 {
			leak(fixed)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func leak(fixed map[string]string) {
	log.Printf("connecting with DB_PASSWORD=%s and token %s", os.Getenv("DB_PASSWORD"), os.Getenv("API_TOKEN"))
	log.Printf("aws: using %s", fixed["awsKeyId"])
	log.Printf("AWS_SECRET_ACCESS_KEY=%s", fixed["awsSecret"])
	log.Printf("session %s refreshed", fixed["jwt"])
	log.Printf("dsn=postgres://app:%s@db.internal:5432/app?sslmode=disable", fixed["dsnPassword"])
	log.Printf("> Authorization: Bearer %s", fixed["bearer"])
	log.Printf("retry with password=%s attempt=2", fixed["keyValue"])
	fmt.Printf("{\"level\":\"info\",\"msg\":\"login\",\"password\":%q,\"user\":\"ann\"}\n", fixed["json"])
	fmt.Printf("-----BEGIN RSA PRIVATE KEY-----\n%s\n%s\n-----END RSA PRIVATE KEY-----\n", fixed["pemLine"], fixed["pemLine"])
}

package shared

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"log"
	"net/http"
	"net/http/pprof"
	"runtime"
	rpprof "runtime/pprof"
	"time"
)

// Profiles registers the named profiles of the Go runtime below prefix, and no others, the way a router with exact
// paths does: another name is 404 even though the runtime would have it.
func Profiles(mux *http.ServeMux, prefix string, names ...string) {
	handlers := map[string]http.Handler{
		"":        http.HandlerFunc(pprof.Index),
		"cmdline": http.HandlerFunc(pprof.Cmdline),
		"profile": http.HandlerFunc(pprof.Profile),
		"symbol":  http.HandlerFunc(pprof.Symbol),
		"trace":   http.HandlerFunc(pprof.Trace),
	}
	for _, name := range names {
		handler, special := handlers[name]
		if !special {
			handler = pprof.Handler(name)
		}
		path := prefix + name
		if name == "" {
			path += "{$}"
		}
		mux.Handle(path, handler)
	}
}

// CPUProfile records a profile for a while. It fails when another one runs: a process has only one at a time.
func CPUProfile(length time.Duration) ([]byte, error) {
	var profile bytes.Buffer
	if err := rpprof.StartCPUProfile(&profile); err != nil {
		return nil, fmt.Errorf("CPU profile: %w", err)
	}
	time.Sleep(length)
	rpprof.StopCPUProfile()
	return profile.Bytes(), nil
}

// Profile is a named profile of this moment.
func Profile(name string, debug int) ([]byte, error) {
	var profile bytes.Buffer
	if err := rpprof.Lookup(name).WriteTo(&profile, debug); err != nil {
		return nil, fmt.Errorf("%s profile: %w", name, err)
	}
	return profile.Bytes(), nil
}

const burst = 30

// Chat logs for ever, a line a second after those of the start.
func Chat(line func(i int) string) {
	for i := 0; ; i++ {
		log.Print(line(i))
		if i >= burst {
			time.Sleep(time.Second)
		}
	}
}

var retained [][]byte

// Work burns a little CPU and keeps some memory for ever, so that profiles have content.
func Work() {
	for i := 0; ; i++ {
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
		time.Sleep(150 * time.Millisecond)
	}
}

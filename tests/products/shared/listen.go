package shared

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// Switch is a flag that reads on and off as well as true and false.
type Switch bool

// Set reads the flag's value.
func (s *Switch) Set(text string) error {
	switch text {
	case "on":
		*s = true
		return nil
	case "off":
		*s = false
		return nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q is neither on nor off", text)
	}
	*s = Switch(value)
	return nil
}

func (s *Switch) String() string { return strconv.FormatBool(bool(*s)) }

// IsBoolFlag makes the flag alone mean on.
func (s *Switch) IsBoolFlag() bool { return true }

// Env is an environment variable, or what is used where it is not set. Set to nothing it is nothing.
func Env(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return otherwise
}

// EnvSwitch is Env for a switch.
func EnvSwitch(name string, otherwise bool) Switch {
	value := Switch(otherwise)
	if text, ok := os.LookupEnv(name); ok {
		if err := value.Set(text); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
	return value
}

// Serve answers on an address until the program ends. An empty address is a port that is switched off.
func Serve(what, address string, handler http.Handler, writeTimeout time.Duration) {
	if address == "" {
		log.Printf("%s: off", what)
		return
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
	log.Printf("%s: listening on %s", what, listener.Addr())
	server := &http.Server{Handler: handler, WriteTimeout: writeTimeout, ReadHeaderTimeout: 30 * time.Second}
	go func() { log.Fatal(server.Serve(listener)) }()
}

// Wait says that all ports are open, and returns when the program is asked to end.
func Wait() {
	log.Print("ready")
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	<-asked
}

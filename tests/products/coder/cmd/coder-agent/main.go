// The contract server of an agent in a workspace's pod. All its ports are on loopback, as in the product.
package main

import (
	"flag"
	"log"
	"net/http"

	"supportbundle.dev/products/coder"
	"supportbundle.dev/products/shared"
)

func main() {
	log.SetFlags(0)
	var gone shared.Switch
	flag.Var(&gone, "gone", "the pod is there and its agent is not: no port is open")
	flag.Parse()
	if gone {
		log.Print("the agent has ended")
		shared.Wait()
		return
	}
	agent := coder.NewAgent(shared.Env("CODER_AGENT_LOG_DIR", "/tmp")) // name and default are [M]
	go shared.Work()
	go agent.Chat()
	shared.Serve("debug", shared.Env("CODER_AGENT_DEBUG_ADDRESS", "127.0.0.1:2113"), agent.Debug(), 0)
	shared.Serve("prometheus", shared.Env("CODER_AGENT_PROMETHEUS_ADDRESS", "127.0.0.1:2112"), http.HandlerFunc(agent.Prometheus), 0)
	shared.Serve("pprof", shared.Env("CODER_AGENT_PPROF_ADDRESS", "127.0.0.1:6060"), agent.Profiles(), 0) // the variable is [M]
	shared.Wait()
}

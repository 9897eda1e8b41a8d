// The contract server of Coder, and the part of its command that makes a support bundle: both are one program, as in the
// product. coder server [FLAGS] | coder support bundle --yes [-O FILE] [WORKSPACE [AGENT]]
package main

import (
	"fmt"
	"log"
	"os"

	"supportbundle.dev/products/coder"
)

func main() {
	log.SetFlags(0)
	arguments := os.Args[1:]
	switch {
	case len(arguments) > 0 && arguments[0] == "server":
		options, err := coder.Read(arguments[1:])
		if err != nil {
			log.Fatal(err)
		}
		coder.Run(options)
	case len(arguments) > 1 && arguments[0] == "support" && arguments[1] == "bundle":
		if err := bundle(arguments[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
	default:
		log.Fatal("usage: coder server | coder support bundle --yes [-O FILE] [WORKSPACE [AGENT]]")
	}
}

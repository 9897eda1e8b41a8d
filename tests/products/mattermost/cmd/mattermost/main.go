// The contract server of Mattermost. It stands in for the product in tests of the preset and knows nothing of chatting.
package main

import (
	"log"
	"os"

	"supportbundle.dev/products/mattermost"
)

func main() {
	log.SetFlags(0)
	options, err := mattermost.Read(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	mattermost.Run(options)
}

package main

import (
	_ "embed"
	"fmt"
	"strings"

	"supportbundle.dev/products/shared"
)

// export is what `argocd admin export` writes: all that a restore needs, so all secrets too.
//
//go:embed export.txt
var export []byte

// command is the part of the argocd command that a bundle may run in a pod.
func command(planted shared.Planted, arguments []string) error {
	var words []string
	for i := 0; i < len(arguments); i++ {
		switch {
		case arguments[i] == "-n" || arguments[i] == "--namespace":
			i++ // its value has no use here
		case !strings.HasPrefix(arguments[i], "-"):
			words = append(words, arguments[i])
		}
	}
	switch said := strings.Join(words, " "); said {
	case "version":
		fmt.Println("argocd: v2.13.1+planted")
	case "admin export":
		fmt.Print(string(planted.Expand(export)))
	case "admin settings validate":
		fmt.Println("general:\ngeneral settings are valid\nrepositories:\n1 repository is configured")
	case "admin cluster stats":
		fmt.Println("SERVER                          SHARD  CONNECTION  NAMESPACES COUNT  APPS COUNT  RESOURCES COUNT")
		fmt.Println("https://kubernetes.default.svc  0      Successful  12                1           87")
	default:
		return fmt.Errorf("unknown command %q", said)
	}
	return nil
}

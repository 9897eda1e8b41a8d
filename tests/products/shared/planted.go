// Package shared holds what all contract servers need: planted secrets, answers, profiles, listening.
package shared

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"regexp"
	"strings"
)

// Planted are the secrets of one product, by "section.name", from the planted.json beside its program. The tests read the
// same file: under "secrets" stands what must never reach a bundle, under "kept" what a good sanitizer leaves in place.
type Planted map[string]string

var placeholder = regexp.MustCompile(`\$\{([a-zA-Z]+\.[a-zA-Z0-9]+)\}`)

// Load reads a planted.json. It is part of the program, so whatever is wrong with it is found at the first start.
func Load(raw []byte) Planted {
	var file map[string]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &file); err != nil {
		log.Fatalf("planted.json: %v", err)
	}
	found := Planted{}
	for name, value := range file["kept"] {
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			log.Fatalf("planted.json: kept.%s: %v", name, err)
		}
		found["kept."+name] = text
	}
	for section, values := range file["secrets"] {
		var texts map[string]string
		if err := json.Unmarshal(values, &texts); err != nil {
			log.Fatalf("planted.json: secrets.%s: %v", section, err)
		}
		for name, text := range texts {
			found[section+"."+name] = text
		}
	}
	return found
}

// Get returns one secret and ends the program if there is none of that name.
func (p Planted) Get(name string) string {
	value, ok := p[name]
	if !ok {
		log.Fatalf("planted.json has no %s", name)
	}
	return value
}

// Expand replaces each ${section.name} of a JSON document, or of any text whose secrets need no escaping in JSON.
func (p Planted) Expand(text []byte) []byte {
	return placeholder.ReplaceAllFunc(text, func(found []byte) []byte {
		value := p.Get(string(found[2 : len(found)-1]))
		var quoted bytes.Buffer
		encoder := json.NewEncoder(&quoted)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			log.Fatal(err)
		}
		return bytes.Trim(quoted.Bytes(), "\"\n")
	})
}

// Text is Expand for a string.
func (p Planted) Text(text string) string { return string(p.Expand([]byte(text))) }

// Document expands a JSON document and parses it.
func (p Planted) Document(raw []byte) map[string]any {
	var document map[string]any
	if err := json.Unmarshal(p.Expand(raw), &document); err != nil {
		log.Fatalf("document: %v", err)
	}
	return document
}

// At returns the object that holds a dotted key and the key's last part; nil where the document has no such object.
func At(document map[string]any, dotted string) (map[string]any, string) {
	parts := strings.Split(dotted, ".")
	for _, part := range parts[:len(parts)-1] {
		inner, ok := document[part].(map[string]any)
		if !ok {
			return nil, ""
		}
		document = inner
	}
	return document, parts[len(parts)-1]
}

// Merge lays one document over another, object by object; null removes.
func Merge(base, over map[string]any) {
	for key, value := range over {
		inner, isObject := value.(map[string]any)
		below, wasObject := base[key].(map[string]any)
		switch {
		case value == nil:
			delete(base, key)
		case isObject && wasObject:
			Merge(below, inner)
		default:
			base[key] = value
		}
	}
}

// Copy is a deep copy of a document.
func Copy(document map[string]any) map[string]any {
	raw, err := json.Marshal(document)
	if err != nil {
		log.Fatal(err)
	}
	var fresh map[string]any
	if err := json.Unmarshal(raw, &fresh); err != nil {
		log.Fatal(err)
	}
	return fresh
}

// Identity is a stable identifier of 26 characters, as some products use, made from a name.
func Identity(name string) string {
	const letters = "ybndrfg8ejkmcpqxot1uwisza345h769"
	state, made := uint64(14695981039346656037), make([]byte, 26)
	for i := range made {
		for _, letter := range []byte(fmt.Sprint(name, i)) {
			state = (state ^ uint64(letter)) * 1099511628211
		}
		made[i] = letters[state>>59]
	}
	return string(made)
}

package mattermost

import (
	"encoding/json"
	"log"
	"sort"
	"strings"
)

// field is one key of a YAML mapping whose order matters to readers.
type field struct {
	key   string
	value any
}

type fields []field

// yaml writes a document in block style, as the product's files are.
func yaml(document fields) []byte {
	var text strings.Builder
	writeFields(&text, document, "")
	return []byte(text.String())
}

func writeFields(text *strings.Builder, document fields, indent string) {
	for _, each := range document {
		text.WriteString(indent + each.key + ":")
		writeValue(text, each.value, indent)
	}
}

// writeValue goes on behind a colon. A scalar of JSON is one of YAML too.
func writeValue(text *strings.Builder, value any, indent string) {
	switch value := value.(type) {
	case fields:
		text.WriteString("\n")
		writeFields(text, value, indent+"    ")
	case map[string]any:
		if len(value) == 0 {
			text.WriteString(" {}\n")
			return
		}
		writeValue(text, ordered(value), indent)
	case []map[string]any:
		text.WriteString("\n")
		for _, item := range value {
			var inner strings.Builder
			writeFields(&inner, ordered(item), indent+"      ")
			text.WriteString(indent + "    - " + strings.TrimLeft(inner.String(), " "))
		}
	case []string:
		text.WriteString("\n")
		for _, item := range value {
			text.WriteString(indent + "    - " + scalar(item) + "\n")
		}
	default:
		text.WriteString(" " + scalar(value) + "\n")
	}
}

func ordered(value map[string]any) fields {
	made := fields{}
	for key, inner := range value {
		made = append(made, field{key, inner})
	}
	sort.Slice(made, func(i, j int) bool { return made[i].key < made[j].key })
	return made
}

func scalar(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	return string(raw)
}

package shared

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"time"
)

// JSON answers with a document.
func JSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(document); err != nil {
		log.Printf("answer: %v", err) // the client went away
	}
}

// Text answers with text of the given type.
func Text(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if _, err := io.WriteString(w, text); err != nil {
		log.Printf("answer: %v", err)
	}
}

// Indented is a document as files hold it.
func Indented(document any) []byte {
	raw, err := json.MarshalIndent(document, "", "    ")
	if err != nil {
		log.Fatal(err)
	}
	return raw
}

// Member is one file of an archive.
type Member struct {
	Name string
	Data []byte
}

// Zip packs members in their order.
func Zip(members []Member) []byte {
	var packed bytes.Buffer
	writer := zip.NewWriter(&packed)
	for _, member := range members {
		file, err := writer.CreateHeader(&zip.FileHeader{Name: member.Name, Method: zip.Deflate, Modified: time.Now()})
		if err == nil {
			_, err = file.Write(member.Data)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		log.Fatal(err)
	}
	return packed.Bytes()
}

// Attachment answers with a file to be saved.
func Attachment(w http.ResponseWriter, kind, name string, data []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if _, err := w.Write(data); err != nil {
		log.Printf("answer: %v", err)
	}
}

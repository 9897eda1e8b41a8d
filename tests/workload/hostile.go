package main

import (
	"bytes"
	"compress/flate"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"math/big"
	"net/http"
	"strconv"
	"time"
)

const (
	bombSize   = 10 << 30
	binarySize = 1 << 20
)

// serveHostile never returns. Everything here is what some server in some namespace does, by mistake or on purpose.
func serveHostile(fixed map[string]string) {
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:6060", nil)) }() // pprof on loopback only, as everywhere
	certificate, authority := selfSigned()
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/ca", func(w http.ResponseWriter, _ *http.Request) { w.Write(authority) })
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/lie", lie)
	mux.HandleFunc("/endless", endless)
	mux.HandleFunc("/endless-headers", func(w http.ResponseWriter, _ *http.Request) { raw(w, "HTTP/1.1 200 OK\r\n", "X-Filler: %d\r\n") })
	mux.HandleFunc("/endless-interim", func(w http.ResponseWriter, _ *http.Request) {
		raw(w, "", "HTTP/1.1 100 Continue\r\nX-Number: %d\r\n\r\n")
	})
	mux.HandleFunc("/bomb", bomb)
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	})
	mux.HandleFunc("/binary", func(w http.ResponseWriter, _ *http.Request) { w.Write(everyByte(binarySize)) })
	mux.HandleFunc("/status/{code}", answerStatus)
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { metrics(w, fixed["keyValue"]) })
	go func() { log.Fatal(http.ListenAndServe(":8080", mux)) }()
	secure := &http.Server{Handler: mux, Addr: ":8443", TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	log.Fatal(secure.ListenAndServeTLS("", ""))
}

// slow sends less than a byte a second, for ever.
func slow(w http.ResponseWriter, r *http.Request) {
	for {
		if _, err := io.WriteString(w, "z"); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(1500 * time.Millisecond):
		}
	}
}

// lie promises more than it sends, then ends the connection.
func lie(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000000")
	io.WriteString(w, "this is all\n")
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func endless(w http.ResponseWriter, _ *http.Request) {
	block := bytes.Repeat([]byte("and another line of an answer without an end\n"), 1000)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// raw writes past net/http: a beginning once, then a numbered piece for ever.
func raw(w http.ResponseWriter, beginning, piece string) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	buffered.WriteString(beginning)
	for i := 0; err == nil; i++ {
		_, err = fmt.Fprintf(buffered, piece, i)
	}
}

// bomb is 10 GiB of zeros in 10 MiB: one gzip member, so that no decoder stops early. A flushed piece of deflated zeros
// may be repeated as it is, since all that it refers to are zeros too.
func bomb(w http.ResponseWriter, _ *http.Request) {
	const piece = 1 << 20
	zeros := make([]byte, piece)
	var packed bytes.Buffer
	writer, _ := flate.NewWriter(&packed, flate.BestCompression)
	writer.Write(zeros)
	writer.Flush()
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Type", "text/plain")
	w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255})
	sum := uint32(0)
	for range bombSize / piece {
		sum = crc32.Update(sum, crc32.IEEETable, zeros)
		if _, err := w.Write(packed.Bytes()); err != nil {
			return
		}
	}
	end := []byte{3, 0} // an empty last block
	end = binary.LittleEndian.AppendUint32(end, sum)
	w.Write(binary.LittleEndian.AppendUint32(end, uint32(bombSize%(1<<32))))
}

func answerStatus(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		code = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]any{"status": code, "reason": "as asked"})
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "uri": r.RequestURI, "host": r.Host, "headers": r.Header, "body": string(body),
	})
}

func metrics(w http.ResponseWriter, secret string) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprintln(w, "# HELP app_requests_total Requests served.\n# TYPE app_requests_total counter")
	for i := range 50 {
		fmt.Fprintf(w, "app_requests_total{method=\"GET\",path=\"/items/%d\",status=\"200\"} %d\n", i, i*i)
	}
	fmt.Fprintln(w, "# HELP app_info Constant.\n# TYPE app_info gauge")
	fmt.Fprintf(w, "app_info{version=\"1.2.3\",dsn=\"postgres://app:%s@db.internal/app\"} 1\n", secret)
}

func everyByte(size int) []byte {
	all := make([]byte, size)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// selfSigned returns a certificate for hostile.test, and itself as the authority to trust.
func selfSigned() (tls.Certificate, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "hostile.test"},
		DNSNames:              []string{"hostile.test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	pair := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return pair, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

package main

import (
	"bufio"
	"fmt"
	"log"
	"math/rand"
	"os"
	"strings"
)

// lastLine begins the line after which everything was printed.
const lastLine = "end of the log:"

// secretEvery is how many lines apart the planted secrets are.
const secretEvery = 100

// printLog writes at least size bytes of varied lines, the same ones in every pod and run, so that figures can be compared.
func printLog(size int, fixed map[string]string) {
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	random := rand.New(rand.NewSource(1))
	written := 0
	for i := 0; written < size; i++ {
		n, err := fmt.Fprintln(out, logLine(i, random, fixed))
		if err != nil {
			log.Fatal(err)
		}
		written += n
	}
	fmt.Fprintf(out, "%s %d bytes\n", lastLine, written)
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

// logLine resembles what servers log: text, key=value, JSON, and now and then a stack trace or a secret.
func logLine(i int, random *rand.Rand, fixed map[string]string) string {
	at := fmt.Sprintf("2026-11-21T%02d:%02d:%02d.%06dZ", i/36000%24, i/600%60, i/10%60, random.Intn(1_000_000))
	if i%secretEvery == secretEvery-1 {
		return at + " " + secretLine(i/secretEvery, fixed)
	}
	user, trace, spent := random.Intn(5000), random.Uint64(), random.ExpFloat64()*20
	switch random.Intn(12) {
	case 0, 1, 2, 3:
		return fmt.Sprintf("%s INFO  http request id=%016x method=%s path=/api/v4/users/%d/items status=%s duration=%.2fms bytes=%d",
			at, trace, pick(random, "GET", "GET", "GET", "POST", "PUT"), user, status(random), spent, random.Intn(90_000))
	case 4, 5, 6:
		return fmt.Sprintf(`{"ts":%q,"level":%q,"logger":"worker-%d","msg":"job finished","queue":%q,"attempt":%d,"seconds":%.3f,"trace":"%016x"}`,
			at, pick(random, "info", "info", "debug", "warn"), i%8, pick(random, "mail", "billing", "search"), 1+random.Intn(3), spent, trace)
	case 7, 8:
		return fmt.Sprintf(`10.244.%d.%d - - [21/Nov/2026:12:00:%02d +0000] "GET /static/app.%08x.js HTTP/1.1" %s %d "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
			random.Intn(16), random.Intn(255), i%60, uint32(trace), status(random), random.Intn(400_000))
	case 9:
		return fmt.Sprintf("%s DEBUG cache %s key=user:%d:profile shard=%d ttl=%ds", at, pick(random, "hit", "miss", "evict"), user, i%16, random.Intn(3600))
	case 10:
		return fmt.Sprintf("%s WARN  slow query took %.1f ms: SELECT id, name, total FROM orders WHERE customer = %d ORDER BY created LIMIT 50", at, 200+spent, user)
	default:
		frames := make([]string, 4)
		for f := range frames {
			frames[f] = fmt.Sprintf("    at com.example.shop.%s.handle(%[1]s.java:%d)", pick(random, "Cart", "Order", "Stock"), random.Intn(900))
		}
		return fmt.Sprintf("%s ERROR upstream inventory-%d timed out after %.0f ms\n%s", at, i%5, 1000+spent, strings.Join(frames, "\n"))
	}
}

func secretLine(n int, fixed map[string]string) string {
	shapes := []string{
		"INFO  connecting, dsn=postgres://app:" + fixed["dsnPassword"] + "@db.internal:5432/app",
		"DEBUG > Authorization: Bearer " + fixed["bearer"],
		"INFO  AWS_SECRET_ACCESS_KEY=" + fixed["awsSecret"],
		"WARN  retry with password=" + fixed["keyValue"] + " attempt=2",
		"INFO  session " + fixed["jwt"] + " refreshed",
	}
	return shapes[n%len(shapes)]
}

func status(random *rand.Rand) string {
	return pick(random, "200", "200", "200", "200", "201", "304", "404", "500")
}

func pick(random *rand.Rand, choices ...string) string { return choices[random.Intn(len(choices))] }

// printEndlessly never returns.
func printEndlessly() {
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(out, "2026-11-21T12:00:00Z level=info component=worker seq=%012d still going\n", i); err != nil {
			log.Fatal(err)
		}
	}
}

// printLongLine writes one line of size bytes with a secret at its end.
func printLongLine(size int, secret string) {
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	end := " password=" + secret
	for left := size - len(end); left > 0; left -= len(filler) {
		out.WriteString(filler[:min(left, len(filler))])
	}
	fmt.Fprintln(out, end)
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

const filler = "no newline in sight, only words after words; "

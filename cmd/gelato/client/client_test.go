package client_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters/all"
	"github.com/opensds/gelato/cmd/gelato/client"
)

// TestRequests runs each command that sends something and compares what arrives with the REST contract.
func TestRequests(t *testing.T) {
	t.Parallel()
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args, stdin string
		line, body  string
		answer      string
		out         string // is in the output
	}{
		{args: "backend add b --type aws-s3 --endpoint http://store:9000 --region eu --bucket-name bk --prefix p/ --access A --security-file " + secretFile + " --option pathStyle=true --option a=b=c,d",
			line:   "POST /backends",
			body:   `{"name":"b","type":"aws-s3","endpoint":"http://store:9000","region":"eu","bucketName":"bk","prefix":"p/","access":"A","security":"hush","options":{"pathStyle":"true","a":"b=c,d"}}`,
			answer: `{"id":"1","name":"b","state":"ready","options":{"pathStyle":"true"},"prefix":""}`, out: "options.pathStyle  true\n"},
		{args: "backend add b --type posix --bucket-name /d --no-probe --default --security-file -", stdin: "from stdin\r\n",
			line: "POST /backends?probe=false", body: `{"name":"b","type":"posix","bucketName":"/d","default":true,"security":"from stdin"}`, answer: `{"name":"b"}`, out: "name  b\n"},
		{args: "backend update b --region us --default=false --prefix=", line: "PUT /backends/b", body: `{"region":"us","default":false,"prefix":""}`, answer: `{}`},
		{args: "backend rm b", line: "DELETE /backends/b", out: "removed b\n"},
		{args: "backend show a/b", line: "GET /backends/a%2Fb", answer: `{"name":"a/b"}`, out: "a/b"},
		{args: "backend probe b", line: "POST /backends/b/probe", answer: `{"ok":true,"steps":[{"name":"open","millis":1.25}]}`, out: "open  1.2 ms\nb is ready\n"},
		{args: "bucket show photos", line: "GET /buckets/photos", answer: `{"name":"photos","usage":[{"backend":"x","objects":3}]}`, out: "usage[0].objects  3"},
		{args: "bucket place photos --backend b", line: "PUT /buckets/photos/placement", body: `{"default":"b"}`, answer: `{}`},
		{args: "bucket import photos --backend b --prefix p/", line: "POST /buckets/photos/import", body: `{"backend":"b","prefix":"p/"}`, answer: `{"jobId":"j1"}`, out: "j1\n"},
		{args: "policy create nightly --cron 0_2_*_*_* --timezone Europe/Berlin", line: "POST /policies",
			body: `{"name":"nightly","schedule":{"type":"cron","cron":"0 2 * * *","timezone":"Europe/Berlin"}}`, answer: `{}`},
		{args: "policy create often --every 15m", line: "POST /policies", body: `{"name":"often","schedule":{"type":"interval","every":"15m"}}`, answer: `{}`},
		{args: "policy update often --description x", line: "PUT /policies/often", body: `{"description":"x"}`, answer: `{}`},
		{args: "policy rm often", line: "DELETE /policies/often"},
		{args: "plan create leave --mode relocate --source-bucket b --destination-backend new --release-source", line: "POST /plans",
			body:   `{"name":"leave","mode":"relocate","source":{"bucket":"b"},"destination":{"backend":"new"},"options":{"releaseSource":true}}`,
			answer: `{"id":"1"}`, out: "id  1"},
		{args: "plan create c --mode copy --source-backend r --source-prefix a/ --destination-bucket d --destination-prefix z/ --prefix q --include *.jpg --include *.png --exclude tmp/* --min-size 1 " +
			"--max-size 99 --older-than 7d --newer-than 2026-01-01T00:00:00Z --policy nightly --policy-enabled --overwrite never --verify full --concurrency 4 --switch-placement=false --description d",
			line: "POST /plans",
			body: `{"name":"c","mode":"copy","description":"d","source":{"backend":"r","prefix":"a/"},"destination":{"bucket":"d","prefix":"z/"},` +
				`"filter":{"prefix":"q","include":["*.jpg","*.png"],"exclude":["tmp/*"],"minSize":1,"maxSize":99,"olderThan":"7d","newerThan":"2026-01-01T00:00:00Z"},` +
				`"policyId":"nightly","policyEnabled":true,"options":{"overwrite":"never","verify":"full","concurrency":4,"switchPlacement":false}}`, answer: `{}`},
		{args: "plan update c --name d --policy=", line: "PUT /plans/c", body: `{"name":"d","policyId":""}`, answer: `{}`},
		{args: "plan run c", line: "POST /plans/c/run", answer: `{"jobId":"j2"}`, out: "j2\n"},
		{args: "plan run c -o json", line: "POST /plans/c/run", answer: `{"jobId":"j2"}`, out: "{\n  \"jobId\": \"j2\"\n}\n"},
		{args: "job show j", line: "GET /jobs/j", answer: `{"id":"j","etaSeconds":null,"error":"a\u001b[31m"}`, out: "error  a [31m\n"},
		{args: "job cancel j", line: "POST /jobs/j/cancel", answer: `{"id":"j"}`},
		{args: "user create ann --display-name Ann --email a@example.com", line: "POST /users", body: `{"name":"ann","displayName":"Ann","email":"a@example.com"}`, answer: `{"name":"ann","canonicalId":"c0"}`, out: "canonicalId  c0\n"},
		{args: "user update ann --email=", line: "PUT /users/ann", body: `{"email":""}`, answer: `{}`},
		{args: "user show ann", line: "GET /users/ann", answer: `{"name":"ann"}`, out: "name  ann\n"},
		{args: "user rm ann", line: "DELETE /users/ann"},
		{args: "key create ann", line: "POST /keys", body: `{"user":"ann"}`, answer: `{"accessKey":"K","secretKey":"S"}`, out: "secretKey  S\n"},
		{args: "key disable K", line: "PUT /keys/K", body: `{"status":"disabled"}`, answer: `{}`},
		{args: "key enable K", line: "PUT /keys/K", body: `{"status":"enabled"}`, answer: `{}`},
		{args: "key rm K", line: "DELETE /keys/K"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			status := 200
			if tt.answer == "" {
				status = 204
			}
			f := serve(t, map[string][]answer{tt.line: {{status, tt.answer}}})
			args := strings.Fields(tt.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "_", " ") // stands for a blank within an argument
			}
			out, err := gelato(t, tt.stdin, f.at(args...)...)
			if err != nil {
				t.Fatalf("got error %v (asked %v)", err, f.requests())
			}
			got := f.requests()
			if len(got) != 1 || got[0].line != tt.line || !sameJSON(got[0].body, tt.body) {
				t.Errorf("got requests %v, want one %s %s", got, tt.line, tt.body)
			}
			if !strings.Contains(out, tt.out) {
				t.Errorf("got output %q, want %q in it", out, tt.out)
			}
			if strings.Contains(out, "hush") {
				t.Errorf("the secret is in the output %q", out)
			}
		})
	}
}

func sameJSON(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// TestErrors looks at the one line that people get; nothing must have been sent where want says "before".
func TestErrors(t *testing.T) {
	t.Parallel()
	answers := map[string][]answer{
		"GET /plans/gone":              {{404, problem(404, "not_found", "there is no plan \"gone\"")}},
		"POST /backends":               {{422, problem(422, "Probe", "the probe failed at step \"write\":\nno permission")}},
		"GET /jobs/oops":               {{500, problem(500, "internal", "internal error")}},
		"GET /jobs/html":               {{502, "<html>"}},
		"GET /jobs/text":               {{200, "hello"}},
		"GET /jobs/moved":              {{301, ""}},
		"GET /jobs/cut/report":         {{200, "{\"key\":\"a\",\"outcome\":\"copied\"}\n" + cutOff}},
		"POST /plans/busy/run":         {{409, problem(409, "OpenJob", "plan busy has an open job already")}},
		"GET /keys?limit=1000":         {{200, `{"items":[{"accessKey":"a"}],"next":"a"}`}},
		"GET /keys?after=a&limit=1000": {{503, problem(503, "unavailable", "the state store is closed")}},
	}
	for _, tt := range []struct {
		args, stdin, want string
		before            bool
	}{
		{args: "plan show gone", want: `there is no plan "gone"`},
		{args: "backend add b --type posix", want: `the probe failed at step "write": no permission`},
		{args: "job show oops", want: "internal error (request R1)"},
		{args: "job show html", want: "answered 502 Bad Gateway, which is not Gelato's"},
		{args: "job show text", want: "answered something that is not Gelato's"},
		{args: "job show moved", want: "answered 301 Moved Permanently"},
		{args: "job report cut", want: "the answer was cut off"},
		{args: "plan run busy --watch", want: "plan busy has an open job already"},
		{args: "key ls", want: "the state store is closed"},
		{args: "key ls -o yaml", want: `--output must be table or json, not "yaml"`, before: true},
		{args: "plan show", want: "accepts 1 arg(s), received 0", before: true},
		{args: "plan show ..", want: `".." is no name`, before: true},
		{args: "plan bogus", want: `unknown command "bogus"`, before: true},
		{args: "plan create p", want: `required flag(s) "mode" not set`, before: true},
		{args: "plan update p", want: "nothing to change", before: true},
		{args: "policy create p", want: "a policy needs --cron or --every", before: true},
		{args: "policy create p --cron x --every 5m", want: "[cron every]", before: true},
		{args: "backend add b", want: `required flag(s) "type" not set`, before: true},
		{args: "backend add b --type posix --option x", want: `--option "x" is not of the form k=v`, before: true},
		{args: "backend add b --type posix --security-file /does/not/exist", want: "no such file", before: true},
		{args: "backend add b --type posix --security-file -", stdin: "\n", want: "the secret must have 1 to", before: true},
		{args: "key ls --endpoint 127.0.0.1:8089", want: `the endpoint "127.0.0.1:8089" is no URL such as http://127.0.0.1:8089`, before: true},
		{args: "key ls --endpoint http://127.0.0.1:1", want: "cannot talk to Gelato at http://127.0.0.1:1: ", before: true},
		{args: "key ls --secret-key wrong", want: "the credentials are wrong"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			own := map[string][]answer{}
			for k, v := range answers {
				own[k] = v
			}
			f := serve(t, own)
			args := strings.Fields(tt.args)
			given := f.at(args...)[len(args):]
			for i := 0; i < len(given); i += 2 {
				if !strings.Contains(tt.args, given[i]) {
					args = append(args, given[i], given[i+1])
				}
			}
			_, err := gelato(t, tt.stdin, args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q in it", err, tt.want)
			}
			if err != nil && strings.Contains(strings.TrimSpace(err.Error()), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
			if n := len(f.requests()); (n == 0) != tt.before {
				t.Errorf("got %d requests, want none: %v", n, tt.before)
			}
		})
	}
}

// TestEnvironment takes endpoint and credentials from there, and says what is missing.
func TestEnvironment(t *testing.T) {
	f := serve(t, map[string][]answer{"GET /keys?limit=1000": {{200, `{"items":[]}`}}})
	for _, name := range []string{"GELATO_ENDPOINT", "GELATO_ACCESS_KEY", "GELATO_SECRET_KEY"} {
		t.Setenv(name, "")
	}
	_, err := gelato(t, "", "key", "ls")
	if want := "credentials are missing: set --access-key or GELATO_ACCESS_KEY, --secret-key or GELATO_SECRET_KEY"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	t.Setenv("GELATO_ENDPOINT", f.URL+"/")
	t.Setenv("GELATO_ACCESS_KEY", access)
	t.Setenv("GELATO_SECRET_KEY", secret)
	if out, err := gelato(t, "", "key", "ls", "-o", "json"); err != nil || out != "[]\n" {
		t.Errorf("got %q, %v, want an empty array", out, err)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	f := serve(t, map[string][]answer{
		"GET /backends?limit=1000":                         {{200, `{"items":[{"name":"a","type":"posix","state":"ready","default":true,"bucketName":"/d","usage":{"objects":12345,"bytes":1536}}],"next":"a"}`}},
		"GET /backends?after=a&limit=1000":                 {{200, `{"items":[{"name":"b","type":"aws-s3","state":"unreachable","endpoint":"http://s/","bucketName":"k","prefix":"p/","new":1}]}`}},
		"GET /buckets?limit=1000":                          {{200, `{"items":[{"name":"photos","owner":"root","placement":{"default":"a"},"usage":[{"objects":1,"bytes":10},{"objects":2,"bytes":20}]}]}`}},
		"GET /policies?limit=1000":                         {{200, `{"items":[{"name":"n","schedule":{"type":"interval","every":"15m"}},{"name":"m","schedule":{"type":"cron","cron":"0 2 * * *","timezone":"UTC"}}]}`}},
		"GET /plans?limit=1000":                            {{200, `{"items":[{"name":"p","mode":"relocate","source":{"bucket":"b","backend":"x"},"destination":{"backend":"y"}}]}`}},
		"GET /jobs?limit=2&plan=p&status=running%2Cfailed": {{200, `{"items":[{"id":"j3","status":"running","progress":12.5},{"id":"j2"}],"next":"j2"}`}},
		"GET /types?limit=1000": {{200, `{"items":[{"name":"posix","description":"a directory","fields":[{"name":"bucketName","description":"its path","required":true},{"name":"options.sync","description":"fsync","default":"true","choices":["true","false"]}],` +
			`"capabilities":{"maxObjectSize":1099511627776,"maxPutSize":1048576,"multipart":true,"minPartSize":5,"maxPartSize":1024,"maxParts":10000,"maxKeyBytes":1024,"conditionalPut":true,"serverCopy":true,"maxCopySize":2048,"storageClasses":["A","B"],"s3Classes":{"GLACIER":"B"}}},` +
			`{"name":"moon","description":"far away","available":false,"missing":"install a rocket","fields":[{"name":"security","description":"key","required":true,"secret":true}]}]}`}},
		"GET /users?limit=1000": {{200, `{"items":[{"name":"ann","canonicalId":"c0","displayName":"Ann","email":"a@example.com"}]}`}},
		"GET /keys?limit=1000":  {{200, `{"items":[{"accessKey":"K","user":"root","status":"enabled"}]}`}},
	})
	moon := "moon: far away\n  not in this build  install a rocket\n  --security-file    key (required; secret)\n"
	for _, tt := range []struct{ args, want string }{
		{"backend ls", "NAME  TYPE    STATE        DEFAULT  OBJECTS  SIZE     PLACE\n" +
			"a     posix   ready        yes      12,345   1.5 KiB  /d\n" +
			"b     aws-s3  unreachable  -        -        -        http://s/k/p/\n"},
		{"bucket ls", "NAME    OWNER  PLACEMENT  OBJECTS  SIZE  CREATED\nphotos  root   a          3        30 B  -\n"},
		{"policy ls", "NAME  SCHEDULE   TIMEZONE  DESCRIPTION\nn     every 15m  -         -\nm     0 2 * * *  UTC       -\n"},
		{"plan ls", "NAME  MODE      FROM                   TO         LAST-RUN  NEXT-RUN\np     relocate  bucket b on backend x  backend y  -         -\n"},
		{"job ls --plan p --status running,failed --limit 2", "ID  PLAN  MODE  STATUS   PROGRESS  OBJECTS  FAILED  SIZE  STARTED  ENDED\n" +
			"j3  -     -     running  12.5%     0        0       0 B   -        -\nj2  -     -     -        0.0%      0        0       0 B   -        -\n"},
		{"backend types", "posix: a directory\n" +
			"  --bucket-name    its path (required)\n" +
			"  --option sync=   fsync (one of true, false; default true)\n" +
			"  limits           objects up to 1.0 TiB, one write up to 1.0 MiB, 10,000 parts from 5 B, each up to 1.0 KiB, keys up to 1,024 bytes less the prefix\n" +
			"  can              get, put, list, multipart uploads, atomic conditions on writes, copies of up to 2.0 KiB that do not travel\n" +
			"  storage classes  A, B (GLACIER)\n" + moon},
		{"backend types moon", moon},
		{"user ls", "NAME  DISPLAY-NAME  EMAIL          CREATED  CANONICAL-ID\nann   Ann           a@example.com  -        c0\n"},
		{"key ls", "ACCESS-KEY  USER  STATUS   CREATED\nK           root  enabled  -\n"},
	} {
		got, err := gelato(t, "", f.at(strings.Fields(tt.args)...)...)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %v,\n%s\nwant\n%s", tt.args, err, got, tt.want)
		}
	}
	got, err := gelato(t, "", f.at("backend", "ls", "-o", "json")...)
	var items []map[string]any
	if err != nil || json.Unmarshal([]byte(got), &items) != nil || len(items) != 2 || items[1]["new"] == nil {
		t.Errorf("got %v, %s, want an array of 2 with every field of REST", err, got)
	}
}

// TestFieldsHaveFlags finds a flag of backend add and update for every field that REST may name.
func TestFieldsHaveFlags(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"add", "update"} {
		f := serve(t, map[string][]answer{"POST /backends": {{201, `{}`}}, "PUT /backends/b": {{200, `{}`}}})
		for name, d := range all.Registry() {
			for _, field := range d.Fields {
				value := "v"
				if field.Secret {
					value = "-"
				}
				flag := client.FlagOf(field.Name, field.Secret)
				args := append([]string{"backend", verb, "b"}, strings.Fields(strings.TrimSuffix(flag, "="))...)
				if strings.HasSuffix(flag, "=") {
					args[len(args)-1] += "=" + value
				} else {
					args = append(args, value)
				}
				if verb == "add" {
					args = append(args, "--type", string(name))
				}
				if _, err := gelato(t, "secret", f.at(args...)...); err != nil {
					t.Errorf("%s: field %s: %v: %v", name, field.Name, args, err)
				}
			}
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	lines := `{"key":"a b","bytes":4096,"outcome":"copied","proof":"store-md5"}` + "\n" + `{"key":"x","bytes":0,"outcome":"failed","reason":"source\ngone"}` + "\n"
	f := serve(t, map[string][]answer{"GET /jobs/j/report": {{200, lines}}, "GET /jobs/j/failures": {{200, ""}}})
	for _, tt := range []struct{ args, want string }{
		{"job report j", "copied            4,096  \"a b\"  store-md5\nfailed                0  x  source gone\n"},
		{"job report j -o json", lines},
		{"job failures j", ""},
	} {
		if got, err := gelato(t, "", f.at(strings.Fields(tt.args)...)...); err != nil || got != tt.want {
			t.Errorf("%s: got %v,\n%s\nwant\n%s", tt.args, err, got, tt.want)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if got, err := gelato(t, "", "version"); err != nil || !strings.HasPrefix(got, "gelato ") {
		t.Errorf("got %q, %v", got, err)
	}
	got, err := gelato(t, "", "version", "-o", "json")
	var v struct{ Go string }
	if err != nil || json.Unmarshal([]byte(got), &v) != nil || !strings.HasPrefix(v.Go, "go1.") {
		t.Errorf("got %q, %v", got, err)
	}
}

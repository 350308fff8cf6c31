package badinput

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed"
)

// Every failing command says one line on standard error, nothing on standard output, and exits 1.
func TestCLI(t *testing.T) {
	t.Parallel()
	g, s := restStage(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(s.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "gelato.yaml")
	if err := os.WriteFile(config, []byte("s3-listen: 127.0.0.1:0\ncolour: red\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args string
		env  []string
		want string
	}{
		"unknown command":      {args: "frobnicate", want: `unknown command "frobnicate"`},
		"unknown flag":         {args: "up --colour red", want: "--colour"},
		"unknown key in file":  {args: "up --config " + config, want: "colour"},
		"absent config file":   {args: "up --config /nowhere/gelato.yaml", want: "/nowhere/gelato.yaml"},
		"bad duration":         {args: "up --garbage-grace soon", want: "soon"},
		"unknown state":        {args: "up --state redis://me:rootsecret@h/db", want: "mongodb"},
		"unknown queue":        {args: "up --queue nats://h:1", want: "kafka"},
		"port taken":           {args: "up --data " + t.TempDir() + " --s3-listen " + strings.TrimPrefix(g.S3, "http://"), want: "address already in use"},
		"data taken":           {args: "up --s3-listen 127.0.0.1:0 --api-listen 127.0.0.1:0 --data " + g.Data, want: g.Data},
		"unknown backend":      {args: "backend show nowhere", want: "nowhere"},
		"unknown type":         {args: "backend add b --type floppy", want: "floppy"},
		"no such secret file":  {args: "backend add b --type aws-s3 --security-file /nowhere/secret", want: "/nowhere/secret"},
		"the same place twice": {args: "backend add b --type aws-s3 --endpoint " + s.Endpoint + " --bucket-name native --access " + s.Access + " --security-file " + secret, want: "store"},
		"option without value": {args: "backend add b --type posix --bucket-name /tmp --option sync", want: "sync"},
		"missing field":        {args: "backend add b --type aws-s3 --access a --security-file " + secret, want: "bucketName is required"},
		"missing secret":       {args: "backend add b --type aws-s3 --access a --bucket-name b", want: "security is required"},
		"malformed endpoint":   {args: "backend add b --type aws-s3 --endpoint store:9000 --bucket-name b --access a --security-file " + secret, want: "endpoint: must be a URL"},
		"no such choice":       {args: "backend add b --type posix --bucket-name /tmp --option readOnly=perhaps", want: "options.readOnly must be one of false, true"},
		"unknown option":       {args: "backend add b --type posix --bucket-name /tmp --option speed=9", want: "type posix has no field options.speed"},
		"types of no kind":     {args: "backend types floppy", want: "floppy"},
		"plan of no bucket":    {args: "plan create p --mode relocate --source-bucket nowhere --destination-backend local", want: "nowhere"},
		"run of no plan":       {args: "plan run nope", want: "nope"},
		"watch of no job":      {args: "job watch nope", want: "nope"},
		"missing argument":     {args: "job show", want: "arg"},
		"unknown output":       {args: "backend ls -o xml", want: "xml"},
		"wrong secret":         {args: "backend ls", env: []string{"GELATO_SECRET_KEY=wrong"}, want: "secret"},
		"no credentials":       {args: "backend ls", env: []string{"GELATO_ACCESS_KEY=", "GELATO_SECRET_KEY="}, want: "GELATO_ACCESS_KEY"},
		"nobody listens":       {args: "backend ls --endpoint http://127.0.0.1:1", want: "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), testbed.GelatoBinary(t), strings.Fields(tc.args)...)
			cmd.Dir = t.TempDir()
			cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GELATO_ENDPOINT=" + g.API,
				"GELATO_ACCESS_KEY=" + g.Access, "GELATO_SECRET_KEY=" + g.Secret}, tc.env...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != 1 {
				t.Errorf("got %v, want exit code 1", err)
			}
			text := strings.TrimSpace(stderr.String())
			last := text[strings.LastIndex(text, "\n")+1:] // `up` may have logged before
			if !strings.HasPrefix(last, "gelato: ") || !strings.Contains(last, tc.want) {
				t.Errorf("got %q, want a line that begins with gelato: and has %q", text, tc.want)
			}
			if strings.Contains(text, s.Secret) || strings.Contains(text, "rpc error") {
				t.Errorf("the message tells what is private: %q", text)
			}
			if stdout.Len() > 0 && !strings.HasPrefix(tc.args, "up") {
				t.Errorf("standard output: got %q, want nothing", &stdout)
			}
		})
	}
	wantUnchanged(t, g.Client())
}

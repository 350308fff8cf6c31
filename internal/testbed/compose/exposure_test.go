package compose

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// container is what matters here of `docker inspect`.
type container struct {
	Name   string
	Config struct {
		User, Image string
		Labels      map[string]string
	}
	HostConfig struct {
		ReadonlyRootfs bool
		CapAdd         []string
		CapDrop        []string
		SecurityOpt    []string
		Memory         int64
		PidsLimit      *int64
		RestartPolicy  struct{ Name string }
	}
	NetworkSettings struct {
		Ports map[string][]struct{ HostIP, HostPort string }
	}
	Mounts []struct {
		Destination string
		RW          bool
	}
}

// checkExposure wants every container held tightly, two ports open on loopback and no other, and each secret in the files of the services
// that need it and nowhere else.
func (s *stage) checkExposure(t *testing.T) {
	out, err := s.project.Run(t.Context(), "ps", "--all", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	ids := strings.Fields(out)
	inspected, err := s.engine.Run(t.Context(), append([]string{"inspect"}, ids...)...)
	if err != nil {
		t.Fatal(err)
	}
	var all []container
	if err := json.Unmarshal([]byte(inspected), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 10 { // six services, one of them twice, with their servers and init
		t.Errorf("there are %d containers, want 10", len(all))
	}
	open := map[string]string{}
	for _, c := range all {
		h := c.HostConfig
		if h.Memory == 0 || h.PidsLimit == nil || *h.PidsLimit <= 0 || !slices.Equal(h.CapDrop, []string{"ALL"}) || len(h.CapAdd) > 0 ||
			!slices.Contains(h.SecurityOpt, "no-new-privileges") {
			t.Errorf("%s is not held tightly: %+v", c.Name, h)
		}
		service := c.Config.Labels["com.docker.compose.service"]
		if service != "kafka" && !h.ReadonlyRootfs {
			t.Errorf("%s may write to its image", c.Name)
		}
		if service != "init" && h.RestartPolicy.Name != "unless-stopped" {
			t.Errorf("%s is restarted %q", c.Name, h.RestartPolicy.Name)
		}
		if user := c.Config.User; user == "" || user == "root" || strings.HasPrefix(user, "0") {
			t.Errorf("%s runs as %q", c.Name, user)
		}
		for _, m := range c.Mounts {
			if strings.HasPrefix(m.Destination, "/var/lib/gelato/secrets") && m.RW != (service == "init") {
				t.Errorf("%s: %s writable is %v", c.Name, m.Destination, m.RW)
			}
		}
		for inside, outside := range c.NetworkSettings.Ports {
			for _, o := range outside {
				open[o.HostIP+":"+o.HostPort] = service + " " + inside
			}
		}
	}
	if want := map[string]string{"127.0.0.1:8089": "api 8089/tcp", "127.0.0.1:8090": "s3 8090/tcp"}; !maps.Equal(open, want) {
		t.Errorf("open ports are %v, want %v", open, want)
	}

	history, err := s.engine.Run(t.Context(), "image", "history", "--no-trunc", image)
	if err != nil {
		t.Fatal(err)
	}
	logs, err := s.project.Run(t.Context(), "logs", "--no-color")
	if err != nil {
		t.Fatal(err)
	}
	secrets := s.secrets(t)
	if len(secrets) < 10 { // the authority's and six services' keys, the master key, the root user's
		t.Errorf("found %d secrets only", len(secrets))
	}
	for where, text := range map[string]string{"docker inspect": inspected, "the image's history": history, "the logs": logs} {
		for name, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %s", where, name)
			}
		}
	}
	for _, c := range all {
		service := c.Config.Labels["com.docker.compose.service"]
		if c.Config.Image != image || service == "init" {
			continue
		}
		for name := range s.files(t, service, "/var/lib/gelato/secrets") {
			switch base := path.Base(name); base {
			case "ca.crt", service + ".crt", service + ".key", "master.key":
			default:
				if (base != "root-credentials" || service != "api") && (base != "kms.keyring" || service != "s3") {
					t.Errorf("%s holds %s", service, name)
				}
			}
		}
	}
}

// secrets returns what the services keep secret, by a name for it: the lines of keys, and what root logs in with.
func (s *stage) secrets(t *testing.T) map[string]string {
	all := map[string]string{}
	for name, text := range s.files(t, "init", "/var/lib/gelato/secrets") {
		switch {
		case strings.HasSuffix(name, ".key"):
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); len(line) > 30 && !strings.HasPrefix(line, "---") {
					all[name] = line
				}
			}
		case path.Base(name) == "root-credentials":
			for k, v := range pairs(text) {
				if strings.Contains(k, "SECRET") {
					all[k] = v
				}
			}
		}
	}
	return all
}

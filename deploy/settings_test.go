package deploy

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// Every variable that these files set is one that the program reads: a wrong one would be
// a setting that is not in force.
func TestVariablesAreFlags(t *testing.T) {
	known := map[string]bool{}
	sources, err := filepath.Glob("../internal/cli/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`env:"(ALLOT_[A-Z_]+)"`).FindAllStringSubmatch(string(text), -1) {
			known[m[1]] = true
		}
	}
	if !known["ALLOT_METRICS"] || !known["ALLOT_KEY_FILE"] {
		t.Fatalf("the flags are not found: %v", known)
	}
	known["ALLOT_PORT"] = true // which is spoken of, as one that nothing reads
	seen := 0
	variable := regexp.MustCompile(`\bALLOT_[A-Z_]+\b`)
	err = filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range variable.FindAllString(string(text), -1) {
			if seen++; !known[name] {
				t.Errorf("%s: %s is read by nothing", path, name)
			}
		}
		return err
	})
	if err != nil || seen < 20 {
		t.Errorf("%d variables: %v", seen, err)
	}
}

type object = map[string]any

// at is what an object has at a path of names.
func at(from any, path ...string) any {
	for _, name := range path {
		o, ok := from.(object)
		if !ok {
			return nil
		}
		from = o[name]
	}
	return from
}

// documents are those of a file of YAML.
func documents(t *testing.T, path string) (all []object) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for decoder := yaml.NewDecoder(file, yaml.Strict()); ; {
		var o object
		switch err := decoder.Decode(&o); {
		case err == io.EOF: //nolint:errorlint // the decoder returns it as it is
			return all
		case err != nil:
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, o)
	}
}

// What a pod must say whatever else is changed: that it is not root, cannot write where it
// need not, is asked where the server answers, and is not told of services by variables.
func TestPods(t *testing.T) {
	for path, kind := range map[string]string{"kubernetes/sqlite/statefulset.yaml": "StatefulSet", "kubernetes/postgresql/deployment.yaml": "Deployment"} {
		all := documents(t, path)
		if len(all) != 1 || all[0]["kind"] != kind {
			t.Fatalf("%s: %v", path, all)
		}
		pod := at(all[0], "spec", "template", "spec")
		containers, _ := at(pod, "containers").([]any)
		if len(containers) != 1 {
			t.Fatalf("%s: containers %v", path, containers)
		}
		c := containers[0]
		for _, want := range []struct {
			from any
			path string
			want any
		}{
			{pod, "enableServiceLinks", false},
			{pod, "automountServiceAccountToken", false},
			{pod, "securityContext runAsNonRoot", true},
			{pod, "securityContext seccompProfile type", "RuntimeDefault"},
			{c, "securityContext allowPrivilegeEscalation", false},
			{c, "securityContext readOnlyRootFilesystem", true},
			{c, "securityContext capabilities drop", []any{"ALL"}},
			{c, "livenessProbe httpGet path", "/healthz"},
			{c, "startupProbe httpGet path", "/healthz"},
			{c, "readinessProbe httpGet path", "/readyz"},
		} {
			if got := at(want.from, strings.Fields(want.path)...); fmt.Sprint(got) != fmt.Sprint(want.want) {
				t.Errorf("%s: %s is %v, want %v", path, want.path, got, want.want)
			}
		}
		// The server itself pauses before its port closes: no second time by a hook. The pause, in
		// which /readyz is asked often enough, requests under way and the last spans fit into what
		// is granted.
		const pause = 5 // --drain-delay, unless it is given
		every, _ := at(c, "readinessProbe", "periodSeconds").(uint64)
		times, _ := at(c, "readinessProbe", "failureThreshold").(uint64)
		if at(c, "lifecycle") != nil || every == 0 || times == 0 || every*times > pause {
			t.Errorf("%s: it has %v, and /readyz is asked %d times in %d s each, in a pause of %d s", path, at(c, "lifecycle"), times, every, pause)
		}
		if grace, _ := at(pod, "terminationGracePeriodSeconds").(uint64); grace < pause+30 {
			t.Errorf("%s: it pauses for %d s and is granted %d s", path, pause, grace)
		}
	}
	set := documents(t, "kubernetes/sqlite/statefulset.yaml")[0]
	if n := at(set, "spec", "replicas"); fmt.Sprint(n) != "1" {
		t.Errorf("%v servers on one SQLite file", n)
	}
}

// The two ways to a Kubernetes cluster, manifests and chart, say the same of the server.
func TestChartIsLikeManifests(t *testing.T) {
	chart, err := os.ReadFile("helm/allot/templates/_helpers.tpl")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile("kubernetes/postgresql/deployment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, pod, _ := strings.Cut(string(manifest), "serviceAccountName: allot\n")
	same := 0
	for line := range strings.Lines(pod) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.Contains(line, "image") || strings.Contains(line, "configMapRef") || strings.Contains(line, "Ref: ") ||
			strings.Contains(line, "emptyDir") || strings.Contains(line, "requests:") || strings.Contains(line, "limits:") || strings.Contains(line, "name: key") || strings.Contains(line, "secretName") {
			continue
		}
		if same++; !strings.Contains(string(chart), line) {
			t.Errorf("the chart does not have %q", line)
		}
	}
	if same < 25 {
		t.Errorf("%d lines are compared", same)
	}
}

// The composed services are those of the guide: the program's own port stays on this
// machine, the database is reached by nobody else, and secrets are in no file.
func TestCompose(t *testing.T) {
	all := documents(t, "compose/compose.yaml")
	if len(all) != 1 {
		t.Fatal(all)
	}
	if ports := at(all[0], "services", "allot", "ports"); fmt.Sprint(ports) != "[127.0.0.1:8080:8080]" {
		t.Errorf("ports %v", ports)
	}
	if ports := at(all[0], "services", "db", "ports"); ports != nil {
		t.Errorf("the database's ports are open: %v", ports)
	}
	volumes, _ := all[0]["volumes"].(object)
	for _, service := range []string{"allot", "db"} {
		mounts, _ := at(all[0], "services", service, "volumes").([]any)
		if len(mounts) == 0 {
			t.Errorf("%s keeps nothing", service)
		}
		for _, mount := range mounts {
			name, _, _ := strings.Cut(fmt.Sprint(mount), ":")
			if _, ok := volumes[name]; !ok {
				t.Errorf("%s: no volume %s", service, name)
			}
		}
	}
	text, err := os.ReadFile("compose/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`PASSWORD: (.*)`).FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(m[1], `"${POSTGRES_PASSWORD:?`) {
			t.Errorf("a password is %s", m[1])
		}
	}
}

// The image of the Dockerfile and the one that is made without a daemon are set alike.
func TestImagesAreAlike(t *testing.T) {
	docker, err := os.ReadFile("image/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	build, err := os.ReadFile("image/build")
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{
		"65532:65532", "ALLOT_DATA=/var/lib/allot", "ALLOT_KEY_FILE=/var/lib/allot-key/allot.key", "ALLOT_LISTEN=0.0.0.0:8080", "8080",
		"/etc/ssl/certs/ca-certificates.crt", "-trimpath", "-s -w -X main.version=",
	} {
		for name, text := range map[string]string{"Dockerfile": string(docker), "build": string(build)} {
			if !strings.Contains(text, setting) {
				t.Errorf("image/%s does not have %s", name, setting)
			}
		}
	}
	if froms := regexp.MustCompile(`(?m)^FROM (.*)$`).FindAllStringSubmatch(string(docker), -1); !slices.Equal(froms[len(froms)-1], []string{"FROM scratch", "scratch"}) {
		t.Errorf("the image is made from %v", froms[len(froms)-1])
	}
}

// The command schemas writes a JSON schema for each kind of Kubernetes object that deploy/
// uses, made from the API's own Go types, so that kubeconform can check manifests without
// the network:
//
//	go run ./schemas DIR
//
// No schema allows a field that the type does not have.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// kinds are those used, by the name of the file that kubeconform looks for.
var kinds = map[string]any{
	"deployment-apps-v1":            apps.Deployment{},
	"statefulset-apps-v1":           apps.StatefulSet{},
	"service-v1":                    core.Service{},
	"serviceaccount-v1":             core.ServiceAccount{},
	"configmap-v1":                  core.ConfigMap{},
	"secret-v1":                     core.Secret{},
	"networkpolicy-networking-v1":   networking.NetworkPolicy{},
	"ingress-networking-v1":         networking.Ingress{},
	"poddisruptionbudget-policy-v1": policy.PodDisruptionBudget{},
	"persistentvolumeclaim-v1":      core.PersistentVolumeClaim{},
}

type object = map[string]any

// special are types that are not in JSON what they are in Go.
var special = map[reflect.Type]object{
	reflect.TypeFor[intstr.IntOrString](): {"type": []string{"integer", "string"}},
	reflect.TypeFor[resource.Quantity]():  {"type": []string{"integer", "number", "string"}, "pattern": `^[0-9]+(\.[0-9]+)?([mkMGTPE]|[KMGTPE]i)?$`},
	reflect.TypeFor[meta.Time]():          {"type": "string"},
	reflect.TypeFor[meta.MicroTime]():     {"type": "string"},
	reflect.TypeFor[meta.FieldsV1]():      {"type": "object"},
}

// schemas collects the definitions of structs.
type schemas map[string]object

func (s schemas) of(t reflect.Type) object {
	if known, ok := special[t]; ok {
		return known
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8:
		return object{"type": "integer"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string"}
		}
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		name := strings.ReplaceAll(t.PkgPath(), "/", ".") + "." + t.Name()
		if _, ok := s[name]; !ok {
			s[name] = nil // while it is made: some have themselves below
			properties := object{}
			required := s.fields(t, properties)
			s[name] = object{"type": "object", "properties": properties, "additionalProperties": false}
			if len(required) > 0 {
				s[name]["required"] = required
			}
		}
		return object{"$ref": "#/definitions/" + name}
	}
	panic(fmt.Sprintf("%s: no schema", t))
}

// fields adds those of a struct. What a manifest must have is what the type always writes,
// but for what the server fills in: structs and lists.
func (s schemas) fields(t reflect.Type, properties object) (required []string) {
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case name == "" && field.Anonymous:
			required = append(required, s.fields(field.Type, properties)...)
		default:
			properties[name] = s.of(field.Type)
			kind := field.Type.Kind()
			if !strings.Contains(options, "omit") && kind != reflect.Struct && kind != reflect.Slice && kind != reflect.Map && kind != reflect.Pointer {
				required = append(required, name)
			}
		}
	}
	return required
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemas DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, kind := range kinds {
		all := schemas{}
		root := all.of(reflect.TypeOf(kind))
		root["definitions"] = all
		root["$schema"] = "http://json-schema.org/draft-07/schema#"
		text, err := json.Marshal(root)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

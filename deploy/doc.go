// Package deploy holds what runs Allot elsewhere: a systemd unit, images, manifests, a Helm
// chart, alerts and a dashboard; release makes what is given out. It has no code
// of its own. Its tests check all of it as far as neither the network nor root is needed:
// that units load and are hardened, that every variable is a flag of the server, that alerts
// and dashboard name metrics that there are, that each alert says what to do. The rest, with
// the tools that read these files, is "make deploy-check".
//
// docs/deploy.md is how to use it.
package deploy

// Package clients tests Allot's packages for other languages, python/ and js/,
// as their users get them: packed, installed from what was packed into an empty
// environment, and run against the built binary. Their READMEs and the apps in
// examples/ run too.
//
// Key decision: the tests of a package are written in its language and start the
// server themselves, because they pull its plug. What stands here packs, installs
// and starts them.
//
// Start reading at TestPackages. "make test" installs what the tests need under
// .cache; without it a test is skipped, or fails if CI=true. The test cache does
// not see the packages: run with -count=1.
package clients

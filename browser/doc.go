// Package browser looks at Allot's pages as people do: in a real browser, by
// keyboard, on a phone, in the dark, and with hostile text in every field.
//
// Key decision: one Chromium for all cases, driven by a small program in Node, which
// opens a page and says all that it saw: errors on the console, requests to anywhere
// else, what the content security policy stopped, text that ran or became markup,
// breaches of accessibility, what is too wide. What a page should be like is said
// here, in tables. The server is the real one, its clock set; how people sign in is
// shown with the built binary, by its command line.
//
// Start reading at TestScreens: a new screen is a line there. "make browser" installs
// what it takes; without it a test is skipped, or fails if CI=true. The test cache
// does not see the binary: run with -count=1.
package browser

// Package web has what all pages of Allot share: the frame around them, the one
// stylesheet, the scripts, and how money, amounts and instants are written for people.
//
// The key decision: a page is made on the server and can be read without a script. A
// script only makes fluent what links and forms do anyway. So there is no build step, the
// policy for what a page may load ([Policy]) is strict enough to be proved by a browser,
// and everything that a page needs is in the binary, under names that change with the
// content ([Static]).
//
// Templates of a package are read by [Screens]; each of its files is one screen, and
// defines "content". Start reading at [Page].
package web

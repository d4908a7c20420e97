// Package docs holds the documentation to the program: every Corefile in it starts, those that are shown as wrong fail with the
// message beside them, every property of the parser is described and has an example, and what dig is shown to print is what it
// prints.
package docs

// Planted puts known bugs into the program, one at a time, and shows that the tests find each of them.
//
// A bug is a file under bugs/: what it is, the source file, the tests that must find it, and the lines that are taken out
// and put in. The build sees the changed file through an overlay; the tree itself is never touched. A bug whose lines are
// not in the source exactly once, or that does not build, is an error: it would prove nothing.
//
//	make planted
//
// prints what was planted and which test found it, and fails when one was not found.
package main

package types

// AppVersion is the newest version of the rules that this program computes. A change of rules that an older program would
// compute differently raises it; which version a block runs by is the council's to say (leaf "upgrade").
const AppVersion = 1

// FirstAppVersion is the version that a network begins with.
const FirstAppVersion = 1

// Version is what this build calls itself: set by the linker (see the Makefile), "unknown" otherwise.
var Version = "unknown"

package types

// Version is what this build calls itself: set by the linker (see the Makefile), "unknown" otherwise.
var Version = "unknown"

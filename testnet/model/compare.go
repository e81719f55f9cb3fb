package model

// MaxDifferences is how many lines a comparison returns at most.
const MaxDifferences = 20

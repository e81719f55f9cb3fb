// Command ledgerctl is for everybody who does not run a node: it signs and submits transactions, imports files, reads
// records with their proofs, makes report files and verifies them without a network.
//
// One file a command; tx has a subcommand for every message of types.Table, with its fields, who may sign it and an
// example. Output is for people; -o json gives one JSON object. Exit status: 0 done; 1 refused, not verified or failed;
// 2 not understood.
package main

// Package verifier reads credit reports and checks everything they say, offline: no network, no clock, no files. It is the
// one place where headers and signatures are judged: the client reads through it, and it runs in a browser.
//
//	report, err := verifier.Decode(file)                              // bytes of a *.tcr; FORMAT.md describes them
//	verdict, err := verifier.Verify(report, trust, verifier.Options{Now: time.Now()})
//	err = verifier.WritePage(os.Stdout, verdict, verifier.Chinese)    // for a credit officer
//	verifier.Explain(err, verifier.Chinese)                           // why a report was refused
//
// # What a report carries
//
//   - the receipt of a credit query, with what opens its commitment: who asked, and for what;
//   - the model and the chain's constants;
//   - the rows that were scored. They need no proof of their own: the receipt holds their digest;
//   - entries of the enterprise's log, all or some, with the RFC 6962 proof that none between is missing;
//   - documents, and objects with their locks: present, or absent by a proof of absence;
//   - one partial tree (tree.go), from which the ICS-23 proof of each record is taken out as it was and given to the stock
//     verifier, so that what many proofs have in common stands in the file once;
//   - header, commit and validators; the headers by which trust gets from an older pin to them;
//   - once it was renewed, a later header under which the report's own is proved by the log of block hashes.
//
// # What is recomputed
//
// The score, from the rows, by the proved model: every field must be the receipt's. When the file has all entries up to the
// height that was scored, the sums in the rows are added up from them (fold.go), and the log that was scored is shown to be
// a beginning of the one that is proved. What others paid to the enterprise, and orders between them, stand in the logs of
// others; a report of one enterprise cannot add them up.
//
// # Standing
//
// Fresh: signed within the trust period. Reanchored: older, but part of the chain of a header that is fresh.
// OldTrustOnly: neither; whoever holds the old keys by now could have signed it. Freshness, chain id and trust period are
// arguments.
//
// # Headers by hand
//
// Headers, commits, votes and validator sets are read and hashed here, not by CometBFT's types package, which weighs
// almost as much as everything else in a browser: it added 3.7 MB, compressed, and all the rest has 4.9 MB. Tests hold decoding, hashes, signed bytes and
// verdicts against CometBFT's types and light, for random headers and for every bit of one.
package verifier

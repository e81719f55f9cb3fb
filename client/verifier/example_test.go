package verifier_test

import (
	"fmt"
	"log"
	"os"
	"time"

	"tradecredit/client/verifier"
)

// Verifying a report file without a network.
func ExampleVerify() {
	pin, err := os.ReadFile("testdata/trust.json")
	if err != nil {
		log.Fatal(err)
	}
	trust := new(verifier.Trust)
	if err := trust.UnmarshalJSON(pin); err != nil {
		log.Fatal(err)
	}
	file, err := os.ReadFile("testdata/report.tcr")
	if err != nil {
		log.Fatal(err)
	}
	report, err := verifier.Decode(file)
	if err != nil {
		log.Fatal(err)
	}
	filed := time.Date(2025, 11, 30, 0, 0, 0, 0, time.UTC) // time.Now() for a new one
	_, err = verifier.Verify(report, trust, verifier.Options{Now: filed})
	fmt.Println(err)
	v, err := verifier.Verify(report, trust, verifier.Options{Now: filed, AllowSimulation: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Receipt.Subject, v.Receipt.Result.Score, v.Receipt.Result.Class, v.Standing == verifier.Fresh, v.Recomputed, v.Entries.Complete())
	// Output:
	// report comes from a simulated network: its institutions and keys are made up
	// USCC:91350100M000100Y43 375 CLASS_4 true true true
}

package client_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"tradecredit/client"
	"tradecredit/types"
)

// Reading one record with its proof: what comes back was verified, or there is an error.
func ExampleGet() {
	trust, err := client.ReadTrust("trust.json")
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(client.Config{Endpoints: []string{"http://127.0.0.1:8080"}, Trust: trust})
	if err != nil {
		log.Fatal(err)
	}
	r, proven, err := client.Get(context.Background(), c, types.ReceivableKey("platform-1/R-88"), client.GetOptions{})
	switch {
	case err != nil:
		log.Fatal(err)
	case r == nil:
		fmt.Println("there is none at height", proven.Height, "(proved)")
	default:
		fmt.Println(r.Status, "at height", proven.Height, "(proved)")
	}
}

// Loading a file with a function of one's own in place of a mapping file.
func ExampleImporter() {
	key, _, err := client.OpenKeyFile("keys/platform-1.key", nil)
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(client.Config{Endpoints: []string{"http://127.0.0.1:8080"}, ChainID: "trade-1"})
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.Open("fixings.csv")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	table, err := client.OpenTable(file, client.TableOptions{})
	if err != nil {
		log.Fatal(err)
	}
	im := client.Importer{Client: c, Signers: map[string]*client.Signer{
		"forex": {ID: "forex-1", KeyID: "forex", Key: key, Origin: types.Origin{SourceSystem: "rates", Jurisdiction: "CN"}},
	}}
	summary, err := im.Run(context.Background(), table.Rows(), func(r *client.Row) ([]client.Step, error) {
		day, err := types.ParseDay(r.Get("day"))
		if err != nil {
			return nil, client.Reject("day cannot be read", "%v", err)
		}
		rate, err := types.ParseAmount(strings.TrimSpace(r.Get("rate")), "CNY")
		if err != nil {
			return nil, client.Reject("rate cannot be read", "%v", err)
		}
		return []client.Step{{Signer: "forex", Msg: &types.PublishFixing{Currency: r.Get("currency"), Day: day, RateE9: rate * 10_000_000}}}, nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(summary.New, "new,", summary.Already, "already recorded")
}

package node

import (
	"errors"
	"net/http"

	"tradecredit/node/index"
)

// list gives a page of a list: GET /v1/list?kind=KIND&by=BY&value=VALUE&after=CURSOR&limit=N. The answer is an index.Page, always as
// JSON. It comes from the index, which follows the state within a moment: height says of which state it is. Nothing in it is
// proved; each row names the state key under which GET /v1/record gives the record with its proof.
func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	known := []string{"kind", "by", "value", "after", "limit"}
	q := queryOf(r, known...)
	if q.err != nil {
		return suggest(q, known)
	}
	query := index.Query{
		Kind: q.need("kind", maxListText), By: q.text("by"), Value: q.text("value"), After: q.text("after"),
		Limit: int(q.number("limit", index.DefaultLimit, 1, index.MaxLimit)),
	}
	if q.err != nil {
		return q.err
	}
	page, err := a.node.indexer.list(r.Context(), query)
	if err != nil {
		return listProblem(query, err)
	}
	answerJSON(w, http.StatusOK, page)
	return nil
}

// maxListText bounds the name of a kind, in bytes.
const maxListText = 64

// listProblem makes an answer of what List says, with what may have been meant.
func listProblem(q index.Query, err error) error {
	var wrong *index.QueryError
	switch {
	case errors.As(err, &wrong):
		return problemf(http.StatusBadRequest, "%s%s", wrong.Error(), meant(q, wrong.Parameter))
	case errors.Is(err, index.ErrBuilding), errors.Is(err, index.ErrClosed), errors.Is(err, errNobodyWaits):
		return problemf(http.StatusServiceUnavailable, "the lists of this node are being made from the state; come again later")
	case errors.Is(err, index.ErrFailed), errors.Is(err, errBadIndex):
		return problemf(http.StatusServiceUnavailable, "%s", errBadIndex.Error())
	case errors.Is(err, errNoIndex):
		return problemf(http.StatusNotFound, "%s", err.Error())
	}
	return err
}

// meant finds the name that is nearest to a wrong one.
func meant(q index.Query, parameter string) string {
	switch {
	case parameter == "kind":
		return nearest(q.Kind, index.Kinds())
	case parameter == "by":
		return nearest(q.By, index.Bys(q.Kind))
	case parameter == "value" && q.By == index.Status.String():
		return nearest(q.Value, index.Statuses(q.Kind))
	}
	return ""
}

// suggest adds to a problem with the names of parameters the one that may have been meant.
func suggest(q *query, known []string) error {
	for name := range q.values {
		if !contains(known, name) {
			return problemf(http.StatusBadRequest, "%s%s", q.err.Error(), nearest(name, known))
		}
	}
	return q.err
}

// nearest suggests the name that differs least, if one is near at all.
func nearest(name string, names []string) string {
	best, least := "", 1+max(2, len(name)/3)
	for _, n := range names {
		if d := editDistance(name, n); d < least {
			best, least = n, d
		}
	}
	if best == "" || len(name) > maxListText {
		return ""
	}
	return "; did you mean " + best + "?"
}

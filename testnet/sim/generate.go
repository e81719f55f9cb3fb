package sim

import "tradecredit/types"

// How a message gets its generator
//
// Each area has a file generate_<area>.go with one table of generators and one function a message. A generator looks at
// the world and returns what somebody might sensibly say now, or nil if there is nothing to say it about:
//
//	{"confirm_order", 6, confirmOrder},
//
//	func confirmOrder(w *world) *act {
//		id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool { return o.Status == types.OrderStatus_PROPOSED })
//		if o == nil {
//			return nil
//		}
//		return w.by(o.Order.Buyer, &types.ConfirmOrder{Order: id, TermsDigest: o.Order.TermsDigest, Day: w.eventDay()})
//	}
//
// It need not be right: some of what it says may be refused. The number is its weight among all others: 3 is usual, more
// for what others wait for, 1 for what ends things. It need not be hostile either: a fifth of all acts are spoiled after
// they were generated (spoil.go), and where no generator finds anything to say for long, a message is invented from its
// fields.
//
// What to pick from is in pick.go: own (a member in its own right), by (an enterprise itself or through a delegate),
// member, enterprise, twoEnterprises, pick and get for records, ago, ahead, eventDay, amount, currency, digest, id. All
// randomness comes from w.rng; there is no iteration over a map.
//
// TestEveryMessageHasAGenerator lists the messages of types.Table that have none, and a run over many seeds fails
// unless each message was accepted at least once and refused at least once.

// act is one message and who says it: a member in its own right, a member on behalf of an enterprise, or an enterprise.
type act struct {
	signer string // member or subject
	behalf string // the enterprise that a member acts for; empty in its own right
	msg    types.Msg
}

// generator makes one kind of message.
type generator struct {
	message string // as in types.Table
	weight  int
	make    func(*world) *act
}

// generators are those of all areas.
var generators = func() []generator {
	var all []generator
	for _, area := range [][]generator{governance, parties, trade, customs, documents, money, financing, credit, rights, models} {
		all = append(all, area...)
	}
	return all
}()

// act is what somebody says now; nil if many tries found nothing.
func (w *world) act() *act {
	if len(w.mirror.rows) == 0 {
		return nil // the genesis is not committed
	}
	for range 12 {
		g := w.choose()
		a := g.make(w)
		if a == nil {
			if chance(w.rng, 3) {
				return w.invent(g.message)
			}
			continue
		}
		w.remember(g.message, *a)
		if chance(w.rng, 20) {
			return w.spoil(a)
		}
		return a
	}
	return nil
}

// choose is a generator by weight. As long as few enterprises can trade, many acts make them.
func (w *world) choose() *generator {
	if len(w.mirror.kinds[string(types.Enterprises)]) < 8 && chance(w.rng, 60) {
		return &parties[w.rng.IntN(2)]
	}
	n := w.rng.IntN(w.weight)
	for _, g := range w.generators {
		if n -= g.weight; n < 0 {
			return g
		}
	}
	panic("sim: weights do not add up")
}

// remember keeps an act, so that it can be said again.
func (w *world) remember(name string, a act) {
	w.said[name] = append(w.said[name], a)
	if len(w.said[name]) > keepActs {
		w.said[name] = w.said[name][1:]
	}
}

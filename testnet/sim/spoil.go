package sim

import (
	"math"
	"reflect"
	"strings"

	"tradecredit/types"
)

// spoil makes an act that is not as it should be out of one that is: another signer, another relation, other fields,
// the same again. What comes out may still be accepted, or refused with any code.
func (w *world) spoil(a *act) *act {
	s := &act{signer: a.signer, behalf: a.behalf, msg: clone(a.msg)}
	switch w.rng.IntN(10) {
	case 0: // anybody
		s.signer, s.behalf = w.anybody(), ""
	case 1: // a member that has the role, and no business here
		s.signer = w.peer(s.signer)
	case 2: // without a mandate, or under one that it may not have
		if s.behalf == "" {
			s.behalf = w.anyTrader()
		} else {
			s.behalf = ""
		}
	case 3: // with itself
		w.selfDeal(s.msg)
	case 4, 5: // again, as it was or almost
		if old := w.said[types.RowOf(s.msg).Name]; len(old) > 0 {
			o := oneOf(w.rng, old...)
			s = &act{signer: o.signer, behalf: o.behalf, msg: clone(o.msg)}
			if w.rng.IntN(2) == 0 {
				w.distort(s.msg)
			}
		}
	default:
		for range 1 + w.rng.IntN(2) {
			w.distort(s.msg)
		}
	}
	return s
}

// invent is a message of that name with all its fields made up from what the world has seen; nil if there is no such message.
func (w *world) invent(name string) *act {
	msg := types.NewMsg(name)
	w.fill(reflect.ValueOf(msg).Elem(), 0)
	a := &act{signer: w.anybody(), msg: msg}
	for range 8 { // mostly somebody who may say such things
		p := oneOf(w.rng, types.RowNamed(name).Permissions...)
		switch {
		case p.Relation == types.SubjectSelf:
			a.signer = w.anyTrader()
		case p.Role >= 0:
			a.signer, a.behalf = w.anyMember(p.Role), ""
			if p.Relation == types.ByMandate {
				a.behalf = w.anyTrader()
			}
		}
		if a.signer != "" {
			return a
		}
	}
	a.signer = w.anybody()
	return a
}

// clone is a deep copy of a message.
func clone(m types.Msg) types.Msg {
	raw, err := m.(interface{ Marshal() ([]byte, error) }).Marshal()
	if err != nil {
		panic(err)
	}
	c := types.NewMsg(types.RowOf(m).Name)
	if err := c.(interface{ Unmarshal([]byte) error }).Unmarshal(raw); err != nil {
		panic(err)
	}
	return c
}

// textField is the address of a text field of a message, nil if it has none of that name.
func textField(m types.Msg, name string) *string {
	f := reflect.ValueOf(m).Elem().FieldByName(name)
	if !f.IsValid() || f.Kind() != reflect.String {
		return nil
	}
	return f.Addr().Interface().(*string)
}

// field is one field of a message, or of what lies in it, by its Go name.
type field struct {
	name string
	reflect.Value
}

// leafFields are the scalar fields and lists of a message and of what lies in it.
func leafFields(f field) (out []field) {
	switch f.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !f.IsNil() {
			out = leafFields(field{f.name, f.Elem()})
		}
	case reflect.Struct:
		for i := range f.NumField() {
			if t := f.Type().Field(i); t.IsExported() {
				out = append(out, leafFields(field{t.Name, f.Field(i)})...)
			}
		}
	case reflect.Slice:
		if f.Type().Elem().Kind() != reflect.Uint8 {
			for i := range f.Len() {
				out = append(out, leafFields(field{f.name, f.Index(i)})...)
			}
		}
		out = append(out, f)
	default:
		out = append(out, f)
	}
	return out
}

// distort changes one field of a message.
func (w *world) distort(m types.Msg) {
	fields := leafFields(field{"", reflect.ValueOf(m)})
	if len(fields) == 0 {
		return
	}
	f := oneOf(w.rng, fields...)
	switch f.Kind() {
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Int32:
		if isEnum(f.Value) {
			f.SetInt(int64(w.rng.IntN(9)))
			return
		}
		now := int64(w.today())
		f.SetInt(oneOf(w.rng, 0, -1, f.Int()+1, f.Int()-1, int64(types.MinDay), int64(types.MinDay)-1, now, now+1, now+2, now+3000, now-40, math.MaxInt32))
	case reflect.Int64:
		f.SetInt(oneOf(w.rng, 0, -1, f.Int()+1, f.Int()-1, f.Int()/2, f.Int()*2, types.MaxAmount, types.MaxAmount+1, math.MaxInt64, w.now.Unix()))
	case reflect.Uint32, reflect.Uint64:
		f.SetUint(oneOf(w.rng, 0, 1, f.Uint()+1, 257, 100_000, math.MaxUint32))
	case reflect.String:
		f.SetString(w.otherText(f.name, f.String()))
	case reflect.Slice:
		w.distortList(f.Value)
	}
}

// otherText takes the place of a text: most often something of the same kind that exists.
func (w *world) otherText(name, was string) string {
	if w.rng.IntN(3) == 0 {
		return w.anyText(was)
	}
	if keys := w.mirror.kinds[strings.ToLower(name)+"/"]; len(keys) > 0 { // another record
		key := keys[nearTheEnd(w.rng, len(keys), 40)]
		return key[len(name)+1:]
	}
	if keys := w.mirror.kinds[was[:strings.IndexByte(was, '/')+1]]; len(keys) > 0 { // the key of a record
		return oneOf(w.rng, keys...)
	}
	if types.IsSubjectID(was) {
		return w.anyTrader()
	}
	return w.anyText(was)
}

// isEnum tells an enumeration from a day.
func isEnum(f reflect.Value) bool { return f.Type().PkgPath() != "" }

func (w *world) distortList(f reflect.Value) {
	if f.Type().Elem().Kind() == reflect.Uint8 {
		b := append([]byte(nil), f.Bytes()...)
		switch n := w.rng.IntN(4); {
		case n == 0 || len(b) == 0:
			b = w.digest()
		case n == 1:
			b = b[:len(b)-1]
		case n == 2:
			b = nil
		default:
			b[w.rng.IntN(len(b))] ^= 1
		}
		f.SetBytes(b)
		return
	}
	switch n := w.rng.IntN(3); {
	case f.Len() == 0:
	case n == 0:
		f.Set(f.Slice(0, f.Len()-1))
	case n == 1:
		f.Set(reflect.Append(f, f.Index(0)))
	default: // too many
		for f.Len() < 300 {
			f.Set(reflect.Append(f, f.Index(w.rng.IntN(f.Len()))))
		}
	}
}

// selfDeal puts one party of a message on both sides.
func (w *world) selfDeal(m types.Msg) {
	var parties []field
	for _, f := range leafFields(field{"", reflect.ValueOf(m)}) {
		if f.Kind() == reflect.String && types.IsSubjectID(f.String()) && !strings.Contains(f.String(), "/") {
			parties = append(parties, f)
		}
	}
	if len(parties) < 2 {
		w.distort(m)
		return
	}
	parties[0].SetString(parties[1].String())
}

// fill makes up the fields of a message.
func (w *world) fill(v reflect.Value, depth int) {
	for i := range v.NumField() {
		f := v.Field(i)
		if !v.Type().Field(i).IsExported() {
			continue
		}
		switch f.Kind() {
		case reflect.Pointer:
			if depth < 3 && w.rng.IntN(3) > 0 {
				f.Set(reflect.New(f.Type().Elem()))
				w.fill(f.Elem(), depth+1)
			}
		case reflect.Slice:
			w.fillList(f, depth)
		case reflect.String:
			f.SetString(w.anyText(v.Type().Field(i).Name))
		case reflect.Bool:
			f.SetBool(w.rng.IntN(2) == 0)
		case reflect.Int32:
			if isEnum(f) {
				f.SetInt(1 + int64(w.rng.IntN(4)))
			} else {
				f.SetInt(int64(w.today()) + w.rng.Int64N(60) - 40)
			}
		case reflect.Int64:
			f.SetInt(w.amount())
		case reflect.Uint32, reflect.Uint64:
			f.SetUint(uint64(w.rng.IntN(5)))
		}
	}
}

func (w *world) fillList(f reflect.Value, depth int) {
	switch e := f.Type().Elem(); e.Kind() {
	case reflect.Uint8:
		f.SetBytes(w.digest())
	case reflect.String:
		f.Set(reflect.Append(f, reflect.ValueOf(w.anyText(""))))
	case reflect.Pointer:
		if depth < 3 {
			p := reflect.New(e.Elem())
			w.fill(p.Elem(), depth+1)
			f.Set(reflect.Append(f, p))
		}
	}
}

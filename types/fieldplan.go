package types

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/cosmos/gogoproto/proto"
)

// The generated decoder takes invalid UTF-8, enum values that nobody defined, an unset oneof and empty messages. A
// plan is compiled once from the generated structs and finds all of these in one pass over the encoded bytes, without
// touching the decoded structs. It is run only on bytes that are known to be canonical.

// fieldKind says what a field's bytes must satisfy.
type fieldKind uint8

const (
	kindAny     fieldKind = iota // nothing beyond the encoding
	kindString                   // UTF-8
	kindEnum                     // one of values
	kindEnums                    // the same, packed
	kindMessage                  // not empty, and its own plan holds
)

type planField struct {
	name   string
	kind   fieldKind
	values []bool // which values an enum has
	plan   *plan
	oneof  bool
}

// plan is what a message type demands of its fields, by field number.
type plan struct {
	name   string
	fields []planField
	oneof  bool // a oneof must be set
}

// The plans are compiled when they are first asked for: generated code registers its enums in an init function.
var (
	signedTxPlan = sync.OnceValue(func() *plan { return compiler{}.planOf(reflect.TypeFor[SignedTx]()) })
	bodyPlan     = sync.OnceValue(func() *plan { return compiler{}.planOf(reflect.TypeFor[Body]()) })
)

// compiler remembers the plans it made, by type.
type compiler map[reflect.Type]*plan

// planOf compiles the plan of a generated struct; it panics on a shape that types.proto may not have.
func (c compiler) planOf(t reflect.Type) *plan {
	if p, ok := c[t]; ok {
		return p
	}
	p := &plan{name: t.Name()}
	c[t] = p
	for i := range t.NumField() {
		if _, ok := t.Field(i).Tag.Lookup("protobuf_oneof"); ok {
			p.oneof = true
			continue
		}
		c.add(p, t.Field(i), false)
	}
	if p.oneof {
		message := reflect.New(t).Interface().(interface{ XXX_OneofWrappers() []interface{} })
		for _, w := range message.XXX_OneofWrappers() {
			c.add(p, reflect.TypeOf(w).Elem().Field(0), true)
		}
	}
	return p
}

// add compiles one field from its tag, for example `protobuf:"varint,3,opt,name=role,proto3,enum=tradecredit.v1.Role"`.
func (c compiler) add(p *plan, field reflect.StructField, oneof bool) {
	parts := strings.Split(field.Tag.Get("protobuf"), ",")
	if len(parts) < 4 {
		panic("types: field without protobuf tag: " + p.name + "." + field.Name)
	}
	number, err := strconv.Atoi(parts[1])
	if err != nil || number < 1 || number > 1000 {
		panic("types: field number of " + p.name + "." + field.Name)
	}
	f := planField{name: strings.TrimPrefix(parts[3], "name="), oneof: oneof}
	t := field.Type
	repeated := t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8
	if repeated {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.String:
		f.kind = kindString
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		f.kind, f.plan = kindMessage, c.planOf(t.Elem())
	case t.Kind() == reflect.Struct:
		f.kind, f.plan = kindMessage, c.planOf(t)
	}
	if last := parts[len(parts)-1]; strings.HasPrefix(last, "enum=") {
		f.kind, f.values = kindEnum, enumValues(strings.TrimPrefix(last, "enum="))
		if repeated {
			f.kind = kindEnums
		}
	}
	for len(p.fields) <= number {
		p.fields = append(p.fields, planField{})
	}
	p.fields[number] = f
}

// enumValues tells which values an enum has, from 0 on; a test holds that none is large or negative.
func enumValues(name string) []bool {
	var known []bool
	for _, v := range proto.EnumValueMap(name) {
		for len(known) <= int(v) {
			known = append(known, false)
		}
		known[v] = true
	}
	if len(known) == 0 {
		panic("types: enum without values: " + name)
	}
	return known
}

// known tells whether an enum has a value.
func (f *planField) known(value uint64) bool { return value < uint64(len(f.values)) && f.values[value] }

var (
	errTruncated = errors.New("truncated")
	errWireType  = errors.New("unexpected wire type")
)

// check walks canonical bytes. Errors name the field.
func (p *plan) check(b []byte) error {
	set := false
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errTruncated
		}
		b = b[n:]
		value, n := binary.Uvarint(b) // the value of a varint, or the length of bytes; v1 has no other wire types
		if n <= 0 {
			return errTruncated
		}
		b = b[n:]
		number := tag >> 3
		if number >= uint64(len(p.fields)) {
			return fmt.Errorf("%s has no field %d", p.name, number)
		}
		f := &p.fields[number]
		set = set || f.oneof
		switch tag & 7 {
		case 0:
			if f.kind == kindEnum && !f.known(value) {
				return fmt.Errorf("%s.%s: unknown value %d", p.name, f.name, int64(value))
			}
		case 2:
			if value > uint64(len(b)) {
				return errTruncated
			}
			if err := f.checkBytes(p, b[:value]); err != nil {
				return err
			}
			b = b[value:]
		default:
			return errWireType
		}
	}
	if p.oneof && !set {
		return fmt.Errorf("%s: nothing is set", p.name)
	}
	return nil
}

func (f *planField) checkBytes(p *plan, b []byte) error {
	switch f.kind {
	case kindString:
		if !utf8.Valid(b) {
			return fmt.Errorf("%s.%s: not UTF-8", p.name, f.name)
		}
	case kindMessage:
		if len(b) == 0 {
			return fmt.Errorf("%s.%s: empty", p.name, f.name)
		}
		return f.plan.check(b)
	case kindEnums:
		for len(b) > 0 {
			value, n := binary.Uvarint(b)
			if n <= 0 {
				return errTruncated
			}
			if !f.known(value) {
				return fmt.Errorf("%s.%s: unknown value %d", p.name, f.name, int64(value))
			}
			b = b[n:]
		}
	}
	return nil
}

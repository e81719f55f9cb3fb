package client

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// DisclosureFile is what a holder hands over: some fields of one document, each with its proof, and nothing of the rest.
type DisclosureFile struct {
	Document string        // record id of the document they are of
	Fields   []*Disclosure // in the order asked for
}

// maxDisclosureFile bounds what is read of a stranger's file.
const maxDisclosureFile = 1 << 20

// ErrDisclosureFile is any mistake in the form of a disclosure file.
var ErrDisclosureFile = errors.New("not a disclosure file")

type disclosureJSON struct {
	Document string               `json:"document"`
	Fields   []disclosedFieldJSON `json:"fields"`
}

type disclosedFieldJSON struct {
	Name  string   `json:"name"`
	Value string   `json:"value"`
	Salt  string   `json:"salt"`
	Index uint64   `json:"index"`
	Size  uint64   `json:"size"`
	Path  []string `json:"path"`
}

// DiscloseFields shows the fields of those names of a record's commitment; ErrNoSuchField.
func DiscloseFields(c *Commitment, record string, names []string) (*DisclosureFile, error) {
	f := &DisclosureFile{Document: record}
	for _, name := range names {
		d, err := c.Disclose(name)
		if err != nil {
			return nil, err
		}
		f.Fields = append(f.Fields, d)
	}
	return f, nil
}

// Encode writes the file as JSON, bytes in hexadecimal.
func (f *DisclosureFile) Encode() ([]byte, error) {
	out := disclosureJSON{Document: f.Document}
	for _, d := range f.Fields {
		field := disclosedFieldJSON{Name: d.Name, Value: d.Value, Salt: hex.EncodeToString(d.Salt), Index: d.Index, Size: d.Size, Path: []string{}}
		for _, h := range d.Path {
			field.Path = append(field.Path, hex.EncodeToString(h))
		}
		out.Fields = append(out.Fields, field)
	}
	b, err := json.MarshalIndent(out, "", "  ")
	return append(b, '\n'), err
}

// ParseDisclosureFile reads what Encode wrote, strictly. It proves nothing yet: see Verify.
func ParseDisclosureFile(data []byte) (*DisclosureFile, error) {
	if len(data) > maxDisclosureFile {
		return nil, fmt.Errorf("%w: %d bytes", ErrDisclosureFile, len(data))
	}
	var in disclosureJSON
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDisclosureFile, err)
	}
	if in.Document == "" || len(in.Fields) == 0 || dec.More() {
		return nil, fmt.Errorf("%w: it names a document and at least one field", ErrDisclosureFile)
	}
	f := &DisclosureFile{Document: in.Document}
	for _, field := range in.Fields {
		d := &Disclosure{Name: field.Name, Value: field.Value, Index: field.Index, Size: field.Size}
		var err error
		if d.Salt, err = hex.DecodeString(field.Salt); err != nil {
			return nil, fmt.Errorf("%w: salt of %q: %v", ErrDisclosureFile, field.Name, err)
		}
		for _, h := range field.Path {
			b, err := hex.DecodeString(h)
			if err != nil {
				return nil, fmt.Errorf("%w: path of %q: %v", ErrDisclosureFile, field.Name, err)
			}
			d.Path = append(d.Path, b)
		}
		f.Fields = append(f.Fields, d)
	}
	return f, nil
}

// Verify checks every field against the commitment that the chain holds of the document. ErrDisclosure names the field.
func (f *DisclosureFile) Verify(root []byte) error {
	for _, d := range f.Fields {
		if err := d.Verify(root); err != nil {
			return fmt.Errorf("field %q: %w", d.Name, err)
		}
	}
	return nil
}

package model

import "strings"

// compromised is the end of the 30 days in which what a stolen key signed can be confirmed again; id is
// <holder>/<key>/<since>.
func (m *Model) compromised(id string) {
	at := strings.LastIndex(id, "/")
	_ = id[:at]
}

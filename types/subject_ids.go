package types

import "strings"

// Prefixes of the identifiers that have a check of their own.
const (
	subjectUSCC = "USCC:"
	subjectLEI  = "LEI:"
)

// IsSubjectID tells a subject id from a member id: it contains a colon. It checks nothing more.
func IsSubjectID(s string) bool { return strings.IndexByte(s, ':') >= 0 }

// CheckSubjectID refuses an enterprise's identifier: subject_id_malformed when it has none of the forms
//
//	USCC:<18 characters>        unified social credit code, GB 32100-2015
//	LEI:<20 characters>         legal entity identifier, ISO 17442
//	<CC>:<registry>:<number>    ISO 3166-1 country (XX and other user-assigned ones too),
//	                            registry [A-Z0-9]{2,16}, number [A-Za-z0-9._-]{1,40}
//
// and check_character_wrong when the form is right and the check is not. The registries USCC and LEI do not exist in the
// third form, so that no code is written in two ways.
func CheckSubjectID(s string) error {
	if code, ok := strings.CutPrefix(s, subjectUSCC); ok {
		return CheckUSCC(code)
	}
	if code, ok := strings.CutPrefix(s, subjectLEI); ok {
		return CheckLEI(code)
	}
	country, rest, _ := strings.Cut(s, ":")
	registry, number, ok := strings.Cut(rest, ":")
	if !ok || CheckCountry(country) != nil || !isRegistry(registry) || !isToken(number, 1, 40) {
		return Refuse(Code_subject_id_malformed, "USCC:…, LEI:… or country:REGISTRY:number")
	}
	return nil
}

func isRegistry(s string) bool {
	if len(s) < 2 || len(s) > 16 || s == "USCC" || s == "LEI" {
		return false
	}
	for i := range len(s) {
		if !isUpper(s[i]) && !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// usccAlphabet leaves out I, O, S, V and Z; a character's value is its place.
const usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

var usccWeights = [17]int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28}

// CheckUSCC refuses a unified social credit code: subject_id_malformed when it is not 18 characters of the alphabet of
// GB 32100-2015, check_character_wrong when the last is not (31 − Σ value·weight mod 31) mod 31. The outer "mod 31" is
// for the codes whose check is 0.
func CheckUSCC(code string) error {
	if len(code) != 18 {
		return Refuse(Code_subject_id_malformed, "a USCC has 18 characters, not %d", len(code))
	}
	sum, last := 0, 0
	for i := range len(code) {
		v := strings.IndexByte(usccAlphabet, code[i])
		if v < 0 {
			return Refuse(Code_subject_id_malformed, "character %d is not in the alphabet of GB 32100", i+1)
		}
		if i < len(usccWeights) {
			sum += v * usccWeights[i]
		}
		last = v
	}
	if want := (31 - sum%31) % 31; last != want {
		return Refuse(Code_check_character_wrong, "USCC: the last character should be %c", usccAlphabet[want])
	}
	return nil
}

// CheckLEI refuses a legal entity identifier: subject_id_malformed when it is not 18 characters 0-9 A-Z and two digits,
// check_character_wrong when the number that it spells (A = 10 … Z = 35) is not 1 modulo 97 (ISO 17442, ISO/IEC 7064).
func CheckLEI(code string) error {
	if len(code) != 20 || !allDigits(code[18:], 2) {
		return Refuse(Code_subject_id_malformed, "an LEI has 18 characters and two digits")
	}
	rest := 0
	for i := range len(code) {
		switch c := code[i]; {
		case isDigit(c):
			rest = (rest*10 + int(c-'0')) % 97
		case isUpper(c):
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return Refuse(Code_subject_id_malformed, "LEI: character %d is neither a digit nor a capital letter", i+1)
		}
	}
	if rest != 1 {
		return Refuse(Code_check_character_wrong, "LEI: the last two digits do not check")
	}
	return nil
}

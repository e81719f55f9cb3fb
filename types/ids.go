package types

import "strings"

// isToken tells whether s has min to max characters, all of A-Z a-z 0-9 . _ -
func isToken(s string, min, max int) bool {
	if len(s) < min || len(s) > max {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isUpper(c) && !isLower(c) && !isDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// isName tells whether s has min to max characters, all of a-z 0-9 -
func isName(s string, min, max int) bool {
	if len(s) < min || len(s) > max {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLower(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	return true
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// allDigits tells whether s is n decimal digits.
func allDigits(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func isReference(s string) bool { return isToken(s, 16, 64) }

// isSigner tells whether s has the form of a member id or of a subject id; check characters are not looked at, since
// only registered signers are found.
func isSigner(s string) bool {
	if !IsSubjectID(s) {
		return CheckMemberID(s) == nil
	}
	code, _ := CodeOf(CheckSubjectID(s))
	return code == Code_ok || code == Code_check_character_wrong
}

// CheckSourceID refuses with source_id_malformed what is not [A-Za-z0-9._-]{1,64}: the part of a record id that its
// source chose. It says nothing to the ledger and must say nothing about natural persons.
func CheckSourceID(s string) error {
	if !isToken(s, 1, 64) {
		return Refuse(Code_source_id_malformed, "1 to 64 characters A-Z a-z 0-9 . _ -")
	}
	return nil
}

// CheckMemberID refuses with member_id_malformed what is not [a-z0-9-]{2,32}.
func CheckMemberID(s string) error {
	if !isName(s, 2, 32) {
		return Refuse(Code_member_id_malformed, "2 to 32 characters a-z 0-9 -")
	}
	return nil
}

// CheckKeyID refuses with key_id_malformed what is not [a-z0-9-]{1,32}.
func CheckKeyID(s string) error {
	if !isName(s, 1, 32) {
		return Refuse(Code_key_id_malformed, "1 to 32 characters a-z 0-9 -")
	}
	return nil
}

// CheckControlGroup refuses with text_malformed what is not [A-Za-z0-9._:-]{2,64}: the name of those who are under
// one control. Equal names mean one group, of members and enterprises alike. A member's is CheckMemberGroup.
func CheckControlGroup(s string) error {
	if len(s) < 2 || len(s) > 64 {
		return Refuse(Code_text_malformed, "control group: 2 to 64 characters")
	}
	for i := range len(s) {
		if s[i] != ':' && !isToken(s[i:i+1], 1, 1) {
			return Refuse(Code_text_malformed, "control group: characters A-Z a-z 0-9 . _ : -")
		}
	}
	return nil
}

// CheckMemberGroup refuses with text_malformed what is not [a-z0-9-]{2,32}: the control group of a member.
func CheckMemberGroup(s string) error {
	if !isName(s, 2, 32) {
		return Refuse(Code_text_malformed, "control group of a member: 2 to 32 characters a-z 0-9 -")
	}
	return nil
}

// SplitRecordID takes "<signer>/<source id>" apart; ok is false when there is not exactly one slash with something on
// either side. It does not check the parts.
func SplitRecordID(s string) (signer, source string, ok bool) {
	signer, source, ok = strings.Cut(s, "/")
	if !ok || signer == "" || source == "" || strings.Contains(source, "/") {
		return "", "", false
	}
	return signer, source, true
}

// CheckRecordID refuses with record_id_malformed what is not "<signer>/<source id>", signer a member id or a subject
// id, source id as CheckSourceID has it.
func CheckRecordID(s string) error {
	signer, source, ok := SplitRecordID(s)
	if !ok || CheckSourceID(source) != nil || !isSigner(signer) {
		return Refuse(Code_record_id_malformed, "signer/source-id")
	}
	return nil
}

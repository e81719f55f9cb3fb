package types

import (
	"crypto/sha256"
	"strconv"
)

// SimulationNotice stands on everything that a simulated network shows.
const SimulationNotice = "Facts are real and public. Institutions, keys and signatures are simulated here; none of the named parties signed or uses this."

// SaltSize is the length of the salt of a receipt, in bytes.
const SaltSize = 32

// ReceiptCommitment hides who asked for a score and why, and lets the holder of the salt show it:
// SHA-256("tradecredit/v1/receipt" ‖ 0 ‖ salt ‖ grantee ‖ 0 ‖ purpose number in decimal).
// salt is 32 bytes (see CheckSalt); grantee is the member that asked.
func ReceiptCommitment(salt []byte, grantee string, p Purpose) []byte {
	h := sha256.New()
	h.Write([]byte(domainReceipt))
	h.Write([]byte{0})
	h.Write(salt)
	h.Write([]byte(grantee))
	h.Write([]byte{0})
	h.Write([]byte(strconv.Itoa(int(p))))
	return h.Sum(nil)
}

// CheckSalt refuses with salt_length_wrong what is not 32 bytes.
func CheckSalt(b []byte) error {
	if len(b) != SaltSize {
		return Refuse(Code_salt_length_wrong, "%d bytes, not %d", len(b), SaltSize)
	}
	return nil
}

// CheckDigest refuses with digest_length_wrong what is not the 32 bytes of a SHA-256.
func CheckDigest(b []byte) error {
	if len(b) != sha256.Size {
		return Refuse(Code_digest_length_wrong, "%d bytes, not %d", len(b), sha256.Size)
	}
	return nil
}

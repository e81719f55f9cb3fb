package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// testKeyFolder seals with the least work, so that tests are quick.
func testKeyFolder(t *testing.T) *KeyFolder {
	t.Helper()
	f, err := OpenKeyFolder(filepath.Join(t.TempDir(), "keys"))
	require.NoError(t, err)
	require.Equal(t, scryptWorkFactor, f.workFactor)
	f.workFactor = 2
	return f
}

func testKey(t *testing.T, n byte) *types.SigningKey {
	t.Helper()
	k, err := types.NewSigningKey(bytes.Repeat([]byte{n}, 32))
	require.NoError(t, err)
	return k
}

func saying(p string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(p), nil } }

func TestKeyFileSealed(t *testing.T) {
	f, key := testKeyFolder(t), testKey(t, 7)
	written, err := f.Add("bank-a", "bank-a", "k1", key, []byte("correct horse"))
	require.NoError(t, err)
	require.True(t, written.Sealed)

	loaded, info, err := f.Load("bank-a", saying("correct horse"))
	require.NoError(t, err)
	require.Equal(t, key.PublicKey(), loaded.PublicKey())
	require.Equal(t, written, info)
	require.Equal(t, KeyInfo{Name: "bank-a", Holder: "bank-a", KeyID: "k1", Algorithm: types.Algorithm_ED25519, PublicKey: key.PublicKey(), Sealed: true}, info)

	_, _, err = f.Load("bank-a", saying("correct horsf"))
	require.ErrorIs(t, err, ErrPassphraseWrong)
	_, _, err = f.Load("bank-a", saying(""))
	require.ErrorIs(t, err, ErrPassphraseWrong)
	asked := errors.New("no terminal")
	_, _, err = f.Load("bank-a", func() ([]byte, error) { return nil, asked })
	require.ErrorIs(t, err, asked)
	_, _, err = f.Load("bank-b", saying(""))
	require.ErrorIs(t, err, ErrKeyUnknown)

	// The file shows nothing of the secret, and any age opens it.
	text, err := os.ReadFile(f.path("bank-a"))
	require.NoError(t, err)
	require.NotContains(t, string(text), fmt.Sprintf("%x", key.Seed()))
	file, err := parseKeyFile(text)
	require.NoError(t, err)
	identity, err := age.NewScryptIdentity("correct horse")
	require.NoError(t, err)
	plain, err := age.Decrypt(armor.NewReader(strings.NewReader(file.Secret)), identity)
	require.NoError(t, err)
	seed, err := io.ReadAll(plain)
	require.NoError(t, err)
	require.Equal(t, key.Seed(), seed)
}

func TestKeyFilePlainNeedsNoPassphrase(t *testing.T) {
	f, key := testKeyFolder(t), testKey(t, 9)
	_, err := f.AddPlain("demo", "platform-1", "k1", key)
	require.NoError(t, err)
	loaded, info, err := f.Load("demo", func() ([]byte, error) { t.Fatal("asked"); return nil, nil })
	require.NoError(t, err)
	require.False(t, info.Sealed)
	require.Equal(t, key.Seed(), loaded.Seed())
}

// TestKeyFileSM2: an SM2 key goes in and comes out, sealed and plain, and a secret out of range is no key.
func TestKeyFileSM2(t *testing.T) {
	f := testKeyFolder(t)
	key, err := types.NewSigningKeyFor(types.Algorithm_SM2_SM3, bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	info, err := f.Add("customs-a", "customs-a", "k1", key, []byte("correct horse"))
	require.NoError(t, err)
	require.Equal(t, types.Algorithm_SM2_SM3, info.Algorithm)
	require.Equal(t, key.PublicKey(), info.PublicKey)
	_, err = f.AddPlain("plain", "customs-a", "k1", key)
	require.NoError(t, err)
	for _, name := range []string{"customs-a", "plain"} {
		loaded, again, err := f.Load(name, saying("correct horse"))
		require.NoError(t, err)
		require.Equal(t, types.Algorithm_SM2_SM3, again.Algorithm)
		require.Equal(t, key.Seed(), loaded.Seed())
		require.True(t, types.VerifySignature(again.Algorithm, again.PublicKey, []byte("m"), loaded.Sign([]byte("m"))))
	}
	text, err := os.ReadFile(f.path("plain"))
	require.NoError(t, err)
	secret := fmt.Sprintf("%x", key.Seed())
	require.NoError(t, os.WriteFile(f.path("plain"), bytes.Replace(text, []byte(secret), bytes.Repeat([]byte("ff"), 32), 1), 0o600))
	_, _, err = f.Load("plain", saying(""))
	require.ErrorContains(t, err, "between 1 and n−2")
	require.NoError(t, os.WriteFile(f.path("plain"), bytes.Replace(text, []byte("SM2_SM3"), []byte("ED25519"), 1), 0o600))
	_, _, err = f.Load("plain", saying(""))
	require.ErrorContains(t, err, "an ed25519 key has 32 bytes")
}

func TestKeyFilesAreListedAndNeverOverwritten(t *testing.T) {
	f := testKeyFolder(t)
	list, err := f.List()
	require.NoError(t, err)
	require.Empty(t, list)
	for i, name := range []string{"b", "a", "c"} {
		_, err := f.AddPlain(name, "member-1", "k1", testKey(t, byte(i+1)))
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "README"), []byte("x"), 0o600))
	list, err = f.List()
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, "a", list[0].Name)
	require.Equal(t, "c", list[2].Name)

	before, err := os.ReadFile(f.path("a"))
	require.NoError(t, err)
	_, err = f.Add("a", "member-1", "k1", testKey(t, 8), []byte("long enough"))
	require.ErrorContains(t, err, "never overwritten")
	after, err := os.ReadFile(f.path("a"))
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// Nobody but the owner may read keys; wider modes are refused, not corrected in silence.
func TestKeyFileModes(t *testing.T) {
	f := testKeyFolder(t)
	_, err := f.AddPlain("a", "member-1", "k1", testKey(t, 1))
	require.NoError(t, err)
	info, err := os.Stat(f.path("a"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(f.dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	require.NoError(t, os.Chmod(f.path("a"), 0o640))
	_, _, err = f.Load("a", saying(""))
	require.ErrorContains(t, err, "chmod 600")
	_, err = f.List()
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(f.path("a"), 0o400))
	_, _, err = f.Load("a", saying(""))
	require.NoError(t, err, "less is fine")

	require.NoError(t, os.Chmod(f.dir, 0o755))
	_, err = OpenKeyFolder(f.dir)
	require.ErrorContains(t, err, "chmod 700")
}

func TestKeyFileBadNamesAndParts(t *testing.T) {
	f, key := testKeyFolder(t), testKey(t, 1)
	for _, name := range []string{"", "../x", "A", "a/b", "a.b", "a b", strings.Repeat("a", 65), "键"} {
		_, err := f.AddPlain(name, "member-1", "k1", key)
		require.ErrorContains(t, err, "the name of a key", "%q", name)
		_, _, err = f.Load(name, saying(""))
		require.Error(t, err)
	}
	_, err := f.AddPlain("a", "member-1", "K 1", key)
	require.ErrorContains(t, err, "key id")
	_, err = f.AddPlain("a", "Not A Member", "k1", key)
	require.ErrorContains(t, err, "holder")
	_, err = f.Add("a", "member-1", "k1", key, []byte("short"))
	require.ErrorContains(t, err, "at least 8 characters")
	list, err := f.List()
	require.NoError(t, err)
	require.Empty(t, list, "what was refused left nothing behind")
}

func TestKeyFileDamage(t *testing.T) {
	f, key, other := testKeyFolder(t), testKey(t, 1), testKey(t, 2)
	_, err := f.AddPlain("a", "member-1", "k1", key)
	require.NoError(t, err)
	good, err := os.ReadFile(f.path("a"))
	require.NoError(t, err)
	replace := func(old, with string) string {
		require.Contains(t, string(good), old)
		return strings.Replace(string(good), old, with, 1)
	}
	public := fmt.Sprintf("%x", key.PublicKey())
	for name, c := range map[string]struct{ text, message string }{
		"empty":           {"", "no key file"},
		"cut off":         {string(good[:len(good)/2]), "no key file"},
		"unknown field":   {replace(`"seal"`, `"extra": 1, "seal"`), "unknown field"},
		"two objects":     {string(good) + "{}", "something follows"},
		"later version":   {replace(`"version": 1`, `"version": 2`), "version 2"},
		"unknown seal":    {replace(`"none"`, `"rot13"`), "seal"},
		"no algorithm":    {replace("ED25519", "RSA"), "is no algorithm"},
		"other algorithm": {replace("ED25519", "SM2_SM3"), "an SM2 key is"},
		"other key":       {replace(public, fmt.Sprintf("%x", other.PublicKey())), "does not belong"},
		"short key":       {replace(public, public[2:]), "key"},
		"no hexadecimal":  {replace(public, "zz"+public[2:]), "hexadecimal"},
		"bad secret":      {replace(fmt.Sprintf("%x", key.Seed()), "zz"), "hexadecimal"},
		"short secret":    {replace(fmt.Sprintf("%x", key.Seed()), "00"), ""},
		"not sealed":      {replace(`"none"`, `"age-scrypt"`), "cannot be read"},
		"too long":        {string(good) + strings.Repeat(" ", maxKeyFileBytes), "at most"},
		"bad holder":      {replace("member-1", "no member"), "holder"},
	} {
		require.NoError(t, os.WriteFile(f.path("a"), []byte(c.text), 0o600))
		_, _, err := f.Load("a", saying("passphrase"))
		require.ErrorContains(t, err, c.message, name)
		require.NotErrorIs(t, err, ErrPassphraseWrong, name)
	}
}

// A file may not make whoever opens it compute for hours.
func TestKeyFileWorkIsBounded(t *testing.T) {
	sealed, err := seal([]byte("x"), []byte("passphrase"), 2)
	require.NoError(t, err)
	plain, err := io.ReadAll(armor.NewReader(strings.NewReader(sealed)))
	require.NoError(t, err)
	header, _, found := bytes.Cut(plain, []byte("\n---"))
	require.True(t, found)
	require.Contains(t, string(header), " 2\n")
	harder := bytes.Replace(plain, []byte(" 2\n"), []byte(" 30\n"), 1)
	var text bytes.Buffer
	w := armor.NewWriter(&text)
	_, err = w.Write(harder)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = unseal(text.String(), []byte("passphrase"))
	require.Error(t, err)
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"holder":"member-1","key_id":"k1","algorithm":"ED25519","public_key":"00","seal":"none","secret":"00"}`))
	f.Add([]byte(`{"version":1,"holder":"member-1","key_id":"k1","algorithm":"SM2_SM3","public_key":"04","seal":"none","secret":"01"}`))
	f.Add([]byte(`{"version":1,"holder":"m1","seal":"age-scrypt","secret":"-----BEGIN AGE ENCRYPTED FILE-----"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := parseKeyFile(text)
		if err != nil {
			return
		}
		_, _ = file.info("a")
		if file.Seal == notSealed {
			_, _ = file.seed(nil)
		}
	})
}

func TestPassphraseFromDescriptor(t *testing.T) {
	for text, want := range map[string]string{"secret": "secret", "secret\nmore\n": "secret", "secret\r\n": "secret", "": ""} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		_, err = w.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		fd, err := dup(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		got, err := ReadPassphrase(fmt.Sprint(fd), "", false)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	for _, bad := range []string{"x", "-1"} {
		_, err := ReadPassphrase(bad, "", false)
		require.ErrorContains(t, err, "must be a number")
	}
	t.Setenv(PassphraseVariable, "from environment")
	got, err := ReadPassphrase("", "", true)
	require.NoError(t, err)
	require.Equal(t, "from environment", string(got))
}

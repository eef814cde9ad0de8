package oauth

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/allot-dev/allot/internal/atomicfile"
)

// ErrWrongKeyFile is a signing key that the given key file does not open.
var ErrWrongKeyFile = errors.New("wrong key file")

// ErrNoKeyFile is a key file that is not there, and that signing keys are sealed with.
var ErrNoKeyFile = errors.New("missing key file")

// KeyFileOf is the key file of an installation. It is made with the first signing key: a
// missing one is an [ErrNoKeyFile] where there are keys, and one that does not open the key
// that signs an [ErrWrongKeyFile]. Either way nothing is written.
func KeyFileOf(ctx context.Context, dir *Directory, path string) (*KeyFile, error) {
	r, err := dir.refreshed(ctx)
	if err != nil {
		return nil, err
	}
	key, sealed := r.signing()
	if _, err := os.Stat(path); sealed && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not there, and the signing keys of this database are sealed with it", ErrNoKeyFile, path)
	}
	if !sealed {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("directory of the key file: %w", err)
		}
	}
	file, err := OpenKeyFile(path)
	if err != nil || !sealed {
		return file, err
	}
	_, err = file.open(key.ID, key.Sealed)
	return file, err
}

// KeyFile is the secret that private signing keys, secrets of webhooks, and answers with
// secrets, are encrypted with in the store: a file of 64 hex digits (32 random bytes). It is no part of backups, so
// that a backup alone cannot sign tokens.
type KeyFile struct {
	path string
	key  []byte
	aead cipher.AEAD // AES-256-GCM
	mode fs.FileMode
}

// OpenKeyFile reads the key file, and makes it first, for its owner only, if
// there is none. Of several processes that make it at once, all end up with the
// same. It returns an error if the file is no key file or everybody may read it.
func OpenKeyFile(path string) (*KeyFile, error) { return openKeyFile(path, os.Link) }

func openKeyFile(path string, link func(from, to string) error) (*KeyFile, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKeyFile(path, link); err != nil {
			return nil, fmt.Errorf("key file %s: %w", path, err)
		}
		text, err = os.ReadFile(path)
	}
	// Where there are no links it is empty while another process makes it.
	for range 100 {
		if err != nil || len(text) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("key file %s: everybody on this machine has access to it: want mode 0600", path)
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("key file %s: want 64 hex digits", path)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &KeyFile{path: path, key: key, aead: aead, mode: info.Mode().Perm()}, nil
}

// Shared says that others than its owner have access to the file, and what to do; "" if
// they have none.
func (f *KeyFile) Shared() string {
	if runtime.GOOS == "windows" || f.mode&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("key file %s has mode %04o, so others than its owner have access to it: chmod 600 %[1]s", f.path, f.mode)
}

// createKeyFile makes the file appear whole or not at all, and leaves one that
// another process has made meanwhile.
func createKeyFile(path string, link func(from, to string) error) error {
	key := make([]byte, 32)
	rand.Read(key)
	temp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = fmt.Fprintf(temp, "%x\n", key)
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := atomicfile.Create(temp.Name(), path, link); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// seal encrypts the private part of the key kid.
func (f *KeyFile) seal(kid string, private []byte) []byte {
	return f.aead.Seal(nil, nil, private, []byte(kid))
}

func (f *KeyFile) open(kid string, sealed []byte) ([]byte, error) {
	private, err := f.aead.Open(nil, nil, sealed, []byte(kid))
	if err != nil {
		return nil, fmt.Errorf(
			"%w: signing key %s is not sealed with %s: give the file it was made with, or rotate the signing key",
			ErrWrongKeyFile, kid, f.path)
	}
	return private, nil
}

// Derive makes a key of 32 bytes for a purpose, which tells nothing of the file's
// or of that for another purpose.
func (f *KeyFile) Derive(purpose string) []byte {
	mac := hmac.New(sha256.New, f.key)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// ofSecret binds a sealed secret of a webhook to the webhook.
func ofSecret(webhook string) []byte { return []byte("secret of " + webhook) }

// SealSecret encrypts a webhook's secret, to be kept.
func (f *KeyFile) SealSecret(webhook string, secret []byte) []byte {
	return f.aead.Seal(nil, nil, secret, ofSecret(webhook))
}

// OpenSecret is what SealSecret was given. The error is an [ErrWrongKeyFile].
func (f *KeyFile) OpenSecret(webhook string, sealed []byte) ([]byte, error) {
	secret, err := f.aead.Open(nil, nil, sealed, ofSecret(webhook))
	if err != nil {
		return nil, fmt.Errorf("%w: the secret of %s is not sealed with %s: rotate it", ErrWrongKeyFile, webhook, f.path)
	}
	return secret, nil
}

// ofAnswers binds a sealed answer to what it is: it is no signing key.
var ofAnswers = []byte("answer")

// SealAnswer encrypts an answer that has a secret, to be kept.
func (f *KeyFile) SealAnswer(text []byte) []byte { return f.aead.Seal(nil, nil, text, ofAnswers) }

// OpenAnswer is what SealAnswer was given. The error is an [ErrWrongKeyFile].
func (f *KeyFile) OpenAnswer(sealed []byte) ([]byte, error) {
	text, err := f.aead.Open(nil, nil, sealed, ofAnswers)
	if err != nil {
		return nil, fmt.Errorf("%w: a stored answer is not sealed with %s", ErrWrongKeyFile, f.path)
	}
	return text, nil
}

package listener

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// checkInterval is how long changed files may go unseen. They are looked at when
// somebody connects, and not more often.
const checkInterval = 2 * time.Second

// material is what the files for TLS have, read again when they change, and then
// all of it or nothing.
type material struct {
	files    TLS
	logger   *slog.Logger
	interval time.Duration
	current  atomic.Pointer[tls.Config]

	mu      sync.Mutex
	checked time.Time
	seen    [3]stamp // of the files that were read last, for better or worse
}

// stamp is what changes with a file.
type stamp struct {
	modified time.Time
	size     int64
}

func newMaterial(o *Options) (*material, error) {
	m := &material{files: o.TLS, logger: o.Logger, interval: checkInterval}
	switch {
	case o.TLS.CertFile == "" || o.TLS.KeyFile == "":
		return nil, faultf(nil, "expected the files of a certificate and its key: TLS.CertFile is %q, TLS.KeyFile is %q", o.TLS.CertFile, o.TLS.KeyFile)
	case o.TLS.ClientCAFile == "" && o.TLS.ClientCertOptional:
		return nil, faultf(nil, "TLS.ClientCertOptional: expected TLS.ClientCAFile as well, who signs for clients")
	case m.version() != tls.VersionTLS12 && m.version() != tls.VersionTLS13:
		return nil, faultf(nil, "TLS.MinVersion is %s: expected TLS 1.2 or TLS 1.3", tls.VersionName(m.version()))
	}
	m.seen, m.checked = m.stamps(), time.Now()
	config, err := m.load()
	if err != nil {
		return nil, err
	}
	m.current.Store(config)
	return m, nil
}

func (m *material) version() uint16 {
	if m.files.MinVersion == 0 {
		return tls.VersionTLS12
	}
	return m.files.MinVersion
}

// config is for a handshake that begins now. Who finds that another looks at the
// files does not wait for it.
func (m *material) config() *tls.Config {
	if m.mu.TryLock() {
		defer m.mu.Unlock()
		if now := time.Now(); now.Sub(m.checked) >= m.interval {
			m.checked = now
			m.reload()
		}
	}
	return m.current.Load()
}

func (m *material) reload() {
	seen := m.stamps()
	if seen == m.seen {
		return
	}
	m.seen = seen
	config, err := m.load()
	if err != nil {
		m.logger.Error("certificates changed, but cannot be used: the former ones stay", "error", err)
		return
	}
	m.current.Store(config)
	m.logger.Info("certificates changed", "certificate", m.files.CertFile)
}

func (m *material) stamps() (s [3]stamp) {
	for i, name := range []string{m.files.CertFile, m.files.KeyFile, m.files.ClientCAFile} {
		if info, err := os.Stat(name); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

func (m *material) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(m.files.CertFile, m.files.KeyFile)
	if err != nil {
		return nil, explainFile(err, fmt.Sprintf("certificate %s with key %s", m.files.CertFile, m.files.KeyFile))
	}
	config := &tls.Config{MinVersion: m.version(), Certificates: []tls.Certificate{pair}}
	if m.files.ClientCAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(m.files.ClientCAFile)
	if err != nil {
		return nil, explainFile(err, "client CA "+m.files.ClientCAFile)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, faultf(nil, "client CA %s: expected certificates in PEM", m.files.ClientCAFile)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	if m.files.ClientCertOptional {
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return config, nil
}

// explainFile says of a file that cannot be used what was expected of it.
func explainFile(err error, what string) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist) && errors.As(err, &path):
		return faultf(err, "%s: %s does not exist: expected a file in PEM", what, path.Path)
	case errors.Is(err, fs.ErrPermission) && errors.As(err, &path):
		return faultf(err, "%s: not allowed to read %s", what, path.Path)
	}
	return faultf(err, "%s: expected PEM that belong together: %v", what, err)
}

package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// access are the options by which a connection is let in.
func (o Options) access() (options []nats.Option) {
	if o.Credentials != "" {
		options = append(options, nats.UserCredentials(o.Credentials))
	}
	if o.CA != "" {
		options = append(options, nats.RootCAs(o.CA))
	}
	if o.Certificate != "" {
		options = append(options, nats.ClientCert(o.Certificate, o.Key))
	}
	return options
}

// CheckCredentials tells what is wrong with the file of Options.Credentials, if there is one,
// without quoting it.
func (o Options) CheckCredentials() error {
	if o.Credentials == "" {
		return nil
	}
	text, err := os.ReadFile(o.Credentials)
	if err != nil {
		return err
	}
	defer clear(text)
	token, err := nkeys.ParseDecoratedJWT(text)
	if err == nil && token == string(text) { // it found no lines around one
		err = errors.New("there is no JWT")
	}
	if err == nil {
		var key nkeys.KeyPair
		if key, err = nkeys.ParseDecoratedUserNKey(text); err == nil {
			key.Wipe()
		}
	}
	if err != nil {
		return fmt.Errorf("%s has no JWT and seed of a user, as nsc writes them: %w", o.Credentials, err)
	}
	return nil
}

// CheckCA tells what is wrong with the file of Options.CA, if there is one.
func (o Options) CheckCA() error {
	if o.CA == "" {
		return nil
	}
	text, err := os.ReadFile(o.CA)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s has no certificate in PEM", o.CA)
	}
	return err
}

// CheckCertificate tells what is wrong with the files of Options.Certificate and Key, if
// there are any.
func (o Options) CheckCertificate() error {
	if o.Certificate == "" {
		return nil
	}
	_, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
	return err
}

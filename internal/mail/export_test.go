package mail

import "crypto/x509"

// Trust makes a server's certificate good that one of these has signed.
func (s *Server) Trust(authorities *x509.CertPool) { s.encryption.RootCAs = authorities }

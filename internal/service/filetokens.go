package service

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/internal/omarty"
)

// A file token is for addresses, where a session's own token has no place: it reads files,
// for an hour and no longer than its session, and nothing else. Nobody keeps it: it is who
// it is for, until when, and a mark.

// fileTokenLength is that of a token's bytes: two rows' ids, a moment in seconds and a mark.
const fileTokenLength = 16 + 16 + 8 + 32

// FileToken gives a file token for the asker's session; "" for nobody.
func (s *Service) FileToken(by Asker) string {
	if by.SignedIn() != nil {
		return ""
	}
	until := s.now().Add(omarty.FileTokenLifetime).Unix()
	token := make([]byte, 0, fileTokenLength)
	token = append(token, by.User.Row[:]...)
	token = append(token, by.Session.Row[:]...)
	token = binary.BigEndian.AppendUint64(token, uint64(until)) //nolint:gosec // it is after 1970
	return base64.RawURLEncoding.EncodeToString(append(token, s.fileMark(by, until)...))
}

func (s *Service) fileMark(of Asker, until int64) []byte {
	return s.Secrets.Mark("file token", of.User.String(), of.Session.String(), strconv.FormatInt(until, 10))
}

// AuthenticateFile gives who reads files with a file token: nobody, without an error, where
// it is none, its time is over or its session has ended.
func (s *Service) AuthenticateFile(ctx context.Context, token string) (Asker, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != fileTokenLength {
		return Asker{}, nil
	}
	by := Asker{
		User:    omarty.ID{Kind: omarty.KindUser, Row: uuid.UUID(raw[:16])},
		Session: omarty.ID{Kind: omarty.KindSession, Row: uuid.UUID(raw[16:32])},
	}
	until := int64(binary.BigEndian.Uint64(raw[32:40])) //nolint:gosec // it is marked
	if !hmac.Equal(raw[40:], s.fileMark(by, until)) || !s.now().Before(time.Unix(until, 0)) {
		return Asker{}, nil
	}
	good, err := s.Store.GoodSessions(ctx, []omarty.ID{by.Session}, s.now())
	if err != nil || len(good) == 0 {
		return Asker{}, err
	}
	return by, nil
}

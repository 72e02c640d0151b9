package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// LogIn is what somebody signs a device in with, as they typed it.
type LogIn struct {
	// Login is an e-mail address or a phone number.
	Login    string
	Password string
	// Device is what the person will know the device by; may be empty.
	Device string
	// Longitude and Latitude tell where the device is; nil where it does not say.
	Longitude *float64
	Latitude  *float64
}

// SignedIn is a device that was just signed in.
type SignedIn struct {
	Token   omarty.Token
	Session omarty.Session
	Account omarty.Account
}

// SignIn makes the calls that a context carries those of who has just logged in. It
// may not run beside other calls of the context.
func SignIn(ctx context.Context, as SignedIn) {
	if by, ok := ctx.Value(askerKey{}).(*Asker); ok {
		by.User, by.Session = as.Account.User.ID, as.Session.ID
	}
}

// Authenticate gives who holds a token: nobody, without an error, where no good
// session has it. A use moves the session's end forward. It is nobody's from when this
// node has answered that the session is ended; where another node did, a second later.
func (s *Service) Authenticate(ctx context.Context, token omarty.Token) (Asker, error) {
	by, _, err := s.authenticate(ctx, token)
	return by, err
}

// authenticate is Authenticate that tells, too, whether the session was looked up, and not
// known.
func (s *Service) authenticate(ctx context.Context, token omarty.Token) (by Asker, lookedUp bool, err error) {
	hash := token.Hash()
	session, isKnown, keep := s.known.get(hash, s.Now())
	if isKnown {
		return Asker{User: session.User, Session: session.ID}, false, nil
	}
	session, err = s.Store.SessionByToken(ctx, hash)
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return Asker{Shown: string(hash)}, true, nil
	}
	if err != nil {
		return Asker{}, false, err
	}
	now := s.now()
	if !session.Good(now) {
		return Asker{Shown: string(hash)}, true, nil
	}
	keep(session)
	if now.Sub(session.LastUsedAt) > omarty.SessionTouch {
		// A session that cannot be moved now, say because the disk is full, is good
		// all the same: the next use moves it.
		_ = s.touch(ctx, []omarty.ID{session.ID})
	}
	return Asker{User: session.User, Session: session.ID}, true, nil
}

// touch notes that sessions are used now.
func (s *Service) touch(ctx context.Context, sessions []omarty.ID) error {
	now := s.now()
	return s.Write(ctx, func(ctx context.Context, tx Tx) error {
		return tx.TouchSessions(ctx, sessions, now, now.Add(omarty.SessionLifetime))
	})
}

// LogIn signs a device in. INVALID_CREDENTIALS for an unknown login as for a wrong
// password, after the same work; RATE_LIMITED; INVALID_INPUT for the rest.
func (s *Service) LogIn(ctx context.Context, by Asker, in LogIn) (SignedIn, error) {
	device, err := omarty.NormalizeOptional(in.Device, omarty.MaxDeviceLength)
	if err != nil {
		return SignedIn{}, omarty.At(err, "input.device")
	}
	place, err := omarty.NewCoordinates(in.Longitude, in.Latitude)
	if err != nil {
		return SignedIn{}, omarty.Within(err, "input")
	}
	login := s.parseLogin(in.Login)
	tried, err := s.tryLogIn(ctx, by, login)
	if err != nil {
		return SignedIn{}, err
	}
	known, err := s.proveLogin(ctx, login, in.Password, tried)
	if err != nil {
		return SignedIn{}, err
	}

	now := s.now()
	token := omarty.NewToken()
	session := omarty.Session{
		ID:         omarty.NewID(omarty.KindSession),
		User:       known.User,
		Device:     device,
		CreatedAt:  now,
		LastUsedAt: now,
		ExpiresAt:  now.Add(omarty.SessionLifetime),
		Current:    true,
		Place:      string(s.placeOf(known.User, by)),
	}
	var over []omarty.ID
	err = s.Write(ctx, func(ctx context.Context, tx Tx) error {
		// The password may have been changed, and every session ended, while this one
		// waited for its turn.
		current, err := tx.CredentialsCurrent(ctx, known)
		if err != nil {
			return err
		}
		if !current {
			return invalidCredentials()
		}
		if err := tx.CreateSession(ctx, session, token.Hash()); err != nil {
			return err
		}
		if over, err = tx.EndOldestSessions(ctx, known.User, omarty.MaxSessions, now); err != nil {
			return err
		}
		if err := tx.GiveBackTokens(ctx, tried.taken...); err != nil {
			return err
		}
		return tx.Record(ctx, omarty.AuditRecord{
			ID:      omarty.NewID(omarty.KindAuditEntry),
			At:      now,
			Action:  omarty.ActionLogIn,
			Actor:   known.User,
			Subject: session.ID,
			Place:   place,
		})
	})
	if err != nil {
		return SignedIn{}, err
	}
	if len(over) > 0 {
		s.sessionsEnded(omarty.Ended{Sessions: over})
	}
	s.Rates.Forget(tried.taken...)
	s.viewerChanged(known.User, false)
	account, err := s.Account(ctx, Asker{User: known.User, Session: session.ID})
	return SignedIn{token, session, account}, err
}

// login is what somebody says who they are with, read.
type login struct {
	email omarty.Email
	phone omarty.Phone
	// other is what is neither, as it was typed; "" for the two.
	other string
}

// parseLogin reads an e-mail address or a phone number; of what is neither
// remains a login that nobody has.
func (s *Service) parseLogin(raw string) login {
	if email, err := omarty.ParseEmail(raw); err == nil {
		return login{email: email}
	}
	phone, err := omarty.ParsePhone(raw, s.Region)
	if err != nil {
		return login{other: raw}
	}
	return login{phone: phone}
}

// proveLogin gives whose login and password these are: what the attempt is refused with,
// after the same work, where they are nobody's.
func (s *Service) proveLogin(ctx context.Context, l login, password string, as logInTry) (omarty.Credentials, error) {
	known, err := s.credentials(ctx, l)
	if err != nil {
		return omarty.Credentials{}, err
	}
	if as.blind {
		known = omarty.Credentials{}
	}
	err = s.prove(ctx, known, password)
	if omarty.CodeOf(err) == omarty.CodeInvalidCredentials {
		err = as.refusal
	}
	return known, err
}

// prove is INVALID_CREDENTIALS unless the password is that of the credentials;
// those of nobody have none, and cost as much to compare.
func (s *Service) prove(ctx context.Context, c omarty.Credentials, password string) error {
	normalized, malformed := omarty.NormalizePassword(password)
	if malformed != nil {
		// Nobody has such a password; it is compared like any other.
		normalized, c.PasswordHash = "", ""
	}
	done, err := s.Passwords.Turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	ok, err := s.Passwords.Matches(normalized, c.PasswordHash)
	if err != nil {
		return err
	}
	if !ok {
		return invalidCredentials()
	}
	return nil
}

func invalidCredentials() error {
	return omarty.Errorf(omarty.CodeInvalidCredentials, "Unknown login or wrong password.")
}

// LogOut ends the asker's session.
func (s *Service) LogOut(ctx context.Context, by Asker) (omarty.ID, error) {
	return by.Session, s.RevokeSession(ctx, by, by.Session)
}

// sessionsEnded sees to it, before who ended sessions is answered, that nothing more is
// done with them on this node, and tells the others.
func (s *Service) sessionsEnded(e omarty.Ended) {
	s.HearEnded(e)
	if s.Nodes != nil {
		s.Nodes.TellEnded(e)
	}
}

// HearEnded takes what another node tells of sessions that were ended there.
func (s *Service) HearEnded(e omarty.Ended) {
	hasEnded := func(of Asker) bool { return e.Has(of.User, of.Session) }
	s.known.forget(hasEnded)
	s.connections.end(hasEnded)
}

// RevokeSession ends a session of the asker's: NOT_FOUND for any other.
func (s *Service) RevokeSession(ctx context.Context, by Asker, id omarty.ID) error {
	err := s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		ended, err := tx.EndSession(ctx, by.User, ofKind(id, omarty.KindSession), s.now())
		if err == nil && !ended {
			return omarty.Errorf(omarty.CodeNotFound, "There is no such session.").At("session")
		}
		return err
	})
	if err != nil {
		return err
	}
	s.sessionsEnded(omarty.Ended{Sessions: []omarty.ID{id}})
	s.viewerChanged(by.User, false)
	return nil
}

// RevokeOtherSessions ends every session of the asker's but the one that asks,
// and tells how many that were.
func (s *Service) RevokeOtherSessions(ctx context.Context, by Asker) (int, error) {
	var ended int
	err := s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		var err error
		ended, err = tx.EndOtherSessions(ctx, by.User, by.Session, s.now())
		return err
	})
	if err != nil {
		return 0, err
	}
	s.sessionsEnded(by.others())
	if ended > 0 {
		s.viewerChanged(by.User, false)
	}
	return ended, nil
}

// Sessions gives the asker's sessions, the one used last first.
func (s *Service) Sessions(ctx context.Context, by Asker) ([]omarty.Session, error) {
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	sessions, err := s.Store.Sessions(ctx, by.User, s.now())
	for i := range sessions {
		sessions[i].Current = sessions[i].ID == by.Session
	}
	return sessions, err
}

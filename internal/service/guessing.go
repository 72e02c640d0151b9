package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// Log-ins that fail are counted by where they come from and by whom they are for:
// the first stops one who tries many, the second many who try one. Those that
// succeed do not count.
//
// Where one of the two is used up by strangers, the owner's own devices have tries of
// their own: those that show a token that was theirs, be it an ended one, and those at
// an address from which the owner has signed in of late. Nobody learns by it who has an
// account and where: an address is tried for whoever it is, with the same work, and what
// fails is answered as if it had not been tried.
var (
	logInsByPlace = omarty.Rate{Name: "logIn by place", Burst: 40, Every: 15 * time.Second}
	logInsByLogin = omarty.Rate{Name: "logIn by login", Burst: 20, Every: 30 * time.Second}

	logInsOfDevice = omarty.Rate{Name: "logIn of device", Burst: 5, Every: time.Minute}
	logInsOfPair   = omarty.Rate{Name: "logIn of login and place", Burst: 5, Every: time.Minute}
	sparesByPlace  = omarty.Rate{Name: "logIn, spare, by place", Burst: 20, Every: 15 * time.Second}
)

// knownPlaces is for how long an address is known from which somebody signed in.
const knownPlaces = 90 * 24 * time.Hour

// logInTry is a log-in that is counted.
type logInTry struct {
	taken []omarty.Bucket
	// refusal is what one that fails is answered with.
	refusal error
	// blind says that it is to fail whatever the password is.
	blind bool
}

// tryLogIn counts a log-in: RATE_LIMITED where there were too many.
func (s *Service) tryLogIn(ctx context.Context, by Asker, l login) (logInTry, error) {
	taken, err := s.takeOf(ctx, s.bucket(logInsByPlace, by.place()), s.bucket(logInsByLogin, l.key()))
	if !isTooMany(err) {
		return logInTry{taken: taken, refusal: invalidCredentials()}, err
	}
	refusal := err
	// For nobody it is looked up as well.
	of, err := s.credentials(ctx, l)
	if err != nil {
		return logInTry{}, err
	}
	known, err := s.Store.KnownDevice(ctx, of.User, by.Session, []byte(by.Shown), s.placeOf(of.User, by), s.now().Add(-knownPlaces))
	if err != nil {
		return logInTry{}, err
	}
	if !known.Session.IsZero() {
		taken, err = s.takeOf(ctx, s.bucket(logInsOfDevice, known.Session.String()))
		return logInTry{taken: taken, refusal: invalidCredentials()}, err
	}
	taken, err = s.takeOf(ctx, s.bucket(sparesByPlace, by.place()), s.bucket(logInsOfPair, l.key()+" "+by.place()))
	if isTooMany(err) {
		err = refusal
	}
	return logInTry{taken: taken, refusal: refusal, blind: !known.Place}, err
}

// placeOf marks the address from which a person asks; nil where it is not known.
func (s *Service) placeOf(who omarty.ID, by Asker) []byte {
	if !by.Address.IsValid() {
		return nil
	}
	return s.Secrets.Mark("place", who.String(), by.place())
}

// credentials gives those of a login: of nobody, without an error, where nobody has it.
func (s *Service) credentials(ctx context.Context, l login) (omarty.Credentials, error) {
	find := func() (omarty.Credentials, error) { return s.Store.CredentialsByPhone(ctx, l.phone) }
	if l.email != (omarty.Email{}) {
		find = func() (omarty.Credentials, error) { return s.Store.CredentialsByEmail(ctx, l.email) }
	}
	known, err := find()
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return omarty.Credentials{}, nil
	}
	return known, err
}

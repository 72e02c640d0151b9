package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const previewDocument = `query Preview($code: String!) { invitation(code: $code) {
	buildingName buildingAddress preapproved expiresAt
	apartment { id number floor } apartments { id number }
} }`

// preview reads what a code leads to.
func (s *server) preview(t *testing.T, token, code string) result {
	t.Helper()
	return s.run(t, token, previewDocument, variables{"code": code})
}

// inADay is a moment to come, as clients write it.
func inADay() string {
	return time.Now().UTC().Add(24 * time.Hour).Truncate(time.Microsecond).Format("2006-01-02T15:04:05.999999Z")
}

func TestCreateInvitation(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b, other := s.mustBuild(t, "1"), s.mustBuild(t, "9")
		resident, asking := s.mustMoveIn(t, b), s.mustAsk(t, b)
		expires := inADay()
		r := s.invite(t, b.manager.token, b, variables{
			"apartment": b.apartments["1"], "preapproved": true, "maxUses": 3, "expiresAt": expires,
		}).mustSucceed(t)
		code := secret(at[string](t, r, "createInvitation.invitation.code"))
		r.expectData(t, "createInvitation.invitation", fmt.Sprintf(
			`{"id": %q, "code": %q, "preapproved": true, "usesLeft": 3, "expiresAt": %q, "building": {"id": %q}, "apartment": {"id": %q, "number": "1"}}`,
			r.lookup("createInvitation.invitation.id"), code, expires, b.id, b.apartments["1"]))

		// Residents invite people whom a manager lets in.
		r = s.invite(t, resident.token, b, nil).mustSucceed(t)
		r.expectData(t, "createInvitation.invitation.preapproved", `false`)
		r.expectData(t, "createInvitation.invitation.usesLeft", `null`)
		secret(at[string](t, r, "createInvitation.invitation.code"))
		s.invite(t, resident.token, b, variables{"preapproved": true}).expectCode(t, "FORBIDDEN", "input.preapproved")
		s.invite(t, asking.token, b, nil).expectCode(t, "FORBIDDEN", "input.building")
		s.invite(t, other.manager.token, b, nil).expectCode(t, "NOT_FOUND", "input.building")

		for _, c := range []struct {
			input       variables
			code, field string
		}{
			{variables{"maxUses": 0}, "INVALID_INPUT", "input.maxUses"},
			{variables{"maxUses": -1}, "INVALID_INPUT", "input.maxUses"},
			{variables{"maxUses": 1 << 30}, "INVALID_INPUT", "input.maxUses"},
			{variables{"expiresAt": "2020-01-01T00:00:00Z"}, "INVALID_INPUT", "input.expiresAt"},
			{variables{"expiresAt": "tomorrow"}, "BAD_REQUEST", ""},
			{variables{"apartment": other.apartments["9"]}, "NOT_FOUND", "input.apartment"},
			{variables{"apartment": b.id}, "NOT_FOUND", "input.apartment"},
			{variables{"apartment": ""}, "NOT_FOUND", "input.apartment"},
			{variables{"preapproved": nil}, "BAD_REQUEST", ""},
		} {
			s.invite(t, b.manager.token, b, c.input).expectCode(t, c.code, c.field)
		}
		s.invite(t, b.manager.token, b, variables{"apartment": nil, "maxUses": nil, "expiresAt": nil}).mustSucceed(t)
	})
}

func TestInvitationPreview(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1", "2")
		stranger := s.mustComeBy(t)
		s.preview(t, stranger.token, b.closed).expectData(t, "invitation", fmt.Sprintf(`{
			"buildingName": "Nile View", "buildingAddress": "7 Corniche", "preapproved": false, "expiresAt": null, "apartment": null,
			"apartments": [{"id": %q, "number": "1"}, {"id": %q, "number": "2"}]
		}`, b.apartments["1"], b.apartments["2"]))
		expires := inADay()
		one := s.mustInvite(t, b, variables{"apartment": b.apartments["2"], "preapproved": true, "expiresAt": expires})
		s.preview(t, stranger.token, one.code).expectData(t, "invitation", fmt.Sprintf(`{
			"buildingName": "Nile View", "buildingAddress": "7 Corniche", "preapproved": true, "expiresAt": %q,
			"apartment": {"id": %q, "number": "2", "floor": null}, "apartments": []
		}`, expires, b.apartments["2"]))
		// It needs a session.
		r := s.preview(t, "", one.code)
		if r.lookup("invitation") != nil || r.code() != "" && r.code() != "UNAUTHENTICATED" {
			t.Errorf("without a session: got %v", r)
		}
	})
}

// People type codes from paper, and paste them from messages that read from right to
// left.
func TestInvitationCodeSpelledSloppily(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		stranger := s.mustComeBy(t)
		plain := secret(strings.ReplaceAll(b.open, "-", ""))
		for _, spelled := range []string{
			strings.ToLower(b.open), plain, strings.ToLower(plain), " " + b.open + "\n", "\u200f" + b.open + "\u200e",
			strings.ReplaceAll(b.open, "-", " "), strings.ReplaceAll(b.open, "-", "–"), strings.Join(strings.Split(plain, ""), "-"),
			strings.NewReplacer("0", "O", "1", "I").Replace(b.open), strings.NewReplacer("0", "o", "1", "l").Replace(b.open),
			strings.NewReplacer("0", "٠", "1", "١", "2", "٢", "3", "٣", "4", "٤", "5", "٥", "6", "٦", "7", "٧", "8", "٨", "9", "٩").Replace(b.open),
		} {
			s.preview(t, stranger.token, secret(spelled)).expectData(t, "invitation.buildingName", `"Nile View"`)
		}
		for _, other := range []string{plain[1:], plain + "0", plain[1:] + "U", "*" + plain} {
			s.preview(t, stranger.token, secret(other)).expectData(t, "invitation", `null`)
		}
		s.join(t, stranger.token, strings.ToLower(plain), "").
			expectStanding(t, "joinBuilding.membership", standing{status: "ACTIVE"})
	})
}

// mustInviteFor is mustInvite that lets people in, for a short time: for longer where the
// machine takes longer than that to make it.
func (s *server) mustInviteFor(t *testing.T, to building, lasts time.Duration) invitation {
	t.Helper()
	for {
		ends := time.Now().Add(lasts).UTC().Format(time.RFC3339Nano)
		r := s.invite(t, to.manager.token, to, variables{"preapproved": true, "expiresAt": ends})
		if r.code() != "INVALID_INPUT" || lasts > hearTime {
			r.mustSucceed(t)
			return invitation{at[string](t, r, "createInvitation.invitation.id"), secret(at[string](t, r, "createInvitation.invitation.code"))}
		}
		lasts *= 4
	}
}

// What lets nobody in is all the same: whether it was good once cannot be told.
func TestInvitationThatIsNoneAnyMore(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		usedUp := s.mustInvite(t, b, variables{"preapproved": true, "maxUses": 1})
		s.mustJoin(t, s.mustComeBy(t), usedUp.code)
		revoked := s.mustInvite(t, b, variables{"preapproved": true})
		s.run(t, b.manager.token, revokeInvitationDocument, variables{"id": revoked.id}).
			expectData(t, "revokeInvitation.invitationId", `"`+revoked.id+`"`)
		expired := s.mustInviteFor(t, b, 400*time.Millisecond)
		late := s.mustComeBy(t)
		eventually(t, time.Minute, "the invitation is too old", func() bool {
			return s.preview(t, late.token, expired.code).mustSucceed(t).lookup("invitation") == nil
		})
		preview := s.preview(t, late.token, "7K3M-Q2ZD-0RXA-J9HT")
		preview.expectData(t, "invitation", `null`)
		join := s.join(t, late.token, "7K3M-Q2ZD-0RXA-J9HT", "")
		join.expectCode(t, "INVALID_CODE", "input.code")
		for kind, code := range map[string]string{
			"used up": usedUp.code, "revoked": revoked.code, "expired": expired.code,
			"empty": "", "malformed": "no code", "endless": longText(10_000), "binary": "\x00", "an id": usedUp.id,
		} {
			if got := s.preview(t, late.token, code); string(got.body) != string(preview.body) {
				t.Errorf("%s: got %v, want %v", kind, got, preview)
			}
			if got := s.join(t, late.token, code, ""); string(got.body) != string(join.body) {
				t.Errorf("%s: got %v, want %v", kind, got, join)
			}
		}
		// Managers see those that let people in, the newest first.
		newest := s.mustInvite(t, b, variables{"maxUses": 2})
		s.mustJoin(t, s.mustComeBy(t), newest.code)
		r := s.run(t, b.manager.token, `query($id: ID!) { building(id: $id) { viewerManaged {
			invitations { nodes { code usesLeft } }
		} } }`, variables{"id": b.id})
		r.expectData(t, "building.viewerManaged.invitations.nodes", fmt.Sprintf(
			`[{"code": %q, "usesLeft": 1}, {"code": %q, "usesLeft": null}, {"code": %q, "usesLeft": null}]`, newest.code, b.closed, b.open))
	})
}

const revokeInvitationDocument = `mutation Revoke($id: ID!) { revokeInvitation(invitation: $id) { invitationId } }`

func TestRevokeInvitation(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		toIt := s.mustInvite(t, b, nil)
		revoke := func(token, id string) result { return s.run(t, token, revokeInvitationDocument, variables{"id": id}) }
		// Who does not manage the building sees none, also who made it.
		resident := s.mustMoveIn(t, b)
		r := s.invite(t, resident.token, b, nil).mustSucceed(t)
		secret(at[string](t, r, "createInvitation.invitation.code"))
		revoke(resident.token, at[string](t, r, "createInvitation.invitation.id")).expectCode(t, "NOT_FOUND", "invitation")
		revoke(s.mustAsk(t, b).token, toIt.id).expectCode(t, "NOT_FOUND", "invitation")
		s.preview(t, resident.token, toIt.code).expectData(t, "invitation.preapproved", `false`)

		revoke(b.manager.token, toIt.id).mustSucceed(t)
		s.expectNoNewAct(t, b, "to revoke again", func() {
			revoke(b.manager.token, toIt.id).expectCode(t, "NOT_FOUND", "invitation")
		})
	})
}

// Who guesses codes is stopped.
func TestGuessingCodesIsLimited(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e)
		b := s.mustBuild(t)
		guesser, other := s.mustComeBy(t), s.mustComeBy(t)
		for range 40 { // codes that are good are no guesses
			s.preview(t, guesser.token, b.open).mustSucceed(t)
		}
		limit := guessLimit{50, 30 * time.Second, time.Now()}
		limit.expectRefusal(t, func(try int) result {
			code := secret(fmt.Sprintf("7K3M-Q2ZD-0RXA-J%03d", try%1000))
			if try%2 == 1 {
				return s.join(t, guesser.token, code, "")
			}
			return s.preview(t, guesser.token, code)
		})
		s.join(t, guesser.token, b.open, "").expectCode(t, "RATE_LIMITED", "")
		s.mustJoin(t, other, b.open)
	})
}

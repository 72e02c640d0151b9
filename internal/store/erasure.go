package store

import (
	"context"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/auditentry"
	"github.com/omarty/chat/ent/generated/ballot"
	"github.com/omarty/chat/ent/generated/block"
	"github.com/omarty/chat/ent/generated/code"
	"github.com/omarty/chat/ent/generated/dataexport"
	"github.com/omarty/chat/ent/generated/file"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/mention"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/noticeapartment"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/reaction"
	"github.com/omarty/chat/ent/generated/report"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/ent/generated/roomevent"
	"github.com/omarty/chat/ent/generated/session"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// How a person is erased. One transaction, Erase, takes away all that is theirs and says
// that they were erased: from its commit on, no reading gives them to anybody, so that
// whatever still points at them points at nobody. What points at them may be much, as all that
// they wrote in years; ForgetSome clears that some at a time, each time in a transaction, and
// goes on from where it is, whoever calls it.

const (
	// forgottenAtOnce is how many messages lose their author in a transaction, which holds
	// up who writes in their room.
	forgottenAtOnce = 100
	// forgottenEntries is how many entries of a log are looked through in one.
	forgottenEntries = 2000
	// forgottenRows is how many other rows are cleared in one.
	forgottenRows = 500
)

// HoldSessions gives those of a person's sessions that are good at a moment, and lets
// nobody do anything with any of theirs until the transaction ends.
func (tx *Tx) HoldSessions(ctx context.Context, of omarty.ID, now time.Time) ([]omarty.ID, error) {
	held, err := tx.tx.Session.Query().Where(session.UserID(of.Row), forUpdate).Order(session.ByID()).All(ctx)
	var good []omarty.ID
	for _, row := range held {
		if row.EndedAt == nil && row.ExpiresAt.After(now) {
			good = append(good, omarty.ID{Kind: omarty.KindSession, Row: row.ID})
		}
	}
	return good, err
}

// MembershipsOf gives all memberships of a person, in the order of their buildings' ids.
func (tx *Tx) MembershipsOf(ctx context.Context, of omarty.ID) ([]omarty.Membership, error) {
	found, err := tx.tx.Membership.Query().Where(membership.UserID(of.Row)).Order(membership.ByBuildingID()).All(ctx)
	return each(found, member), err
}

// Erase takes away what is a person's alone, where they still prove who they are with
// these credentials, and tells whether they do. Their memberships end with LetGo, and they
// leave their rooms with LeaveAll.
func (tx *Tx) Erase(ctx context.Context, c omarty.Credentials, at time.Time) (bool, error) {
	who := c.User.Row
	n, err := tx.tx.User.Update().Where(user.ID(who), user.PasswordHash(c.PasswordHash)).
		SetName("").ClearEmail().ClearEmailKey().ClearEmailVerifiedAt().ClearPhone().ClearPhoneVerifiedAt().
		ClearPasswordHash().SetLocale("und").SetShareReadMarks(false).SetSharePresence(false).
		ClearLastSeenAt().ClearAvatarID().SetErasedAt(at).Save(ctx)
	if err != nil || n == 0 {
		return false, err
	}
	for _, clear := range []func(context.Context) (int, error){
		tx.tx.Session.Delete().Where(session.UserID(who)).Exec,
		tx.tx.Code.Delete().Where(code.UserID(who)).Exec,
		tx.tx.Block.Delete().Where(block.Or(block.BlockerID(who), block.BlockedID(who))).Exec,
		// Their content is removed by who sweeps the file storage.
		tx.tx.DataExport.Update().Where(dataexport.UserID(who)).SetExpiresAt(at).Save,
		tx.tx.File.Update().Where(file.DroppedAtIsNil(), file.MessageIDIsNil(),
			file.Or(file.OwnerID(who), file.AvatarOf(who))).SetDroppedAt(at).Save,
		tx.tx.File.Update().Where(file.AvatarOf(who)).ClearAvatarOf().Save,
		tx.tx.File.Update().Where(file.OwnerID(who)).ClearOwnerID().Save,
		tx.tx.Report.Update().Where(report.AuthorID(who)).ClearAuthorID().Save,
		tx.tx.Report.Update().Where(report.ReporterID(who)).ClearReporterID().Save,
		tx.tx.Report.Update().Where(report.ResolvedByID(who)).ClearResolvedByID().Save,
		tx.tx.AuditEntry.Update().Where(auditentry.Subject(c.User.String())).ClearSubject().Save,
		tx.tx.AuditEntry.Update().Where(auditentry.ActorID(who)).ClearActorID().ClearLongitude().ClearLatitude().Save,
	} {
		if _, err := clear(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

// LetGo ends a membership for good: nothing of it names the person any more.
func (tx *Tx) LetGo(ctx context.Context, id omarty.ID) error {
	err := tx.tx.Membership.UpdateOneID(id.Row).SetStatus(string(omarty.StatusEnded)).SetRole(string(omarty.RoleResident)).
		ClearUserID().ClearClaimedApartmentID().ClearMutedUntil().Exec(ctx)
	if err != nil {
		return err
	}
	return tx.SetResidencies(ctx, id, nil)
}

// LeaveAll takes a person out of all rooms, direct ones among them, and gives those, in
// their order. What they have read is forgotten, also of the rooms that they left before.
func (tx *Tx) LeaveAll(ctx context.Context, who omarty.ID, at time.Time) ([]omarty.ID, error) {
	places, err := tx.tx.Participant.Query().Where(participant.UserID(who.Row)).Order(participant.ByRoomID()).All(ctx)
	if err != nil {
		return nil, err
	}
	var all, left []uuid.UUID
	for _, p := range places {
		all = append(all, p.RoomID)
		if p.LeftAt == nil {
			left = append(left, p.RoomID)
		}
	}
	for some := range slices.Chunk(all, goodSessionsAtOnce) {
		if _, err := tx.tx.Room.Query().Where(room.IDIn(some...), forUpdate).Order(room.ByID()).IDs(ctx); err != nil {
			return nil, err
		}
		// Nobody opens a direct room with who is gone, and its name is their id.
		if err := tx.tx.Room.Update().Where(room.IDIn(some...), room.PairNotNil()).ClearPair().Exec(ctx); err != nil {
			return nil, err
		}
	}
	err = tx.tx.Participant.Update().Where(present(who)...).SetLeftAt(at).Exec(ctx)
	if err != nil {
		return nil, err
	}
	// What they had read is no more; from here on ForgetSome counts by it.
	return roomIDs(left), tx.tx.Participant.Update().Where(participant.UserID(who.Row)).
		SetReadSeq(0).SetReadOrdinal(0).SetNotifications(string(omarty.NotifyAll)).Exec(ctx)
}

// ForgetSome clears some of what still points at a person who was erased. more is false
// when nothing does any more.
func (tx *Tx) ForgetSome(ctx context.Context, who omarty.ID, at time.Time) (more bool, err error) {
	// Whatever is in a room is changed under its lock, as everybody does.
	place, err := tx.tx.Participant.Query().Where(participant.UserID(who.Row)).Order(participant.ByRoomID()).First(ctx)
	switch {
	case err == nil:
		return true, tx.forgetInRoom(ctx, place)
	case !generated.IsNotFound(err):
		return false, err
	}
	reactions, err := some(ctx, tx.tx.Reaction.Query().Where(reaction.UserID(who.Row)).Limit(forgottenRows).IDs,
		func(ids []uuid.UUID) error {
			return tx.tx.Reaction.Update().Where(reaction.IDIn(ids...)).ClearUserID().Exec(ctx)
		})
	if err != nil || reactions {
		return true, err
	}
	ballots, err := some(ctx, tx.tx.Ballot.Query().Where(ballot.VoterID(who.Row)).Limit(forgottenRows).IDs,
		func(ids []uuid.UUID) error {
			return tx.tx.Ballot.Update().Where(ballot.IDIn(ids...)).ClearVoterID().Exec(ctx)
		})
	if err != nil || ballots {
		return true, err
	}
	read, err := some(ctx, tx.tx.NoticeApartment.Query().Where(noticeapartment.AcknowledgedByID(who.Row)).Limit(forgottenRows).IDs,
		func(ids []uuid.UUID) error {
			return tx.tx.NoticeApartment.Update().Where(noticeapartment.IDIn(ids...)).ClearAcknowledgedByID().Exec(ctx)
		})
	if err != nil || read {
		return true, err
	}
	return false, tx.tx.User.Update().Where(user.ID(who.Row), user.ErasedAtNotNil(), user.ForgottenAtIsNil()).SetForgottenAt(at).Exec(ctx)
}

// some changes the rows that are found, and tells whether there were any.
func some(ctx context.Context, find func(context.Context) ([]uuid.UUID, error), change func([]uuid.UUID) error) (bool, error) {
	ids, err := find(ctx)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return true, change(ids)
}

// forgetInRoom clears some of what points at a person in a room that they were in, and in
// the end that they were.
func (tx *Tx) forgetInRoom(ctx context.Context, place *generated.Participant) error {
	r, err := tx.lockRoom(ctx, place.RoomID)
	if err != nil {
		return err
	}
	who := *place.UserID
	written, err := tx.tx.Message.Query().Where(message.AuthorID(who), message.RoomID(r.ID)).Limit(forgottenAtOnce).All(ctx)
	if err != nil {
		return err
	}
	if len(written) > 0 {
		return tx.disown(ctx, written)
	}
	// How far the log was looked through stands where what they had read did.
	to := min(place.ReadSeq+forgottenEntries, r.LastSeq)
	among := []predicate.RoomEvent{roomevent.RoomID(r.ID), roomevent.SeqGT(place.ReadSeq), roomevent.SeqLTE(to)}
	if err := tx.tx.RoomEvent.Update().Where(among...).Where(roomevent.ActorID(who)).ClearActorID().Exec(ctx); err != nil {
		return err
	}
	if err := tx.tx.RoomEvent.Update().Where(among...).Where(roomevent.MemberID(who)).ClearMemberID().Exec(ctx); err != nil {
		return err
	}
	if to < r.LastSeq {
		return place.Update().SetReadSeq(to).Exec(ctx)
	}
	for _, clear := range []func(context.Context) (int, error){
		tx.tx.Message.Update().Where(message.RoomID(r.ID), message.DeletedAtNotNil(), message.DeletedByID(who)).ClearDeletedByID().Save,
		tx.tx.Mention.Update().Where(mention.UserID(who), mention.RoomID(r.ID)).ClearUserID().Save,
		tx.tx.Room.Update().Where(room.ID(r.ID), room.MakerID(who)).ClearMakerID().Save,
	} {
		if _, err := clear(ctx); err != nil {
			return err
		}
	}
	return place.Update().ClearUserID().SetReadSeq(0).Exec(ctx)
}

// disown takes the author from messages, with the apartment that they wrote from, by
// which neighbours would know them; and has the messages found as nobody's.
func (tx *Tx) disown(ctx context.Context, written []*generated.Message) error {
	ids := make([]uuid.UUID, len(written))
	for i, row := range written {
		ids[i] = row.ID
	}
	if err := tx.tx.Message.Update().Where(message.IDIn(ids...)).ClearAuthorID().ClearApartmentID().Exec(ctx); err != nil {
		return err
	}
	for _, row := range written {
		row.AuthorID = nil
		if err := tx.setWords(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// Erasures gives who was erased after a moment, or forgotten, and who is not forgotten
// yet.
func (s *Store) Erasures(ctx context.Context, since time.Time) ([]omarty.Erasure, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.Erasure, error) {
		rows, err := db.User.Query().
			Where(user.ErasedAtNotNil(), user.Or(user.ErasedAtGT(since), user.ForgottenAtGT(since), user.ForgottenAtIsNil())).
			Select(user.FieldID, user.FieldErasedAt, user.FieldForgottenAt).All(ctx)
		return each(rows, func(row *generated.User) omarty.Erasure {
			return omarty.Erasure{User: omarty.ID{Kind: omarty.KindUser, Row: row.ID}, At: row.ErasedAt.UTC(), Forgotten: row.ForgottenAt != nil}
		}), err
	})
}

// Scrub overwrites what was removed, where the database still keeps it and can be told
// not to: in SQLite's log. It is for after an erasure, and gives up where others read.
func (s *Store) Scrub(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return s.translate(s.engine.scrub(ctx))
}

// unerased keeps the people who were not erased: for whom an erased person is nobody from
// the moment on, whatever still points at them.
func unerased(s *sql.Selector) { s.Where(sql.IsNull(s.C(user.FieldErasedAt))) }

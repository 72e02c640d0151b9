package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/apartment"
	"github.com/omarty/chat/ent/generated/auditentry"
	"github.com/omarty/chat/ent/generated/ballot"
	"github.com/omarty/chat/ent/generated/block"
	"github.com/omarty/chat/ent/generated/code"
	"github.com/omarty/chat/ent/generated/dataexport"
	"github.com/omarty/chat/ent/generated/file"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/mention"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/messagerevision"
	"github.com/omarty/chat/ent/generated/noticeapartment"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/poll"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/reaction"
	"github.com/omarty/chat/ent/generated/report"
	"github.com/omarty/chat/ent/generated/residency"
	"github.com/omarty/chat/ent/generated/roomevent"
	"github.com/omarty/chat/ent/generated/session"
	"github.com/omarty/chat/internal/omarty"
)

// personalPage is how much is read at once of what an export says.
const personalPage = 200

// Personal gives a page of what is known of a person, after a place that it gave before, ""
// for the beginning: structs of omarty's that become JSON. next is "" after the last page.
// A page may be empty.
func (s *Store) Personal(ctx context.Context, of omarty.ID, part omarty.PersonalPart, after string) (items []any, next string, err error) {
	read := personalParts[part]
	if read == nil {
		return nil, "", fmt.Errorf("there is no part %q", part)
	}
	p, err := readPersonal(ctx, s, read, of.Row, after)
	return p.items, p.next, err
}

type personal struct {
	items []any
	next  string
}

func readPersonal(ctx context.Context, s *Store, part personalReader, who uuid.UUID, after string) (personal, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (personal, error) { return part(ctx, db, who, after) })
}

// personalReader reads a page of a part.
type personalReader func(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error)

var personalParts = map[omarty.PersonalPart]personalReader{
	omarty.PartProfile:          personalProfile,
	omarty.PartSessions:         personalSessions,
	omarty.PartCodes:            personalCodes,
	omarty.PartMemberships:      personalMemberships,
	omarty.PartRooms:            personalRooms,
	omarty.PartMessages:         personalMessages,
	omarty.PartActivity:         personalActivity,
	omarty.PartMentions:         personalMentions,
	omarty.PartReactions:        personalReactions,
	omarty.PartVotes:            personalVotes,
	omarty.PartAcknowledgements: personalAcknowledgements,
	omarty.PartReports:          personalReports,
	omarty.PartBlocked:          personalBlocked,
	omarty.PartExports:          personalExports,
	omarty.PartAudit:            personalAudit,
	omarty.PartFiles:            personalFiles,
}

// public gives the text of an id of a kind; "" for none.
func public(kind omarty.Kind, row *uuid.UUID) string { return idOf(kind, row).String() }

// afterID keeps the rows after one, and is for pages of rows by their ids.
func afterID(after string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		if id, err := uuid.Parse(after); err == nil {
			s.Where(sql.GT(s.C("id"), id))
		}
	}
}

// pageOf gives rows that were read by their ids as a page.
func pageOf[R any, T any](rows []R, err error, id func(R) uuid.UUID, item func(R) T) (personal, error) {
	var p personal
	for _, row := range rows {
		p.items = append(p.items, item(row))
	}
	if len(rows) == personalPage {
		p.next = id(rows[len(rows)-1]).String()
	}
	return p, err
}

func personalProfile(ctx context.Context, db *generated.Client, who uuid.UUID, _ string) (personal, error) {
	row, err := db.User.Get(ctx, who)
	if err != nil {
		return personal{}, err
	}
	return personal{items: []any{omarty.PersonalProfile{
		ID: public(omarty.KindUser, &row.ID), Name: row.Name, Email: row.Email, EmailVerifiedAt: inUTC(row.EmailVerifiedAt),
		Phone: row.Phone, PhoneVerifiedAt: inUTC(row.PhoneVerifiedAt), Locale: row.Locale,
		ShareReadMarks: row.ShareReadMarks, SharePresence: row.SharePresence, CreatedAt: row.CreatedAt.UTC(),
		LastSeenAt: inUTC(row.LastSeenAt), DisabledAt: inUTC(row.DisabledAt), Avatar: public(omarty.KindFile, row.AvatarID),
	}}}, nil
}

func personalSessions(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Session.Query().Where(session.UserID(who), afterID(after)).Order(session.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.Session) uuid.UUID { return r.ID }, func(r *generated.Session) omarty.PersonalSession {
		return omarty.PersonalSession{
			ID: public(omarty.KindSession, &r.ID), Device: r.Device, CreatedAt: r.CreatedAt.UTC(), LastUsedAt: r.LastUsedAt.UTC(),
			ExpiresAt: r.ExpiresAt.UTC(), EndedAt: inUTC(r.EndedAt), KnownPlace: r.Place != nil,
		}
	})
}

func personalCodes(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Code.Query().Where(code.UserID(who), afterID(after)).Order(code.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.Code) uuid.UUID { return r.ID }, func(r *generated.Code) omarty.PersonalCode {
		return omarty.PersonalCode{
			Purpose: r.Purpose, Contact: r.Contact, Tries: r.Tries,
			CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), UsedAt: inUTC(r.UsedAt),
		}
	})
}

func personalMemberships(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Membership.Query().Where(membership.UserID(who), afterID(after)).WithBuilding().WithClaimedApartment().
		WithResidencies(func(q *generated.ResidencyQuery) { q.Order(residency.ByID()).WithApartment() }).
		Order(membership.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.Membership) uuid.UUID { return r.ID }, func(r *generated.Membership) omarty.PersonalMembership {
		m := omarty.PersonalMembership{
			ID: public(omarty.KindMembership, &r.ID), Building: public(omarty.KindBuilding, &r.BuildingID),
			BuildingName: r.Edges.Building.Name, BuildingAddress: r.Edges.Building.Address, Role: r.Role, Status: r.Status,
			Apartments: []string{}, CreatedAt: r.CreatedAt.UTC(), MutedUntil: inUTC(r.MutedUntil),
		}
		for _, lives := range r.Edges.Residencies {
			m.Apartments = append(m.Apartments, lives.Edges.Apartment.Number)
		}
		if r.Edges.ClaimedApartment != nil {
			m.ClaimedApartment = r.Edges.ClaimedApartment.Number
		}
		return m
	})
}

func personalRooms(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Participant.Query().Where(participant.UserID(who), afterID(after)).WithRoom().
		Order(participant.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.Participant) uuid.UUID { return r.ID }, func(r *generated.Participant) omarty.PersonalRoom {
		in := r.Edges.Room
		return omarty.PersonalRoom{
			Room: public(omarty.KindRoom, &in.ID), Kind: in.Kind, Name: in.Name, Building: public(omarty.KindBuilding, in.BuildingID),
			MadeByYou: in.MakerID != nil && *in.MakerID == who, JoinedAt: r.JoinedAt.UTC(), LeftAt: inUTC(r.LeftAt),
			ReadSeq: int(r.ReadSeq), Notifications: r.Notifications,
		}
	})
}

// placeIn reads where a page by room and position ended.
func placeIn(text string) (id uuid.UUID, seq int64) {
	of, at, _ := strings.Cut(text, "/")
	id, err := uuid.Parse(of)
	if err != nil {
		return uuid.Nil, 0
	}
	seq, _ = strconv.ParseInt(at, 10, 64)
	return id, seq
}

func placeText(id uuid.UUID, seq int64) string { return fmt.Sprintf("%s/%d", id, seq) }

func personalMessages(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	in, seq := placeIn(after)
	rows, err := db.Message.Query().Where(message.AuthorID(who), func(s *sql.Selector) {
		s.Where(sql.CompositeGT([]string{s.C(message.FieldRoomID), s.C(message.FieldSeq)}, in, seq))
	}).WithApartment().Order(message.ByRoomID(), message.BySeq()).Limit(personalPage).All(ctx)
	if err != nil || len(rows) == 0 {
		return personal{}, err
	}
	var p personal
	last := rows[len(rows)-1]
	if len(rows) == personalPage {
		p.next = placeText(last.RoomID, last.Seq)
	}
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	besides, err := personalBesides(ctx, db, ids)
	if err != nil {
		return p, err
	}
	for _, r := range rows {
		m := besides[r.ID]
		m.ID, m.Room, m.Seq, m.Key, m.Text = public(omarty.KindMessage, &r.ID), public(omarty.KindRoom, &r.RoomID), int(r.Seq), r.Key, r.Text
		m.ReplyTo, m.Notice = public(omarty.KindMessage, r.ReplyToID), r.Notice
		m.CreatedAt, m.EditedAt, m.DeletedAt, m.PinnedAt = r.CreatedAt.UTC(), inUTC(r.EditedAt), inUTC(r.DeletedAt), inUTC(r.PinnedAt)
		if r.Edges.Apartment != nil {
			m.Apartment = r.Edges.Apartment.Number
		}
		p.items = append(p.items, m)
	}
	return p, nil
}

// personalBesides gives what messages have besides their text, by their ids.
func personalBesides(ctx context.Context, db *generated.Client, ids []uuid.UUID) (map[uuid.UUID]omarty.PersonalMessage, error) {
	found := map[uuid.UUID]omarty.PersonalMessage{}
	change := func(id uuid.UUID, with func(*omarty.PersonalMessage)) {
		m := found[id]
		with(&m)
		found[id] = m
	}
	revisions, err := db.MessageRevision.Query().Where(messagerevision.MessageIDIn(ids...)).Order(messagerevision.ByID()).All(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range revisions {
		change(r.MessageID, func(m *omarty.PersonalMessage) {
			m.Revisions = append(m.Revisions, omarty.PersonalRevision{Text: r.Text, WrittenAt: r.WrittenAt.UTC()})
		})
	}
	mentions, err := db.Mention.Query().Where(mention.MessageIDIn(ids...)).Order(mention.ByStart()).All(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range mentions {
		change(r.MessageID, func(m *omarty.PersonalMessage) {
			m.Mentions = append(m.Mentions, omarty.PersonalMention{User: public(omarty.KindUser, r.UserID), Start: r.Start, Length: r.Length})
		})
	}
	polls, err := db.Poll.Query().Where(poll.IDIn(ids...)).All(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range polls {
		asked := &omarty.PersonalPoll{
			Question: r.Question, MultipleChoice: r.MultipleChoice, PerApartment: r.PerApartment,
			ClosesAt: inUTC(r.ClosesAt), ClosedAt: inUTC(r.ClosedAt),
		}
		for _, o := range r.Options {
			asked.Options = append(asked.Options, o.Text)
		}
		change(r.ID, func(m *omarty.PersonalMessage) { m.Poll = asked })
	}
	files, err := db.File.Query().Where(file.MessageIDIn(ids...), file.DroppedAtIsNil()).Order(file.ByPosition()).All(ctx)
	for _, r := range files {
		change(*r.MessageID, func(m *omarty.PersonalMessage) { m.Attachments = append(m.Attachments, public(omarty.KindFile, &r.ID)) })
	}
	return found, err
}

// activityWindow is how many entries of a log are looked through for a page.
const activityWindow = 2000

// personalActivity looks through the logs of the rooms that the person was ever in.
func personalActivity(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	in, seq := placeIn(after)
	place, err := db.Participant.Query().Where(participant.UserID(who), predicate.Participant(sql.FieldGTE(participant.FieldRoomID, in))).
		WithRoom().Order(participant.ByRoomID()).First(ctx)
	if generated.IsNotFound(err) {
		return personal{}, nil
	}
	if err != nil {
		return personal{}, err
	}
	if place.RoomID != in {
		seq = 0
	}
	r := place.Edges.Room
	to := min(seq+activityWindow, r.LastSeq)
	rows, err := db.RoomEvent.Query().Where(roomevent.RoomID(r.ID), roomevent.SeqGT(seq), roomevent.SeqLTE(to),
		roomevent.KindNEQ(string(omarty.EventMessagePosted)), roomevent.Or(roomevent.ActorID(who), roomevent.MemberID(who))).
		Order(roomevent.BySeq()).All(ctx)
	p := personal{next: placeText(r.ID, to)}
	if to >= r.LastSeq {
		// The first place that no entry of this room has: the next room.
		following, err := db.Participant.Query().Where(participant.UserID(who), predicate.Participant(sql.FieldGT(participant.FieldRoomID, r.ID))).Order(participant.ByRoomID()).First(ctx)
		switch {
		case generated.IsNotFound(err):
			p.next = ""
		case err != nil:
			return p, err
		default:
			p.next = placeText(following.RoomID, 0)
		}
	}
	for _, e := range rows {
		one := omarty.PersonalEvent{
			Room: public(omarty.KindRoom, &r.ID), Seq: int(e.Seq), At: e.At.UTC(), Kind: e.Kind,
			ByYou: e.ActorID != nil && *e.ActorID == who, OnYou: e.MemberID != nil && *e.MemberID == who,
			Message: public(omarty.KindMessage, e.MessageID),
		}
		if e.Emoji != nil {
			one.Emoji = *e.Emoji
		}
		p.items = append(p.items, one)
	}
	return p, err
}

func personalMentions(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Mention.Query().Where(mention.UserID(who), afterID(after)).Order(mention.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.Mention) uuid.UUID { return r.ID }, func(r *generated.Mention) omarty.PersonalMention {
		return omarty.PersonalMention{
			Message: public(omarty.KindMessage, &r.MessageID), Room: public(omarty.KindRoom, &r.RoomID), Seq: int(r.Seq), Start: r.Start, Length: r.Length,
		}
	})
}

func personalReactions(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Reaction.Query().Where(reaction.UserID(who), afterID(after)).Order(reaction.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.Reaction) uuid.UUID { return r.ID }, func(r *generated.Reaction) omarty.PersonalReaction {
		return omarty.PersonalReaction{Message: public(omarty.KindMessage, &r.MessageID), Emoji: r.Emoji}
	})
}

func personalVotes(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Ballot.Query().Where(ballot.VoterID(who), afterID(after)).Order(ballot.ByID()).Limit(personalPage).All(ctx)
	if err != nil {
		return personal{}, err
	}
	var asked, of []uuid.UUID
	for _, r := range rows {
		asked = append(asked, r.PollID)
		if r.ApartmentID != nil {
			of = append(of, *r.ApartmentID)
		}
	}
	polls, err := db.Poll.Query().Where(poll.IDIn(asked...)).All(ctx)
	if err != nil {
		return personal{}, err
	}
	doors, err := numbers(ctx, db, of)
	return pageOf(rows, err, func(r *generated.Ballot) uuid.UUID { return r.ID }, func(r *generated.Ballot) omarty.PersonalVote {
		v := omarty.PersonalVote{Poll: public(omarty.KindPoll, &r.PollID), Options: []string{}}
		if r.ApartmentID != nil {
			v.Apartment = doors[*r.ApartmentID]
		}
		if i := slices.IndexFunc(polls, func(p *generated.Poll) bool { return p.ID == r.PollID }); i >= 0 {
			for n, o := range polls[i].Options {
				if r.Choices&(1<<n) != 0 {
					v.Options = append(v.Options, o.Text)
				}
			}
		}
		return v
	})
}

// numbers gives what stands on doors.
func numbers(ctx context.Context, db *generated.Client, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	rows, err := db.Apartment.Query().Where(apartment.IDIn(ids...)).All(ctx)
	found := map[uuid.UUID]string{}
	for _, r := range rows {
		found[r.ID] = r.Number
	}
	return found, err
}

func personalAcknowledgements(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.NoticeApartment.Query().Where(noticeapartment.AcknowledgedByID(who), afterID(after)).
		Order(noticeapartment.ByID()).Limit(personalPage).All(ctx)
	if err != nil {
		return personal{}, err
	}
	of := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		of[i] = r.ApartmentID
	}
	doors, err := numbers(ctx, db, of)
	return pageOf(rows, err, func(r *generated.NoticeApartment) uuid.UUID { return r.ID }, func(r *generated.NoticeApartment) omarty.PersonalAcknowledgement {
		return omarty.PersonalAcknowledgement{Notice: public(omarty.KindNotice, &r.NoticeID), Apartment: doors[r.ApartmentID], At: inUTC(r.AcknowledgedAt)}
	})
}

func personalReports(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Report.Query().Where(report.ReporterID(who), afterID(after)).Order(report.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.Report) uuid.UUID { return r.ID }, func(r *generated.Report) omarty.PersonalReport {
		return omarty.PersonalReport{
			ID: public(omarty.KindReport, &r.ID), Building: public(omarty.KindBuilding, &r.BuildingID), Message: public(omarty.KindMessage, &r.MessageID),
			Reason: r.Reason, CreatedAt: r.CreatedAt.UTC(), ResolvedAt: inUTC(r.ResolvedAt),
		}
	})
}

func personalBlocked(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.Block.Query().Where(block.BlockerID(who), afterID(after)).Order(block.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.Block) uuid.UUID { return r.ID }, func(r *generated.Block) omarty.PersonalBlock {
		return omarty.PersonalBlock{User: public(omarty.KindUser, &r.BlockedID), CreatedAt: r.CreatedAt.UTC()}
	})
}

func personalExports(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.DataExport.Query().Where(dataexport.UserID(who), afterID(after)).Order(dataexport.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.DataExport) uuid.UUID { return r.ID }, func(r *generated.DataExport) omarty.PersonalExport {
		return omarty.PersonalExport{
			ID: public(omarty.KindDataExport, &r.ID), CreatedAt: r.CreatedAt.UTC(), FinishedAt: inUTC(r.FinishedAt), ExpiresAt: r.ExpiresAt.UTC(),
		}
	})
}

func personalAudit(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	own := public(omarty.KindUser, &who)
	rows, err := db.AuditEntry.Query().Where(auditentry.Or(auditentry.ActorID(who), auditentry.Subject(own)), afterID(after)).
		Order(auditentry.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.AuditEntry) uuid.UUID { return r.ID }, func(r *generated.AuditEntry) omarty.PersonalAudit {
		a := omarty.PersonalAudit{
			At: r.At.UTC(), Action: r.Action, ByYou: r.ActorID != nil && *r.ActorID == who, Building: public(omarty.KindBuilding, r.BuildingID),
		}
		if r.Subject != nil {
			a.Subject = *r.Subject
		}
		if a.ByYou {
			a.Longitude, a.Latitude = r.Longitude, r.Latitude
		}
		return a
	})
}

func personalFiles(ctx context.Context, db *generated.Client, who uuid.UUID, after string) (personal, error) {
	rows, err := db.File.Query().Where(file.OwnerID(who), file.DroppedAtIsNil(), afterID(after)).Order(file.ByID()).Limit(personalPage).All(ctx)
	return pageOf(rows, err, func(r *generated.File) uuid.UUID { return r.ID }, func(r *generated.File) omarty.PersonalFile {
		return omarty.PersonalFile{
			ID: public(omarty.KindFile, &r.ID), Name: r.Name, ContentType: r.ContentType, Size: int(r.Size), CreatedAt: r.CreatedAt.UTC(),
			Message: public(omarty.KindMessage, r.MessageID), Avatar: r.AvatarOf != nil,
		}
	})
}

// PersonalSize tells how much there is to be read of a person, roughly: it is for their
// progress.
func (s *Store) PersonalSize(ctx context.Context, of omarty.ID) (int, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (int, error) {
		written, err := db.Message.Query().Where(message.AuthorID(of.Row)).Count(ctx)
		if err != nil {
			return 0, err
		}
		said, err := db.Reaction.Query().Where(reaction.UserID(of.Row)).Count(ctx)
		if err != nil {
			return 0, err
		}
		files, err := db.File.Query().Where(file.OwnerID(of.Row), file.DroppedAtIsNil()).Count(ctx)
		return written + said + files, err
	})
}

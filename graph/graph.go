// Package graph is the GraphQL door: it translates between the public schema and
// the verbs, and guards what it costs to ask.
package graph

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// API is the GraphQL API of one program.
type API struct {
	// maxUpload bounds a file, in bytes.
	maxUpload int64
	verbs     Verbs
	log       *slog.Logger
	// requestID gives the id that finds a request in the log.
	requestID func(context.Context) string
	note      func(ctx context.Context, session, room omarty.ID)
	detached  func(context.Context) context.Context
	names     names
	languages languages
	exec      bounded
	queues    *queues
	plain     *plain
	costs     costs
	live      *live.Server
	views     *views
	counted   *outcomes
	documents *secondTime[*ast.QueryDocument]
	persisted *cache[string]
}

// Verbs is what the API offers, as internal/service has it.
type Verbs interface {
	accountVerbs
	buildingVerbs
	roomVerbs
	messageVerbs
	moderationVerbs
	fileVerbs
}

type fileVerbs interface {
	Upload(ctx context.Context, by service.Asker, name string, content io.Reader) (omarty.File, error)
	Attachments(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.File, error)
	FileToken(by service.Asker) string
}

type accountVerbs interface {
	// KnowSessions looks which sessions have ended, unless that was done of late.
	KnowSessions(ctx context.Context) error
	Authenticate(ctx context.Context, token omarty.Token) (service.Asker, error)
	Arrive(by service.Asker) (settled func(signedIn bool), err error)
	ConnectNobody(by service.Asker) (release func(), err error)
	Spend(by service.Asker, cost int) error
	Connect(ctx context.Context, token omarty.Token, ended func()) (by service.Asker, release func(), err error)
	Register(ctx context.Context, by service.Asker, in service.Registration) (omarty.User, error)
	LogIn(ctx context.Context, by service.Asker, in service.LogIn) (service.SignedIn, error)
	LogOut(ctx context.Context, by service.Asker) (omarty.ID, error)
	RevokeSession(ctx context.Context, by service.Asker, id omarty.ID) error
	RevokeOtherSessions(ctx context.Context, by service.Asker) (ended int, err error)
	Sessions(ctx context.Context, by service.Asker) ([]omarty.Session, error)
	Account(ctx context.Context, by service.Asker) (omarty.Account, error)
	Node(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Node, error)
	ChangeProfile(ctx context.Context, by service.Asker, c omarty.ProfileChange) (omarty.Account, error)
	ChangePassword(ctx context.Context, by service.Asker, current, next string) (omarty.Account, error)
	RequestVerification(ctx context.Context, by service.Asker, c omarty.Contact) (expiresAt time.Time, err error)
	Verify(ctx context.Context, by service.Asker, c omarty.Contact, code string) (omarty.Account, error)
	ChangeContact(ctx context.Context, by service.Asker, in service.ContactChange) (omarty.Account, error)
	RequestPasswordReset(ctx context.Context, by service.Asker, login string) (expiresAt time.Time, err error)
	ResetPassword(ctx context.Context, by service.Asker, login, code, next string) (omarty.ID, error)
	ExportMyData(ctx context.Context, by service.Asker) (omarty.DataExport, error)
	Exports(ctx context.Context, by service.Asker) ([]omarty.DataExport, error)
	EraseAccount(ctx context.Context, by service.Asker, password string) (omarty.ID, error)
}

type buildingVerbs interface {
	CreateBuilding(ctx context.Context, by service.Asker, in service.NewBuilding) (omarty.Building, error)
	UpdateBuilding(ctx context.Context, by service.Asker, id omarty.ID, c service.BuildingChange) (omarty.Building, error)
	AddApartments(ctx context.Context, by service.Asker, id omarty.ID, in []omarty.NewApartment) (omarty.Building, []omarty.Apartment, error)
	RemoveApartment(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Building, error)
	CreateInvitation(ctx context.Context, by service.Asker, in service.NewInvitation) (omarty.Invitation, error)
	RevokeInvitation(ctx context.Context, by service.Asker, id omarty.ID) error
	PreviewInvitation(ctx context.Context, by service.Asker, code string) (service.InvitationPreview, error)
	JoinBuilding(ctx context.Context, by service.Asker, code string, apartment omarty.ID) (omarty.Membership, error)
	ApproveMembership(ctx context.Context, by service.Asker, id omarty.ID, apartments []omarty.ID) (omarty.Membership, error)
	SetMemberApartments(ctx context.Context, by service.Asker, id omarty.ID, apartments []omarty.ID) (omarty.Membership, error)
	SetMemberRole(ctx context.Context, by service.Asker, id omarty.ID, role omarty.MembershipRole) (omarty.Membership, error)
	EndMembership(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Membership, error)
	BanMember(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Membership, error)
	UnbanMember(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Membership, error)

	Building(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Building, error)
	Buildings(ctx context.Context, by service.Asker, ids []omarty.ID) (map[omarty.ID]omarty.Building, error)
	Apartments(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Apartment, error)
	ApartmentsIn(ctx context.Context, by service.Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Apartment], error)
	ApartmentsOf(ctx context.Context, memberships []omarty.ID) (map[omarty.ID][]omarty.Apartment, error)
	Residents(ctx context.Context, by service.Asker, of omarty.Apartment, page omarty.Page) (omarty.Slice[omarty.User], error)
	Users(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.User, error)
	Memberships(ctx context.Context, by service.Asker) ([]omarty.Membership, error)
	MembershipIn(ctx context.Context, by service.Asker, building omarty.ID) (omarty.Membership, error)
	Members(ctx context.Context, by service.Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Membership], error)
	CheckManages(ctx context.Context, by service.Asker, building omarty.ID) error
	ManagedMembers(ctx context.Context, by service.Asker, building omarty.ID, status omarty.MembershipStatus, page omarty.Page) (omarty.Slice[omarty.Membership], error)
	Invitations(ctx context.Context, by service.Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Invitation], error)
	AuditLog(ctx context.Context, by service.Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.AuditRecord], error)
}

type moderationVerbs interface {
	MuteMember(ctx context.Context, by service.Asker, id omarty.ID, until time.Time) (omarty.Membership, error)
	UnmuteMember(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Membership, error)
	Manages(ctx context.Context, by service.Asker, buildings []omarty.ID) (map[omarty.ID]bool, error)
	SetSlowMode(ctx context.Context, by service.Asker, id omarty.ID, seconds int) (omarty.Room, error)
	BlockUser(ctx context.Context, by service.Asker, whom omarty.ID) (omarty.User, error)
	UnblockUser(ctx context.Context, by service.Asker, whom omarty.ID) error
	BlockedUsers(ctx context.Context, by service.Asker, page omarty.Page) (omarty.Slice[omarty.User], error)
	ReportMessage(ctx context.Context, by service.Asker, in service.NewReport) error
	ResolveReport(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Report, error)
	Reports(ctx context.Context, by service.Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Report], error)
}

type roomVerbs interface {
	Room(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Room, error)
	RoomsByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Room, error)
	Rooms(ctx context.Context, by service.Asker, page omarty.Page) (omarty.Slice[omarty.Room], error)
	RoomsIn(ctx context.Context, by service.Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Room], error)
	Participants(ctx context.Context, by service.Asker, room omarty.ID, page omarty.Page) (omarty.Slice[omarty.Participant], error)
	Postings(ctx context.Context, by service.Asker, rooms []omarty.ID) (map[omarty.ID]omarty.Posting, error)
	Counterparts(ctx context.Context, by service.Asker, rooms []omarty.ID) (map[omarty.ID]omarty.Counterpart, error)
	CreateRoom(ctx context.Context, by service.Asker, in service.NewGroup) (omarty.Room, error)
	UpdateRoom(ctx context.Context, by service.Asker, id omarty.ID, c service.RoomChange) (omarty.Room, error)
	ArchiveRoom(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Room, error)
	OpenDirectRoom(ctx context.Context, by service.Asker, with omarty.ID) (omarty.Room, error)
	AddParticipants(ctx context.Context, by service.Asker, id omarty.ID, people []omarty.ID) (omarty.Room, error)
	RemoveParticipant(ctx context.Context, by service.Asker, id, who omarty.ID) (omarty.Room, error)
	LeaveRoom(ctx context.Context, by service.Asker, id omarty.ID) error
	SetNotifications(ctx context.Context, by service.Asker, id omarty.ID, level omarty.NotificationLevel) (omarty.Room, error)
	Events(ctx context.Context, by service.Asker, room omarty.Room, from service.Position, first int) (service.EventPage, error)
	FollowLog(room omarty.ID, heard func([]omarty.Entry)) *service.RoomLog
	WatchRoom(ctx context.Context, by service.Asker, room omarty.ID, from service.Position) (*service.RoomWatch, error)

	WatchInbox(ctx context.Context, by service.Asker, after []omarty.RoomPosition) (*service.Inbox, error)

	SetTyping(ctx context.Context, by service.Asker, room omarty.ID, active bool) error
	WatchSignals(ctx context.Context, by service.Asker, room omarty.ID) (*service.SignalWatch, error)
	Presence(of omarty.User) *omarty.Presence

	MarkRead(ctx context.Context, by service.Asker, room omarty.ID, seq int) (r omarty.Room, moved bool, err error)
	Readings(ctx context.Context, by service.Asker, rooms []omarty.ID) (map[omarty.ID]omarty.Reading, error)
	FirstUnread(ctx context.Context, by service.Asker, rooms []omarty.ID) (map[omarty.ID]omarty.Message, error)
	Unread(ctx context.Context, by service.Asker) (int, error)
	Readers(ctx context.Context, by service.Asker, of omarty.Message, page omarty.Page) (omarty.Slice[omarty.User], error)
	ReadSeqs(ctx context.Context, participants []omarty.ID) (map[omarty.ID]int, error)

	SendMessage(ctx context.Context, by service.Asker, in service.NewMessage) (m omarty.Message, replayed bool, err error)
	Message(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Message, error)
	MessagesByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Message, error)
	MessagesFor(ctx context.Context, by service.Asker, ids []omarty.ID) (map[omarty.ID]omarty.Message, error)
	Messages(ctx context.Context, by service.Asker, room omarty.ID, w omarty.MessageWindow) (service.MessagePage, error)
	PollsByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Poll, error)
	Ballots(ctx context.Context, by service.Asker, polls []omarty.ID) (map[omarty.ID][]omarty.Ballot, error)
	Vote(ctx context.Context, by service.Asker, message omarty.ID, options []omarty.ID, apartment omarty.ID) (omarty.Message, error)
	NoticesByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Notice, error)
	Outstanding(ctx context.Context, by service.Asker, notices []omarty.ID, page omarty.Page) (map[omarty.ID]omarty.Slice[omarty.Apartment], error)
	AcknowledgeNotice(ctx context.Context, by service.Asker, message omarty.ID, textSeq int) (omarty.Message, error)
	SearchMessages(ctx context.Context, by service.Asker, in service.Search, page omarty.Page) (omarty.Slice[omarty.Message], error)
	MessagesAround(ctx context.Context, by service.Asker, room omarty.ID, seq *int, at *time.Time, count int) (service.MessagePage, error)
}

// messageVerbs change messages, and read what they have besides their text.
type messageVerbs interface {
	EditMessage(ctx context.Context, by service.Asker, in service.Edit) (omarty.Message, error)
	DeleteMessage(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Message, error)
	AddReaction(ctx context.Context, by service.Asker, message omarty.ID, emoji string) (omarty.Message, error)
	RemoveReaction(ctx context.Context, by service.Asker, message omarty.ID, emoji string) (omarty.Message, error)
	PinMessage(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Message, error)
	UnpinMessage(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Message, error)

	Replies(ctx context.Context, by service.Asker, to omarty.ID, w omarty.MessageWindow) (service.MessagePage, error)
	Revisions(ctx context.Context, of omarty.ID, page omarty.Page) (omarty.Slice[omarty.Revision], error)
	Mentions(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.Mention, error)
	Reactions(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.Reaction, error)
	OwnReactions(ctx context.Context, by service.Asker, messages []omarty.ID) (map[omarty.ID][]omarty.Emoji, error)
	Reactors(ctx context.Context, to omarty.Reaction, page omarty.Page) (omarty.Slice[omarty.User], error)
	Pinned(ctx context.Context, by service.Asker, rooms []omarty.ID) (map[omarty.ID][]omarty.Message, error)
}

// Options are what an operator decides of the API.
type Options struct {
	// Introspection lets clients read the schema.
	Introspection bool
	// Origins are the web origins beside the server's own whose pages may open a
	// socket; "*" for all.
	Origins []string
	// Unpaced lets everybody ask as much and as fast as they will.
	Unpaced bool
	Log     *slog.Logger
	// MaxUpload bounds a file, in bytes.
	MaxUpload int64
	// RequestID gives the id of the request that a context belongs to.
	RequestID func(context.Context) string
	// Span begins a span of a trace, of a name of the schema, and end ends it with a code, ""
	// where it went well. Where ctx belongs to no trace, root begins one. Nil where there are
	// no traces.
	Span func(ctx context.Context, name string, root bool) (spanning context.Context, end func(code string))
	// Note is told of whose session a request is, and which room it asks something of, where
	// that is known, for the log; nil for nobody.
	Note func(ctx context.Context, session, room omarty.ID)
	// Detached gives a context that knows of a request what its own does, and keeps
	// nothing else of it; context.WithoutCancel where it is nil.
	Detached func(context.Context) context.Context
}

// New gives the API over the verbs.
func New(verbs Verbs, o Options) *API {
	resolvers := &resolver{verbs: verbs}
	schema := generated.NewExecutableSchema(generated.Config{Resolvers: resolvers})
	if o.Detached == nil {
		o.Detached = context.WithoutCancel
	}
	if o.Note == nil {
		o.Note = func(context.Context, omarty.ID, omarty.ID) {}
	}
	a := &API{
		verbs:     verbs,
		maxUpload: o.MaxUpload,
		log:       o.Log,
		requestID: o.RequestID,
		note:      o.Note,
		detached:  o.Detached,
		names:     namesOf(schema.Schema()),
		languages: languages{verbs, o.Log},
		exec:      bounded{executor.New(schema)},
		queues:    newQueues(verbs, o.Unpaced),
		plain:     newPlain(schema.Schema(), resolvers.links()),
		costs:     newCosts(schema.Schema()),
		counted:   newOutcomes(schema.Schema()),
	}
	a.views = &views{api: a, renderer: map[string][]*renderer{}}
	resolvers.views, resolvers.schema = a.views, schema.Schema()
	a.exec.SetErrorPresenter(a.presentError)
	a.exec.SetRecoverFunc(recovered)
	a.exec.AroundFields(a.resolved)
	a.exec.AroundResponses(withLoaders(verbs))
	if o.Span != nil {
		a.exec.AroundOperations(spanned(o.Span).operation)
		a.exec.AroundFields(spanned(o.Span).field)
	}
	a.exec.AroundResponses(belowTheRoot)
	a.exec.AroundResponses(withSpent)
	a.exec.AroundRootFields(eachMutation(verbs))
	a.exec.SetParserTokenLimit(maxTokens)
	a.exec.SetDisableSuggestion(true)
	a.exec.SetDefaultRulesFn(validationRules)
	a.documents, a.persisted = newDocumentCache(), newPersistedQueryCache()
	a.exec.SetQueryCache(a.documents)
	a.exec.Use(extension.AutomaticPersistedQuery{Cache: a.persisted})
	a.exec.Use(&strictVariables{schema.Schema()})
	a.exec.Use(limits{introspection: o.Introspection, costs: a.costs})
	if o.Introspection {
		a.exec.Use(extension.Introspection{})
	}
	a.live = live.New(live.Options{
		Executor:  a.exec,
		Recover:   recovered,
		Sessions:  sessions{verbs, o.Note},
		Turns:     a.queues,
		Logs:      logs{a},
		Languages: a.languages,
		Origins:   o.Origins,
		Counted:   a.counted.count,
		Unpaced:   o.Unpaced,
		Log:       o.Log,
	})
	return a
}

// Executor runs operations in this process, for the asker that
// service.WithAsker put into the context. It tells errors in English.
func (a *API) Executor() graphql.GraphExecutor { return a.exec }

var _ http.Handler = (*API)(nil)

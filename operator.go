package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// userCommands are what an operator does about a person.
type userCommands struct {
	Show          whose `cmd:"" help:"Show an account: how it is reached, its sessions and its buildings."`
	Disable       whose `cmd:"" help:"Keep a person from signing in, and end their sessions."`
	Enable        whose `cmd:"" help:"Let a person sign in again."`
	ResetPassword whose `cmd:"" help:"Give a person a new password, which is printed once, and end their sessions."`
}

// whose is the argument of these.
type whose struct {
	Login string `arg:"" help:"Their e-mail address, phone number or id."`
}

// buildingCommands are what an operator does about a building.
type buildingCommands struct {
	Create newBuilding `cmd:"" help:"Open a building, with its two rooms, for who is to manage it."`
}

type newBuilding struct {
	Name    string `required:"" placeholder:"NAME" help:"What it is called."`
	Address string `placeholder:"TEXT" help:"Where it is."`
	Manager string `required:"" placeholder:"LOGIN" help:"The e-mail address, phone number or id of who manages it, and has an account."`
}

// operation is what an operator does with the database, beside who serves it.
type operation func(ctx context.Context, verbs *service.Service, out io.Writer) error

// operation gives what a command asks for, and whether that ends sessions; nil for those that
// serve.
func (c *commands) operation(command string) (do operation, endsSessions bool) {
	switch command {
	case "user show <login>":
		return about(c.User.Show, showUser), false
	case "user disable <login>":
		return about(c.User.Disable, func(ctx context.Context, verbs *service.Service, a omarty.Account, out io.Writer) error {
			return tell(out, "disabled", verbs.DisableUser(ctx, a.User.ID))
		}), true
	case "user enable <login>":
		return about(c.User.Enable, func(ctx context.Context, verbs *service.Service, a omarty.Account, out io.Writer) error {
			return tell(out, "enabled", verbs.EnableUser(ctx, a.User.ID))
		}), false
	case "user reset-password <login>":
		return about(c.User.ResetPassword, func(ctx context.Context, verbs *service.Service, a omarty.Account, out io.Writer) error {
			password, err := verbs.GivePassword(ctx, a.User.ID)
			return tell(out, password, err)
		}), true
	case "audit":
		return c.Audit.print, false
	case "building create":
		return c.Building.Create.open, false
	}
	return nil, false
}

// errand is what an operator does for which the database is not opened as it is to be served.
type errand func(ctx context.Context, c config, out io.Writer, log *slog.Logger) error

// errand gives what a command asks for; nil for all others.
func (c *commands) errand(command string) errand {
	switch command {
	case "backup <file>":
		return c.Backup.run
	case "restore", "restore <file>":
		return c.Restore.run
	case "doctor":
		return c.Doctor.run
	}
	return nil
}

// tell prints what came of an operation, unless it failed.
func tell(out io.Writer, what string, err error) error {
	if err == nil {
		fmt.Fprintln(out, what)
	}
	return err
}

// about is an operation about a person.
func about(whom whose, do func(context.Context, *service.Service, omarty.Account, io.Writer) error) operation {
	return func(ctx context.Context, verbs *service.Service, out io.Writer) error {
		account, err := find(ctx, verbs, whom.Login)
		if err != nil {
			return err
		}
		return do(ctx, verbs, account, out)
	}
}

func find(ctx context.Context, verbs *service.Service, login string) (omarty.Account, error) {
	account, err := verbs.Person(ctx, login)
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return account, errors.New("nobody has this e-mail address, phone number or id")
	}
	return account, err
}

// showUser prints an account.
func showUser(ctx context.Context, verbs *service.Service, a omarty.Account, out io.Writer) error {
	sessions, memberships, err := verbs.Belongings(ctx, a.User.ID)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, values ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", values...) }
	line("id", "%s", a.User.ID)
	line("name", "%s", a.User.Name)
	if a.Email != nil {
		line("email", "%s%s", *a.Email, unverified(a.EmailVerified))
	}
	if a.Phone != nil {
		line("phone", "%s%s", *a.Phone, unverified(a.PhoneVerified))
	}
	line("locale", "%s", a.Locale)
	line("since", "%s", a.CreatedAt.Format(time.RFC3339))
	if a.DisabledAt != nil {
		line("disabled", "%s", a.DisabledAt.Format(time.RFC3339))
	}
	line("sessions", "%d", sessions)
	for _, m := range memberships {
		line("building", "%s %s %s", m.Building, m.Role, m.Status)
	}
	return table.Flush()
}

func unverified(is bool) string {
	if is {
		return ""
	}
	return " (not verified)"
}

// open opens the building.
func (b newBuilding) open(ctx context.Context, verbs *service.Service, out io.Writer) error {
	manager, err := find(ctx, verbs, b.Manager)
	if err != nil {
		return err
	}
	made, err := verbs.CreateBuildingFor(ctx, manager.User.ID, service.NewBuilding{Name: b.Name, Address: b.Address})
	return tell(out, made.ID.String(), err)
}

// operate does what an operator asks for, beside whoever serves the database.
func operate(ctx context.Context, c config, out io.Writer, log *slog.Logger) error {
	db, err := openStore(ctx, c, log)
	if err != nil {
		return unlessStopping(ctx, err)
	}
	defer db.Close()
	n := &nodes{}
	verbs, err := newVerbs(ctx, c, db, nil, n, time.Now)
	if err != nil {
		return err
	}
	if c.endsSessions {
		// So that nodes hear at once, also those that cannot read the database now. Where NATS
		// is away they find out, and nobody has to be told.
		leave, err := n.join(c, verbs, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		defer leave()
	}
	return c.operation(ctx, verbs, out)
}

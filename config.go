package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/omarty/chat/internal/blob"
	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/mail"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/phone"
	"github.com/omarty/chat/internal/secret"
	"github.com/omarty/chat/internal/service"
	"github.com/omarty/chat/internal/store"
)

// settings are what an operator decides, as they were written: a flag each, and
// the environment variable that its tag names. Kong makes the help of the tags.
type settings struct {
	Version kong.VersionFlag `help:"Say which version this is, and end."`

	Listen            string   `setting:"OMARTY_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen. Port 0 takes a free one."`
	TLSCert           string   `setting:"OMARTY_TLS_CERT" name:"tls-cert" placeholder:"FILE" help:"The certificate to serve HTTPS with, and those between it and its authority, as PEM; read again when it changes. Plain HTTP where unset."`
	TLSKey            string   `setting:"OMARTY_TLS_KEY" name:"tls-key" placeholder:"FILE" help:"The key of that certificate, as PEM."`
	AdminListen       string   `setting:"OMARTY_ADMIN_LISTEN" placeholder:"HOST:PORT" help:"Where operators find metrics and profiles. It knows no passwords: keep it on loopback, or in a network of your own. Nowhere where unset."`
	TrustedProxies    []string `setting:"OMARTY_TRUSTED_PROXIES" sep:"," placeholder:"CIDR" help:"Addresses and networks of the reverse proxies in front, such as 10.0.0.0/8, with commas between them: only from there X-Forwarded-For and X-Forwarded-Proto are heeded."`
	DataDir           string   `setting:"OMARTY_DATA_DIR" default:"data" placeholder:"DIR" help:"The folder for what is kept in files; made where it is missing."`
	DatabaseURL       string   `setting:"OMARTY_DATABASE_URL" placeholder:"URL" help:"The database: sqlite:PATH, or postgres://USER@HOST:PORT/NAME. A file in the data folder where unset. A password in it comes by the environment, or in a file that OMARTY_DATABASE_URL_FILE names, and not by the flag."`
	Region            string   `setting:"OMARTY_REGION" default:"EG" placeholder:"CODE" help:"The region whose national phone numbers are understood: two letters of ISO 3166-1."`
	Introspection     string   `setting:"OMARTY_INTROSPECTION" default:"on" placeholder:"on|off" help:"Whether clients may read the GraphQL schema."`
	RateLimits        string   `setting:"OMARTY_RATE_LIMITS" default:"on" placeholder:"on|off" help:"Whether attempts, sends and open connections are counted; off is for tests."`
	Secret            string   `setting:"OMARTY_SECRET" placeholder:"KEY" help:"What codes are marked and waiting mails are sealed with: 32 random characters or more, the same on all nodes. Where unset, the database has one of its own. It comes by the environment, or in a file that OMARTY_SECRET_FILE names, and not by the flag."`
	MailURL           string   `name:"mail-url" setting:"OMARTY_MAIL_URL" placeholder:"URL" help:"The SMTP server for mails: smtps://USER:PASSWORD@HOST:465, or smtp://USER:PASSWORD@HOST:587 with STARTTLS. Where unset, mails become .eml files in the folder outbox of the data folder. A password in it comes by the environment, or in a file that OMARTY_MAIL_URL_FILE names, and not by the flag."`
	MailFrom          string   `name:"mail-from" setting:"OMARTY_MAIL_FROM" placeholder:"ADDRESS" help:"Whom mails are from. Where unset, the USER of OMARTY_MAIL_URL, if that is an address, else omarty@HOST."`
	PhoneURL          string   `name:"phone-url" setting:"OMARTY_PHONE_URL" placeholder:"URL" help:"The gateway that messages to phones are posted to. Where unset, they become files in the folder outbox of the data folder. What is secret in it comes by the environment, or in a file that OMARTY_PHONE_URL_FILE names, and not by the flag."`
	PhoneSecret       string   `name:"phone-secret" setting:"OMARTY_PHONE_SECRET" placeholder:"KEY" help:"What these posts are signed with, as Standard Webhooks has it: 16 characters or more, or whsec_ and base64. It comes by the environment, or in a file that OMARTY_PHONE_SECRET_FILE names, and not by the flag."`
	FilesURL          string   `name:"files-url" setting:"OMARTY_FILES_URL" placeholder:"URL" help:"Where files that people send are kept: a bucket of S3, s3://BUCKET?region=REGION, with &endpoint=URL for what only speaks like S3; the keys are what the AWS SDK reads from the environment. The folder files of the data folder where unset."`
	MaxUpload         string   `setting:"OMARTY_MAX_UPLOAD" default:"25" placeholder:"MB" help:"How large a file may be that somebody sends, in megabytes of 1,048,576 bytes; 1 to 1024."`
	CreateBuildings   string   `setting:"OMARTY_CREATE_BUILDINGS" default:"anyone" placeholder:"anyone|operator" help:"Who opens buildings: anyone who is signed in, or the operator alone, with the command building create."`
	NATSURL           string   `name:"nats-url" setting:"OMARTY_NATS_URL" placeholder:"URL" help:"The NATS servers by which several nodes on one PostgreSQL hear of each other at once, such as nats://HOST:4222 or tls://HOST:4222, with commas between them; NATS 2.12.6 or newer. A password in it comes by the environment, or in a file that OMARTY_NATS_URL_FILE names, and not by the flag."`
	NATSCredentials   string   `name:"nats-credentials" setting:"OMARTY_NATS_CREDENTIALS" placeholder:"FILE" help:"The file with the JWT and the seed for NATS."`
	NATSCA            string   `name:"nats-ca" setting:"OMARTY_NATS_CA" placeholder:"FILE" help:"The PEM file with the authorities that NATS's certificate may be of, in place of the machine's."`
	NATSCertificate   string   `name:"nats-cert" setting:"OMARTY_NATS_CERT" placeholder:"FILE" help:"The PEM file with this node's certificate for NATS; with OMARTY_NATS_KEY."`
	NATSKey           string   `name:"nats-key" setting:"OMARTY_NATS_KEY" placeholder:"FILE" help:"The PEM file with its key."`
	AllowedOrigins    []string `setting:"OMARTY_ALLOWED_ORIGINS" sep:"," placeholder:"ORIGIN" help:"Web origins beside the server's own whose pages may use the API, such as https://app.example.com, with commas between them; * for all."`
	CompatMinPassword string   `setting:"OMARTY_COMPAT_MIN_PASSWORD" default:"1" placeholder:"N" help:"How many characters a password needs that comes by the legacy form; 1 to 1024."`
	Log               string   `setting:"OMARTY_LOG" default:"info,text" placeholder:"LEVEL,FORMAT" help:"What to log: debug, info, warn or error; and how: text or json."`
}

// commands are what the program does; the settings are the same for each.
type commands struct {
	settings `embed:""`

	Serve struct{} `cmd:"" default:"1"`
	Demo  struct{} `cmd:"" help:"Serve a demo: two buildings with a week of talk, people to log in as, and residents who keep talking. It lives in a temporary database that goes when the program ends; OMARTY_DATABASE_URL is refused, and OMARTY_DATA_DIR left alone."`

	User     userCommands     `cmd:"" help:"See to a person's account, also while the program serves."`
	Building buildingCommands `cmd:"" help:"Open a building, also while the program serves."`
	Doctor   doctorCommand    `cmd:"" help:"Look whether all is well: the database and its schema, the logs of all rooms, unread counts, files, NATS, clocks, disks and certificates; also while the program serves. It changes nothing, and ends with status 1 where something is wrong."`
	Audit    auditCommand     `cmd:"" help:"Print the log of what people did, with where their devices were, also while the program serves."`
	Backup   backupCommand    `cmd:"" help:"Copy the database, where it is SQLite's, and the files into an archive, also while the program serves."`
	Restore  restoreCommand   `cmd:"" help:"Put back what backup copied, while nobody serves."`
}

// secrets are the settings that may hold a secret: by flag, where every user of
// the machine can read it, they may not; by a file, they may.
var secrets = []string{"OMARTY_DATABASE_URL", "OMARTY_SECRET", "OMARTY_NATS_URL", "OMARTY_MAIL_URL", "OMARTY_PHONE_URL", "OMARTY_PHONE_SECRET"}

// config is the settings, checked and read.
type config struct {
	// demo is for the command; it has a database of its own, and databaseURL is not it.
	demo              bool
	operation         operation // what an operator does with the database; nil to serve
	endsSessions      bool      // operation does
	errand            errand    // what one does that opens what it needs; nil to serve
	listen            string
	tlsCert, tlsKey   string // files; "" for plain HTTP
	adminListen       string // "" for nowhere
	trustedProxies    proxies
	databaseURL       string
	databaseSetting   string // the setting that databaseURL comes from
	region            string
	introspection     bool
	rateLimits        bool
	secret            []byte      // empty where the database has it
	nats              bus.Options // without a URL for a single node
	dataDir           string
	mails, phones     service.Mail
	maxUpload         int64  // bytes
	filesURL          string // "" for the folder files of the data folder
	byOperator        bool   // whether an operator alone opens buildings
	allowedOrigins    []string
	compatMinPassword int
	logLevel          slog.Level
	logJSON           bool
	traces            bool // whether traces are sent
}

// errHelp says that the program was asked for its help, or for its version, and
// gave it.
var errHelp = errors.New("help was asked for")

// version names what was built: a release, or a commit.
func version() string {
	name := "omarty-chat"
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return name
	}
	name += " " + build.Main.Version
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			name += " " + s.Value
		}
	}
	return name + " " + build.GoVersion
}

// readConfig reads the settings from the arguments and the environment, and
// checks them all: an error names each that is wrong. Help goes to out.
func readConfig(args, environ []string, out io.Writer) (config, error) {
	environment, err := readEnvironment(environ)
	if err != nil {
		return config{}, err
	}
	var asked commands
	helped := false
	parser, err := kong.New(&asked,
		kong.Name("omarty-chat"),
		kong.Description("Omarty Chat: a chat server for the people of a building. Without a command it serves. Every setting is a flag, or an environment variable; the flag wins."),
		kong.Writers(out, out),
		kong.Vars{"version": version()},
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true}),
		kong.Help(func(options kong.HelpOptions, asked *kong.Context) error {
			var text bytes.Buffer
			asked.Stdout = &text
			err := kong.DefaultHelpPrinter(options, asked)
			// Kong does not say that there need not be a command.
			io.WriteString(out, strings.Replace(text.String(), " <command> [flags]", " [<command>] [flags]", 1))
			return err
		}),
		kong.Resolvers(environment),
		kong.ValueFormatter(func(v *kong.Value) string { return v.Help + describeDefault(v) }),
	)
	if err != nil {
		return config{}, err
	}
	// To serve is no word that anybody has to say.
	parser.Model.Children = slices.DeleteFunc(parser.Model.Children, func(n *kong.Node) bool { return n == parser.Model.DefaultCmd })
	parsed, err := parser.Parse(args)
	if helped {
		return config{}, errHelp
	}
	if err != nil && strings.HasPrefix(err.Error(), "unexpected argument") {
		// Kong quotes it, and it may be a setting with a password in it.
		return config{}, errors.New("unexpected argument: there are the commands that --help names, and settings are flags, such as --listen=HOST:PORT")
	}
	if err != nil {
		return config{}, err
	}
	c, err := asked.check(args, parsed.Command() == "demo")
	traces, failed := tracesAsked(environ)
	c.traces, err = traces, errors.Join(err, failed)
	c.operation, c.endsSessions = asked.operation(parsed.Command())
	c.errand = asked.errand(parsed.Command())
	return c, err
}

func describeDefault(v *kong.Value) string {
	text := ""
	if v.HasDefault {
		text = fmt.Sprintf(" Default: %s.", v.Default)
	}
	if name := v.Tag.Get("setting"); name != "" {
		text += fmt.Sprintf(" [%s]", name)
	}
	return text
}

// variables are the environment's settings.
type variables map[string]string

// readEnvironment gives the settings of the environment. What is set to nothing
// counts as unset. A secret may come in a file, without the line's end after it.
func readEnvironment(environ []string) (variables, error) {
	v := variables{}
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OMARTY_") && value != "" {
			v[name] = value
		}
	}
	for _, name := range secrets {
		path, ok := v[name+"_FILE"]
		if !ok {
			continue
		}
		if v[name] != "" {
			return nil, fmt.Errorf("%s and %s_FILE are both set; one of them is enough", name, name)
		}
		text, err := os.ReadFile(path) //nolint:gosec // the operator's own file
		if err != nil {
			return nil, fmt.Errorf("%s_FILE: %w", name, err)
		}
		if v[name] = strings.TrimRight(string(text), "\r\n"); v[name] == "" {
			return nil, fmt.Errorf("%s_FILE: the file is empty", name)
		}
	}
	return v, nil
}

// Validate is for kong.
func (variables) Validate(*kong.Application) error { return nil }

// Resolve gives kong the variable of a flag that was not given.
func (v variables) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if value, ok := v[flag.Tag.Get("setting")]; ok {
		return value, nil
	}
	return nil, nil
}

// unknown gives the variables that look like settings and are none.
func unknown(environ []string) []string {
	known := []string{}
	parser, err := kong.New(&settings{})
	if err != nil {
		panic(err) // the tags above are at fault
	}
	for _, flag := range parser.Model.Flags {
		known = append(known, flag.Tag.Get("setting"))
	}
	for _, name := range secrets {
		known = append(known, name+"_FILE")
	}
	var names []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "OMARTY_") && !slices.Contains(known, name) {
			names = append(names, name)
		}
	}
	return names
}

// check reads the settings; its error has a line for each that is wrong.
func (s settings) check(args []string, demo bool) (config, error) {
	var problems []error
	wrong := func(name, format string, a ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, a...)))
	}
	onOff := func(name, value string) bool {
		if value != "on" && value != "off" {
			wrong(name, "is on or off, and not %q", value)
		}
		return value == "on"
	}
	c := config{
		demo:           demo,
		listen:         s.Listen,
		databaseURL:    s.DatabaseURL,
		region:         strings.ToUpper(s.Region),
		introspection:  onOff("OMARTY_INTROSPECTION", s.Introspection),
		rateLimits:     onOff("OMARTY_RATE_LIMITS", s.RateLimits),
		allowedOrigins: s.AllowedOrigins,
		secret:         []byte(s.Secret),
		nats:           bus.Options{URL: s.NATSURL, Credentials: s.NATSCredentials, CA: s.NATSCA, Certificate: s.NATSCertificate, Key: s.NATSKey},
	}
	c.dataDir = s.DataDir
	outbox := filepath.Join(s.DataDir, "outbox")
	c.mails, c.phones = mail.NewFolder(outbox, cmp.Or(s.MailFrom, "omarty@localhost")), phone.NewFolder(outbox)
	if s.MailURL != "" {
		server, err := mail.NewServer(s.MailURL, s.MailFrom)
		if err != nil {
			wrong("OMARTY_MAIL_URL", "%v", err)
		}
		c.mails = server
	}
	if s.PhoneURL != "" {
		gateway, err := phone.NewGateway(s.PhoneURL, []byte(s.PhoneSecret))
		if err != nil {
			wrong("OMARTY_PHONE_URL", "%v", err)
		}
		c.phones = gateway
	}
	if flagHasPassword(args, "--mail-url") {
		wrong("OMARTY_MAIL_URL", "holds a password, which every user of this machine could read from the flag: give it by the environment, or in a file that OMARTY_MAIL_URL_FILE names")
	}
	if flagHasPassword(args, "--phone-url") {
		wrong("OMARTY_PHONE_URL", "holds a password, which every user of this machine could read from the flag: give it by the environment, or in a file that OMARTY_PHONE_URL_FILE names")
	}
	if flagGiven(args, "phone-secret") {
		wrong("OMARTY_PHONE_SECRET", "would be read from the flag by every user of this machine: give it by the environment, or in a file that OMARTY_PHONE_SECRET_FILE names")
	}
	if n, err := strconv.ParseInt(s.MaxUpload, 10, 64); err != nil || n < 1 || n > 1024 {
		wrong("OMARTY_MAX_UPLOAD", "is a number of megabytes from 1 to 1024, and not %q", s.MaxUpload)
	} else {
		c.maxUpload = n << 20
	}
	if c.filesURL = s.FilesURL; c.filesURL != "" && blob.CheckURL(c.filesURL) != nil {
		wrong("OMARTY_FILES_URL", "%v", blob.CheckURL(c.filesURL))
	} else if c.filesURL != "" && demo {
		wrong("OMARTY_FILES_URL", "is not for the demo, whose files go when it ends: leave it unset")
	}
	if c.byOperator = s.CreateBuildings == "operator"; !c.byOperator && s.CreateBuildings != "anyone" {
		wrong("OMARTY_CREATE_BUILDINGS", "is anyone or operator, and not %q", s.CreateBuildings)
	}
	switch {
	case c.nats.URL == "":
		if c.nats != (bus.Options{}) {
			wrong("OMARTY_NATS_URL", "is needed with the other settings of NATS")
		}
	case bus.CheckURL(c.nats.URL) != nil:
		wrong("OMARTY_NATS_URL", "%v", bus.CheckURL(c.nats.URL))
	case demo:
		wrong("OMARTY_NATS_URL", "is not for the demo, which is one node: leave it unset")
	case !strings.HasPrefix(s.DatabaseURL, "postgres"):
		wrong("OMARTY_NATS_URL", "is for several nodes, which share a PostgreSQL: set OMARTY_DATABASE_URL to it")
	}
	if flagHasPassword(args, "--nats-url") {
		wrong("OMARTY_NATS_URL", "holds a password, which every user of this machine could read from the flag: give it by the environment, or in a file that OMARTY_NATS_URL_FILE names")
	}
	if (c.nats.Certificate == "") != (c.nats.Key == "") {
		wrong("OMARTY_NATS_CERT", "comes with OMARTY_NATS_KEY")
	}
	if n := len(c.secret); n > 0 && n < secret.KeyLength {
		wrong("OMARTY_SECRET", "is %d characters or more", secret.KeyLength)
	}
	if flagGiven(args, "secret") {
		wrong("OMARTY_SECRET", "would be read from the flag by every user of this machine: give it by the environment, or in a file that OMARTY_SECRET_FILE names")
	}
	s.checkNetwork(&c, wrong)
	c.databaseSetting = "OMARTY_DATABASE_URL"
	if c.databaseURL == "" {
		c.databaseSetting = "OMARTY_DATA_DIR"
		c.databaseURL = "sqlite:" + filepath.Join(s.DataDir, "omarty.db")
	}
	if demo && s.DatabaseURL != "" {
		wrong("OMARTY_DATABASE_URL", "is not for the demo, which has a database of its own and writes to no other: leave it unset")
	} else if err := store.CheckURL(c.databaseURL); err != nil {
		wrong("OMARTY_DATABASE_URL", "%v", err)
	} else if flagHasPassword(args, "--database-url") {
		wrong("OMARTY_DATABASE_URL", "holds a password, which every user of this machine could read from the flag: give it by the environment, or in a file that OMARTY_DATABASE_URL_FILE names")
	}
	if !omarty.ValidRegion(c.region) {
		wrong("OMARTY_REGION", "is no region of ISO 3166-1 that has phone numbers, such as EG: %q", s.Region)
	}
	for _, origin := range c.allowedOrigins {
		if !isOrigin(origin) {
			wrong("OMARTY_ALLOWED_ORIGINS", "is * or origins such as https://app.example.com, with commas between them; not %q", origin)
		}
	}
	var err error
	if c.compatMinPassword, err = strconv.Atoi(s.CompatMinPassword); err != nil || c.compatMinPassword < 1 || c.compatMinPassword > omarty.MaxPasswordLength {
		wrong("OMARTY_COMPAT_MIN_PASSWORD", "is a number from 1 to %d, and not %q", omarty.MaxPasswordLength, s.CompatMinPassword)
	}
	if c.logLevel, c.logJSON, err = parseLog(s.Log); err != nil {
		wrong("OMARTY_LOG", "%v", err)
	}
	return c, errors.Join(problems...)
}

// flagGiven tells whether a setting came by its flag.
func flagGiven(args []string, name string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return arg == "--"+name || strings.HasPrefix(arg, "--"+name+"=")
	})
}

// flagHasPassword tells whether the password of a URL came by its flag.
func flagHasPassword(args []string, flag string) bool {
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, flag+"=")
		if arg == flag && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if !ok {
			continue
		}
		u, err := url.Parse(value)
		if err != nil {
			continue
		}
		_, inUser := u.User.Password()
		if inUser || u.Query().Has("password") || u.Query().Has("sslpassword") {
			return true
		}
	}
	return false
}

// isOrigin tells whether a text is a web origin as browsers send it, or a * for
// all of them.
func isOrigin(s string) bool {
	if s == "*" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && s == u.Scheme+"://"+u.Host
}

// parseLog reads a level and a format, of which each may be missing, in any order.
func parseLog(s string) (level slog.Level, json bool, err error) {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(", :;", r) }) {
		switch word := strings.ToLower(word); word {
		case "text", "json":
			json = word == "json"
		case "debug", "info", "warn", "error":
			if err := level.UnmarshalText([]byte(word)); err != nil {
				return 0, false, err
			}
		default:
			return 0, false, fmt.Errorf("is a level (debug, info, warn, error) and a format (text, json), such as debug,json; not %q", word)
		}
	}
	return level, json, nil
}

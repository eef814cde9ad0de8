package cli

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// userInfo is what stands before the last @ of a URL, perhaps a part of it alone.
var userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*)://\S*@`)

// keyword is a password as libpq takes it beside a URL: perhaps with spaces around the sign, and in
// quotes, which may not end.
var keyword = regexp.MustCompile(`(?i)(password\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&]+)`)

// withoutPassword is a message without the passwords of the URLs in it.
func withoutPassword(message string) string {
	return keyword.ReplaceAllString(userInfo.ReplaceAllString(message, "${1}://…@"), "${1}…")
}

// withoutPasswords is what is wrong with a command line, without the passwords in it: of an
// argument that is a URL with an @ all is left out before that, whatever it is.
func withoutPasswords(err error, args []string) error {
	said := err.Error()
	message := said
	for _, arg := range args {
		if at := strings.LastIndex(arg, "@"); at > 0 {
			if scheme := strings.Index(arg, "://"); scheme >= 0 && scheme < at {
				message = strings.ReplaceAll(message, arg, arg[:scheme]+"://…"+arg[at:])
			}
		}
	}
	if message = withoutPassword(message); message != said {
		return errors.New(message)
	}
	return err
}

// databaseHint says how a database is named, if an argument is one that stands for itself where
// the command has a flag for it; "" else.
func databaseHint(args []string, flags []*kong.Flag) string {
	named := slices.ContainsFunc(flags, func(f *kong.Flag) bool { return f.Name == "database" })
	for _, arg := range args {
		scheme, _, ok := strings.Cut(arg, ":")
		if ok && named && slices.Contains([]string{"postgres", "postgresql", "sqlite"}, scheme) && !slices.Contains(args, "--database") {
			return "the database is named by --database URL, or by ALLOT_DATABASE, where nobody else sees its password"
		}
	}
	return ""
}

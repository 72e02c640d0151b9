// Package omarty is the ground of the house: the nouns, with what makes them
// valid, their limits and the codes of what can be wrong. It does no I/O.
package omarty

import (
	"errors"
	"fmt"
	"time"
)

// Code is one of the codes by which clients tell failures apart: the ErrorCode
// of the public schema, whose comments there say what each one means.
type Code string

// The codes that the rules of the house give. The schema has more; they belong
// to the doors, which make them where they arise.
const (
	CodeBadRequest         Code = "BAD_REQUEST"
	CodeNotYetAvailable    Code = "NOT_YET_AVAILABLE"
	CodeUnauthenticated    Code = "UNAUTHENTICATED"
	CodeForbidden          Code = "FORBIDDEN"
	CodeNotFound           Code = "NOT_FOUND"
	CodeRequired           Code = "REQUIRED"
	CodeInvalidInput       Code = "INVALID_INPUT"
	CodeEmailTaken         Code = "EMAIL_TAKEN"
	CodePhoneTaken         Code = "PHONE_TAKEN"
	CodePasswordMismatch   Code = "PASSWORD_MISMATCH"
	CodePasswordTooWeak    Code = "PASSWORD_TOO_WEAK"
	CodeInvalidCredentials Code = "INVALID_CREDENTIALS" //nolint:gosec // the code of an error
	CodeInvalidCode        Code = "INVALID_CODE"
	CodeConflict           Code = "CONFLICT"
	CodeKeyReused          Code = "KEY_REUSED"
	CodeLogMismatch        Code = "LOG_MISMATCH"
	CodeRateLimited        Code = "RATE_LIMITED"
	CodeTooLarge           Code = "TOO_LARGE"
	CodeUnavailable        Code = "UNAVAILABLE"
	CodeInternal           Code = "INTERNAL"
)

// Error is a failure that a client is told of. What is not an *Error is a fault
// of the server: the doors answer INTERNAL and log it.
type Error struct {
	Code Code
	// Field is the path of the input at fault, such as "input.email"; empty where
	// no one input is.
	Field string
	// Message is an English sentence. It never quotes what was sent.
	Message string
	// Format and Args are what Message was made of as package fmt does, for who says
	// the same in another language; Format is "" where it is Message itself.
	Format string
	Args   []any
	// MaxLength is how many characters Field may have, where it has more; else 0.
	MaxLength int
	// RetryAfter is how long to wait before the next attempt, with
	// CodeRateLimited; else 0.
	RetryAfter time.Duration
	// Seq is where a stream stood that ended so, as a position in the room's log;
	// else 0.
	Seq int
	// Posted is the message that a key was used for, with CodeKeyReused; else zero.
	Posted ID
	// Cause is for the log alone; nil where nothing lies beneath.
	Cause error
}

// Error gives the code, the field and the message, and the cause for the log.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Field != "" {
		s += " " + e.Field
	}
	s += ": " + e.Message
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is compare by code, and by field where the target has one.
func (e *Error) Is(target error) bool {
	var t *Error
	if !errors.As(target, &t) {
		return false
	}
	return e.Code == t.Code && (t.Field == "" || e.Field == t.Field)
}

// Errorf gives an Error of a code, without a field. The format is a constant: it is
// the key of its translation.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Format: format, Args: args}
}

// At gives a copy of the error that names the input at fault.
func (e *Error) At(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// At names the input at fault, where err is an *Error; any other stays as it is.
func At(err error, field string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.At(field)
	}
	return err
}

// Within puts the input at fault below another, where err is an *Error; any other
// stays as it is.
func Within(err error, parent string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.At(parent + "." + e.Field)
	}
	return err
}

// CodeOf gives the code of an error: CodeInternal for what is no *Error, and ""
// for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

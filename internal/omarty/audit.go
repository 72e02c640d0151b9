package omarty

import "time"

// Action is what an audit entry tells of.
type Action string

// The actions that the audit log tells of.
const (
	ActionRegister       Action = "register"
	ActionLogIn          Action = "logIn"
	ActionChangePassword Action = "changePassword"
	ActionEraseAccount   Action = "eraseAccount"
	ActionExportMyData   Action = "exportMyData"

	ActionResetPassword Action = "resetPassword"
	ActionVerify        Action = "verify"
	ActionChangeContact Action = "changeContact"
	// What an operator did to an account.
	ActionDisableUser Action = "disableUser"
	ActionEnableUser  Action = "enableUser"

	ActionCreateBuilding      Action = "createBuilding"
	ActionUpdateBuilding      Action = "updateBuilding"
	ActionAddApartments       Action = "addApartments"
	ActionRemoveApartment     Action = "removeApartment"
	ActionCreateInvitation    Action = "createInvitation"
	ActionRevokeInvitation    Action = "revokeInvitation"
	ActionJoinBuilding        Action = "joinBuilding"
	ActionApproveMembership   Action = "approveMembership"
	ActionSetMemberApartments Action = "setMemberApartments"
	ActionSetMemberRole       Action = "setMemberRole"
	ActionEndMembership       Action = "endMembership"
	ActionBanMember           Action = "banMember"
	ActionUnbanMember         Action = "unbanMember"

	ActionMuteMember        Action = "muteMember"
	ActionUnmuteMember      Action = "unmuteMember"
	ActionSetSlowMode       Action = "setSlowMode"
	ActionArchiveRoom       Action = "archiveRoom"
	ActionRemoveParticipant Action = "removeParticipant"
	// A message of somebody else was deleted.
	ActionDeleteMessage Action = "deleteMessage"
	ActionReportMessage Action = "reportMessage"
	ActionResolveReport Action = "resolveReport"
)

// AuditRecord is a line of the log that the service keeps of what people did.
type AuditRecord struct {
	ID     ID
	At     time.Time
	Action Action
	// Actor is who did it; zero where the service did, or the person was erased.
	Actor ID
	// Building is whose managers may read it; zero where it is none's.
	Building ID
	// Subject is what it was done to; zero where there is none.
	Subject ID
	// Where the device was; nil where it did not say.
	Place *Coordinates
}

// IsNode marks AuditRecord as a Node.
func (AuditRecord) IsNode() {}

// Coordinates are a place on the globe, in degrees (WGS 84): longitude from −180
// to 180, latitude from −90 to 90.
type Coordinates struct {
	Longitude float64
	Latitude  float64
}

// NewCoordinates gives the place that a device tells of, nil where it tells of
// none or only of half of one. INVALID_INPUT "longitude" or "latitude" where a
// number is off the globe.
func NewCoordinates(longitude, latitude *float64) (*Coordinates, error) {
	// Written so that NaN, which is smaller than nothing, is off the globe too.
	if longitude != nil && !(*longitude >= -180 && *longitude <= 180) {
		return nil, Errorf(CodeInvalidInput, "A longitude goes from -180 to 180 degrees.").At("longitude")
	}
	if latitude != nil && !(*latitude >= -90 && *latitude <= 90) {
		return nil, Errorf(CodeInvalidInput, "A latitude goes from -90 to 90 degrees.").At("latitude")
	}
	if longitude == nil || latitude == nil {
		return nil, nil
	}
	return &Coordinates{*longitude, *latitude}, nil
}

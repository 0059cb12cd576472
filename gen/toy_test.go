package main

import "github.com/fletchmq/fletch/spec"

// toy is a protocol of two packets with every Kind, Op and flag of the spec in
// them, so that no emitter is without a case.
var toy = Spec{
	Packets: []spec.Packet{
		{
			Name: "HELLO", Type: 1, Section: "1", From: spec.Client, Fixed: 0b0010, Wrong: "Flags",
			Doc: "has every kind of field.",
			Flags: []spec.Bit{
				{Name: "Again", At: 3, In: spec.V31, Doc: "only in 3.1"},
			},
			Fields: []spec.Field{
				{Name: "Version", Kind: spec.Level, Names: []spec.Name{{In: spec.V31, Name: "TOY", Level: 3}, {In: spec.V311, Name: "TOYS", Level: 4}, {In: spec.V5, Name: "TOYS", Level: 5}}},
				{Name: "Options", Kind: spec.Bits, Wrong: "Flags", Loose: spec.V31, Bits: []spec.Bit{
					{Name: "HasNote", At: 0},
					{Name: "Rank", At: 1, Width: 2, Max: 2, Over: "Range"},
					{Name: "HasBox", At: 3},
					{Name: "Late", At: 4, In: spec.V311 | spec.V5},
				}},
				{Name: "Small", Kind: spec.U8},
				{Name: "Middle", Kind: spec.U16, Doc: "of something"},
				{Name: "Large", Kind: spec.U32, If: spec.Cond{Field: "Rank", Op: spec.Above, Value: 1}},
				{Name: "Props", Kind: spec.Props, In: spec.V5, Table: "HELLO"},
				{Name: "Box", Kind: spec.Group, If: spec.Cond{Field: "HasBox", Op: spec.IsSet}, Fields: []spec.Field{
					{Name: "Label", Kind: spec.Text},
					{Name: "Key", Kind: spec.Binary, Secret: true},
				}, Rules: []spec.Rule{
					{V3: "1-3", V5: "1-3", Must: spec.Cond{Field: "Label", Op: spec.NoWildcard}, Reason: "Bad", Doc: "no wildcard in a label"},
				}},
				{Name: "Note", Kind: spec.Text, If: spec.Cond{Field: "HasNote", Op: spec.IsSet}, Tail: spec.V31},
			},
			Rules: []spec.Rule{
				{V3: "1-1", V5: "1-1", Must: spec.Cond{Field: "Middle", Op: spec.Above}, Reason: "Bad", Doc: "no middle of zero"},
				{V3: "1-2", When: spec.Cond{Field: "Small", Op: spec.Equals, Value: 7}, Must: spec.Cond{Field: "HasNote", Op: spec.IsClear}, Reason: "Bad", Doc: "no note at seven"},
				{V5: "1-4", In: spec.V5, Must: spec.Cond{Field: "Props", Prop: "Name", Op: spec.HasProperty}, Reason: "Bad", Doc: "a name"},
			},
		},
		{
			Name: "DATA", Type: 2, Section: "2", Wrong: "Flags",
			Doc: "ends in what is left.",
			Flags: []spec.Bit{
				{Name: "Urgent", At: 0},
				{Name: "Rank", At: 1, Width: 3, Max: 6, Over: "Range"},
			},
			Fields: []spec.Field{
				{Name: "Payload", Kind: spec.Rest},
			},
		},
		{
			Name: "LIST", Type: 3, Section: "3", From: spec.Server, In: spec.V5, Wrong: "Flags",
			Doc: "ends in a list.",
			Fields: []spec.Field{
				{Name: "Items", Kind: spec.List, As: "Item", Fields: []spec.Field{
					{Name: "Filter", Kind: spec.Text, Rules: []spec.Rule{
						{V5: "3-1", Must: spec.Cond{Field: "Filter", Op: spec.HashLast}, Reason: "Bad", Doc: "a filter"},
					}},
					{Name: "Mode", Kind: spec.Bits, Wrong: "Flags", Bits: []spec.Bit{{Name: "Loud", At: 7}}},
				}},
			},
			Rules: []spec.Rule{
				{V5: "3-2", Must: spec.Cond{Field: "Items", Op: spec.Nonempty}, Reason: "Bad", Doc: "an item"},
			},
		},
		{
			Name: "CODES", Type: 4, Section: "4", Wrong: "Flags", Was: spec.Server,
			Doc: "may be cut off.",
			Fields: []spec.Field{
				{Name: "Reason", Kind: spec.U8, As: "ReasonCode", In: spec.V5, Tail: spec.V5},
				{Name: "Props", Kind: spec.Props, In: spec.V5, Tail: spec.V5, Table: "CODES"},
			},
			Rules: []spec.Rule{
				{V5: "4-1", Must: spec.Cond{Field: "Reason", Op: spec.ReasonOK}, Reason: "Bad", Doc: "a listed reason"},
				{V5: "4-2", From: spec.Client, Must: spec.Cond{Field: "Props", Prop: "Many", Op: spec.NoProperty}, Reason: "Bad", Doc: "no many from a client"},
			},
		},
		{
			Name: "STEP", Type: 7, Section: "7", In: spec.V5, Wrong: "Flags",
			Doc: "may be empty, and not be cut off.",
			Fields: []spec.Field{
				{Name: "Number", Kind: spec.U8, In: spec.V5, Tail: spec.V5},
				{Name: "Props", Kind: spec.Props, In: spec.V5, Table: "STEP"},
			},
		},
		{
			Name: "BARE", Type: 5, Section: "5", Wrong: "Flags",
			Doc: "has nothing in it.",
		},
		{
			Name: "NAMES", Type: 6, Section: "6", Wrong: "Flags",
			Doc: "ends in a list of values.",
			Fields: []spec.Field{
				{Name: "Names", Kind: spec.List, Fields: []spec.Field{{Name: "Name", Kind: spec.Text}}},
			},
		},
	},
	Properties: []spec.Property{
		{ID: 1, Name: "Name", Title: "Name", Kind: spec.Text, In: []string{"HELLO"}},
		{ID: 2, Name: "Level", Title: "Level", Kind: spec.U8, Max: 3, Default: 2, In: []string{"HELLO"}},
		{ID: 3, Name: "Ready", Title: "Ready", Kind: spec.Bool, Default: 1, In: []string{"HELLO"}},
		{ID: 4, Name: "Count", Title: "Count", Kind: spec.U16, NonZero: true, Range: "Range", In: []string{"HELLO"}},
		{ID: 5, Name: "Age", Title: "Age", Kind: spec.U32, In: []string{"HELLO", "CODES"}},
		{ID: 6, Name: "Many", Title: "Many", Kind: spec.VarInt, NonZero: true, Many: []string{"CODES"}, In: []string{"HELLO"}},
		{ID: 7, Name: "Token", Title: "Token", Kind: spec.Binary, Secret: true, In: []string{"HELLO"}},
		{ID: 8, Name: "UserProperty", Title: "User Property", Kind: spec.Pair, Many: []string{"HELLO", "CODES", "STEP"}},
	},
	Reasons: []spec.Reason{
		{Code: 0, Name: "Fine", Title: "Fine", In: []string{"CODES"}},
		{Code: 1, Name: "Mine", Title: "Mine", In: []string{"CODES"}, Only: []spec.Sender{{Packet: "CODES", From: spec.Client}}},
		{Code: 0x80, Name: "Bad", Title: "Bad", In: []string{"CODES"}, Return: 2},
	},
	Returns: []spec.Return{
		{Code: 2, Name: "Refused", Title: "Refused", Packet: "CODES", In: spec.V311},
	},
	Faults: []spec.Fault{
		{Name: "Short", V3: "§1", V5: "§1", Reason: "Bad", Doc: "too short"},
		{Name: "Surplus", V3: "§1", V5: "§1", Reason: "Bad", Doc: "too long"},
		{Name: "NotUTF8", V3: "0-1", V5: "0-1", Reason: "Bad", Doc: "not UTF-8"},
		{Name: "NUL", V3: "0-2", V5: "0-2", Reason: "Bad", Doc: "U+0000"},
		{Name: "VarIntLong", V5: "§1", Reason: "Bad", Doc: "too many bytes"},
		{Name: "VarIntPadded", V5: "§1", Reason: "Bad", Doc: "more bytes than needed"},
		{Name: "Flags", V3: "0-3", V5: "0-3", Reason: "Bad", Doc: "reserved bits"},
		{Name: "Range", V3: "0-4", V5: "0-4", Reason: "Bad", Doc: "out of range"},
		{Name: "PropertyUnknown", V5: "§2", Reason: "Bad", Doc: "unknown property"},
		{Name: "PropertyTwice", V5: "§2", Reason: "Bad", Doc: "property twice"},
		{Name: "PropertyRange", V5: "§2", Reason: "Bad", Doc: "property out of range"},
		{Name: "UnknownType", V3: "§2", V5: "§2", Reason: "Bad", Doc: "unknown type"},
		{Name: "WrongWay", V3: "§2", V5: "§2", Reason: "Bad", Doc: "wrong way"},
		{Name: "ProtocolName", V3: "0-5", V5: "0-5", Reason: "Bad", Doc: "another name"},
		{Name: "ProtocolLevel", V3: "0-6", V5: "0-6", Reason: "Bad", Doc: "another level"},
	},
	Statements: []spec.Statement{
		{V3: "1-1", V5: "1-1", Keeper: spec.Codec | spec.Flow, Doc: "Middle is not zero"},
		{V5: "9-1", Why: "Nobody can", Doc: "Keep quiet"},
	},
}

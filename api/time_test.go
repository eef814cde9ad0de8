package api

import (
	"encoding/json"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	const at = "2024-11-18T13:32:03Z"
	for in, want := range map[string]string{
		"2024-11-18T13:32:03Z":                at,
		"2024-11-19T00:32:03+11:00":           at,
		"2024-11-19T00:32:03+1100":            at,
		"2024-11-19T00:32:03+11":              at, // the example in Kinde's own description
		"2024-11-18T08:02:03-05:30":           at,
		"2024-11-18T13:32:03":                 at, // no offset is UTC
		"2024-11-18 13:32:03":                 at,
		"2024-11-18 13:32:03+00":              at,
		"2024-11-18":                          "2024-11-18T00:00:00Z",
		"2024-11-18T13:32":                    "2024-11-18T13:32:00Z",
		"2024-11-18T13:32+01:00":              "2024-11-18T12:32:00Z",
		"2024-11-18T13:32:03.5Z":              "2024-11-18T13:32:03.5Z",
		"2024-11-18T13:32:03,25Z":             "2024-11-18T13:32:03.25Z",
		"2024-11-18T13:32:03.000005":          "2024-11-18T13:32:03.000005Z", // as Python sends a naive datetime
		"2024-11-18T13:32:03.120000Z":         "2024-11-18T13:32:03.12Z",
		"2024-11-18T13:32:03.1234567Z":        "2024-11-18T13:32:03.123456Z",
		"2024-11-18T13:32:03.12345678901234Z": "2024-11-18T13:32:03.123456Z",
		"1969-12-31T23:59:59.9999999Z":        "1969-12-31T23:59:59.999999Z",
		"2024-02-29":                          "2024-02-29T00:00:00Z",
		"20241118T133203Z":                    at,
		"20241119T003203+1100":                at,
		"20241119T003203.5+11:00":             "2024-11-18T13:32:03.5Z",
		"20241118 1332":                       "2024-11-18T13:32:00Z",
		"20241118T13":                         "2024-11-18T13:00:00Z",
		"20241118":                            "2024-11-18T00:00:00Z",
		"2024-11-18T13":                       "2024-11-18T13:00:00Z",
		"2024-11-18T13Z":                      "2024-11-18T13:00:00Z",
		"2024-11-18T13-01":                    "2024-11-18T14:00:00Z",
		"2024-11-18t13:32:03z":                at,
		"2024-12-31T24:00:00Z":                "2025-01-01T00:00:00Z",
		"2024-12-31T24":                       "2025-01-01T00:00:00Z",
		"20241231T240000.000+0100":            "2024-12-31T23:00:00Z",
		"2016-12-31T23:59:60Z":                "2017-01-01T00:00:00Z", // a leap second
		"2017-01-01T08:59:60.75+09:00":        "2017-01-01T00:00:00Z",
		"20161231T235960":                     "2017-01-01T00:00:00Z",
		"2024-11-18T13:32:03+23:59":           "2024-11-17T13:33:03Z",
		"0001-01-01":                          "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999Z":         "9999-12-31T23:59:59.999999Z",
	} {
		got, err := ParseTime(in)
		if err != nil {
			t.Errorf("ParseTime(%q): %v", in, err)
			continue
		}
		if s := (Time{got}).String(); s != want {
			t.Errorf("ParseTime(%q) = %s, want %s", in, s, want)
		}
		if got.Location() != time.UTC {
			t.Errorf("ParseTime(%q) is not in UTC", in)
		}
	}
}

func TestParseTimeRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "now", "1732023123", "18/11/2024", "2024-11", "2024-W47-1", "24-11-18",
		"2024-13-01", "2023-02-29", "2024-11-18T25:00:00Z", "2024-11-18T13:60:00Z", "2024-11-18T13:32:61Z",
		"2024-11-18T9:32:03Z", "2024-11-18T13:32:03.Z", "2024-11-18T13:32:03 Z", "2024-11-18T13:32:03 11:00",
		"2024-11-18T13:32:03+1", "2024-11-18T13:32:03+11:0", "2024-11-18T13:32:03ZZ", "2024-11-18T", "2024-11-18Z",
		"2024-W47", "2024W471", "2024-323", "2024323", "24:00:00", "202411", "2024-1118", "202411-18",
		"2024-11-18T133203Z", "20241118T13:32:03Z", "2024-11-18T13.5", "20241118T133203.", "9999-12-31T24:00:00Z",
		"2024-11-18T13:32:60Z", "2024-11-18T23:59:60+01:00", "2024-11-18T23:58:60Z", "9999-12-31T23:59:60Z",
		"2024-11-18T24:00:01Z", "2024-11-18T24:01:00Z", "2024-11-18T24:00:00.1Z", "2024-02-30T24:00:00Z",
		"2024-11-18T13:32:03+24:00", "2024-11-18T13:32:03+11:60", "2024-11-18T13:32:03+1160", "2024-11-18T13:32:03-99",
		"2024-11-18T13:32:03Z\n", "0000-01-01", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
	} {
		if got, err := ParseTime(in); err == nil {
			t.Errorf("ParseTime(%q) = %v, want an error", in, got)
		}
	}
}

func TestTimeJSON(t *testing.T) {
	type body struct {
		A Time  `json:"a"`
		B *Time `json:"b"`
		C *Time `json:"c,omitempty"`
	}
	var in body
	if err := json.Unmarshal([]byte(`{"a":"2026-11-22 21:00+11","b":null,"c":"2026-11-22"}`), &in); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":"2026-11-22T10:00:00Z","b":null,"c":"2026-11-22T00:00:00Z"}`; string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}

	for _, bad := range []string{`{"a":0}`, `{"a":"soon"}`, `{"a":{}}`} {
		if err := json.Unmarshal([]byte(bad), &in); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	if out, err := json.Marshal(Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Errorf("the year 10000 was written as %s", out)
	}
	if NewTime(time.Time{}) != nil {
		t.Error("the zero time is not absent")
	}
}

// What is written is read back to the microsecond, whatever the zone it was in;
// and whatever is read, is read the same once written.
func FuzzTime(f *testing.F) {
	f.Add(int64(1795341600332999), 39600, "2026-11-22T10:00:00Z")
	f.Add(int64(-1), -1, "2024-11-18 13:32:03,5+1100")
	f.Add(int64(0), 0, "20241118t240000z")
	f.Add(int64(-62135596800000000), 0, "0001-01-01")
	f.Add(int64(253402300799999999), 86399, "9999-12-31T23:59:59.9999999-00")
	f.Fuzz(func(t *testing.T, micros int64, offset int, text string) {
		const first, last = -62135596800000000, 253402300799999999 // years 1 to 9999
		at := time.UnixMicro(micros).In(time.FixedZone("", offset%86400))
		out, err := Time{at}.MarshalText()
		if inside := micros >= first && micros <= last; inside != (err == nil) {
			t.Fatalf("%v: written: %v", at, err)
		}
		if err == nil {
			back, err := ParseTime(string(out))
			if err != nil || !back.Equal(at) {
				t.Fatalf("%v was written %s and read %v, %v", at, out, back, err)
			}
		}

		parsed, err := ParseTime(text)
		if err != nil {
			return
		}
		again, err := ParseTime(Time{parsed}.String())
		if err != nil || !again.Equal(parsed) {
			t.Fatalf("%q was read %v, and its own writing %v, %v", text, parsed, again, err)
		}
	})
}

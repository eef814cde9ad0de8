package calendar

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"
)

// Zone is a time zone from an instant on; the first of several from ever.
type Zone struct {
	From time.Time
	Name string // of IANA, such as Europe/Berlin, as CheckZone takes it
}

// UTC is the name of the zone of who has none.
const UTC = "UTC"

// ZoneAt is the name of the zone that an anchor is read in: the one in force until that
// instant. A change at the very instant comes after it, so that the window that begins
// there keeps its end.
func ZoneAt(zones []Zone, t time.Time) string {
	if len(zones) == 0 {
		return UTC
	}
	name := zones[0].Name
	for _, z := range zones[1:] {
		if !z.From.Before(t) {
			break
		}
		name = z.Name
	}
	return name
}

// zoneInfo is the database of time zones, IANA 2025c, as Go 1.26 ships it. The
// system's is never read: see docs/decisions/0016-zone-data.md.
//
//go:generate sh -c "cp $(go env GOROOT)/lib/time/zoneinfo.zip zoneinfo.zip"
//go:embed zoneinfo.zip
var zoneInfo []byte

// zoneFiles are the files of the database, by the name of the zone.
var zoneFiles = sync.OnceValue(func() map[string]*zip.File {
	archive, err := zip.NewReader(bytes.NewReader(zoneInfo), int64(len(zoneInfo)))
	if err != nil {
		panic(err) // what is in the binary was seen by the tests
	}
	files := make(map[string]*zip.File)
	for _, f := range archive.File {
		if !f.FileInfo().IsDir() {
			files[f.Name] = f
		}
	}
	delete(files, "Factory") // which says that no zone was set
	return files
})

// CheckZone is an error that says what is wrong with the name of a zone. Names are
// those of IANA, in their own case.
func CheckZone(name string) error {
	if _, ok := zoneFiles()[name]; ok {
		return nil
	}
	if near := nearZone(name); near != "" {
		return fmt.Errorf("want the IANA name of a time zone (did you mean %s?)", near)
	}
	return fmt.Errorf("want the IANA name of a time zone, such as Europe/Berlin or UTC")
}

// nearZone is the zone that somebody means who wrote its name in another case,
// with spaces, or without the continent; "" if none is alike or several are.
func nearZone(name string) string {
	name = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), " ", "_"))
	if name == "" || len(name) > 64 {
		return ""
	}
	var cities []string
	for zone := range zoneFiles() {
		lower := strings.ToLower(zone)
		if lower == name {
			return zone
		}
		if strings.HasSuffix(lower, "/"+name) {
			cities = append(cities, zone)
		}
	}
	if len(cities) != 1 {
		return ""
	}
	return cities[0]
}

// Location is a zone by its name, for showing times. One that the database does not have
// is UTC.
func Location(name string) *time.Location { return zoneOf(name).location }

// zones keeps what was loaded; only names of the database get in.
var zones sync.Map // of *zone

// zoneOf is a zone by its name. One that the database does not have is UTC: facts
// with such a name do not get as far as here.
func zoneOf(name string) *zone {
	if z, ok := zones.Load(name); ok {
		return z.(*zone)
	}
	f, ok := zoneFiles()[name]
	if !ok {
		return &zone{location: time.UTC, stretches: []stretch{{offset: 0, from: minSecond, to: maxSecond}}}
	}
	z, _ := zones.LoadOrStore(name, loadZone(f))
	return z.(*zone)
}

func loadZone(f *zip.File) *zone {
	r, err := f.Open()
	if err != nil {
		panic(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	location, err := time.LoadLocationFromTZData(f.Name, data)
	if err != nil {
		panic(err)
	}
	return newZone(location)
}

// zone is what the clocks of a time zone show.
type zone struct {
	location *time.Location
	// stretches ascend without gap, from ever to lastStretch at least.
	stretches []stretch
}

// stretch is a span of time, in Unix seconds, in which a zone's clocks are ahead of
// UTC by so many seconds.
type stretch struct {
	from, to, offset int64
}

const (
	minSecond, maxSecond = -1 << 62, 1<<62 - 1
	// Clocks are never further from UTC than this.
	mostOffset = day
	quarter    = 15 * 60
)

// lastStretch is until when stretches are kept; those after it are computed anew
// each time.
var lastStretch = time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC)

func newZone(location *time.Location) *zone {
	z := &zone{location: location}
	at := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	for {
		s := stretchAt(location, at)
		if last := len(z.stretches) - 1; last >= 0 && z.stretches[last].offset == s.offset {
			z.stretches[last].to = s.to
		} else {
			s.from = max(s.from, at.Unix())
			if last < 0 {
				s.from = minSecond
			}
			z.stretches = append(z.stretches, s)
		}
		if s.to >= lastStretch.Unix() {
			return z
		}
		at = time.Unix(s.to, 0)
	}
}

// stretchAt asks the time package, which works out what is beyond the last known
// change of clocks.
func stretchAt(location *time.Location, at time.Time) stretch {
	at = at.In(location)
	from, to := at.ZoneBounds()
	_, offset := at.Zone()
	s := stretch{from: minSecond, to: maxSecond, offset: int64(offset)}
	if !from.IsZero() {
		s.from = from.Unix()
	}
	if !to.IsZero() {
		s.to = to.Unix()
	}
	// Beyond the last known change the time package ends a stretch after 365 days of
	// a year, also for the day after them. Clocks change at a quarter of an hour.
	if second := at.Unix(); s.to <= second {
		s.to = second - second%quarter + quarter
	}
	return s
}

func (z *zone) at(second int64) stretch {
	last := len(z.stretches) - 1
	if second >= z.stretches[last].from {
		if s := z.stretches[last]; second < s.to {
			return s
		}
		return stretchAt(z.location, time.Unix(second, 0))
	}
	return z.stretches[sort.Search(last, func(i int) bool { return second < z.stretches[i].to })]
}

// wall is what clocks show at an instant, as if it were UTC.
func (z *zone) wall(t time.Time) time.Time {
	second := t.Unix()
	return time.Unix(second+z.at(second).offset, int64(t.Nanosecond())).UTC()
}

// instant is the first one at which clocks show a date and time or a later one. So
// one that does not exist is the first instant after the gap, and one that exists
// twice the first.
func (z *zone) instant(wall time.Time) time.Time {
	second := wall.Unix()
	for s := z.at(second - mostOffset); ; s = z.at(s.to) {
		switch at := second - s.offset; {
		case at < s.from:
			return time.Unix(s.from, 0).UTC()
		case at < s.to:
			return time.Unix(at, int64(wall.Nanosecond())).UTC()
		}
	}
}

package calendar

import "testing"

func BenchmarkGrid(b *testing.B) {
	anchor, now := date("2026-01-31T10:00:00Z"), date("2027-03-30T12:00:00Z")
	for name, grid := range map[string]Grid{
		"utc_hour":  {Anchor: anchor, Every: Hour},
		"utc_day":   {Anchor: anchor, Every: Day},
		"utc_month": {Anchor: anchor, Every: Month},

		"calendar_month": {Every: Month, Align: Calendar},
		"zone_day":       {Anchor: anchor, Every: Day, Zones: []Zone{{Name: "America/New_York"}}},
		"zone_month":     {Anchor: anchor, Every: Month, Zones: []Zone{{Name: "America/New_York"}}},
		"moved_month": {Anchor: anchor, Every: Month, Zones: []Zone{
			{Name: UTC}, {Name: "Europe/Berlin", From: anchor.AddDate(0, 2, 0)}, {Name: "America/New_York", From: now.AddDate(0, 0, -3)}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := grid.At(now); !ok {
					b.Fatal("no window")
				}
			}
		})
	}
}

package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type usageCommands struct {
	Record recordUsage `cmd:"" help:"Count what a customer has used, also above the limit."`
	Show   showUsage   `cmd:"" help:"Show what a customer has used, by window, and the records."`
	Series seriesUsage `cmd:"" help:"Show what counted of a feature, by hour, day, week or month."`
}

type recordUsage struct {
	remote    `embed:""`
	featureOf `embed:""`
	Value     amount `arg:"" help:"How much was used, such as 1 or 0.25. To correct, write a negative one behind two dashes: -- -1."`
	ID        string `name:"id" placeholder:"ID" help:"Id of the record: one that was recorded does not count again."`
	At        string `placeholder:"TIME" help:"When it was used; by default now."`
	Absolute  bool   `help:"The value is all that was used in its window, not more of it."`
	Corrects  string `placeholder:"ID" help:"Id of the record that a negative value takes back of; by default the newest of the window."`
}

func (c *recordUsage) Run(ctx context.Context, s *session) error {
	at, err := instantArg("at", c.At)
	if err != nil {
		return err
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	report := api.UsageReport{ID: c.ID, CustomerID: id, FeatureCode: string(c.Feature), Value: api.Decimal(c.Value), Timestamp: at, Corrects: c.Corrects}
	if c.Absolute {
		report.Type = api.UsageAbsolute
	}
	results, err := allot.Usage.Record(ctx, []api.UsageReport{report})
	if err != nil {
		return err
	}
	if len(results) != 1 {
		return fmt.Errorf("the server answers for %d records, want 1", len(results))
	}
	result := results[0]
	if result.Error != nil {
		if s.json { // what reads the document finds the error where the API has it
			if err := s.print(result, nil); err != nil {
				return err
			}
		}
		return &codedError{result.Error.Code, result.Error.Message}
	}
	return s.print(result, func(w io.Writer) {
		field(w, "id", result.ID)
		field(w, "status", result.Status)
		field(w, "uncovered", result.Uncovered.String())
	})
}

type showUsage struct {
	remote      `embed:""`
	customerArg `embed:""`
	Feature     string `placeholder:"CODE" help:"Only of this feature."`
	From        string `placeholder:"TIME" help:"From when on; by default the windows that run now."`
	To          string `placeholder:"TIME" help:"Until when."`
}

// Run answers in the form of the API, all pages as one.
func (c *showUsage) Run(ctx context.Context, s *session) error {
	from, err := timeArg("from", c.From)
	if err != nil {
		return err
	}
	to, err := timeArg("to", c.To)
	if err != nil {
		return err
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	params := client.UsageParams{
		CustomerID: id, FeatureCode: c.Feature, From: from, To: to,
		PageParams: client.PageParams{PageSize: api.MaxPageSize},
	}
	usage, err := allot.Usage.List(ctx, params)
	if err != nil {
		return err
	}
	if usage.HasMore {
		params.StartingAfter = usage.Records[len(usage.Records)-1].ID
		for record, err := range allot.Usage.All(ctx, params) {
			if err != nil {
				return err
			}
			usage.Records = append(usage.Records, record)
		}
		usage.HasMore = false
	}
	return s.print(usage, func(w io.Writer) {
		row(w, "FEATURE", "FROM", "TO", "USED")
		for _, window := range usage.Windows {
			row(w, window.FeatureCode, instant(window.StartsOn), instant(window.EndsOn), window.Used)
		}
		if len(usage.Records) == 0 {
			return
		}
		row(w)
		row(w, "RECORD", "FEATURE", "TYPE", "VALUE", "CHANGE", "TIMESTAMP", "COUNTED")
		for _, r := range usage.Records {
			row(w, r.ID, r.FeatureCode, r.Type, r.Value, r.Change, instant(&r.Timestamp), instant(&r.CountedOn))
		}
	})
}

// timeArg reads a time from a flag; zero for "".
func timeArg(flag, value string) (time.Time, error) {
	t, err := instantArg(flag, value)
	if t == nil {
		return time.Time{}, err
	}
	return t.Time, nil
}

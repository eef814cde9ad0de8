package cli

import (
	"context"
	"io"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type seriesUsage struct {
	remote    `embed:""`
	featureOf `embed:""`
	Bucket    string `enum:"hour,day,week,month" default:"day" placeholder:"day" help:"By hour, day, week or month of the customer's time zone."`
	ByFeature bool   `help:"Show which features used it: itself, and those that burn it."`
	From      string `placeholder:"TIME" help:"From when on; by default 30 of them."`
	To        string `placeholder:"TIME" help:"Until when; by default now."`
}

func (c *seriesUsage) Run(ctx context.Context, s *session) error {
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
	params := client.SeriesParams{CustomerID: id, FeatureCode: string(c.Feature), Bucket: c.Bucket, From: from, To: to}
	var series *api.UsageSeries
	if c.ByFeature {
		series, err = allot.Credits.Series(ctx, client.CreditSeriesParams{SeriesParams: params, ByFeature: true})
	} else {
		series, err = allot.Usage.Series(ctx, params)
	}
	if err != nil {
		return err
	}
	return s.print(series, func(w io.Writer) {
		if !c.ByFeature {
			row(w, "FROM", "TO", "UNITS")
		} else {
			row(w, "FROM", "TO", "UNITS", "FEATURE", "OF IT")
		}
		for _, b := range series.Series {
			if len(b.By) == 0 {
				row(w, instant(&b.StartsOn), instant(&b.EndsOn), b.Units)
			}
			for _, share := range b.By {
				row(w, instant(&b.StartsOn), instant(&b.EndsOn), b.Units, share.FeatureCode, share.Units)
			}
		}
	})
}

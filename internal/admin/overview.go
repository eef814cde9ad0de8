package admin

import "github.com/allot-dev/allot/client"

// overviewScreens show what needs attention.
var overviewScreens = []route{{"GET /console/{$}", overview}}

func overview(c *call) (*screen, error) {
	plans, err := c.api.Catalog.Plans(c.Context(), client.PageParams{PageSize: 100})
	if err != nil {
		return nil, err
	}
	return &screen{template: "overview", title: "Overview", at: Path, data: plans.Plans}, nil
}

package service

import (
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// DrawReader reads what records drew from sources, the sums of that, and which records
// name others.
type DrawReader interface {
	// Sources are the sums of draws that are kept of a customer's feature (of all, for
	// the feature ""), ascending by feature, then source. There are more of them with each
	// window and grant that there was.
	Sources(customer billing.CustomerID, feature billing.Code) ([]usage.SourceSum, error)
	// Draws are those of records of a customer, by the order of the records' instants and
	// ids, then as they were drawn. Of each it needs Feature, CountedOn and ID.
	Draws(customer billing.CustomerID, records []usage.Record) ([]usage.Drawn, error)
	// DrawsOf is a page of the draws of a feature on a source (on all, for the source ""),
	// ascending by CountedOn, Record, Source and Pays.
	DrawsOf(customer billing.CustomerID, feature billing.Code, source usage.SourceID, page Page[DrawCursor]) ([]usage.Drawn, bool, error)
	// SumDraws are the sums of the draws of records that count in a window, recorded at or
	// before an instant (zero: all), ascending by Source, then Pays; each is cut at what 64
	// bits hold. The cost grows with the draws of the window.
	SumDraws(customer billing.CustomerID, feature billing.Code, w billing.Window, recordedBy time.Time) ([]usage.DrawnSum, error)
	// SumDrawsOf is as SumDraws, of some sources alone, each given once. The cost grows with
	// their draws.
	SumDrawsOf(customer billing.CustomerID, feature billing.Code, sources []usage.SourceID, w billing.Window, recordedBy time.Time) ([]usage.DrawnSum, error)
	// SumPaid is the sum of the draws that pay the debt of a grant, as SumDraws has it.
	SumPaid(customer billing.CustomerID, feature billing.Code, grant usage.SourceID, w billing.Window, recordedBy time.Time) (billing.Units, error)
	// SumBurned is the sum of the changes of the records that count in a window of a pool and
	// are the twins of records of one feature, which count at the same instants. The cost
	// grows with the records of both in the window.
	SumBurned(customer billing.CustomerID, pool, by billing.Code, w billing.Window) (billing.Units, error)
	// Corrections are the records that correct one, ascending by CountedOn, then id.
	Corrections(customer billing.CustomerID, id string) ([]usage.Record, error)
	// Twins are the records that are the twin of one of some records, in no order.
	Twins(customer billing.CustomerID, ids []string) ([]usage.Record, error)
}

// DrawTx reads and writes what is drawn. Draws are written with their records: see
// [UsageTx].CreateUsage.
type DrawTx interface {
	DrawReader

	// PutSources stores sums of draws, each once, in the place of those there are. Their
	// features' locks must be held.
	PutSources(...usage.SourceSum) error
}

// DrawCursor is the place of a draw in the order of [DrawReader].DrawsOf.
type DrawCursor struct {
	CountedOn    time.Time
	Record       string
	Source, Pays usage.SourceID
}

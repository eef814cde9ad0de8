package feed

// How long things take, for tests that let the time pass.
const (
	SequencerLease = sequencerLease
	SequencerTick  = sequencerTick
	ProbeInterval  = probeInterval
	ReadBatch      = readBatch
	FollowLease    = followLease
	FollowTick     = followTick
	FollowBatch    = followBatch
)

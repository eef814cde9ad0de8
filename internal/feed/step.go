package feed

import "context"

// SequenceOnce is one round of [Feed.Sequence], for who decides himself when there is one.
// It returns how many changes got their place.
func (f *Feed) SequenceOnce(ctx context.Context) (int, error) {
	n, _, err := f.sequence(ctx)
	return n, err
}

// FollowOnce is one handing over of [Feed.Follow], for who decides himself when there is
// one. It returns how many entries the follower has had.
func (f *Feed) FollowOnce(ctx context.Context, to Follower) (int, error) { return f.follow(ctx, to) }

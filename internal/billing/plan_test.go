package billing

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// An item is found by its feature in terms of any length, complete or not; what is no item is
// not.
func TestFindItem(t *testing.T) {
	for _, n := range []int{0, 1, fewItems, fewItems + 1, 100, 1000} {
		var terms Terms
		for _, i := range rand.New(rand.NewPCG(1, uint64(n))).Perm(n) {
			terms.Items = append(terms.Items, Item{Feature: Code(fmt.Sprintf("f%d", 2*i))})
		}
		for _, complete := range []bool{false, true} {
			if complete {
				terms.Complete()
			}
			for i := range terms.Items {
				if got := terms.Find(terms.Items[i].Feature); got != i {
					t.Fatalf("%d items, complete %t: %s is at %d, want %d", n, complete, terms.Items[i].Feature, got, i)
				}
			}
			for _, code := range []Code{"", "a", "f1", "f21", "f9999", "g"} {
				if got := terms.Find(code); got != -1 {
					t.Fatalf("%d items, complete %t: %q is at %d, want -1", n, complete, code, got)
				}
			}
		}
	}
}

func BenchmarkFindItem(b *testing.B) {
	for _, n := range []int{fewItems, 1000} {
		var terms Terms
		for i := range n {
			terms.Items = append(terms.Items, Item{Feature: Code(fmt.Sprintf("feature_%d", i))})
		}
		terms.Complete()
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for i := range b.N {
				terms.Find(terms.Items[i%n].Feature)
			}
		})
	}
}

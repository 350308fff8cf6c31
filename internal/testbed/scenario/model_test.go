package scenario

import (
	"testing"
	"time"
)

func TestModelCheck(t *testing.T) {
	t.Parallel()
	start := time.Now()
	var second int
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	m := NewModel(func() time.Time { return at(second) })
	write := func(deleted bool, began, ended int) {
		second = began
		w := m.Begin("k", deleted)
		if ended > 0 {
			second = ended
			w.Succeeded()
		}
	}
	write(false, 10, 12) // version 1
	write(false, 20, 22) // version 2
	write(true, 30, 32)  // version 3, a delete
	write(false, 40, 0)  // version 4, outcome unknown
	write(false, 50, 52) // version 5

	for name, tc := range map[string]struct {
		version  int64
		from, to int
		ok       bool
	}{
		"nothing before the first write":              {0, 1, 9, true},
		"nothing while the first is under way":        {0, 11, 11, true},
		"the first while it is under way":             {1, 11, 11, true},
		"the first before it began":                   {1, 1, 9, false},
		"nothing after the first":                     {0, 13, 14, false},
		"the old one while overwritten":               {1, 21, 21, true},
		"the old one after the overwrite":             {1, 23, 24, false},
		"the old one by a read begun before":          {1, 21, 25, true},
		"the new one":                                 {2, 23, 24, true},
		"the new one too early":                       {2, 13, 19, false},
		"nothing after the delete":                    {0, 33, 34, true},
		"the deleted one after the delete":            {2, 33, 34, false},
		"an older one by a read over several writes":  {1, 15, 60, true},
		"nothing after a write of unknown outcome":    {0, 45, 46, true},
		"the unknown one":                             {4, 45, 46, true},
		"the deleted one after an unknown outcome":    {2, 45, 46, false},
		"the unknown one after the next one succeded": {4, 53, 54, false},
		"nothing at the end":                          {0, 53, 54, false},
		"the last":                                    {5, 53, 54, true},
		"one never written":                           {6, 53, 54, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := m.Check("k", tc.version, at(tc.from), at(tc.to)); (err == nil) != tc.ok {
				t.Errorf("got %v, want allowed %v", err, tc.ok)
			}
		})
	}
	if err := m.Check("other", 0, at(1), at(2)); err != nil {
		t.Errorf("a key never written: %v", err)
	}
	if err := m.Check("other", 1, at(1), at(2)); err == nil {
		t.Error("a version of a key never written is allowed")
	}
}

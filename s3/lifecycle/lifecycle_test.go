package lifecycle

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// rule is an enabled rule with a filter for every object; more is its actions and id.
func rule(more string) string { return filtered("", more) }

func filtered(filter, more string) string {
	return "<Rule><Filter>" + filter + "</Filter><Status>Enabled</Status>" + more + "</Rule>"
}

// old is a rule in the form without a filter.
func old(prefix, more string) string {
	return "<Rule><Prefix>" + prefix + "</Prefix><Status>Enabled</Status>" + more + "</Rule>"
}

func config(rules ...string) string {
	return "<LifecycleConfiguration>" + strings.Join(rules, "") + "</LifecycleConfiguration>"
}

const expire = "<Expiration><Days>1</Days></Expiration>"

func transition(days int, class string) string {
	return fmt.Sprintf("<Transition><Days>%d</Days><StorageClass>%s</StorageClass></Transition>", days, class)
}

func transitionOn(date, class string) string {
	return fmt.Sprintf("<Transition><Date>%s</Date><StorageClass>%s</StorageClass></Transition>", date, class)
}

func noncurrent(days int, class string) string {
	return fmt.Sprintf("<NoncurrentVersionTransition><NoncurrentDays>%d</NoncurrentDays><StorageClass>%s</StorageClass></NoncurrentVersionTransition>", days, class)
}

func tag(key string) string { return "<Tag><Key>" + key + "</Key><Value>v</Value></Tag>" }

func and(conditions ...string) string { return "<And>" + strings.Join(conditions, "") + "</And>" }

func ours(class string) bool { return class == "OURS" }

func TestParse(t *testing.T) {
	t.Parallel()
	const good = ""
	many := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(rule(expire))
		}
		return b.String()
	}
	for name, c := range map[string]struct{ body, want string }{
		"old form": {config(old("a", "<ID>1</ID>"+expire), old("b", expire)), good},
		"every action": {config(rule("<ID>x</ID>" + transition(30, "STANDARD_IA") + transition(60, "GLACIER_IR") + transition(90, "DEEP_ARCHIVE") + "<Expiration><Days>91</Days></Expiration>" +
			noncurrent(30, "ONEZONE_IA") + noncurrent(31, "GLACIER") +
			"<NoncurrentVersionExpiration><NoncurrentDays>32</NoncurrentDays><NewerNoncurrentVersions>5</NewerNoncurrentVersions></NoncurrentVersionExpiration>" +
			"<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>")), good},
		"filters": {config(filtered("<Prefix>a</Prefix>", expire), filtered(tag("k"), expire), filtered("<ObjectSizeGreaterThan>0</ObjectSizeGreaterThan>", expire),
			filtered("<ObjectSizeLessThan>1</ObjectSizeLessThan>", expire),
			filtered(and("<Prefix>a</Prefix>", tag("k"), tag("l"), "<ObjectSizeGreaterThan>1</ObjectSizeGreaterThan>", "<ObjectSizeLessThan>3</ObjectSizeLessThan>"), expire)), good},
		"dates":                       {config(rule(transitionOn("2030-01-01T00:00:00Z", "GLACIER") + "<Expiration><Date>2030-01-02T01:00:00.000+01:00</Date></Expiration>")), good},
		"a day":                       {config(rule("<Expiration><Date>2017-09-27</Date></Expiration>")), good},
		"marker":                      {config(rule("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>")), good},
		"class of ours":               {config(rule(transition(0, "OURS"))), good},
		"at once":                     {config(rule(transition(0, "GLACIER"))), good},
		"disabled":                    {strings.ReplaceAll(config(rule(expire)), "Enabled", "Disabled"), good},
		"1000 rules":                  {config(many(1000)), good},
		"same prefix twice":           {config(filtered("<Prefix>a</Prefix>", expire), filtered("<Prefix>a</Prefix>", expire)), good},
		"other actions of one prefix": {config(old("", expire), old("a", transition(0, "GLACIER"))), good},

		"1001 rules":        {config(many(1001)), "InvalidRequest The number of lifecycle rules must not exceed the allowed limit of 1000 rules."},
		"no rule":           {config(), "MalformedXML"},
		"no status":         {config("<Rule><Filter/>" + expire + "</Rule>"), "MalformedXML"},
		"lower status":      {strings.ReplaceAll(config(rule(expire)), "Enabled", "enabled"), "MalformedXML"},
		"no filter":         {config("<Rule><Status>Enabled</Status>" + expire + "</Rule>"), "MalformedXML"},
		"unknown condition": {config(filtered("<ObjectAge>1</ObjectAge>", expire)), "MalformedXML"},
		"long id":           {config(rule("<ID>" + strings.Repeat("i", 256) + "</ID>" + expire)), "InvalidArgument ID length should not exceed allowed limit of 255"},
		"same id":           {config(rule("<ID>i</ID>"+expire), rule("<ID>i</ID>"+expire)), "InvalidArgument Rule ID must be unique. Found same ID for more than one rule"},
		"no action":         {config(rule("")), "InvalidRequest At least one action needs to be specified in a rule"},

		"mixed forms":      {config(rule(expire), old("a", expire)), "InvalidRequest Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter."},
		"mixed forms, old": {config(old("a", expire), rule(expire)), "InvalidRequest Filter element can only be used in Lifecycle V2."},
		"overlapping":      {config(old("", expire), old("a", expire)), "InvalidRequest Found overlapping prefixes '' and 'a' for same action type 'Expiration'"},
		"long prefix":      {config(old(strings.Repeat("p", 1025), expire)), "InvalidRequest The maximum size of a prefix is 1024"},

		"two conditions":          {config(filtered("<Prefix>a</Prefix>"+tag("k"), expire)), "MalformedXML"},
		"and of one":              {config(filtered(and("<Prefix>a</Prefix>"), expire)), "MalformedXML"},
		"and of none":             {config(filtered(and(), expire)), "MalformedXML"},
		"same tag":                {config(filtered(and(tag("k"), tag("k")), expire)), "InvalidRequest Duplicate Tag Keys are not allowed."},
		"tag without a value":     {config(filtered("<Tag><Key>k</Key></Tag>", expire)), "MalformedXML"},
		"negative size":           {config(filtered("<ObjectSizeGreaterThan>-1</ObjectSizeGreaterThan>", expire)), "InvalidRequest 'ObjectSizeGreaterThan' should be between 0 and 1099511627776000."},
		"size below nothing":      {config(filtered("<ObjectSizeLessThan>0</ObjectSizeLessThan>", expire)), "InvalidRequest 'ObjectSizeLessThan' should be between 1 and 1099511627776000."},
		"sizes the wrong way":     {config(filtered(and("<ObjectSizeGreaterThan>3</ObjectSizeGreaterThan>", "<ObjectSizeLessThan>3</ObjectSizeLessThan>"), expire)), "InvalidRequest 'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."},
		"expiration of nothing":   {config(rule("<Expiration/>")), "MalformedXML"},
		"expiration by both":      {config(rule("<Expiration><Days>1</Days><Date>2030-01-01</Date></Expiration>")), "MalformedXML"},
		"marker by days":          {config(rule("<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>")), "MalformedXML"},
		"0 days":                  {config(rule("<Expiration><Days>0</Days></Expiration>")), "InvalidArgument 'Days' for Expiration action must be a positive integer"},
		"days no number":          {config(rule("<Expiration><Days>x</Days></Expiration>")), "MalformedXML"},
		"date no date":            {config(rule("<Expiration><Date>20200101</Date></Expiration>")), "MalformedXML"},
		"date not midnight":       {config(rule("<Expiration><Date>2030-01-01T00:00:01Z</Date></Expiration>")), "InvalidArgument 'Date' must be at midnight GMT"},
		"midnight elsewhere":      {config(rule("<Expiration><Date>2030-01-01T00:00:00+01:00</Date></Expiration>")), "InvalidArgument 'Date' must be at midnight GMT"},
		"marker with tags":        {config(filtered(tag("k"), "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>")), "InvalidRequest ExpiredObjectDeleteMarker cannot be specified with Tags."},
		"marker with size":        {config(filtered("<ObjectSizeLessThan>1</ObjectSizeLessThan>", "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>")), "InvalidRequest ExpiredObjectDeleteMarker cannot be specified with Object Size."},
		"abort with tags":         {config(filtered(tag("k"), "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>")), "InvalidRequest AbortIncompleteMultipartUpload cannot be specified with Tags."},
		"abort with size":         {config(filtered("<ObjectSizeLessThan>1</ObjectSizeLessThan>", "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>")), "InvalidRequest AbortIncompleteMultipartUpload cannot be specified with Object Size."},
		"abort at once":           {config(rule("<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>")), "InvalidArgument 'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"},
		"abort of no day":         {config(rule("<AbortIncompleteMultipartUpload/>")), "MalformedXML"},
		"transition, no day":      {config(rule("<Transition><StorageClass>GLACIER</StorageClass></Transition>")), "MalformedXML"},
		"transition, no class":    {config(rule("<Transition><Days>1</Days></Transition>")), "MalformedXML"},
		"transition, any class":   {config(rule(transition(1, "THEIRS"))), "MalformedXML"},
		"transition back":         {config(rule(transition(1, "STANDARD"))), "MalformedXML"},
		"transition, negative":    {config(rule(transition(-1, "GLACIER"))), "InvalidArgument 'Days' in Transition action must be nonnegative"},
		"transition, too early":   {config(rule(transition(29, "STANDARD_IA"))), "InvalidArgument 'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'"},
		"transition twice":        {config(rule(transition(1, "GLACIER") + transition(2, "GLACIER"))), "InvalidRequest 'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '(prefix=)'"},
		"transitions out of turn": {config(old("p", transition(60, "GLACIER")+transition(60, "STANDARD_IA"))), "InvalidArgument 'Days' in the 'Transition' action for StorageClass 'GLACIER' for prefix 'p' must be greater than 'Days' in the 'Transition' action for StorageClass 'STANDARD_IA' for prefix 'p'"},
		"transitions mixed":       {config(rule(transition(1, "GLACIER") + transitionOn("2030-01-01", "DEEP_ARCHIVE"))), "InvalidRequest Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule for filter '(prefix=)'"},
		"units mixed":             {config(rule(transitionOn("2030-01-01", "DEEP_ARCHIVE") + expire)), "InvalidRequest Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for filter '(prefix=)'"},
		"expires before":          {config(filtered("<Prefix>p</Prefix>", transition(1, "GLACIER")+expire)), "InvalidArgument 'Days' in the Expiration action for filter '(prefix=p)' must be greater than 'Days' in the Transition action"},
		"expires before, date":    {config(rule(transitionOn("2030-01-01", "GLACIER") + "<Expiration><Date>2030-01-01</Date></Expiration>")), "InvalidArgument 'Date' in the Expiration action for filter '(prefix=)' must be greater than 'Date' in the Transition action"},
		"noncurrent at once":      {config(rule("<NoncurrentVersionExpiration><NoncurrentDays>0</NoncurrentDays></NoncurrentVersionExpiration>")), "InvalidArgument 'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"},
		"noncurrent of no day":    {config(rule("<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>")), "MalformedXML"},
		"101 newer":               {config(rule("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions></NoncurrentVersionExpiration>")), "InvalidArgument 'NewerNoncurrentVersions' must be an integer between 1 and 100"},
		"newer in the old form":   {config(old("", "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>")), "InvalidRequest NewerNoncurrentVersions element can only be used in Lifecycle V2."},
		"noncurrent before":       {config(rule(noncurrent(5, "GLACIER") + "<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>")), "InvalidArgument 'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '(prefix=)' must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := Parse([]byte(c.body), ours)
			got := errs.ReasonOf(err)
			if got != "" && got != "MalformedXML" {
				got += " " + errs.Public(err)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err != nil {
				return
			}
			for _, r := range parsed.Rules {
				if r.ID == "" {
					t.Error("a rule has no ID")
				}
			}
			parsed.MinimumSize = VariesByClass
			stored, err := Stored(parsed.Encode())
			if parsed.XMLName = stored.XMLName; err != nil || !reflect.DeepEqual(stored, parsed) {
				t.Errorf("stored: got %+v, %v, want %+v", stored, err, parsed)
			}
			again, err := Parse(parsed.XML(), ours)
			if err != nil || !reflect.DeepEqual(again.Rules, parsed.Rules) || again.MinimumSize != "" || strings.Contains(string(parsed.XML()), "minimumSize") {
				t.Errorf("shown: got %+v, %v, want %+v", again, err, parsed)
			}
		})
	}
}

func TestParseMinimumSize(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]MinimumSize{"": AllClasses128K, "all_storage_classes_128K": AllClasses128K, "varies_by_storage_class": VariesByClass} {
		if got, err := ParseMinimumSize(header); got != want || err != nil {
			t.Errorf("%q: got %q, %v", header, got, err)
		}
	}
	if _, err := ParseMinimumSize("none"); errs.ReasonOf(err) != "InvalidRequest" {
		t.Errorf("got %v", err)
	}
}

// moment reads a time for a test.
func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDue(t *testing.T) {
	t.Parallel()
	c, err := Parse([]byte(config(
		filtered("<Prefix>a/</Prefix>", "<ID>three</ID><Expiration><Days>3</Days></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>"),
		filtered("<Prefix>a/b/</Prefix>", "<ID>one</ID><Expiration><Days>1</Days></Expiration>"),
		strings.Replace(rule("<ID>off</ID>"+expire), "Enabled", "Disabled", 1),
		filtered(and(tag("k"), tag("l")), "<ID>tags</ID><Expiration><Date>2030-01-01</Date></Expiration>"),
		filtered(and("<Prefix>s</Prefix>", "<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>8</ObjectSizeLessThan>"), "<ID>size</ID>"+expire),
		filtered("<Prefix>m</Prefix>", "<ID>marker</ID><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"),
	)), ours)
	if err != nil {
		t.Fatal(err)
	}
	modified := moment(t, "2014-01-15T10:30:00Z") // the example of AWS: three days are up on the 19th
	for name, c2 := range map[string]struct {
		o        Object
		at, rule string
	}{
		"days":        {Object{Key: "a/x"}, "2014-01-19T00:00:00Z", "three"},
		"the first":   {Object{Key: "a/b/x"}, "2014-01-17T00:00:00Z", "one"},
		"none":        {Object{Key: "b"}, "", ""},
		"date":        {Object{Key: "b", Tags: map[string]string{"k": "v", "l": "v", "m": "v"}}, "2030-01-01T00:00:00Z", "tags"},
		"another tag": {Object{Key: "b", Tags: map[string]string{"k": "v", "l": "w"}}, "", ""},
		"size":        {Object{Key: "s", Size: 6}, "2014-01-17T00:00:00Z", "size"},
		"as small":    {Object{Key: "s", Size: 5}, "", ""},
		"as large":    {Object{Key: "s", Size: 8}, "", ""},
		"marker":      {Object{Key: "m"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c2.o.Modified = modified
			at, rule, ok := c.Expires(c2.o)
			if rule != c2.rule || ok != (c2.rule != "") || ok && !at.Equal(moment(t, c2.at)) {
				t.Errorf("got %v %q %v, want %s %q", at, rule, ok, c2.at, c2.rule)
			}
		})
	}
	if at, rule, ok := c.Aborts("a/x", modified); !ok || rule != "three" || !at.Equal(moment(t, "2014-01-23T00:00:00Z")) {
		t.Errorf("upload: got %v %q %v", at, rule, ok)
	}
	if _, _, ok := c.Aborts("b", modified); ok {
		t.Error("an upload that no rule is about is aborted")
	}
}

// FuzzParse demands that what is taken reads back the same, and that every object can be judged.
func FuzzParse(f *testing.F) {
	f.Add(config(rule(expire)))
	f.Add(config(old("a", transition(30, "STANDARD_IA")+transition(60, "GLACIER"))))
	f.Add(config(filtered(and("<Prefix>a</Prefix>", tag("k")), expire)))
	f.Fuzz(func(t *testing.T, body string) {
		c, err := Parse([]byte(body), ours)
		if err != nil {
			if errs.Is(err, errs.InvalidArgument) {
				return
			}
			t.Fatal(err)
		}
		c.Expires(Object{Key: "a", Tags: map[string]string{"k": "v"}})
		c.Aborts("a", time.Time{})
		again, err := Parse(c.XML(), ours)
		if err != nil || string(again.XML()) != string(c.XML()) {
			t.Errorf("read back: got %v, %v", again, err)
		}
	})
}

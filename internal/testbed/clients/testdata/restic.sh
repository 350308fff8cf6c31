## init
restic init
## backup
has snapshot restic backup tree odd
has 'unmodified' restic backup --no-scan tree odd
## backup multipart
restic backup --pack-size 64 big
## snapshots
has tree restic snapshots
has /big restic ls latest
## check
has 'no errors' restic check
has 'no errors' restic check --read-data
## restore
restic restore latest --path "$PWD/big" --target restored
find restored -name big -exec cmp {} big \;
id=$(restic snapshots --json --path "$PWD/tree" | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["short_id"])')
restic restore $id --target restored2
diff -r tree restored2/tree
diff -r odd restored2/odd
## find, dump, stats, tag
has "日本語" restic find '*本*'
restic dump latest /big | cmp - big
has 'Total Size' restic stats
restic tag --add keep latest
## forget and prune
has 'removed' restic forget --keep-last 1 --group-by '' --prune
has 'no errors' restic check --read-data
## keys, locks
restic unlock
restic key list

## make bucket
mc mb t/$B
## list buckets
has $B/ mc ls t
## put
mc cp hello.txt t/$B/hello.txt
mc put empty t/$B/empty
mc cp --attr 'Content-Type=text/x-raw;color=blue' hello.txt t/$B/raw
## put odd keys
mc cp "odd/$odd" "t/$B/odd/$odd"
mc cp odd/$utf t/$B/odd/$utf
## put multipart
mc put --part-size 5MiB big t/$B/big
## put from a pipe
mc pipe t/$B/piped <hello.txt
## put with checksums
for sum in CRC64NVME CRC32 CRC32C SHA1 SHA256; do mc cp --checksum $sum hello.txt t/$B/sum/$sum; done
## get
mc cp t/$B/hello.txt got && cmp got hello.txt
mc get t/$B/empty got && cmp got empty
mc cp t/$B/big got && cmp got big
has hello mc cat t/$B/piped
fails 'does not exist' mc get t/$B/missing got
## get odd keys
mc cp "t/$B/odd/$odd" got && cmp got "odd/$odd"
mc cp t/$B/odd/$utf got && cmp got odd/$utf
## get range
[ "$(mc cat --offset 2 t/$B/hello.txt)" = llo ]
has hello mc head -n 1 t/$B/hello.txt
mc cat --part-number 2 t/$B/big | cmp - <(tail -c +5242881 big | head -c 5242880)
## head
has text/x-raw mc stat t/$B/raw
has blue mc stat t/$B/raw
## list
has odd/ mc ls t/$B
## list recursively
has "$odd" mc ls --recursive t/$B/odd
has 日本語 mc tree --files t/$B
has hello.txt mc find t/$B --name '*.txt'
## disk usage
has objects mc du t/$B
## copy
mc cp t/$B/hello.txt t/$B/copy.txt
mc cp "t/$B/odd/$odd" "t/$B/copied/$odd"
mc cp --recursive t/$B/odd/ t/$B/odd2/
mc cp "t/$B/copied/$odd" got && cmp got "odd/$odd"
## move
mc mv t/$B/copy.txt t/$B/moved.txt
fails 'does not exist' mc stat t/$B/copy.txt
## sync
mc mirror tree t/$B/tree
quiet mc diff tree t/$B/tree
mc mirror t/$B/tree down
diff -r tree down
## mirror
rm -r down/d1 && mc mirror --overwrite --remove down t/$B/tree
hasnt d1/ mc ls --recursive t/$B/tree
## multipart by hand
mc ls --incomplete t/$B
mc rm --incomplete --recursive --force t/$B/none
## presigned get
link=$(mc share download --json --expire 10m "t/$B/odd/$odd" | python3 -c 'import json,sys; print(json.load(sys.stdin)["share"])')
has "200 $(cat "odd/$odd")" url GET "$link"
## post form
command=$(mc share upload --json --expire 10m t/$B/form.txt | python3 -c 'import json,sys; print(json.load(sys.stdin)["share"])')
form hello.txt "$command"
mc cp t/$B/form.txt got && cmp got hello.txt
mc share list upload
## tags of objects
mc tag set t/$B/raw 'a=1&b=2'
has ': 2' mc tag list t/$B/raw
mc tag remove t/$B/raw
mc cp --tags 'k=v' hello.txt t/$B/tagged
has 'v' mc tag list t/$B/tagged
## tags of buckets
mc tag set t/$B team=storage
has storage mc tag list t/$B
mc tag remove t/$B
## policy
mc anonymous set download t/$B/sum
has download mc anonymous get t/$B/sum
has 'sum' mc anonymous list t/$B
has "200 hello" url GET "$E/$B/sum/CRC32"
has Statement mc anonymous get-json t/$B
mc anonymous get-json t/$B >policy.json && mc anonymous set-json policy.json t/$B
mc anonymous set none t/$B/sum
has 403 url GET "$E/$B/sum/CRC32"
## CORS
echo '<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://example.com</AllowedOrigin></CORSRule></CORSConfiguration>' >cors.xml
mc cors set t/$B cors.xml
has example.com mc cors get t/$B
mc cors remove t/$B
## lifecycle
mc ilm rule add --expire-days 30 --prefix logs/ t/$B
has logs/ mc ilm rule ls t/$B
mc ilm rule export t/$B >ilm.json
mc ilm rule import t/$B <ilm.json
mc ilm rule rm --all --force t/$B
## encryption
mc encrypt set sse-s3 t/$B
has sse-s3 mc encrypt info t/$B
mc cp hello.txt t/$B/sse.txt
has SSE-S3 mc stat t/$B/sse.txt
mc encrypt clear t/$B
mc cp --enc-s3 t/$B hello.txt t/$B/sse2.txt
has SSE-S3 mc stat t/$B/sse2.txt
## storage classes
mc cp --storage-class STANDARD_IA hello.txt t/$B/cool
## versioning
mc mb t/$B-v
mc version enable t/$B-v
has enabled mc version info t/$B-v
mc cp hello.txt t/$B-v/k
mc cp empty t/$B-v/k
has v2 mc ls --versions t/$B-v
v=$(mc ls --versions --json t/$B-v/k | python3 -c 'import json,sys; print(next(o["versionId"] for o in map(json.loads, sys.stdin) if o["size"] == 6))')
mc cp --version-id "$v" t/$B-v/k got && cmp got hello.txt
mc rm t/$B-v/k
fails 'does not exist' mc stat t/$B-v/k
mc undo t/$B-v/k
mc stat t/$B-v/k
mc version suspend t/$B-v
has suspended mc version info t/$B-v
mc rm --versions --recursive --force t/$B-v
mc rb t/$B-v
## object lock
mc mb --with-lock t/$B-l
mc cp hello.txt t/$B-l/k
mc retention set governance 1d t/$B-l/k
has GOVERNANCE mc retention info t/$B-l/k
mc legalhold set t/$B-l/k
has ON mc legalhold info t/$B-l/k
mc legalhold clear t/$B-l/k
mc retention set --default compliance 1d t/$B-l
has COMPLIANCE mc retention info --default t/$B-l
mc retention clear --default t/$B-l
mc retention clear t/$B-l/k
mc rm --versions --recursive --force --bypass t/$B-l
mc rb t/$B-l
## notifications
mc event list t/$B
## remove
mc rm t/$B/hello.txt
fails 'does not exist' mc stat t/$B/hello.txt
## remove recursively
mc rm --recursive --force t/$B/tree
hasnt tree mc ls t/$B
## remove bucket
fails 'not empty' mc rb t/$B
mc rb --force t/$B
